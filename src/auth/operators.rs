//! Clients that show a JWT: is it of a user, of an account, of an operator that we trust?
//!
//! ```text
//! operator (trusted by configuration) --signs--> account --signs--> user --signs--> nonce
//! ```
//!
//! What accounts say is kept in an [`AccountBook`], which whoever gets new claims keeps up to date.
//! Where an account is not in it, [`Outcome::Fetch`] says so.

mod book;
mod shared;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

pub use self::book::{AccountBook, KnownAccount};
use self::shared::SharedPermissions;
use crate::authenticator::{Denial, Outcome, Removal};
use crate::callout::Callout;
use crate::credentials::Credentials;
use crate::identity::{Identity, Proof};
use crate::jwt::{self, AccountClaims, Claims, SigningKey, UserClaims, UserTerms, decode};
use crate::nonce;

/// Whom a server trusts, and what it knows of accounts.
#[derive(Debug, Default)]
pub struct Operators {
    /// Keys that may sign accounts.
    pub trusted_keys: HashSet<String>,
    /// Keys of operators that may not sign accounts, as they leave that to their signing keys.
    pub idle_keys: HashSet<String>,
    /// Those of `trusted_keys` whose accounts have to sign users with signing keys, not with their
    /// own key.
    pub strict_keys: HashSet<String>,
    /// The only accounts whose users may connect; none: all.
    pub pinned_accounts: HashSet<String>,
    /// User claims of clients that show none.
    pub default_sentinel: Option<String>,
    pub book: Arc<AccountBook>,
    permissions: SharedPermissions,
}

/// A user whose claims were found to be good.
#[derive(Debug, PartialEq)]
pub(crate) struct KnownUser {
    pub(crate) claims: Claims<UserClaims>,
}

// === impl Operators ===

impl Operators {
    pub fn new(trusted_keys: HashSet<String>, book: Arc<AccountBook>) -> Self {
        Self { trusted_keys, book, ..Self::default() }
    }

    pub(crate) fn begin(&self, credentials: &Credentials<'_>, proxied: bool) -> Outcome {
        match self.decide(credentials, proxied) {
            Ok(identity) => Outcome::Granted(identity),
            Err(Refusal::Denied(why)) => Outcome::Denied(why),
            Err(Refusal::Fetch(account)) => Outcome::Fetch(account),
            Err(Refusal::Ask(callout)) => Outcome::Ask(callout),
        }
    }

    /// The account whose service decides on the user of a JWT.
    pub(crate) fn decides_in(&self, credentials: &Credentials<'_>) -> Option<Arc<str>> {
        let sentinel = self.default_sentinel.as_deref().filter(|_| credentials.jwt.is_empty());
        let claims: Claims<UserClaims> = decode(sentinel.unwrap_or(credentials.jwt)).ok()?;
        let known = self.book.get(claims.account())?;
        Callout::of_account(&known.claims).map(|callout| callout.account)
    }

    fn decide(&self, credentials: &Credentials<'_>, proxied: bool) -> Result<Identity, Refusal> {
        let now = credentials.now;
        let token = match (credentials.jwt, &self.default_sentinel) {
            ("", Some(sentinel)) => sentinel,
            ("", None) => return Err(Denial::NoJwt.into()),
            (token, _) => token,
        };
        let claims: Claims<UserClaims> = decode(token).map_err(Denial::BadJwt)?;
        if claims.nats.terms.proxy_required && !proxied {
            return Err(Denial::ProxyRequired.into());
        }
        if let Some(problem) = claims.validate().into_iter().next() {
            return Err(Denial::BadClaims(problem).into());
        }
        if !claims.are_valid_at(now) {
            return Err(Denial::NotInTime.into());
        }
        let name = claims.account();
        if !self.pinned_accounts.is_empty() && !self.pinned_accounts.contains(name) {
            return Err(Denial::NotPinned.into());
        }
        let known = self.book.get(name).ok_or_else(|| Refusal::Fetch(name.into()))?;
        let terms = self.terms(&claims, &known.claims, now)?;
        let types = terms.connection_types();
        if !types.is_some_and(|types| types.allow(credentials.kind)) {
            return Err(Denial::ConnectionType.into());
        }
        let Credentials { nonce, sig, ip, .. } = *credentials;
        if !terms.bearer_token && !nonce::is_signed(nonce, sig, &claims.sub) {
            return Err(Denial::Signature.into());
        }
        if !terms.admits(ip) {
            return Err(Denial::Address.into());
        }
        let stay = terms.time_left(now).ok_or(Denial::NotInTime)?;
        if let Some(callout) = Callout::of_account(&known.claims)
            && !callout.exempts("", &claims.sub)
        {
            return Err(Refusal::Ask(Arc::new(callout)));
        }
        Ok(self.identity(claims, &known.claims, &terms, stay.map(|left| now + left)))
    }

