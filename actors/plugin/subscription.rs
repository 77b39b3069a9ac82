//! [`Subscription`]: a subject, and perhaps a queue group.

use vagus_subject::is_valid_subscription;

/// One subscription of a plugin. Its place in [`Plugin::subscriptions`](crate::Plugin) is its
/// number in [`Message::subscription`](crate::Message::subscription).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    subject: String,
    queue: Option<String>,
}

impl Subscription {
    /// To a subject, or to a pattern with `*` and `>`.
    #[must_use]
    pub fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), queue: None }
    }

    /// As a member of a queue group: each message goes to one member, wherever it is connected.
    #[must_use]
    pub fn queue(mut self, group: impl Into<String>) -> Self {
        self.queue = Some(group.into());
        self
    }

    /// The subject or pattern.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The queue group.
    #[must_use]
    pub fn queue_group(&self) -> Option<&str> {
        self.queue.as_deref()
    }

    /// Whether subject and group can be subscribed to.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let group = |queue: &String| {
            !queue.is_empty() && !queue.contains(|c: char| c.is_ascii_whitespace())
        };
        is_valid_subscription(self.subject.as_bytes()) && self.queue.as_ref().is_none_or(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_and_groups_are_checked() {
        for good in ["a", "a.*", ">", "$SRV.PING"] {
            assert!(Subscription::new(good).is_valid(), "{good}");
        }
        for bad in ["", "a..b", "a b", ">.a"] {
            assert!(!Subscription::new(bad).is_valid(), "{bad}");
        }
        assert!(Subscription::new("a").queue("q.1").is_valid());
        assert!(!Subscription::new("a").queue("").is_valid());
        assert!(!Subscription::new("a").queue("x y").is_valid());
    }
}
