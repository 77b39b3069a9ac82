//! What consumers are done with: on a stream of interest, and on a work queue, it may go.

use vagus_store::Listed;

use super::messages::Progress;
use super::retention::Rule;
use super::{Life, Stream};

/// How far the stream has been searched for messages that nobody needs, after something changed
/// that may have set free many at once.
#[derive(Default)]
pub(super) struct Search {
    /// The next sequence to look at; `None`: there is nothing to search for.
    from: Option<u64>,
}

/// Sequences looked at in one turn.
const MOST: usize = 16 << 10;

impl Life {
    pub(super) fn progress(&mut self, progress: Progress) {
        let Progress { consumer, floor, done } = progress;
        if self.state.retention.rule() == Rule::Limits || self.failing.is_some() {
            // Kept in mind, for when interest counts or commits succeed again.
            done.iter().for_each(|(a, b)| self.state.retention.done(consumer, *a, *b));
            self.state.retention.raise(consumer, floor);
            return;
        }
        for (first, last) in done {
            self.state.retention.done(consumer, first, last);
            self.release(first, last);
        }
        let before = self.state.retention.raise(consumer, floor);
        if floor > before {
            self.release(before + 1, floor);
        }
    }

    /// Removes those of a range that nobody needs any more. What is too many for one turn is left
    /// to the search.
    fn release(&mut self, first: u64, last: u64) {
        let first = first.max(self.state.log.first_seq());
        if last.saturating_sub(first) > MOST as u64 {
            return self.search_from(first);
        }
        let mut seq = first;
        while let Some(next) = self.state.log.next(seq).filter(|next| next.seq <= last) {
            self.state.release_one(next);
            seq = next.seq + 1;
        }
    }

    fn search_from(&mut self, seq: u64) {
        let from = self.search.from.map_or(seq, |from| from.min(seq));
        self.search.from = Some(from);
    }

    /// Something changed that may set any message free: a consumer came, went, or wants others.
    pub(super) fn resume_retention(&mut self) {
        if self.state.retention.rule() != Rule::Limits {
            self.search_from(self.state.log.first_seq());
        }
    }

    /// Goes on with the search. Whether there is more of it.
    fn search(&mut self) -> bool {
        if self.failing.is_some() {
            return false;
        }
        let Some(mut seq) = self.search.from else { return false };
        for _ in 0..MOST {
            let Some(next) = self.state.log.next(seq) else {
                self.search.from = None;
                return false;
            };
            self.state.release_one(next);
            seq = next.seq + 1;
        }
        self.search.from = Some(seq);
        true
    }
}

impl Stream {
    /// A part of the search, in each turn until it is over.
    pub(super) fn search(&mut self, wake: &std::task::Waker) {
        if self.live(Life::search) == Some(true) {
            wake.wake_by_ref();
        }
    }
}

impl super::state::State {
    fn release_one(&mut self, next: Listed) {
        let Listed { seq, subject_id, .. } = next;
        let Self { log, retention, .. } = self;
        if log.subject(subject_id, |subject| retention.is_spent(seq, subject_id, subject)) {
            self.remove(seq);
        }
    }
}
