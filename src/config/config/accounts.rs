//! Who may connect, and the accounts they belong to.

use std::time::Duration;

use vagus_auth::{AccountRules, Callout, ConnectionTypes, PermissionRules};

use crate::secret::Secret;

/// Who may connect. Everyone, when neither user, token nor users are given.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Authorization {
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub token: Option<Secret>,
    /// Time from connecting to a CONNECT that passes. `None`: 2 s. See
    /// [`crate::Config::auth_timeout`].
    pub timeout: Option<Duration>,
    /// Users of the global account.
    pub users: Vec<User>,
    /// Permissions of those of `users` who have none of their own.
    pub default_permissions: Option<PermissionRules>,
    /// A service that authenticates clients.
    pub auth_callout: Option<Callout>,
    /// Clients are let in through a trusted proxy only.
    pub proxy_required: bool,
}

/// A user, proved by password or by key.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// Empty for a user with a key.
    pub user: String,
    /// Plain or bcrypt; empty when the file has none.
    pub password: Secret,
    /// Public key.
    pub nkey: Option<String>,
    pub permissions: Option<PermissionRules>,
    pub connection_types: ConnectionTypes,
    pub proxy_required: bool,
}

/// An account and its users.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Account {
    pub rules: AccountRules,
    pub users: Vec<User>,
}

/// The account of system events and requests, where the configuration names none.
pub const SYSTEM_ACCOUNT: &str = "$SYS";

// === impl User ===

impl User {
    /// The key if there is one, otherwise the name.
    pub fn id(&self) -> &str {
        self.nkey.as_deref().unwrap_or(&self.user)
    }
}
