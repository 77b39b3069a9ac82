//! The rosters of a realm: what actors have subscribed to in it, to be found where the realm
//! imports something else from now on.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::shard::Entry;

/// See the module's text.
#[derive(Default)]
pub(crate) struct Rosters(Mutex<Known>);

#[derive(Default)]
struct Known {
    entries: Vec<Weak<Entry>>,
    /// From so many on, those that are gone are looked for.
    enough: usize,
}

/// Entries among which nobody looks for those that are gone.
const FEW: usize = 64;

impl Rosters {
    pub(crate) fn add(&self, entry: &Arc<Entry>) {
        let mut known = self.0.lock();
        if known.entries.len() >= known.enough.max(FEW) {
            known.entries.retain(|entry| entry.strong_count() > 0);
            known.enough = known.entries.len() * 2;
        }
        known.entries.push(Arc::downgrade(entry));
    }

    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.0.lock().entries.iter().filter_map(Weak::upgrade).collect()
    }
}
