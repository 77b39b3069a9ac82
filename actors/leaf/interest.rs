//! What the other end wants, as the subject shards are told it.
//!
//! Nothing that the other end says behind its interest is worked on before all shards have
//! acknowledged that: a request that follows the interest in its answer finds it in force.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Leaf;
use crate::delivery::interest::Change;
use crate::delivery::shadow::Cast as Shade;
use crate::delivery::terms::Denied;
use crate::delivery::{Sub, Target, shadows};
use crate::realm::Realm;
use crate::shard::Changes;

/// Subject and queue group, which is empty where there is none.
pub(super) type Key = (Box<[u8]>, Box<[u8]>);

/// A subscription, and what stands for it in other realms.
pub(super) struct Want {
    sub: Sub,
    shadows: Vec<Shade>,
}

// === impl Want ===

impl Want {
    /// A change for the subscription, and one for each shadow.
    fn changes(&self, realm: &Arc<Realm>, change: fn(Sub) -> Change) -> Vec<(Arc<Realm>, Change)> {
        let own = std::iter::once((realm, &self.sub));
        let all = own.chain(self.shadows.iter().map(|(realm, sub)| (realm, sub)));
        all.map(|(realm, sub)| (Arc::clone(realm), change(sub.clone()))).collect()
    }

    /// Nobody delivers to it from here on.
    fn ended(&self, realm: &Arc<Realm>) -> Vec<(Arc<Realm>, Change)> {
        self.sub.close();
        self.changes(realm, Change::Remove)
    }
}

// === impl Leaf ===

impl Leaf {
    /// So many at the other end want this: none where it is 0.
    pub(super) fn want(
        &mut self,
        subject: &[u8],
        queue: Option<&[u8]>,
        weight: u32,
    ) -> Result<(), Denied> {
        let key = (subject.into(), queue.unwrap_or_default().into());
        let before = match weight {
            0 => self.wants.remove(&key),
            _ => {
                let filter = self.lane.terms.outward(subject)?;
                let target = Target::Leaf(Arc::clone(&self.lane));
                let sub = Sub::far(target, subject, queue, weight, filter);
                let want = Want { shadows: shadows(&sub, &self.realm), sub };
                self.gather(want.changes(&self.realm, Change::Add));
                self.wants.insert(key, want)
            }
        };
        if let Some(before) = before {
            // It is not closed: messages may find it until the shards have taken it out, in the
            // place of all that is wanted there of the same subject. The other end knows best.
            self.gather(before.changes(&self.realm, Change::Remove));
        }
        self.pipe.out.stats.subscriptions.store(self.wants.len() as u64, Relaxed);
        Ok(())
    }

    fn gather(&mut self, changes: Vec<(Arc<Realm>, Change)>) {
        changes.into_iter().for_each(|(realm, change)| self.pipe.changes.push(&realm, change));
    }

    /// Withdraws all interest. Nobody delivers to it from here on; the shards forget it in time.
    pub(super) fn withdraw(&mut self) {
        self.pipe.changes = Changes::default();
        let ended = self.wants.drain().flat_map(|(_, want)| want.ended(&self.realm));
        let ended: Vec<_> = ended.collect();
        if !ended.is_empty() {
            Changes::send_off(&ended, &self.pipe.cast);
        }
    }
}
