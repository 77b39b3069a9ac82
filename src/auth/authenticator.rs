//! Decides who a client is, from its credentials and the rules in force.
//!
//! The first of these that applies decides alone:
//! 1. no rules: everyone is let in;
//! 2. users with keys are listed: a client that names a key must prove to own it;
//! 3. users are listed: a client that shows nothing becomes `no_auth_user`, if there is one; a
//!    client that names a user must prove to be that user; where certificates name users, a client
//!    is the user that its certificate names;
//! 4. a token is set: the client must show it;
//! 5. a single user is set: the client must be it;
//! 6. otherwise the client is refused.
//!
//! A user who is limited to kinds of connection is refused on every other.
//!
//! An outsider should not learn which users exist. So a name that is unknown costs a comparison as
//! well, and where any user's password is hashed, every refusal costs one hash, of the highest cost
//! in use. (Users with hashes of *different* costs can still be told apart by the time a wrong
//! password takes.) Hashes are heavy on purpose: run them off the data path, and bound how many
//! run.

use std::{collections::HashMap, fmt, sync::Arc};

use crate::{
    Callout, ConnectionType, Credentials, Identity, PermissionRules, Permissions, Rules,
    RulesError, UserRule, distinguished,
    identity::{Proof, Rule, RuleKind},
    jwt::JwtError,
    nonce,
    operators::Operators,
    secret::Secret,
};

/// The rules in force, made ready for look-up. Cheap to share; a reload makes a new one.
#[derive(Debug)]
pub struct Authenticator {
    users: HashMap<String, Arc<Rule>>,
    /// Users with keys, by key.
    keys: HashMap<String, Arc<Rule>>,
    token: Option<Arc<Rule>>,
    single: Option<Arc<Rule>>,
    no_auth_user: Option<Arc<Rule>>,
    no_auth_implied: bool,
    certificate_names: bool,
    /// Users whose names are distinguished names, by both spellings of these.
    distinguished: HashMap<String, Arc<Rule>>,
    proxies: Vec<String>,
    proxy_required: bool,
    /// Users are known by JWTs, and by nothing else.
    operators: Option<Operators>,
    /// A service decides about most users.
    callout: Option<Arc<Callout>>,
    /// The most expensive hash among the users, to be compared with in vain; none if all are plain.
    decoy_hash: Option<Secret>,
    /// What unknown users are compared with when nothing is hashed.
    decoy_plain: Secret,
}

/// The answer to credentials.
#[derive(Debug)]
pub enum Outcome {
    Granted(Identity),
    Denied(Denial),
    /// A hash has to be computed first.
    Slow(HashCheck),
    /// The claims of this account have to be fetched first.
    Fetch(Arc<str>),
    /// A service has to be asked.
    Ask(Arc<Callout>),
}

/// Why a client is refused: for the log, not for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    #[error("the credentials are wrong")]
    Credentials,
    #[error("the kind of connection is not allowed")]
    ConnectionType,
    #[error("the proxy is not trusted")]
    ProxyNotTrusted,
    #[error("a trusted proxy is required")]
    ProxyRequired,
    #[error("no JWT was shown")]
    NoJwt,
    #[error("{0}")]
    BadJwt(JwtError),
    #[error("{0}")]
    BadClaims(String),
    #[error("claims are not valid at this time")]
    NotInTime,
    #[error("the account is not pinned")]
    NotPinned,
    #[error("the account is not signed by a trusted operator")]
    UntrustedAccount,
    #[error("the user is not signed by its account")]
    UntrustedSigner,
    #[error("the user has permissions or limits of its own besides those of its signing key")]
    ScopedWithTerms,
    #[error("the account has expired")]
    AccountExpired,
    #[error("the account does not allow bearer tokens")]
    Bearer,
    #[error("the user is revoked")]
    Revoked,
    #[error("the nonce is not signed by the user")]
    Signature,
    #[error("the address is not allowed")]
    Address,
}

/// Why a connection that was let in has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    NotAuthorized,
    Revoked,
    AccountExpired,
}

/// A comparison with a bcrypt hash: up to seconds of CPU, so not for a thread that serves
/// connections.
pub struct HashCheck {
    hash: Secret,
    given: Box<str>,
    /// Who the client is if the hash matches; none: it is refused whatever comes out.
    grants: Option<Identity>,
    /// Who is asked if it does not.
    otherwise: Option<Arc<Callout>>,
}

// === impl Authenticator ===

