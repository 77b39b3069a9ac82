//! [`Endpoint`]: one thing that a service can be asked for.

use std::collections::BTreeMap;

use crate::Subscription;

/// A name, a subject and a queue group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) queue: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// The group of all endpoints that don't choose another.
const QUEUE: &str = "q";

impl Endpoint {
    /// An endpoint whose subject is its name, in queue group `q`.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let subject = name.clone();
        Self { name, subject, queue: Some(QUEUE.to_owned()), metadata: BTreeMap::new() }
    }

    /// On another subject, which may be a pattern.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// In another queue group: instances of different groups all get a request.
    #[must_use]
    pub fn queue_group(mut self, group: impl Into<String>) -> Self {
        self.queue = Some(group.into());
        self
    }

    /// In no queue group: every instance gets every request.
    #[must_use]
    pub fn no_queue_group(mut self) -> Self {
        self.queue = None;
        self
    }

    /// Adds a free-form fact, shown by discovery.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    pub(crate) fn subscription(&self) -> Subscription {
        let subscription = Subscription::new(&self.subject);
        match &self.queue {
            Some(group) => subscription.queue(group),
            None => subscription,
        }
    }
}
