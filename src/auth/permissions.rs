//! What a client may publish and subscribe to.
//!
//! [`PermissionRules`] is what a configuration or a JWT states; [`Permissions`] is the same made
//! ready for questions. Users with equal rules share one, and its [`Permissions::id`] lets answers
//! be remembered.
//!
//! On purpose stricter than nats-server in one thing: a subscription with wildcards is granted only
//! if one entry allows everything that it can match. (nats-server reads the wildcards of the
//! subscription as ordinary tokens, so that `a.>` passes where only `a.*` is allowed.)

mod patterns;
mod rules;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use vagus_subject::{has_wildcards, is_subset, matches, overlaps};

use self::patterns::Patterns;
pub use self::rules::{PermissionRules, Responses, SubjectRules};

/// The rules of a user, ready for questions.
#[derive(Debug)]
pub struct Permissions {
    id: u64,
    rules: PermissionRules,
    publish: Side,
    subscribe: Side,
    responses: Option<Responses>,
    /// The plain deny entries of subscriptions, as most wildcard subscriptions need them.
    filter: Arc<Filter>,
}

/// One direction.
#[derive(Debug)]
struct Side {
    /// `None`: everything is allowed that is not denied.
    allow: Option<Entries>,
    deny: Entries,
}

/// Subjects alone, and subjects for some queue groups.
#[derive(Debug, Default)]
struct Entries {
    plain: Patterns,
    queued: Box<[Queued]>,
}

#[derive(Debug)]
struct Queued {
    subject: Box<[u8]>,
    /// A name, or a pattern of names made of tokens.
    queue: Box<[u8]>,
}

/// The answer to a subscription.
#[derive(Debug, Clone)]
pub enum Grant {
    Refused,
    Granted,
    /// Granted, except for what the filter denies.
    Filtered(Arc<Filter>),
}

/// Keeps some of a subscription's messages from being delivered.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `None`: everything.
    allowed: Option<Box<[Box<[u8]>]>>,
    denied: Box<[Box<[u8]>]>,
}

// === impl Permissions ===

impl Permissions {
    pub fn new(rules: PermissionRules) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let (mut publish, subscribe) = (Side::new(&rules.publish), Side::new(&rules.subscribe));
        if rules.responses.is_some() && publish.allow.is_none() {
            // Who may answer may not publish anything else, unless that is said.
            publish.allow = Some(Entries::default());
        }
        let denied = subscribe.deny.plain.iter().map(Into::into).collect();
        let filter = Arc::new(Filter { allowed: None, denied });
        let responses = rules.responses;
        Self { id: NEXT.fetch_add(1, Relaxed), rules, publish, subscribe, responses, filter }
    }

    /// Differs from that of all other permissions that this process ever made; never 0.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What they were made of, for whoever has to show them.
    pub fn rules(&self) -> &PermissionRules {
        &self.rules
    }

    /// Whether the rules allow to publish to `subject`; a message that was received may allow more
    /// (see [`Permissions::responses`]).
    pub fn may_publish(&self, subject: &[u8]) -> bool {
        let allowed = self.publish.allow.as_ref().is_none_or(|allow| allow.plain.matches(subject));
        allowed && !self.publish.deny.plain.matches(subject)
    }

    /// How many answers a message with a reply subject allows, and for how long.
    pub fn responses(&self) -> Option<Responses> {
        self.responses
    }

    /// Whether `subject` may be subscribed to, by itself or as a member of a queue group.
    pub fn may_subscribe(&self, subject: &[u8], queue: Option<&[u8]>) -> Grant {
        let allowed = self.subscribe.allow.as_ref().is_none_or(|allow| allow.cover(subject, queue));
        let deny = &self.subscribe.deny;
        if !allowed || deny.refuse(subject, queue) {
            return Grant::Refused;
        }
        if !has_wildcards(subject) {
            return Grant::Granted;
        }
        let queued: Vec<&[u8]> = deny.for_queue(queue).filter(|e| overlaps(e, subject)).collect();
        if !queued.is_empty() {
            let plain = deny.plain.iter().filter(|e| overlaps(e, subject));
            let denied = plain.chain(queued.iter().copied()).map(Into::into).collect();
            return Grant::Filtered(Arc::new(Filter { allowed: None, denied }));
        }
        match deny.plain.iter().any(|e| overlaps(e, subject)) {
            true => Grant::Filtered(Arc::clone(&self.filter)),
            false => Grant::Granted,
        }
    }
}

