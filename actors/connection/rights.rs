//! What the client may do: its permissions, and the limits of its user, its account and the server.

use std::sync::Arc;
use std::time::Instant;

use tracing::error;
use vagus_auth::{Filter, Grant, Identity, Permissions};

use super::Connection;
use crate::broker::Settings;
use crate::delivery::desk::Delivery;
use crate::realm::RealmRules;

/// See the module's text.
pub(super) struct Rights {
    /// `None`: everything is allowed.
    pub permissions: Option<Arc<Permissions>>,
    /// Bytes of a message.
    pub payload_max: usize,
    /// `None`: any number.
    pub subscriptions_max: Option<usize>,
}

/// Whether a publish is allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    Refused,
    /// For this message alone, since it answers one.
    Once,
    Given,
}

/// A subscription is not allowed.
pub(super) struct Refused;

// === impl Rights ===

impl Rights {
    /// Of everyone.
    pub(super) fn general(settings: &Settings, rules: &RealmRules) -> Self {
        let limits = rules.stated.limits;
        let max = Some(settings.subscriptions_max).filter(|max| *max > 0);
        Self {
            permissions: None,
            payload_max: lesser(settings.limits.payload_max, size(limits.payload)),
            subscriptions_max: least(max, size(limits.subscriptions)),
        }
    }

    /// Of someone in particular.
    pub(super) fn of(identity: &Identity, settings: &Settings, rules: &RealmRules) -> Self {
        let general = Self::general(settings, rules);
        let limits = identity.limits;
        Self {
            permissions: identity.permissions.clone(),
            payload_max: lesser(general.payload_max, size(limits.payload)),
            subscriptions_max: least(general.subscriptions_max, size(limits.subscriptions)),
        }
    }
}

fn size(given: Option<u64>) -> Option<usize> {
    given.map(|n| usize::try_from(n).unwrap_or(usize::MAX))
}

fn lesser(a: usize, b: Option<usize>) -> usize {
    b.map_or(a, |b| a.min(b))
}

fn least(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

// === impl Connection ===

impl Connection {
    /// Whether the client may publish to `subject`; if not, it is told.
    #[inline]
    pub(super) fn may_publish(&self, subject: &[u8], delivery: &mut Delivery) -> Leave {
        match &self.rights.permissions {
            None => Leave::Given,
            Some(permissions) => self.ask_to_publish(permissions, subject, delivery),
        }
    }

    #[cold]
    fn ask_to_publish(
        &self,
        permissions: &Permissions,
        subject: &[u8],
        delivery: &mut Delivery,
    ) -> Leave {
        if delivery.verdicts.may_publish(permissions, subject) {
            return Leave::Given;
        }
        if self.out.answers().is_some_and(|answers| answers.take(subject, Instant::now())) {
            return Leave::Once;
        }
        let shown = String::from_utf8_lossy(subject);
        error!("{}Publish Violation - Subject {shown:?}", self.prefix());
        self.complain(&publish_violation(subject), delivery);
        Leave::Refused
    }

    /// What is to be kept back from a subscription; the text of the error if it is not allowed.
    pub(super) fn may_subscribe(
        &self,
        subject: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
    ) -> Result<Option<Arc<Filter>>, String> {
        self.grant(subject, queue).map_err(|Refused| {
            let show = |bytes| String::from_utf8_lossy(bytes).into_owned();
            let named = queue.map(|queue| format!(", Queue: {:?}", show(queue)));
            error!(
                "{}Subscription Violation - Subject {:?}{}, SID {}",
                self.prefix(),
                show(subject),
                named.unwrap_or_default(),
                show(sid)
            );
            subscription_violation(subject, queue)
        })
    }

    /// What is to be kept back from a subscription, if it is allowed.
    pub(super) fn grant(
        &self,
        subject: &[u8],
        queue: Option<&[u8]>,
    ) -> Result<Option<Arc<Filter>>, Refused> {
        let grant = match &self.rights.permissions {
            _ if queue == Some(RESERVED_QUEUE) => Grant::Refused,
            None => Grant::Granted,
            Some(permissions) => permissions.may_subscribe(subject, queue),
        };
        match grant {
            Grant::Granted => Ok(None),
            Grant::Filtered(filter) => Ok(Some(filter)),
            Grant::Refused => Err(Refused),
        }
    }
}

/// The words for a publish that is not allowed.
pub(super) fn publish_violation(subject: &[u8]) -> String {
    format!("Permissions Violation for Publish to \"{}\"", String::from_utf8_lossy(subject))
}

/// Why nobody may publish to `subject` or ask for answers to `reply`, if only servers may.
pub(super) fn reserved(subject: &[u8], reply: Option<&[u8]>) -> Option<String> {
    const REPLIES: [&[u8]; 2] = [b"$JS.ACK.", b"_GR_."];
    const SUBJECTS: [&[u8]; 2] = [b"$NRG.", b"_GR_."];
    let below =
        |subject: &[u8], prefix: &[u8]| subject.len() > prefix.len() && subject.starts_with(prefix);
    if let Some(reply) = reply
        && (reply.starts_with(b"_R_.") || REPLIES.iter().any(|prefix| below(reply, prefix)))
    {
        let shown = String::from_utf8_lossy(reply);
        return Some(format!("Permissions Violation for Publish with Reply of \"{shown}\""));
    }
    SUBJECTS.iter().any(|prefix| below(subject, prefix)).then(|| publish_violation(subject))
}

/// The queue group of servers among themselves.
const RESERVED_QUEUE: &[u8] = b"_sys_";

/// The words for a subscription that is not allowed.
pub(super) fn subscription_violation(subject: &[u8], queue: Option<&[u8]>) -> String {
    let subject = String::from_utf8_lossy(subject);
    let text = format!("Permissions Violation for Subscription to \"{subject}\"");
    match queue {
        None => text,
        Some(queue) => format!("{text} using queue \"{}\"", String::from_utf8_lossy(queue)),
    }
}
