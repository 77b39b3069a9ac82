//! The store: all groups of a server, and the write-ahead log they share.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hashbrown::HashMap;
use parking_lot::RwLock;

use crate::crypt::keys;
use crate::disk::Disk;
use crate::env::Env;
use crate::error::{OpenError, StoreError};
use crate::group::{Done, Group, GroupId, Kind};
use crate::options::Options;
use crate::pool::Pool;
use crate::stats::{Counters, Health, Stats};
use crate::table::{Key, Table, TableOp};
use bytes::Bytes;

/// All groups of a server. Clones are the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    env: Arc<Env>,
    groups: RwLock<HashMap<GroupId, Slot>>,
    next_id: AtomicU64,
}

struct Slot {
    group: Arc<Group>,
}

/// A group as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    pub id: GroupId,
    pub account: String,
    pub name: String,
    pub kind: Kind,
}

const READ_THREADS: usize = 2;
const WRITE_THREADS: usize = 2;

// === impl Store ===

impl Store {
    /// Reads what there is and makes the rest. Blocks.
    pub fn open(options: Options, disk: Arc<dyn Disk>) -> Result<Store, OpenError> {
        let dir: PathBuf = options.dir.join("jetstream");
        disk.create_dir_all(&dir).map_err(OpenError::io(&dir))?;
        let cipher = keys::open(&*disk, &dir, options.encryption.as_ref())?;
        let counters = Arc::new(Counters::default());
        let env = Arc::new(Env {
            disk,
            options: options.log.clone(),
            cipher,
            reads: Pool::new("store-read", READ_THREADS),
            writes: Pool::new("store-write", WRITE_THREADS),
            counters,
        });
        let groups = RwLock::default();
        Ok(Store(Arc::new(Inner { env, groups, next_id: AtomicU64::new(1) })))
    }

    /// All groups there are.
    pub fn groups(&self) -> Vec<GroupInfo> {
        self.0.groups.read().values().map(|slot| slot.group.info()).collect()
    }

    /// Makes a group with `entries` in its table; it is there for good once `done` is called.
    pub fn create(
        &self,
        account: &str,
        name: &str,
        kind: Kind,
        first_seq: u64,
        entries: Vec<(Key, Bytes)>,
        done: Done,
    ) -> Result<GroupId, StoreError> {
        let mut groups = self.0.groups.write();
        if groups.values().any(|slot| slot.group.account == account && slot.group.name == name) {
            return Err(StoreError::Exists);
        }
        let id = GroupId(self.0.next_id.fetch_add(1, Relaxed));
        let info = GroupInfo { id, account: account.to_owned(), name: name.to_owned(), kind };
        let group = Arc::new(Group::new(info, first_seq, None));
        for (key, value) in entries {
            group.entries().write().apply(TableOp::Put(key, value));
        }
        groups.insert(id, Slot { group });
        drop(groups);
        done(Ok(()));
        Ok(id)
    }

    pub fn table(&self, id: GroupId) -> Result<Table, StoreError> {
        let groups = self.0.groups.read();
        let slot = groups.get(&id).ok_or(StoreError::Unknown)?;
        Ok(Table::new(Arc::clone(&slot.group)))
    }

    /// Removes a group and all it holds. Nothing of it comes back once `done` is called.
    pub fn delete(&self, id: GroupId, done: Done) {
        self.0.groups.write().remove(&id);
        done(Ok(()));
    }

    pub fn health(&self) -> Health {
        self.0.env.counters.health()
    }

    pub fn stats(&self) -> Stats {
        self.0.env.counters.stats()
    }

    /// Makes everything safe and stops. Blocks; batches that come later fail.
    pub fn shutdown(&self) {
        self.0.env.writes.wait_idle();
    }
}
