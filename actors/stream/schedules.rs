//! Schedules of a stream: one a subject, and which of them is due next.
//!
//! A schedule belongs to the last message of its subject; it goes when that message goes.

use std::collections::BTreeSet;

use hashbrown::HashMap;

/// One schedule that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    /// The message that holds it.
    pub seq: u64,
    /// When it fires, in nanoseconds of the wall clock.
    pub due_ns: i64,
}

/// See the module's text.
#[derive(Default)]
pub(super) struct Schedules {
    by_subject: HashMap<Box<[u8]>, Planned>,
    by_seq: HashMap<u64, Box<[u8]>>,
    due: BTreeSet<(i64, u64)>,
}

// === impl Schedules ===

impl Schedules {
    pub(super) fn is_empty(&self) -> bool {
        self.by_seq.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.by_seq.len()
    }

    /// Plans, in the place of what was planned for the subject.
    pub(super) fn plan(&mut self, subject: &[u8], planned: Planned) {
        self.drop_subject(subject);
        self.by_subject.insert(subject.into(), planned);
        self.by_seq.insert(planned.seq, subject.into());
        self.due.insert((planned.due_ns, planned.seq));
    }

    /// Moves a schedule on to its next time.
    pub(super) fn move_on(&mut self, seq: u64, due_ns: i64) {
        let Some(subject) = self.by_seq.get(&seq) else { return };
        if let Some(planned) = self.by_subject.get_mut(subject) {
            self.due.remove(&(planned.due_ns, seq));
            planned.due_ns = due_ns;
            self.due.insert((due_ns, seq));
        }
    }

    pub(super) fn drop_subject(&mut self, subject: &[u8]) -> bool {
        let Some(planned) = self.by_subject.remove(subject) else { return false };
        self.by_seq.remove(&planned.seq);
        self.due.remove(&(planned.due_ns, planned.seq))
    }

    /// The message is gone, and its schedule with it. The answer is its subject, if it had one.
    pub(super) fn drop_seq(&mut self, seq: u64) -> Option<Box<[u8]>> {
        let subject = self.by_seq.get(&seq)?.clone();
        self.drop_subject(&subject);
        Some(subject)
    }

    /// The sequences of all messages that hold one.
    pub(super) fn seqs(&self) -> impl Iterator<Item = u64> {
        self.by_seq.keys().copied()
    }

    pub(super) fn of(&self, subject: &[u8]) -> Option<Planned> {
        self.by_subject.get(subject).copied()
    }

    /// When the next one fires.
    pub(super) fn next_due(&self) -> Option<i64> {
        self.due.first().map(|(due_ns, _)| *due_ns)
    }

    /// Those that are due, by the sequence of their message, `most` of them.
    pub(super) fn due(&self, now_ns: i64, most: usize) -> Vec<Planned> {
        let due = self.due.iter().take_while(|(due_ns, _)| *due_ns <= now_ns).take(most);
        let mut due: Vec<_> =
            due.map(|(due_ns, seq)| Planned { seq: *seq, due_ns: *due_ns }).collect();
        due.sort_unstable_by_key(|planned| planned.seq);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_one_schedule() {
        let mut schedules = Schedules::default();
        schedules.plan(b"a", Planned { seq: 1, due_ns: 100 });
        schedules.plan(b"b", Planned { seq: 2, due_ns: 50 });
        schedules.plan(b"a", Planned { seq: 3, due_ns: 70 });
        assert_eq!((schedules.len(), schedules.next_due()), (2, Some(50)));
        let due: Vec<u64> = schedules.due(70, 10).iter().map(|planned| planned.seq).collect();
        assert_eq!(due, [2, 3]);
        schedules.move_on(2, 200);
        assert_eq!(schedules.next_due(), Some(70));
        assert_eq!(schedules.drop_seq(1), None, "it was replaced");
        assert_eq!(schedules.drop_seq(3).as_deref(), Some(&b"a"[..]));
        assert_eq!((schedules.of(b"a"), schedules.next_due()), (None, Some(200)));
        assert!(schedules.drop_subject(b"b") && schedules.is_empty());
        assert_eq!(schedules.next_due(), None);
    }
}