    /// What the user is granted, if account and signer are good.
    pub(crate) fn terms(
        &self,
        user: &Claims<UserClaims>,
        account: &Claims<AccountClaims>,
        now: i64,
    ) -> Result<UserTerms, Denial> {
        if !self.trusted_keys.contains(&account.iss) {
            return Err(Denial::UntrustedAccount);
        }
        let terms = match account.signing_key(&user.iss) {
            _ if user.iss == account.sub => match self.strict_keys.contains(&account.iss) {
                true => return Err(Denial::UntrustedSigner),
                false => user.nats.terms.clone(),
            },
            Some(SigningKey::Plain(_)) => user.nats.terms.clone(),
            Some(SigningKey::Scoped(scope)) => {
                if user.nats.terms != UserTerms::default() {
                    return Err(Denial::ScopedWithTerms);
                }
                jwt::expand(&scope.template, user, account).map_err(Denial::BadClaims)?
            }
            None => return Err(Denial::UntrustedSigner),
        };
        if account.have_expired(now) {
            return Err(Denial::AccountExpired);
        }
        if terms.bearer_token && account.nats.limits.disallow_bearer {
            return Err(Denial::Bearer);
        }
        if account.revokes(&user.sub, user.iat) {
            return Err(Denial::Revoked);
        }
        Ok(terms)
    }

    fn identity(
        &self,
        claims: Claims<UserClaims>,
        account: &Claims<AccountClaims>,
        terms: &UserTerms,
        end_of_stay: Option<i64>,
    ) -> Identity {
        let rules = terms.permissions.rules();
        let rules = rules.or_else(|| account.nats.default_permissions.rules());
        let ends = [end_of_stay, Some(claims.exp).filter(|exp| *exp > 0)];
        let expires = ends.into_iter().flatten().min().and_then(|end| u64::try_from(end).ok());
        let key: Arc<str> = claims.sub.as_str().into();
        Identity {
            name: Some(Arc::clone(&key)),
            label: Some(claims.name.as_str().into()).filter(|_| !claims.name.is_empty()),
            account: account.sub.as_str().into(),
            permissions: rules.map(|rules| self.permissions.of(rules)),
            limits: terms.limits(),
            expires: expires.map(|end| UNIX_EPOCH + Duration::from_secs(end)),
            nkey: Some(key),
            issuer: Some(claims.iss.as_str().into()),
            tags: claims.nats.tags.clone().into(),
            proxy: None,
            proof: Proof::Jwt(Arc::new(KnownUser { claims })),
        }
    }

    /// Whether a user that a service has let in may stay.
    pub(crate) fn keep(&self, user: &KnownUser, account: &str, now: i64) -> Result<(), Removal> {
        let known = self.book.get(account).ok_or(Removal::AccountExpired)?;
        if known.claims.have_expired(now) {
            return Err(Removal::AccountExpired);
        }
        match known.claims.revokes(&user.claims.sub, user.claims.iat) {
            true => Err(Removal::Revoked),
            false => Ok(()),
        }
    }

    /// What a user is by what is known of its account now, at a time in Unix seconds.
    pub(crate) fn renew(
        &self,
        identity: &Identity,
        user: &KnownUser,
        now: i64,
    ) -> Result<Identity, Removal> {
        let claims = &user.claims;
        // An account that was deleted.
        let known = self.book.get(claims.account()).ok_or(Removal::AccountExpired)?;
        let terms = self.terms(claims, &known.claims, now).map_err(|why| match why {
            Denial::AccountExpired => Removal::AccountExpired,
            Denial::Revoked => Removal::Revoked,
            _ => Removal::NotAuthorized,
        })?;
        let fresh = self.identity(claims.clone(), &known.claims, &terms, None);
        Ok(Identity { expires: identity.expires, proxy: identity.proxy.clone(), ..fresh })
    }
}

/// Why there is no identity yet.
enum Refusal {
    Denied(Denial),
    /// The account has to be fetched first.
    Fetch(Arc<str>),
    /// A service has to be asked.
    Ask(Arc<Callout>),
}

impl From<Denial> for Refusal {
    fn from(why: Denial) -> Self {
        Refusal::Denied(why)
    }
}
