//! Watching for interest: who delivers to one subject is told when subscribers may have come or
//! gone, instead of asking again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use hashbrown::HashMap;
use parking_lot::Mutex;
use vagus_subject::{has_wildcards, matches};

use super::interest::Change;

/// Called when interest in a watched subject may have changed; on the thread of a shard, so it
/// only sends a message.
pub type Bell = Arc<dyn Fn() + Send + Sync>;

/// Those who watch one subject.
type Watching = Vec<(u64, Bell)>;

/// Who watches what.
#[derive(Clone, Default)]
pub struct Watches(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// How many there are, so that nobody looks when nobody watches.
    count: AtomicU64,
    next: AtomicU64,
    by_subject: Mutex<HashMap<Box<[u8]>, Watching>>,
}

/// Watches until dropped.
pub struct Watch {
    watches: Watches,
    subject: Box<[u8]>,
    id: u64,
}

// === impl Watches ===

impl Watches {
    /// Watches a literal subject.
    #[must_use]
    pub fn add(&self, subject: &[u8], bell: Bell) -> Watch {
        let id = self.0.next.fetch_add(1, SeqCst);
        let mut by_subject = self.0.by_subject.lock();
        by_subject.entry(subject.into()).or_default().push((id, bell));
        self.0.count.fetch_add(1, SeqCst);
        Watch { watches: self.clone(), subject: subject.into(), id }
    }

    /// Tells those whom these changes concern; they are in force already.
    pub(super) fn tell(&self, changes: &[Change]) {
        if self.0.count.load(SeqCst) == 0 {
            return;
        }
        let mut bells = Vec::new();
        {
            let by_subject = self.0.by_subject.lock();
            let mut ring = |watching: &[(u64, Bell)]| {
                bells.extend(watching.iter().map(|(_, bell)| Arc::clone(bell)));
            };
            for subject in changes.iter().map(|change| change.sub().subject()) {
                if has_wildcards(subject) {
                    let heard = by_subject.iter().filter(|(watched, _)| matches(subject, watched));
                    heard.for_each(|(_, watching)| ring(watching));
                } else if let Some(watching) = by_subject.get(subject) {
                    ring(watching);
                }
            }
        }
        bells.iter().for_each(|bell| bell());
    }
}

// === impl Watch ===

impl Drop for Watch {
    fn drop(&mut self) {
        let mut by_subject = self.watches.0.by_subject.lock();
        if let Some(watching) = by_subject.get_mut(&self.subject) {
            watching.retain(|(id, _)| *id != self.id);
            if watching.is_empty() {
                by_subject.remove(&self.subject);
            }
        }
        self.watches.0.count.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Feed, Slots, Sub, Target, feed::Intake};

    struct Nobody;

    impl Intake for Nobody {
        fn offer(&self, _: crate::delivery::Deliveries) -> bool {
            true
        }
    }

    fn change(subject: &[u8]) -> Change {
        let feed = Arc::new(Feed::new(Slots::default().take(), Arc::new(Nobody)));
        Change::Add(Sub::new(Target::Actor(feed), subject, None, b"1"))
    }

    #[test]
    fn tells_whom_it_concerns_until_dropped() {
        let watches = Watches::default();
        let rung = Arc::new(AtomicU64::new(0));
        let bell = {
            let rung = Arc::clone(&rung);
            Arc::new(move || {
                rung.fetch_add(1, SeqCst);
            })
        };
        let watch = watches.add(b"to.me", bell);
        for subject in [&b"to.me"[..], b"to.*", b">", b"to.you", b"from.*"] {
            watches.tell(&[change(subject)]);
        }
        assert_eq!(rung.load(SeqCst), 3);
        drop(watch);
        watches.tell(&[change(b"to.me")]);
        assert_eq!(rung.load(SeqCst), 3);
        assert!(watches.0.by_subject.lock().is_empty());
    }
}
