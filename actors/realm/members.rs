//! The connections of a realm. They count for themselves what they send and get; a realm adds that
//! up when it is asked, so that no message costs a second count.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use hashbrown::HashMap;

use crate::delivery::Outbound;

/// See the module's text.
#[derive(Default)]
pub(super) struct Members {
    by_cid: HashMap<u64, Member>,
    /// Of those who have left.
    past: Traffic,
}

struct Member {
    out: Arc<Outbound>,
    /// What it had counted when it came.
    before: Traffic,
}

/// What clients have sent and got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections at present.
    pub connections: usize,
    pub in_msgs: u64,
    pub in_bytes: u64,
    pub out_msgs: u64,
    pub out_bytes: u64,
    pub slow_consumers: u64,
}

// === impl Members ===

impl Members {
    pub(super) fn enter(&mut self, out: &Arc<Outbound>, max: usize) -> bool {
        if self.by_cid.len() >= max {
            return false;
        }
        let member = Member { out: Arc::clone(out), before: Traffic::of(out) };
        self.by_cid.insert(out.cid, member);
        true
    }

    pub(super) fn leave(&mut self, out: &Outbound) {
        if let Some(member) = self.by_cid.remove(&out.cid) {
            self.past.add(&member.traffic());
            let slow = out.closed().is_some_and(|reason| reason.is_slow_consumer());
            self.past.slow_consumers += u64::from(slow);
        }
    }

    pub(super) fn traffic(&self) -> Traffic {
        let mut sum = Traffic { connections: self.by_cid.len(), ..self.past };
        self.by_cid.values().for_each(|member| sum.add(&member.traffic()));
        sum
    }

    pub(super) fn beyond(&self, max: usize) -> Vec<u64> {
        if self.by_cid.len() <= max {
            return Vec::new();
        }
        let mut cids: Vec<u64> = self.by_cid.keys().copied().collect();
        cids.sort_unstable();
        cids.split_off(max.min(cids.len()))
    }
}

// === impl Member ===

impl Member {
    /// Since it came.
    fn traffic(&self) -> Traffic {
        let (now, before) = (Traffic::of(&self.out), &self.before);
        Traffic {
            in_msgs: now.in_msgs - before.in_msgs,
            in_bytes: now.in_bytes - before.in_bytes,
            out_msgs: now.out_msgs - before.out_msgs,
            out_bytes: now.out_bytes - before.out_bytes,
            ..Traffic::default()
        }
    }
}

// === impl Traffic ===

impl Traffic {
    pub(super) fn of(out: &Outbound) -> Self {
        let stats = &out.stats;
        Self {
            in_msgs: stats.in_msgs.load(Relaxed),
            in_bytes: stats.in_bytes.load(Relaxed),
            out_msgs: stats.out_msgs.load(Relaxed),
            out_bytes: stats.out_bytes.load(Relaxed),
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.in_msgs += other.in_msgs;
        self.in_bytes += other.in_bytes;
        self.out_msgs += other.out_msgs;
        self.out_bytes += other.out_bytes;
    }
}
