//! Authentication by a service: what it is asked, and what its answer is worth.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use crate::GLOBAL_ACCOUNT;
use crate::authenticator::Denial;
use crate::identity::{Identity, Proof, UserLimits};
use crate::jwt::{AccountClaims, AuthorizationResponse, Claims, UserClaims, UserTerms, decode};
use crate::operators::{KnownUser, Operators};
use crate::permissions::Permissions;

/// Where requests go.
pub const CALLOUT_SUBJECT: &str = "$SYS.REQ.USER.AUTH";

/// The service of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callout {
    /// The account key that signs its answers.
    pub issuer: String,
    /// The account that the service is in.
    pub account: Arc<str>,
    /// Users that are not asked about: those of the service.
    pub auth_users: HashSet<String>,
    /// Curve key that requests are sealed for.
    pub xkey: Option<String>,
    /// Of operators: the accounts in which the service may place users. Of a configuration: those
    /// whose users are its to decide on; empty: all.
    pub allowed_accounts: HashSet<String>,
}

/// What an answer has to agree with.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The key that was made for the user.
    pub user_nkey: &'a str,
    /// The server's key.
    pub server: &'a str,
    /// The name that the client gave.
    pub user: &'a str,
    /// Unix seconds.
    pub now: i64,
}

impl Callout {
    /// The service that an account's claims name, if they do.
    pub(crate) fn of_account(account: &Claims<AccountClaims>) -> Option<Self> {
        let stated = &account.nats.authorization;
        stated.is_enabled().then(|| Self {
            issuer: account.sub.clone(),
            account: account.sub.as_str().into(),
            auth_users: stated.auth_users.iter().cloned().collect(),
            xkey: Some(stated.xkey.clone()).filter(|key| !key.is_empty()),
            allowed_accounts: stated.allowed_accounts.iter().cloned().collect(),
        })
    }

    /// Whether a client who says to be this user is one that nobody is asked about.
    pub(crate) fn exempts(&self, user: &str, nkey: &str) -> bool {
        [user, nkey].into_iter().any(|id| !id.is_empty() && self.auth_users.contains(id))
    }

    /// Who the client is by the service's answer. `is_account` knows the accounts there are.
    pub fn judge(
        self: &Arc<Self>,
        answer: &str,
        question: Question<'_>,
        operators: Option<&Operators>,
        is_account: impl Fn(&str) -> bool,
    ) -> Result<Identity, Denial> {
        let bad = |why: &str| Denial::BadClaims(why.to_owned());
        let response: Claims<AuthorizationResponse> = decode(answer).map_err(Denial::BadJwt)?;
        if !self.is_signed_by(&response.iss, &response.nats.issuer_account, operators) {
            return Err(Denial::UntrustedSigner);
        }
        if response.sub != question.user_nkey || response.aud != question.server {
            return Err(bad("the answer is to another question"));
        }
        if !response.are_valid_at(question.now) {
            return Err(Denial::NotInTime);
        }
        if !response.nats.error.is_empty() || response.nats.jwt.is_empty() {
            return Err(Denial::Credentials);
        }
        let user: Claims<UserClaims> = decode(&response.nats.jwt).map_err(Denial::BadJwt)?;
        if user.sub != question.user_nkey {
            return Err(bad("the answer is about another user"));
        }
        if let Some(problem) = user.validate().into_iter().next() {
            return Err(Denial::BadClaims(problem));
        }
        if !user.are_valid_at(question.now) {
            return Err(Denial::NotInTime);
        }
        user.nats.terms.connection_types().ok_or(Denial::ConnectionType)?;
        let (account, terms) = match operators {
            Some(operators) => {
                let known = operators.book.get(user.account());
                let known = known.ok_or_else(|| bad("the account is not known"))?;
                let terms = operators.terms(&user, &known.claims, question.now)?;
                (known.key().to_owned(), terms)
            }
            None if user.iss != self.issuer || !user.nats.issuer_account.is_empty() => {
                return Err(Denial::UntrustedSigner);
            }
            None => (user.aud.clone(), user.nats.terms.clone()),
        };
        if !self.may_place(&account, operators.is_some()) || !is_account(&account) {
            return Err(bad("the account is not one for such users"));
        }
        self.identity(user, account, &terms, question)
    }

    /// Whether who signed the answer is the service's account.
    fn is_signed_by(&self, key: &str, account: &str, operators: Option<&Operators>) -> bool {
        let Some(operators) = operators else { return key == self.issuer && account.is_empty() };
        let known = operators.book.get(&self.issuer);
        let stated = account.is_empty() || account == self.issuer;
        stated
            && (key == self.issuer
                || known.is_some_and(|known| known.claims.signing_key(key).is_some()))
    }

    /// Whether the service may place users in this account: by the word of operators in its own
    /// and in those that it names, by that of a configuration in all.
    fn may_place(&self, account: &str, by_operators: bool) -> bool {
        !by_operators
            || *self.account == *account
            || self.allowed_accounts.contains(account)
            || self.allowed_accounts.contains("*")
    }

    /// Whether it is asked about a user whom the configuration puts into this account.
    pub(crate) fn decides_on(&self, account: &str) -> bool {
        let listed = &self.allowed_accounts;
        listed.is_empty() || listed.contains(account) || account == GLOBAL_ACCOUNT
    }

    fn identity(
        self: &Arc<Self>,
        user: Claims<UserClaims>,
        account: String,
        terms: &UserTerms,
        question: Question<'_>,
    ) -> Result<Identity, Denial> {
        let stay = terms.time_left(question.now).ok_or(Denial::NotInTime)?;
        let ends = [stay.map(|left| question.now + left), Some(user.exp).filter(|exp| *exp > 0)];
        let end = ends.into_iter().flatten().min().and_then(|end| u64::try_from(end).ok());
        let mut rules = terms.permissions.rules();
        if *account == *self.account {
            // Nobody but the server asks the service.
            let denied = CALLOUT_SUBJECT.to_owned();
            rules.get_or_insert_default().publish.deny.push(denied);
        }
        let name = if user.name.is_empty() { question.user } else { &user.name };
        Ok(Identity {
            name: Some(name.into()),
            label: None,
            account: account.into(),
            permissions: rules.map(|rules| Arc::new(Permissions::new(rules))),
            limits: UserLimits::default(),
            expires: end.map(|end| UNIX_EPOCH + Duration::from_secs(end)),
            nkey: None,
            issuer: Some(user.iss.as_str().into()),
            tags: user.nats.tags.clone().into(),
            proxy: None,
            proof: Proof::Callout(Arc::clone(self), Arc::new(KnownUser { claims: user })),
        })
    }
}
