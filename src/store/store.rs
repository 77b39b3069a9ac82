//! The store: all groups of a server, and the write-ahead log they share.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
use parking_lot::{Mutex, RwLock};

use crate::disk::Disk;
use crate::env::Env;
use crate::error::{CommitError, OpenError, StoreError};
use crate::group::{Backing, Done, Group, GroupId, Kind, Mode};
use crate::log::Log;
use crate::options::Options;
use crate::stats::{Health, Stats};
use crate::table::{Key, Table, TableOp};

mod catalog;
mod checkpoint;
mod layout;
mod open;
mod remove;
mod slot;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

use checkpoint::Checkpointer;
use layout::Layout;
use slot::Slot;
use snapshot::Birth;

/// All groups of a server. Clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    life: Arc<Life>,
}

/// Ends the store with its last clone, if nobody did before.
struct Life {
    inner: Arc<Inner>,
    checkpointer: Checkpointer,
}

struct Inner {
    env: Arc<Env>,
    layout: Layout,
    backing: Backing,
    /// The table of this one lists the others.
    meta: Arc<Group>,
    groups: RwLock<Groups>,
    stopping: AtomicBool,
    /// Held until everything is safe: no other server may open the store before.
    lock: Mutex<Option<Box<dyn Any + Send + Sync>>>,
}

#[derive(Default)]
struct Groups {
    slots: HashMap<GroupId, Arc<Slot>>,
    /// Account and name of every slot, and of what is being deleted.
    names: HashSet<(String, String)>,
    next_id: u64,
}

/// A group as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    pub id: GroupId,
    pub account: String,
    pub name: String,
    pub kind: Kind,
}

// === impl Store ===

impl Store {
    /// Reads what there is: the list of groups and the write-ahead log. Groups are read in the
    /// background, or when they are first asked for. Blocks.
    pub fn open(options: Options, disk: Arc<dyn Disk>) -> Result<Store, OpenError> {
        let inner = open::open(options, disk)?;
        let checkpointer = checkpoint::start(&inner);
        open::load_all(&inner);
        let life = Arc::new(Life { inner: Arc::clone(&inner), checkpointer });
        Ok(Store { inner, life })
    }

    /// All groups there are, in the order in which they were made.
    pub fn groups(&self) -> Vec<GroupInfo> {
        let groups = self.inner.groups.read();
        let mut infos: Vec<_> = groups.slots.values().map(|slot| slot.group.info()).collect();
        infos.sort_by_key(|info| info.id);
        infos
    }

    /// Makes a group with `entries` in its table. It can be used at once, and is there for good
    /// when `done` is called; if that brings an error it is gone again.
    pub fn create(
        &self,
        account: &str,
        name: &str,
        kind: Kind,
        first_seq: u64,
        entries: Vec<(Key, Bytes)>,
        done: Done,
    ) -> Result<GroupId, StoreError> {
        let inner = &self.inner;
        if inner.stopping.load(Relaxed) {
            return Err(StoreError::Stopped);
        }
        let mut groups = inner.groups.write();
        if !groups.names.insert((account.to_owned(), name.to_owned())) {
            return Err(StoreError::Exists);
        }
        let id = GroupId(groups.next_id);
        groups.next_id += 1;
        let info = GroupInfo { id, account: account.to_owned(), name: name.to_owned(), kind };
        let birth = Birth { info, first_seq };
        let entries: Vec<TableOp> =
            entries.into_iter().map(|(key, value)| TableOp::Put(key, value)).collect();
        let slot = Slot::new(&birth, inner.backing(&birth), entries.clone());
        groups.slots.insert(id, Arc::new(slot));
        inner.env.counters.groups.fetch_add(1, Relaxed);
        drop(groups);
        if kind == Kind::Memory {
            done(Ok(()));
            return Ok(id);
        }
        let weak = Arc::downgrade(inner);
        let made = move |result: Result<(), CommitError>| {
            if let (Err(_), Some(inner)) = (result, weak.upgrade()) {
                inner.forget(id);
            }
            done(result);
        };
        inner.write_meta(catalog::made(&birth, &entries), Mode::Durable, Box::new(made));
        Ok(id)
    }

