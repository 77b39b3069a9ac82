//! Who a connection turned out to be, and what it may therefore do.

use std::{fmt, sync::Arc, time::SystemTime};

use crate::authenticator::Denial;
use crate::callout::Callout;
use crate::connection_type::ConnectionType;
use crate::operators::KnownUser;
use crate::permissions::Permissions;
use crate::rules::{GLOBAL_ACCOUNT, UserRule};
use crate::secret::Secret;

/// The result of a proof.
#[derive(Clone, PartialEq)]
pub struct Identity {
    /// The user's name or public key for logs and monitoring, `[REDACTED]` after a token, `None`
    /// where no proof is asked for.
    pub name: Option<Arc<str>>,
    /// What its JWT calls the user.
    pub label: Option<Arc<str>>,
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
    /// The key of the trusted proxy that the client came through.
    pub proxy: Option<Arc<str>>,
    /// What granted it; a reload keeps the connection only while that stands.
    pub(crate) proof: Proof,
}

/// What an identity rests on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Proof {
    /// No proof was asked for.
    None,
    Rule(Arc<Rule>),
    Jwt(Arc<KnownUser>),
    /// The word of a service.
    Callout(Arc<Callout>, Arc<KnownUser>),
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
            label: None,
            account,
            permissions: None,
            limits: UserLimits::default(),
            expires: None,
            nkey: None,
            issuer: None,
            tags: Arc::default(),
            proxy: None,
            proof: Proof::None,
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
            proof: Proof::Rule(Arc::clone(rule)),
            ..Self::bare(Arc::clone(&rule.account))
        }
    }
}

impl Rule {
    pub(crate) fn secret(&self) -> &Secret {
        &self.user.pass
    }

    /// Whether the user may be connected in this way.
    pub(crate) fn admits(&self, kind: ConnectionType, proxied: bool) -> Result<(), Denial> {
        if !self.user.connection_types.allow(kind) {
            return Err(Denial::ConnectionType);
        }
        match self.user.proxy_required && !proxied {
            true => Err(Denial::ProxyRequired),
            false => Ok(()),
        }
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
