//! Decides who a client is, from its credentials and the rules in force.
//!
//! The first of these that applies decides alone:
//! 1. no rules: everyone is let in;
//! 2. users are listed: a client that shows nothing becomes `no_auth_user`, if there is one; a
//!    client that names a user must prove to be that user;
//! 3. a token is set: the client must show it;
//! 4. a single user is set: the client must be it;
//! 5. otherwise the client is refused.
//!
//! An outsider should not learn which users exist. So a name that is unknown costs a comparison as
//! well, and where any user's password is hashed, every refusal costs one hash, of the highest cost
//! in use. (Users with hashes of *different* costs can still be told apart by the time a wrong
//! password takes.) Hashes are heavy on purpose: run them off the data path, and bound how many
//! run.

use std::{collections::HashMap, fmt, sync::Arc};

use crate::{
    Credentials, Identity, Rules, RulesError,
    identity::{Rule, RuleKind},
    secret::Secret,
};

/// The rules in force, made ready for look-up. Cheap to share; a reload makes a new one.
#[derive(Debug)]
pub struct Authenticator {
    users: HashMap<Arc<str>, Arc<Rule>>,
    token: Option<Arc<Rule>>,
    single: Option<Arc<Rule>>,
    no_auth_user: Option<Arc<Rule>>,
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
        let rule = |kind, user: &str, secret| Arc::new(Rule { kind, user: user.into(), secret });
        let users: HashMap<_, _> = rules
            .users
            .into_iter()
            .map(|u| rule(RuleKind::User, &u.user, u.pass))
            .map(|r| (Arc::clone(&r.user), r))
            .collect();
        let single = rules.user_pass.map(|u| rule(RuleKind::SingleUser, &u.user, u.pass));
        let decoy_hash = users
            .values()
            .chain(&single)
            .filter_map(|r| r.secret.cost().map(|cost| (cost, &r.secret)))
            .max_by_key(|(cost, _)| *cost)
            .map(|(_, secret)| secret.clone());
        Ok(Self {
            no_auth_user: rules.no_auth_user.and_then(|n| users.get(n.as_str()).cloned()),
            token: rules.token.map(|secret| rule(RuleKind::Token, "", secret)),
            single,
            users,
            decoy_hash,
            decoy_plain: Secret::from("no user has this name"),
        })
    }

    /// Whether a client has to prove anything.
    pub fn required(&self) -> bool {
        !self.users.is_empty() || self.token.is_some() || self.single.is_some()
    }

    /// Whether clients are told so (`auth_required` of INFO): not where one that shows nothing is
    /// let in as `no_auth_user`.
    pub fn announced(&self) -> bool {
        self.required() && self.no_auth_user.is_none()
    }

    /// Decides, or says which slow comparison decides.
    pub fn begin(&self, credentials: &Credentials<'_>) -> Outcome {
        if !self.required() {
            return Outcome::Granted(Identity::anonymous());
        }
        if let Some(rule) = &self.no_auth_user
            && credentials.is_empty()
        {
            return Outcome::Granted(Identity::of(rule));
        }
        if !self.users.is_empty() && !credentials.user.is_empty() {
            return match self.users.get(credentials.user) {
                Some(rule) => self.prove(rule, credentials.pass),
                None => self.refuse(credentials.pass),
            };
        }
        match (&self.token, &self.single) {
            (Some(rule), _) => self.prove(rule, credentials.token),
            (None, Some(rule)) if *rule.user == *credentials.user => {
                self.prove(rule, credentials.pass)
            }
            (None, _) => self.refuse(credentials.pass),
        }
    }

    /// Whether a connection that was granted `identity` under earlier rules may stay under these.
    pub fn still_grants(&self, identity: &Identity) -> bool {
        let Some(rule) = &identity.rule else {
            return !self.required();
        };
        let present = match rule.kind {
            RuleKind::User => self.users.get(&rule.user),
            RuleKind::Token => self.token.as_ref(),
            RuleKind::SingleUser => self.single.as_ref(),
        };
        present == Some(rule)
    }

    fn prove(&self, rule: &Arc<Rule>, given: &str) -> Outcome {
        if rule.secret.is_bcrypt() {
            return Outcome::Slow(HashCheck {
                hash: rule.secret.clone(),
                given: given.into(),
                grants: Some(Identity::of(rule)),
            });
        }
        if rule.secret.matches_plain(given) {
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
