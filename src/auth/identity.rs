//! Who a connection turned out to be.

use std::{fmt, sync::Arc};

use crate::secret::Secret;

/// The result of a proof: a name for logs and monitoring, and the rule that granted it.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user's name, `[REDACTED]` after a token, `None` where no proof is asked for.
    pub name: Option<Arc<str>>,
    /// What granted it; a reload keeps the connection only while this rule stands unchanged.
    pub(crate) rule: Option<Arc<Rule>>,
}

/// One entry of the configuration that can grant an identity.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) kind: RuleKind,
    /// Empty for a token.
    pub(crate) user: Arc<str>,
    pub(crate) secret: Secret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleKind {
    Token,
    SingleUser,
    User,
}

impl Identity {
    /// The name of whoever has shown the token: the token itself is not shown.
    pub const TOKEN: &str = "[REDACTED]";

    /// Anyone, on a server that asks for no proof.
    pub fn anonymous() -> Self {
        Self { name: None, rule: None }
    }

    pub(crate) fn of(rule: &Arc<Rule>) -> Self {
        let name = match rule.kind {
            RuleKind::Token => Self::TOKEN.into(),
            RuleKind::SingleUser | RuleKind::User => Arc::clone(&rule.user),
        };
        Self { name: Some(name), rule: Some(Arc::clone(rule)) }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("name", &self.name).finish_non_exhaustive()
    }
}
