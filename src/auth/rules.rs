//! The rules that configuration states about who may connect.

use std::collections::HashSet;

use crate::secret::Secret;

/// Who may connect. Nothing set: everyone.
///
/// A configuration file sets at most one of token, single user and list, but command line and file
/// together can set several; [`crate::Authenticator`] says which then decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// A single user and its password.
    pub user_pass: Option<UserRule>,
    /// A token that all clients share.
    pub token: Option<Secret>,
    /// Named users.
    pub users: Vec<UserRule>,
    /// The one of `users` that a client becomes which shows no credentials.
    pub no_auth_user: Option<String>,
}

/// A user and the password that proves it. An empty password is proved by an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRule {
    pub user: String,
    pub pass: Secret,
}

/// Why rules make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    #[error("Duplicate user {0:?} detected")]
    DuplicateUser(String),
    #[error(
        "no_auth_user: {0:?} not present as user or nkey in authorization block or account \
         configuration"
    )]
    UnknownNoAuthUser(String),
}

impl UserRule {
    /// A user with its password in plain or as a bcrypt hash.
    pub fn new(user: impl Into<String>, pass: impl Into<Secret>) -> Self {
        Self { user: user.into(), pass: pass.into() }
    }
}

impl Rules {
    /// Whether a client has to prove anything.
    pub fn required(&self) -> bool {
        self.user_pass.is_some() || self.token.is_some() || !self.users.is_empty()
    }

    /// Whether a password stands in the configuration in plain, which deserves the warning
    /// `Plaintext passwords detected, use nkeys or bcrypt`. Tokens are not counted, as in NATS.
    pub fn has_plain_password(&self) -> bool {
        self.users.iter().chain(&self.user_pass).any(|u| !u.pass.is_bcrypt())
    }

    pub(crate) fn check(&self) -> Result<(), RulesError> {
        let mut names = HashSet::new();
        for rule in &self.users {
            if !names.insert(rule.user.as_str()) {
                return Err(RulesError::DuplicateUser(rule.user.clone()));
            }
        }
        match &self.no_auth_user {
            Some(name) if !names.contains(name.as_str()) => {
                Err(RulesError::UnknownNoAuthUser(name.clone()))
            }
            _ => Ok(()),
        }
    }
}