/// Equality of what they say; how they are numbered does not count.
impl PartialEq for Permissions {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

impl Eq for Permissions {}

// === impl Side ===

impl Side {
    fn new(rules: &SubjectRules) -> Self {
        Self { allow: rules.allow.as_deref().map(Entries::new), deny: Entries::new(&rules.deny) }
    }
}

// === impl Entries ===

impl Entries {
    fn new(entries: &[String]) -> Self {
        let (mut plain, mut queued) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry.split_once([' ', '\t']) {
                None => plain.push(entry.as_bytes()),
                Some((subject, queue)) => queued.push(Queued {
                    subject: subject.as_bytes().into(),
                    queue: queue.trim().as_bytes().into(),
                }),
            }
        }
        Self { plain: Patterns::new(plain), queued: queued.into() }
    }

    /// Whether all that the subscription can match is allowed. Where entries for queue groups
    /// speak of the subject, they alone decide about groups.
    fn cover(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        let Some(queue) = queue else { return self.plain.cover(subject) };
        let mut others = false;
        for entry in &self.queued {
            match entry.names(queue) {
                true if is_subset(subject, &entry.subject) => return true,
                true => {}
                false => others |= overlaps(subject, &entry.subject),
            }
        }
        !others && self.plain.cover(subject)
    }

    /// Whether a subscription is denied as a whole: `z.*` and also `z.>` where `z.*` is denied,
    /// as in nats-server. Of others some messages may be denied.
    fn refuse(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        self.plain.matches(subject) || self.for_queue(queue).any(|e| matches(e, subject))
    }

    /// The subjects of the entries for a queue group.
    fn for_queue(&self, queue: Option<&[u8]>) -> impl Iterator<Item = &[u8]> {
        self.queued
            .iter()
            .filter(move |entry| queue.is_some_and(|queue| entry.names(queue)))
            .map(|entry| &*entry.subject)
    }
}

// === impl Queued ===

impl Queued {
    fn names(&self, queue: &[u8]) -> bool {
        *self.queue == *queue || (has_wildcards(&self.queue) && is_subset(queue, &self.queue))
    }
}

// === impl Filter ===

impl Filter {
    /// Lets through what the rules allow. Entries for queue groups are not looked at.
    #[must_use]
    pub fn new(rules: &SubjectRules) -> Self {
        let patterns = |list: &[String]| list.iter().map(|one| one.as_bytes().into()).collect();
        Self { allowed: rules.allow.as_deref().map(patterns), denied: patterns(&rules.deny) }
    }

    /// Whether a message with this subject is to be kept back.
    pub fn denies(&self, subject: &[u8]) -> bool {
        let allowed = |list: &[Box<[u8]>]| list.iter().any(|pattern| matches(pattern, subject));
        self.allowed.as_ref().is_some_and(|list| !allowed(list))
            || self.denied.iter().any(|pattern| matches(pattern, subject))
    }

    /// Whether that is so of every message that a subscription to `pattern` would get.
    #[must_use]
    pub fn denies_all(&self, pattern: &[u8]) -> bool {
        let some = |list: &[Box<[u8]>]| list.iter().any(|allowed| overlaps(allowed, pattern));
        self.allowed.as_ref().is_some_and(|list| !some(list))
            || self.denied.iter().any(|denied| is_subset(pattern, denied))
    }
}
