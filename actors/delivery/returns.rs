//! Ways back to other clusters: a request that came from one is answered by the way that it took.
//!
//! The interest in the answer takes another way, through another server of that cluster, and may
//! come later than the request did. So whoever takes the request in notes the link that it came
//! by, and the answers of the next seconds go there instead of to the link that leads to that
//! cluster otherwise. Each of these answers prolongs that time: what is sent one behind the other
//! stays in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::Lane;

/// See the module's text. Of one realm.
#[derive(Default)]
pub struct Returns {
    /// Whether something is noted, so that a publisher need not look.
    some: AtomicBool,
    noted: Mutex<Noted>,
}

/// The way that answers to one subject take.
#[derive(Clone)]
pub struct Return {
    /// To a server of `cluster`, or to one of this cluster that knows further.
    pub lane: Arc<Lane>,
    pub cluster: Arc<str>,
}

#[derive(Default)]
struct Noted {
    /// By reply subject. What is not used again grows old, and is forgotten with all that is old.
    young: HashMap<Box<[u8]>, Return>,
    old: HashMap<Box<[u8]>, Return>,
    since: Option<Instant>,
}

/// A way is known for this time after its last use, and for twice that at most.
const KEPT: Duration = Duration::from_secs(2);
/// Ways noted within that time. Beyond, answers take the way of all messages.
const WAYS_MAX: usize = 1 << 16;

// === impl Returns ===

impl Returns {
    /// Whether a way may be known for some subject.
    #[inline]
    #[must_use]
    pub fn any(&self) -> bool {
        self.some.load(Relaxed)
    }

    /// Answers to `reply` go this way for a while.
    pub fn note(&self, reply: &[u8], way: Return, now: Instant) {
        let mut noted = self.noted.lock();
        noted.age(now);
        if noted.young.len() < WAYS_MAX || noted.young.contains_key(reply) {
            noted.young.insert(reply.into(), way);
            self.some.store(true, Relaxed);
        }
    }

    /// The way of an answer to `subject`. A link that has ended is no way any more.
    #[must_use]
    pub fn find(&self, subject: &[u8], now: Instant) -> Option<Return> {
        let mut noted = self.noted.lock();
        noted.age(now);
        if noted.young.is_empty() && noted.old.is_empty() {
            self.some.store(false, Relaxed);
            return None;
        }
        if let Some((subject, way)) = noted.old.remove_entry(subject) {
            noted.young.entry(subject).or_insert(way);
        }
        noted.young.get(subject).filter(|way| way.lane.out().is_open()).cloned()
    }
}

// === impl Noted ===

impl Noted {
    fn age(&mut self, now: Instant) {
        let age = now.duration_since(*self.since.get_or_insert(now));
        if age >= KEPT {
            self.old = std::mem::take(&mut self.young);
            if age >= 2 * KEPT {
                self.old.clear();
            }
            self.since = Some(now);
        }
    }
}