impl Authenticator {
    /// Makes the rules ready, or says why they make no sense.
    pub fn new(rules: Rules) -> Result<Self, RulesError> {
        rules.check()?;
        let mut makers = RuleMaker::default();
        let (mut users, mut keys) = (HashMap::new(), HashMap::new());
        for user in rules.users {
            match user.nkey.clone() {
                Some(key) => keys.insert(key, makers.rule(RuleKind::Nkey, user)),
                None => users.insert(user.user.clone(), makers.rule(RuleKind::User, user)),
            };
        }
        let single = rules.user_pass.map(|user| makers.rule(RuleKind::SingleUser, user));
        let token = rules.token.map(|token| makers.rule(RuleKind::Token, UserRule::new("", token)));
        let decoy_hash = users
            .values()
            .chain(&single)
            .filter_map(|r| r.secret().cost().map(|cost| (cost, r.secret())))
            .max_by_key(|(cost, _)| *cost)
            .map(|(_, secret)| secret.clone());
        let named = |name: String| users.get(&name).or_else(|| keys.get(&name)).cloned();
        Ok(Self {
            no_auth_user: rules.no_auth_user.and_then(named),
            no_auth_implied: rules.no_auth_implied,
            certificate_names: rules.certificate_names,
            distinguished: distinguished(&users),
            proxies: rules.proxies,
            proxy_required: rules.proxy_required,
            operators: None,
            callout: None,
            token,
            single,
            users,
            keys,
            decoy_hash,
            decoy_plain: Secret::from("no user has this name"),
        })
    }

    /// Users are those of accounts that these operators vouch for.
    #[must_use]
    pub fn with_operators(mut self, operators: Operators) -> Self {
        self.operators = Some(operators);
        self
    }

    /// A service decides about all users but its own.
    #[must_use]
    pub fn with_callout(mut self, callout: Option<Callout>) -> Self {
        self.callout = callout.map(Arc::new);
        self
    }

    pub fn operators(&self) -> Option<&Operators> {
        self.operators.as_ref()
    }

    /// Whether a client has to prove anything.
    pub fn required(&self) -> bool {
        self.operators.is_some()
            || self.callout.is_some()
            || !self.users.is_empty()
            || !self.keys.is_empty()
            || self.token.is_some()
            || self.single.is_some()
    }

    /// Whether clients are given something to sign (`nonce` of INFO).
    pub fn gives_nonces(&self) -> bool {
        !self.keys.is_empty() || !self.proxies.is_empty() || self.operators.is_some()
    }

    /// Whether clients are told so (`auth_required` of INFO): not where one that shows nothing is
    /// let in as `no_auth_user`.
    pub fn announced(&self) -> bool {
        self.required() && (self.no_auth_implied || self.no_auth_user.is_none())
    }

    /// Decides, or says what has to be done before.
    pub fn begin(&self, credentials: &Credentials<'_>) -> Outcome {
        let proxy = match self.proxy(credentials) {
            Ok(proxy) => proxy,
            Err(why) => return Outcome::Denied(why),
        };
        let proxied = proxy.is_some();
        let mut outcome = match &self.operators {
            _ if self.proxy_required && !proxied => Outcome::Denied(Denial::ProxyRequired),
            Some(operators) => operators.begin(credentials, proxied),
            None => match self.service_for(credentials) {
                Some(callout) => Outcome::Ask(Arc::clone(callout)),
                None => self.or_ask(self.by_rules(credentials, proxied), credentials),
            },
        };
        match &mut outcome {
            Outcome::Granted(identity) => identity.proxy = proxy,
            Outcome::Slow(check) => check.came_through(proxy),
            Outcome::Denied(_) | Outcome::Fetch(_) | Outcome::Ask(_) => {}
        }
        outcome
    }

    /// The service to be asked about the client. Not about its own users, nor about those that
    /// the configuration puts into an account which it does not leave to the service.
    fn service_for(&self, credentials: &Credentials<'_>) -> Option<&Arc<Callout>> {
        let callout = self.callout.as_ref()?;
        let Credentials { user, nkey, .. } = *credentials;
        let known = || self.users.get(user).or_else(|| self.keys.get(nkey));
        let known = self.without_proof(credentials).or_else(|| match self.certificate_names {
            true => self.certified(credentials),
            false => known(),
        });
        let is_asked = known.is_none_or(|rule| callout.decides_on(&rule.account));
        (!callout.exempts(user, nkey) && is_asked).then_some(callout)
    }

