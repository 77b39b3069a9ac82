//! How many messages are still to come for somebody who has got to a sequence.

use super::filter::Filter;
use super::index::Index;
use super::reader::Reader;
use super::subjects::Entry;
use super::walk::Path;

/// What was counted the last time, so that the next time only what changed is counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct PendingCache {
    /// The number of the log this is about.
    log: u64,
    after: u64,
    /// Up to here was counted.
    upto: u64,
    count: u64,
    /// Removals until then.
    removals: u64,
}

// === impl Reader ===

impl Reader {
    /// Committed messages behind sequence `after` that `filter` wants. A cache belongs to one
    /// filter.
    pub fn pending(&self, cache: &mut PendingCache, after: u64, filter: &Filter) -> u64 {
        let index = self.core().index.read();
        if filter.is_all() {
            return index.live_between(after.saturating_add(1), index.committed);
        }
        index.recount(cache, after, filter);
        cache.count
    }
}

// === impl Index ===

impl Index {
    fn recount(&self, cache: &mut PendingCache, after: u64, filter: &Filter) {
        let upto = self.committed.max(after);
        let known = cache.log == self.number
            && cache.after <= after
            && after <= cache.upto
            && cache.upto <= upto
            && self.forget_removed(cache, filter);
        if known {
            if after > cache.after {
                // Whichever part is shorter is counted.
                if after - cache.after <= cache.upto - after {
                    cache.count -= self.count_between(cache.after + 1, after, filter);
                } else {
                    cache.count = self.count_between(after + 1, cache.upto, filter);
                }
            }
            cache.count += self.count_between(cache.upto + 1, upto, filter);
        } else {
            cache.count = self.count_between(after + 1, upto, filter);
        }
        let removals = self.removals.total();
        *cache = PendingCache { log: self.number, after, upto, count: cache.count, removals };
    }

    /// Takes what was removed since out of the count; `false` if that is not known.
    fn forget_removed(&self, cache: &mut PendingCache, filter: &Filter) -> bool {
        let Some(removed) = self.removals.since(cache.removals) else { return false };
        let (after, upto) = (cache.after, cache.upto);
        let gone = filter.judge(self, |wanted| {
            let counted = removed.filter(|(seq, _)| *seq > after && *seq <= upto);
            counted.filter(|(_, id)| wanted(*id)).count() as u64
        });
        cache.count -= gone;
        true
    }

    /// Live messages from `from` to `to` that `filter` wants.
    pub(crate) fn count_between(&self, from: u64, to: u64, filter: &Filter) -> u64 {
        if from > to.min(self.last) || to < self.first {
            return 0;
        }
        if filter.is_all() {
            return self.live_between(from, to);
        }
        let mut count = 0;
        let whole = from <= self.first && to >= self.last;
        if whole && (filter.subjects().is_some() || self.subjects.live() as u64 <= self.messages) {
            self.each_subject(filter, &mut |_, _, entry| count += u64::from(entry.count));
            return count;
        }
        self.walk(Path::all(from, to), filter, &mut |_, _| {
            count += 1;
            true
        });
        count
    }

    /// Calls `each` with every subject that `filter` wants and that has messages.
    pub(crate) fn each_subject(&self, filter: &Filter, each: &mut dyn FnMut(u32, &[u8], &Entry)) {
        let Some(subjects) = filter.subjects() else {
            self.subjects.each(|id, subject, entry| {
                if filter.matches(subject) {
                    each(id, subject, entry);
                }
            });
            return;
        };
        for subject in subjects {
            if let Some(id) = self.subjects.find(subject) {
                let entry = self.subjects.entry(id);
                if entry.count > 0 {
                    each(id, subject, entry);
                }
            }
        }
    }

    /// The last live message at or before `to` that `filter` wants.
    pub(crate) fn last_matching(&self, to: u64, filter: &Filter) -> Option<u64> {
        if let Some(subjects) = filter.subjects() {
            let ids = subjects.iter().filter_map(|subject| self.subjects.find(subject));
            return ids.filter_map(|id| self.last_upto(id, to)).max();
        }
        filter.judge(self, |wanted| {
            let mut at = to.min(self.last).saturating_add(1);
            while let Some(seq) = self.prev_live(at) {
                let (segment, slot) = self.find(seq)?;
                if wanted(self.segments[segment].subject(slot)) {
                    return Some(seq);
                }
                at = seq;
            }
            None
        })
    }
}
