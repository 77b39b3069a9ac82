//! The table of a group: keys with values that can grow by deltas.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;

use crate::group::{Change, Done, Group, Mode};

pub(crate) mod codec;

/// Such as `config` or `consumer/<name>`.
pub type Key = Bytes;

/// One change of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableOp {
    /// Replaces the value, deltas and all.
    Put(Key, Bytes),
    /// Adds a delta to the value, or to an empty one if there is none.
    Merge(Key, Bytes),
    Delete(Key),
}

/// What is under a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Value {
    /// What was put last.
    pub base: Bytes,
    /// What was merged since, oldest first.
    pub deltas: Vec<Bytes>,
}

/// The content of a table. Cheap to clone as far as values go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entries(BTreeMap<Key, Value>);

/// The table of one group; clones are the same table. Shows what is committed.
#[derive(Clone)]
pub struct Table {
    group: Arc<Group>,
}

// === impl Entries ===

impl Entries {
    pub(crate) fn apply(&mut self, op: TableOp) {
        match op {
            TableOp::Put(key, base) => {
                self.0.insert(key, Value { base, deltas: Vec::new() });
            }
            TableOp::Merge(key, delta) => self.0.entry(key).or_default().deltas.push(delta),
            TableOp::Delete(key) => {
                self.0.remove(&key);
            }
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Value> {
        self.0.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.0.iter()
    }

    /// All keys that begin with `prefix`, in order.
    pub(crate) fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
    ) -> impl Iterator<Item = (&'a Key, &'a Value)> {
        let from: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Included(prefix), Bound::Unbounded);
        self.0.range::<[u8], _>(from).take_while(move |(key, _)| key.starts_with(prefix))
    }
}

// === impl Table ===

impl Table {
    pub(crate) fn new(group: Arc<Group>) -> Table {
        Table { group }
    }

    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.group.entries().read().get(key).cloned()
    }

    /// All keys that begin with `prefix`, in order.
    pub fn scan(&self, prefix: &[u8]) -> Vec<(Key, Value)> {
        let entries = self.group.entries().read();
        entries.scan(prefix).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// All of `ops` or none. They show once they are committed, just before `done` is called; that
    /// is before this returns if the group lives in memory.
    pub fn write(&self, ops: Vec<TableOp>, mode: Mode, done: Done) {
        self.group.submit(Change { table: ops, mode, done, ..Change::default() });
    }
}

/// The entries of a table under the lock that its readers share.
pub(crate) type Shared = RwLock<Entries>;