    /// Who is known, but proves nothing, is for the service to decide on after all, whatever the
    /// account.
    fn or_ask(&self, outcome: Outcome, credentials: &Credentials<'_>) -> Outcome {
        let asked = self.callout.as_ref();
        let Some(callout) = asked.filter(|one| !one.exempts(credentials.user, credentials.nkey))
        else {
            return outcome;
        };
        match outcome {
            Outcome::Denied(_) => Outcome::Ask(Arc::clone(callout)),
            Outcome::Slow(mut check) => {
                check.otherwise = Some(Arc::clone(callout));
                Outcome::Slow(check)
            }
            outcome => outcome,
        }
    }

    /// The account whose service decides on such a client: it is told of those who are refused.
    pub fn decides_in(&self, credentials: &Credentials<'_>) -> Option<Arc<str>> {
        match &self.operators {
            Some(operators) => operators.decides_in(credentials),
            None => self.callout.as_ref().map(|callout| Arc::clone(&callout.account)),
        }
    }

    /// The proxy that the client comes through, if it says so and the proxy is trusted.
    fn proxy(&self, credentials: &Credentials<'_>) -> Result<Option<Arc<str>>, Denial> {
        let Credentials { nonce, proxy_sig, .. } = *credentials;
        if proxy_sig.is_empty() {
            return Ok(None);
        }
        let signer = self.proxies.iter().find(|key| nonce::is_signed(nonce, proxy_sig, key));
        signer.map(|key| Some(key.as_str().into())).ok_or(Denial::ProxyNotTrusted)
    }

    fn by_rules(&self, credentials: &Credentials<'_>, proxied: bool) -> Outcome {
        if !self.required() {
            return Outcome::Granted(Identity::anonymous());
        }
        if let Some(rule) = self.without_proof(credentials) {
            return match rule.admits(credentials.kind, proxied) {
                Ok(()) => Outcome::Granted(Identity::of(rule)),
                Err(why) => Outcome::Denied(why),
            };
        }
        if !self.keys.is_empty() && !credentials.nkey.is_empty() {
            return self.prove_key(credentials, proxied);
        }
        if self.certificate_names && !self.users.is_empty() {
            return self.by_certificate(credentials, proxied);
        }
        if !self.users.is_empty() && !credentials.user.is_empty() {
            return match self.users.get(credentials.user) {
                Some(rule) if rule.admits(credentials.kind, proxied).is_ok() => {
                    self.prove(rule, credentials.pass)
                }
                _ => self.refuse(credentials.pass),
            };
        }
        match (&self.token, &self.single) {
            (Some(rule), _) => self.prove(rule, credentials.token),
            (None, Some(rule)) if rule.user.user == credentials.user => {
                self.prove(rule, credentials.pass)
            }
            (None, _) => self.refuse(credentials.pass),
        }
    }

    /// The user that a client becomes who shows nothing.
    fn without_proof(&self, credentials: &Credentials<'_>) -> Option<&Arc<Rule>> {
        let rule = self.no_auth_user.as_ref()?;
        let nothing = credentials.is_empty() && credentials.nkey.is_empty();
        (nothing && !(self.certificate_names && credentials.certificate.is_some())).then_some(rule)
    }

    fn prove_key(&self, credentials: &Credentials<'_>, proxied: bool) -> Outcome {
        let Credentials { nkey, sig, nonce, kind, .. } = *credentials;
        let Some(rule) = self.keys.get(nkey) else { return Outcome::Denied(Denial::Credentials) };
        match rule.admits(kind, proxied) {
            Ok(()) if nonce::is_signed(nonce, sig, nkey) => Outcome::Granted(Identity::of(rule)),
            Ok(()) => Outcome::Denied(Denial::Signature),
            Err(why) => Outcome::Denied(why),
        }
    }

    /// The user that the client's certificate names.
    fn certified(&self, credentials: &Credentials<'_>) -> Option<&Arc<Rule>> {
        let known = |name| self.users.get(name).or_else(|| self.distinguished.get(name));
        credentials.certificate_names().find_map(known)
    }

    /// The certificate was checked when the connection was made. A user that has a password too
    /// must show it as well.
    fn by_certificate(&self, credentials: &Credentials<'_>, proxied: bool) -> Outcome {
        let Some(rule) = self.certified(credentials) else {
            return Outcome::Denied(Denial::Credentials);
        };
        match rule.admits(credentials.kind, proxied) {
            Ok(()) => self.prove(rule, credentials.pass),
            Err(why) => Outcome::Denied(why),
        }
    }