    /// The log of a group, for its one writer. Blocks while the group is being read.
    pub fn log(&self, id: GroupId) -> Result<Log, StoreError> {
        self.inner.slot(id)?.core(&self.inner.env)?.writer()
    }

    /// The same for those who must not wait: `Busy` while the group is being read, which is then
    /// done next.
    pub fn try_log(&self, id: GroupId) -> Result<Log, StoreError> {
        let slot = self.inner.slot(id)?;
        if slot.is_quick() {
            return slot.core(&self.inner.env)?.writer();
        }
        if slot.hurry() {
            let env = Arc::clone(&self.inner.env);
            self.inner.env.reads.run_next(move || drop(slot.core(&env)));
        }
        Err(StoreError::Busy)
    }

    /// The table of a group. Blocks while it is being read, which takes far less time than the log.
    pub fn table(&self, id: GroupId) -> Result<Table, StoreError> {
        let slot = self.inner.slot(id)?;
        slot.read_table(&self.inner.env)?;
        Ok(Table::new(Arc::clone(&slot.group)))
    }

    /// Reads a group, unless that is done, and then calls `ready`, on a thread of the store or
    /// before this returns.
    pub fn load(&self, id: GroupId, ready: Box<dyn FnOnce(Result<(), StoreError>) + Send>) {
        let slot = match self.inner.slot(id) {
            Ok(slot) if !slot.is_ready() => slot,
            Ok(_) => return ready(Ok(())),
            Err(error) => return ready(Err(error)),
        };
        let env = Arc::clone(&self.inner.env);
        self.inner.env.reads.run_next(move || ready(slot.core(&env).map(|_| ())));
    }

    /// Removes a group and all it holds. Nothing of it comes back once `done` is called.
    pub fn delete(&self, id: GroupId, done: Done) {
        remove::delete(&self.inner, id, done);
    }

    pub fn health(&self) -> Health {
        self.inner.env.counters.health()
    }

    pub fn stats(&self) -> Stats {
        self.inner.env.counters.stats()
    }

    /// Makes everything safe and stops. Blocks; what is submitted later fails.
    pub fn shutdown(&self) {
        self.life.end(true);
    }
}

// === impl Life ===

impl Life {
    fn end(&self, checkpoint: bool) {
        if self.inner.stopping.swap(true, Relaxed) {
            return;
        }
        self.checkpointer.end();
        self.inner.backing.wal.close();
        if checkpoint {
            checkpoint::all(&self.inner);
        }
        self.inner.env.writes.wait_idle();
        self.inner.lock.lock().take();
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.end(false);
    }
}

// === impl Inner ===

impl Inner {
    fn slot(&self, id: GroupId) -> Result<Arc<Slot>, StoreError> {
        if self.stopping.load(Relaxed) {
            return Err(StoreError::Stopped);
        }
        self.groups.read().slots.get(&id).cloned().ok_or(StoreError::Unknown)
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        self.groups.read().slots.values().cloned().collect()
    }

    fn backing(&self, birth: &Birth) -> Option<(std::path::PathBuf, Backing)> {
        let dir = self.layout.group(&birth.info.account, &birth.info.name);
        (birth.info.kind != Kind::Memory).then(|| (dir, self.backing.clone()))
    }

    /// Changes the list of groups.
    fn write_meta(&self, ops: Vec<TableOp>, mode: Mode, done: Done) {
        Table::new(Arc::clone(&self.meta)).write(ops, mode, done);
    }

    /// Takes a group off the list of those that can be used, and frees its name.
    fn forget(&self, id: GroupId) {
        let mut groups = self.groups.write();
        if let Some(slot) = groups.slots.remove(&id) {
            slot.group.set_deleted(true);
            let group = &slot.group;
            groups.names.remove(&(group.account.clone(), group.name.clone()));
            self.env.counters.groups.fetch_sub(1, Relaxed);
            if slot.is_ready() {
                self.env.counters.groups_ready.fetch_sub(1, Relaxed);
            }
        }
    }
}
