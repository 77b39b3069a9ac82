//! What the messages of an atomic batch that come before one have done, while none is stored yet.

use hashbrown::{HashMap, HashSet};

use super::counter::Counter;
use super::plan::Plan;

/// See the module's text.
#[derive(Default)]
pub(super) struct Staged {
    count: u64,
    bytes: u64,
    ids: HashSet<Box<[u8]>>,
    subjects: HashMap<Box<[u8]>, OnSubject>,
}

#[derive(Default)]
struct OnSubject {
    count: u64,
    /// Whether the last one is a schedule.
    schedule: bool,
    counter: Option<Counter>,
}

// === impl Staged ===

impl Staged {
    pub(super) fn add(&mut self, plan: &Plan<'_>, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
        if let Some(id) = plan.id {
            self.ids.insert(id.into());
        }
        let on_subject = self.subjects.entry(plan.subject.into()).or_default();
        on_subject.count += 1;
        on_subject.schedule = plan.schedule.is_some();
        on_subject.counter.clone_from(&plan.counter);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn has_id(&self, id: &[u8]) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn has_subject(&self, subject: &[u8]) -> bool {
        self.subjects.contains_key(subject)
    }

    pub(super) fn count_of(&self, subject: &[u8]) -> u64 {
        self.subjects.get(subject).map_or(0, |on| on.count)
    }

    pub(super) fn counter(&self, subject: &[u8]) -> Option<&Counter> {
        self.subjects.get(subject)?.counter.as_ref()
    }

    /// Whether the last message on the subject is a schedule; `None` without one.
    pub(super) fn is_schedule(&self, subject: &[u8]) -> Option<bool> {
        self.subjects.get(subject).map(|on| on.schedule)
    }
}