    /// What a connection that was granted `identity` under earlier rules is under these, where it
    /// may stay: permissions and account may have changed, and how its user may be connected. `now`
    /// is in Unix seconds.
    pub fn review(
        &self,
        identity: &Identity,
        kind: ConnectionType,
        now: i64,
    ) -> Result<Identity, Removal> {
        let rule = match (&identity.proof, &self.operators) {
            (Proof::Jwt(user), Some(operators)) => return operators.renew(identity, user, now),
            (Proof::Rule(rule), None) => rule,
            (Proof::Callout(_, user), Some(operators)) => {
                operators.keep(user, &identity.account, now)?;
                return Ok(identity.clone());
            }
            (Proof::Callout(callout, _), None) if self.callout.as_ref() == Some(callout) => {
                return Ok(identity.clone());
            }
            (Proof::None, None) if !self.required() => return Ok(Identity::anonymous()),
            _ => return Err(Removal::NotAuthorized),
        };
        let present = match rule.kind {
            RuleKind::User => self.users.get(&rule.user.user),
            RuleKind::Nkey => self.keys.get(rule.user.id()),
            RuleKind::Token => self.token.as_ref(),
            RuleKind::SingleUser => self.single.as_ref(),
        };
        let present = present.ok_or(Removal::NotAuthorized)?;
        let same = present.user.user == rule.user.user && present.secret() == rule.secret();
        let same = same && present.admits(kind, identity.proxy.is_some()).is_ok();
        let fresh = Identity { proxy: identity.proxy.clone(), ..Identity::of(present) };
        same.then_some(fresh).ok_or(Removal::NotAuthorized)
    }

    fn prove(&self, rule: &Arc<Rule>, given: &str) -> Outcome {
        if rule.secret().is_bcrypt() {
            return Outcome::Slow(HashCheck {
                hash: rule.secret().clone(),
                given: given.into(),
                grants: Some(Identity::of(rule)),
                otherwise: None,
            });
        }
        if rule.secret().matches_plain(given) {
            Outcome::Granted(Identity::of(rule))
        } else if rule.kind == RuleKind::Token {
            Outcome::Denied(Denial::Credentials)
        } else {
            self.refuse(given)
        }
    }

    /// Refuses, after as much work as the proof of a user takes.
    fn refuse(&self, given: &str) -> Outcome {
        match &self.decoy_hash {
            Some(hash) => Outcome::Slow(HashCheck {
                hash: hash.clone(),
                given: given.into(),
                grants: None,
                otherwise: None,
            }),
            None => {
                // The result is of no use, the time it takes is.
                std::hint::black_box(self.decoy_plain.matches_plain(given));
                Outcome::Denied(Denial::Credentials)
            }
        }
    }
}

// === impl RuleMaker ===

/// Makes rules of users, with one [`Permissions`] for all that have equal ones.
#[derive(Default)]
struct RuleMaker {
    known: HashMap<PermissionRules, Arc<Permissions>>,
}

impl RuleMaker {
    fn rule(&mut self, kind: RuleKind, user: UserRule) -> Arc<Rule> {
        let permissions = user.permissions.clone().map(|rules| {
            let made = self.known.entry(rules);
            Arc::clone(made.or_insert_with_key(|rules| Arc::new(Permissions::new(rules.clone()))))
        });
        Arc::new(Rule { kind, account: Arc::clone(&user.account), user, permissions })
    }
}

/// However such a name is written, a certificate is compared with its parts.
fn distinguished(users: &HashMap<String, Arc<Rule>>) -> HashMap<String, Arc<Rule>> {
    let mut found = HashMap::new();
    for (name, rule) in users {
        if let Some(parts) = distinguished::parse(name) {
            found.insert(distinguished::ordered(&parts), Arc::clone(rule));
            found.insert(distinguished::unordered(&parts), Arc::clone(rule));
        }
    }
    found
}

// === impl HashCheck ===

impl HashCheck {
    fn came_through(&mut self, proxy: Option<Arc<str>>) {
        if let Some(identity) = &mut self.grants {
            identity.proxy = proxy;
        }
    }

    /// The service that decides where the work comes to nothing.
    pub fn otherwise(&self) -> Option<Arc<Callout>> {
        self.otherwise.clone()
    }

    /// Does the work. `None`: refused.
    pub fn run(self) -> Option<Identity> {
        let matches = std::hint::black_box(self.hash.matches_hash(&self.given));
        self.grants.filter(|_| matches)
    }
}

impl fmt::Debug for HashCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashCheck").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
