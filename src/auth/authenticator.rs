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
    Credentials, Identity, PermissionRules, Permissions, Rules, RulesError, UserRule,
    distinguished,
    identity::{Rule, RuleKind},
    nonce,
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
    /// The most expensive hash among the users, to be compared with in vain; none if all are plain.
    decoy_hash: Option<Secret>,
    /// What unknown users are compared with when nothing is hashed.
    decoy_plain: Secret,
}

/// The answer to credentials.
#[derive(Debug)]
pub enum Outcome {
    Granted(Identity),
    Denied,
    /// A hash has to be computed first.
    Slow(HashCheck),
}

/// A comparison with a bcrypt hash: up to seconds of CPU, so not for a thread that serves
/// connections.
pub struct HashCheck {
    hash: Secret,
    given: Box<str>,
    /// Who the client is if the hash matches; none: it is refused whatever comes out.
    grants: Option<Identity>,
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
            token,
            single,
            users,
            keys,
            decoy_hash,
            decoy_plain: Secret::from("no user has this name"),
        })
    }

    /// Whether a client has to prove anything.
    pub fn required(&self) -> bool {
        !self.users.is_empty()
            || !self.keys.is_empty()
            || self.token.is_some()
            || self.single.is_some()
    }

    /// Whether clients are given something to sign (`nonce` of INFO).
    pub fn gives_nonces(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether clients are told so (`auth_required` of INFO): not where one that shows nothing is
    /// let in as `no_auth_user`.
    pub fn announced(&self) -> bool {
        self.required() && (self.no_auth_implied || self.no_auth_user.is_none())
    }

    /// Decides, or says which slow comparison decides.
    pub fn begin(&self, credentials: &Credentials<'_>) -> Outcome {
        if !self.required() {
            return Outcome::Granted(Identity::anonymous());
        }
        if let Some(rule) = self.without_proof(credentials) {
            return match rule.user.connection_types.allow(credentials.kind) {
                true => Outcome::Granted(Identity::of(rule)),
                false => Outcome::Denied,
            };
        }
        if !self.keys.is_empty() && !credentials.nkey.is_empty() {
            return self.prove_key(credentials);
        }
        if self.certificate_names && !self.users.is_empty() {
            return self.by_certificate(credentials);
        }
        if !self.users.is_empty() && !credentials.user.is_empty() {
            return match self.users.get(credentials.user) {
                Some(rule) if rule.user.connection_types.allow(credentials.kind) => {
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

    fn prove_key(&self, credentials: &Credentials<'_>) -> Outcome {
        let Credentials { nkey, sig, nonce, kind, .. } = *credentials;
        match self.keys.get(nkey) {
            Some(rule)
                if rule.user.connection_types.allow(kind) && nonce::is_signed(nonce, sig, nkey) =>
            {
                Outcome::Granted(Identity::of(rule))
            }
            _ => Outcome::Denied,
        }
    }

    /// The certificate was checked when the connection was made: what it says is proof enough.
    fn by_certificate(&self, credentials: &Credentials<'_>) -> Outcome {
        let known = |name| self.users.get(name).or_else(|| self.distinguished.get(name));
        let found = credentials.certificate_names().find_map(known);
        match found {
            Some(rule) if rule.user.connection_types.allow(credentials.kind) => {
                Outcome::Granted(Identity::of(rule))
            }
            _ => Outcome::Denied,
        }
    }

    /// What a connection that was granted `identity` under earlier rules is under these, where it
    /// may stay: permissions and account may have changed.
    pub fn renew(&self, identity: &Identity) -> Option<Identity> {
        let Some(rule) = &identity.rule else {
            return (!self.required()).then(Identity::anonymous);
        };
        let present = match rule.kind {
            RuleKind::User => self.users.get(&rule.user.user),
            RuleKind::Nkey => self.keys.get(rule.user.id()),
            RuleKind::Token => self.token.as_ref(),
            RuleKind::SingleUser => self.single.as_ref(),
        }?;
        let same_proof = present.user.user == rule.user.user && present.secret() == rule.secret();
        same_proof.then(|| Identity::of(present))
    }

    /// Whether a connection that was granted `identity` under earlier rules may stay under these.
    pub fn still_grants(&self, identity: &Identity) -> bool {
        self.renew(identity).is_some()
    }

    fn prove(&self, rule: &Arc<Rule>, given: &str) -> Outcome {
        if rule.secret().is_bcrypt() {
            return Outcome::Slow(HashCheck {
                hash: rule.secret().clone(),
                given: given.into(),
                grants: Some(Identity::of(rule)),
            });
        }
        if rule.secret().matches_plain(given) {
            Outcome::Granted(Identity::of(rule))
        } else if rule.kind == RuleKind::Token {
            Outcome::Denied
        } else {
            self.refuse(given)
        }
    }

    /// Refuses, after as much work as the proof of a user takes.
    fn refuse(&self, given: &str) -> Outcome {
        match &self.decoy_hash {
            Some(hash) => {
                Outcome::Slow(HashCheck { hash: hash.clone(), given: given.into(), grants: None })
            }
            None => {
                // The result is of no use, the time it takes is.
                std::hint::black_box(self.decoy_plain.matches_plain(given));
                Outcome::Denied
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
