//! Who still needs a message: on a stream that keeps messages only as long as consumers want them.
//!
//! For each consumer it is known what it is for (filters) and what it is done with (a floor, and
//! single messages above it). A consumer that was just born has not told yet; until it does it
//! counts as needing everything it is for.

use hashbrown::HashMap;
use smallvec::SmallVec;
use vagus_subject::matches;

use super::messages::ConsumerId;
use super::ranges::Ranges;

/// When a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Consumers have no say.
    Limits,
    /// When every consumer that it is for is done with it.
    Interest,
    /// When a consumer that it is for is done with it.
    WorkQueue,
}

/// See the module's text.
pub(super) struct Retention {
    rule: Rule,
    consumers: HashMap<ConsumerId, Need>,
    /// By subject: for which consumers its messages are. Cleared when they change.
    wanting: HashMap<u32, SmallVec<[ConsumerId; 4]>>,
}

/// What one consumer needs.
#[derive(Debug, Default)]
struct Need {
    /// None: everything.
    filters: Vec<Box<[u8]>>,
    /// It is done with all up to here.
    floor: u64,
    done: Ranges,
}

/// Subjects remembered at most.
const WANTING_MAX: usize = 64 << 10;

// === impl Need ===

impl Need {
    fn wants(&self, subject: &[u8]) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| matches(filter, subject))
    }

    fn is_done(&self, seq: u64) -> bool {
        seq <= self.floor || self.done.contains(seq)
    }
}

// === impl Retention ===

impl Retention {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, consumers: HashMap::new(), wanting: HashMap::new() }
    }

    pub(super) fn rule(&self) -> Rule {
        self.rule
    }

    /// Limits and interest may follow each other.
    pub(super) fn set_rule(&mut self, rule: Rule) {
        self.rule = rule;
    }

    /// A consumer for `filters` (none: for all), which is done with nothing above `floor` yet.
    /// For one that is known, new filters.
    pub(super) fn join(&mut self, id: ConsumerId, filters: Vec<Box<[u8]>>, floor: u64) {
        self.wanting.clear();
        let need = self.consumers.entry(id).or_default();
        need.filters = filters;
        need.floor = need.floor.max(floor);
    }

    pub(super) fn leave(&mut self, id: ConsumerId) {
        self.wanting.clear();
        self.consumers.remove(&id);
    }

    /// A consumer is done with everything up to `floor`. The answer is where it stood before.
    pub(super) fn raise(&mut self, id: ConsumerId, floor: u64) -> u64 {
        let Some(need) = self.consumers.get_mut(&id) else { return floor };
        let before = need.floor;
        need.floor = need.done.settle(floor.max(before));
        before
    }

    /// A consumer starts over at `floor`: what it was done with above that, it wants again.
    pub(super) fn reset(&mut self, id: ConsumerId, floor: u64) {
        if let Some(need) = self.consumers.get_mut(&id) {
            (need.floor, need.done) = (floor, Ranges::default());
        }
    }

    /// A consumer is done with some above its floor.
    pub(super) fn done(&mut self, id: ConsumerId, first: u64, last: u64) {
        if let Some(need) = self.consumers.get_mut(&id) {
            need.done.insert_range(first.max(need.floor + 1), last);
            need.floor = need.done.settle(need.floor);
        }
    }

    /// Whether a message to this subject is for anybody.
    pub(super) fn is_wanted(&self, subject: &[u8]) -> bool {
        self.rule != Rule::Interest || self.consumers.values().any(|need| need.wants(subject))
    }

    /// Whether nobody needs a stored message any more. `subject_id` is the store's number for its
    /// subject.
    pub(super) fn is_spent(&mut self, seq: u64, subject_id: u32, subject: &[u8]) -> bool {
        let Self { rule, consumers, wanting } = self;
        if *rule == Rule::Limits {
            return false;
        }
        if wanting.len() >= WANTING_MAX {
            wanting.clear();
        }
        let for_whom = wanting.entry(subject_id).or_insert_with(|| {
            consumers.iter().filter(|(_, need)| need.wants(subject)).map(|(id, _)| *id).collect()
        });
        let mut needs = for_whom.iter().filter_map(|id| consumers.get(id));
        match rule {
            Rule::Limits => false,
            Rule::Interest => needs.all(|need| need.is_done(seq)),
            Rule::WorkQueue => needs.any(|need| need.is_done(seq)),
        }
    }

    /// Subject ids may stand for others from now on.
    pub(super) fn forget_subjects(&mut self) {
        self.wanting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(list: &[&str]) -> Vec<Box<[u8]>> {
        list.iter().map(|filter| filter.as_bytes().into()).collect()
    }

    #[test]
    fn interest_waits_for_all_that_want_it() {
        let mut retention = Retention::new(Rule::Interest);
        assert!(!retention.is_wanted(b"a"));
        retention.join(1, filters(&["a"]), 0);
        retention.join(2, filters(&[]), 10);
        assert!(retention.is_wanted(b"a") && retention.is_wanted(b"b"));
        assert!(!retention.is_spent(5, 0, b"a"), "1 needs it");
        assert!(retention.is_spent(5, 1, b"b"), "2 came later, 1 does not want it");
        retention.done(1, 5, 5);
        assert!(retention.is_spent(5, 0, b"a"));
        retention.done(1, 12, 12);
        assert!(!retention.is_spent(12, 0, b"a"), "2 needs it");
        assert_eq!(retention.raise(2, 12), 10);
        assert!(retention.is_spent(12, 0, b"a"));
        retention.leave(2);
        assert!(retention.is_spent(13, 1, b"b"), "nobody wants it any more");
        assert!(!retention.is_spent(13, 0, b"a"));
        retention.join(1, filters(&["b"]), 0);
        assert!(retention.is_spent(13, 0, b"a"), "the filter has changed");
        assert!(!retention.is_wanted(b"a"));
    }

    #[test]
    fn a_work_queue_waits_for_one() {
        let mut retention = Retention::new(Rule::WorkQueue);
        assert!(retention.is_wanted(b"a"), "a consumer may come");
        assert!(!retention.is_spent(1, 0, b"a"));
        retention.join(1, filters(&["a"]), 0);
        retention.join(2, filters(&["b"]), 0);
        retention.done(2, 1, 3);
        assert!(!retention.is_spent(1, 0, b"a"), "2 is not for it");
        assert!(retention.is_spent(2, 1, b"b"));
        retention.reset(2, 1);
        assert!(!retention.is_spent(2, 1, b"b") && retention.is_spent(1, 1, b"b"));
    }

    #[test]
    fn on_a_stream_of_limits_nobody_has_a_say() {
        let mut retention = Retention::new(Rule::Limits);
        assert!(retention.is_wanted(b"a"));
        retention.join(1, filters(&[]), 0);
        retention.raise(1, 100);
        assert!(!retention.is_spent(1, 0, b"a"));
    }
}
