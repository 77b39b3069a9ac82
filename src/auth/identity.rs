//! Who a connection turned out to be, and what it may therefore do.

use std::{fmt, sync::Arc, time::SystemTime};

use crate::permissions::Permissions;
use crate::rules::{GLOBAL_ACCOUNT, UserRule};
use crate::secret::Secret;

/// The result of a proof.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's name or public key for logs and monitoring, `[REDACTED]` after a token, `None`
    /// where no proof is asked for.
    pub name: Option<Arc<str>>,
    /// The account by name.
    pub account: Arc<str>,
    /// `None`: everything is allowed.
    pub permissions: Option<Arc<Permissions>>,
    pub limits: UserLimits,
    /// When the connection has to end.
    pub expires: Option<SystemTime>,
    /// The public key of an nkey user, or of the user of a JWT.
    pub nkey: Option<Arc<str>>,
    /// The key that issued the user's JWT.
    pub issuer: Option<Arc<str>>,
    /// Of the user's JWT.
    pub tags: Arc<[String]>,
    /// What granted it; a reload keeps the connection only while this rule stands unchanged.
    pub(crate) rule: Option<Arc<Rule>>,
}

/// Limits of one connection besides those of its account and the server; `None`: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserLimits {
    pub subscriptions: Option<u64>,
    /// Bytes of a message.
    pub payload: Option<u64>,
}

/// One entry of the configuration that can grant an identity.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) kind: RuleKind,
    pub(crate) user: UserRule,
    pub(crate) account: Arc<str>,
    pub(crate) permissions: Option<Arc<Permissions>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleKind {
    Token,
    SingleUser,
    User,
    Nkey,
}

impl Identity {
    /// The name of whoever has shown the token: the token itself is not shown.
    pub const TOKEN: &str = "[REDACTED]";

    /// Anyone, on a server that asks for no proof.
    pub fn anonymous() -> Self {
        Self::bare(GLOBAL_ACCOUNT.into())
    }

    fn bare(account: Arc<str>) -> Self {
        Self {
            name: None,
            account,
            permissions: None,
            limits: UserLimits::default(),
            expires: None,
            nkey: None,
            issuer: None,
            tags: Arc::default(),
            rule: None,
        }
    }

    pub(crate) fn of(rule: &Arc<Rule>) -> Self {
        let name = match rule.kind {
            RuleKind::Token => Self::TOKEN,
            RuleKind::SingleUser | RuleKind::User | RuleKind::Nkey => rule.user.id(),
        };
        Self {
            name: Some(name.into()),
            permissions: rule.permissions.clone(),
            nkey: rule.user.nkey.as_deref().map(Into::into),
            rule: Some(Arc::clone(rule)),
            ..Self::bare(Arc::clone(&rule.account))
        }
    }
}

impl Rule {
    pub(crate) fn secret(&self) -> &Secret {
        &self.user.pass
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("name", &self.name)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}
