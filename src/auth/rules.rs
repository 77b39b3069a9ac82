//! The rules that configuration states about who may connect.

use std::collections::HashSet;
use std::sync::Arc;

use crate::connection_type::ConnectionTypes;
use crate::permissions::PermissionRules;
use crate::secret::Secret;

/// The account of whoever is in no other.
pub const GLOBAL_ACCOUNT: &str = "$G";

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
    /// Users of all accounts, proved by password or by key.
    pub users: Vec<UserRule>,
    /// The one of `users` that a client becomes which shows no credentials: a name or a key.
    pub no_auth_user: Option<String>,
    /// Clients are not told to authenticate only because of `no_auth_user`, which was not asked for
    /// in the configuration.
    pub no_auth_implied: bool,
    /// Users are known by their certificates.
    pub certificate_names: bool,
    /// Public keys of proxies whose word is trusted.
    pub proxies: Vec<String>,
    /// Nobody is let in but through a trusted proxy.
    pub proxy_required: bool,
}

/// A user and what proves it: a password, or a signature of its key. An empty password is proved by
/// an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRule {
    /// Empty for a user with a key.
    pub user: String,
    pub pass: Secret,
    /// Public key (`U...`).
    pub nkey: Option<String>,
    /// The account by name.
    pub account: Arc<str>,
    /// `None`: everything is allowed.
    pub permissions: Option<PermissionRules>,
    pub connection_types: ConnectionTypes,
    /// Accepted through a trusted proxy only.
    pub proxy_required: bool,
}

/// Why rules make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    #[error("Duplicate user {0:?} detected")]
    DuplicateUser(String),
    #[error("Duplicate nkey {0:?} detected")]
    DuplicateNkey(String),
    #[error(
        "no_auth_user: {0:?} not present as user or nkey in authorization block or account \
         configuration"
    )]
    UnknownNoAuthUser(String),
}

impl UserRule {
    /// A user of the global account with its password in plain or as a bcrypt hash.
    pub fn new(user: impl Into<String>, pass: impl Into<Secret>) -> Self {
        Self {
            user: user.into(),
            pass: pass.into(),
            nkey: None,
            account: GLOBAL_ACCOUNT.into(),
            permissions: None,
            connection_types: ConnectionTypes::default(),
            proxy_required: false,
        }
    }

    /// A user of the global account with its public key.
    pub fn with_key(nkey: impl Into<String>) -> Self {
        Self { nkey: Some(nkey.into()), ..Self::new("", "") }
    }

    /// The key if there is one, otherwise the name.
    pub fn id(&self) -> &str {
        self.nkey.as_deref().unwrap_or(&self.user)
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
        let mut by_password = self.users.iter().chain(&self.user_pass).filter(|u| u.nkey.is_none());
        by_password.any(|u| !u.pass.is_bcrypt())
    }

    pub(crate) fn check(&self) -> Result<(), RulesError> {
        let (mut names, mut keys) = (HashSet::new(), HashSet::new());
        for rule in &self.users {
            match &rule.nkey {
                Some(key) if !keys.insert(key.as_str()) => {
                    return Err(RulesError::DuplicateNkey(key.clone()));
                }
                None if !names.insert(rule.user.as_str()) => {
                    return Err(RulesError::DuplicateUser(rule.user.clone()));
                }
                _ => {}
            }
        }
        match &self.no_auth_user {
            Some(name) if !names.contains(name.as_str()) && !keys.contains(name.as_str()) => {
                Err(RulesError::UnknownNoAuthUser(name.clone()))
            }
            _ => Ok(()),
        }
    }
}
