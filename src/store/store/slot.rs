//! A group in the store, read in two steps when it is first needed: its table, which is quick, and
//! its log, which may not be.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use parking_lot::Mutex;

use super::snapshot::{self, Birth};
use crate::disk::File;
use crate::env::Env;
use crate::error::StoreError;
use crate::group::{Backing, Engine, Group, Kind, Replay, Saved};
use crate::log::{self, Core};
use crate::table::TableOp;
use crate::wal::recover::{Position, read_batch};

pub(crate) struct Slot {
    pub(crate) group: Arc<Group>,
    table: Mutex<TableState>,
    log: Mutex<LogState>,
    ready: AtomicBool,
    /// Reading it takes no time worth mentioning: it is done, or there is nothing to read.
    quick: AtomicBool,
    /// Somebody waits for it.
    hurried: AtomicBool,
}

enum TableState {
    /// What it began with, and the batches that are in the write-ahead log.
    Unread {
        entries: Vec<TableOp>,
        backlog: Backlog,
    },
    /// And what the log is to be read from.
    Read(Option<Rest>),
    Unreadable(String),
}

enum LogState {
    Unread,
    Read(Arc<Core>),
    Unreadable(String),
}

/// Batches in the write-ahead log, oldest first.
#[derive(Default)]
struct Backlog {
    positions: Vec<Position>,
    files: Vec<Arc<dyn File>>,
}

/// What is left to be read once the table is.
struct Rest {
    saved: Saved,
    backlog: Backlog,
}

// === impl Slot ===

impl Slot {
    pub(crate) fn new(
        birth: &Birth,
        backing: Option<(PathBuf, Backing)>,
        entries: Vec<TableOp>,
    ) -> Slot {
        let group = Arc::new(Group::new(birth.info.clone(), birth.first_seq, backing));
        let table = TableState::Unread { entries, backlog: Backlog::default() };
        let log = Mutex::new(LogState::Unread);
        Slot {
            group,
            table: Mutex::new(table),
            log,
            ready: AtomicBool::new(false),
            quick: AtomicBool::new(true),
            hurried: AtomicBool::new(false),
        }
    }

    /// Of an earlier run, with what the write-ahead log holds of it.
    pub(crate) fn with_backlog(
        mut self,
        found: Vec<Position>,
        all_files: &[Arc<dyn File>],
    ) -> Slot {
        *self.quick.get_mut() = false;
        if let TableState::Unread { backlog, .. } = self.table.get_mut()
            && !found.is_empty()
        {
            *backlog = Backlog { positions: found, files: all_files.to_vec() };
        }
        self
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Relaxed)
    }

    pub(crate) fn is_quick(&self) -> bool {
        self.quick.load(Relaxed)
    }

    /// True for the first who waits.
    pub(crate) fn hurry(&self) -> bool {
        !self.hurried.swap(true, Relaxed)
    }

    /// The log, if it is read.
    pub(crate) fn engine(&self) -> Option<Arc<Core>> {
        match &*self.log.lock() {
            LogState::Read(core) => Some(Arc::clone(core)),
            _ => None,
        }
    }

    /// Blocks until the table is read.
    pub(crate) fn read_table(&self, env: &Env) -> Result<(), StoreError> {
        let mut state = self.table.lock();
        let (entries, backlog) = match &mut *state {
            TableState::Read(_) => return Ok(()),
            TableState::Unreadable(why) => return Err(StoreError::Unreadable(why.clone())),
            TableState::Unread { entries, backlog } => {
                (std::mem::take(entries), std::mem::take(backlog))
            }
        };
        match read_table(&self.group, env, entries, backlog) {
            Ok(rest) => {
                *state = TableState::Read(Some(rest));
                Ok(())
            }
            Err(error) => {
                *state = TableState::Unreadable(error.to_string());
                Err(self.unreadable(env, &error))
            }
        }
    }

    /// The log; blocks until it is read.
    pub(crate) fn core(&self, env: &Arc<Env>) -> Result<Arc<Core>, StoreError> {
        let mut state = self.log.lock();
        match &*state {
            LogState::Read(core) => return Ok(Arc::clone(core)),
            LogState::Unreadable(why) => return Err(StoreError::Unreadable(why.clone())),
            LogState::Unread => self.read_table(env)?,
        }
        let rest = match &mut *self.table.lock() {
            TableState::Read(rest) => rest.take(),
            _ => None,
        };
        // It is taken once, under the lock of the log.
        let Some(rest) = rest else { return Err(StoreError::Unknown) };
        let read = read_log(&self.group, env, rest);
        self.quick.store(true, Relaxed);
        match read {
            Ok(core) => {
                *state = LogState::Read(Arc::clone(&core));
                self.ready.store(true, Relaxed);
                env.counters.groups_ready.fetch_add(1, Relaxed);
                Ok(core)
            }
            Err(error) => {
                *state = LogState::Unreadable(error.to_string());
                Err(self.unreadable(env, &error))
            }
        }
    }

    fn unreadable(&self, env: &Env, error: &io::Error) -> StoreError {
        let Group { account, name, .. } = &*self.group;
        tracing::error!(%error, account, stream = name, "a stream can't be read");
        env.counters.unreadable.fetch_add(1, Relaxed);
        StoreError::Unreadable(error.to_string())
    }
}

/// The last checkpoint, and what the write-ahead log says of the table since.
fn read_table(
    group: &Group,
    env: &Env,
    entries: Vec<TableOp>,
    mut backlog: Backlog,
) -> io::Result<Rest> {
    if group.kind == Kind::Memory {
        group.restore(0, entries);
        return Ok(Rest { saved: Saved::default(), backlog });
    }
    let found = snapshot::load(&*env.disk, &group.dir, env.cipher.as_ref())?;
    env.counters.damaged.fetch_add(found.damaged, Relaxed);
    group.files().generation = found.generation;
    let is_known = found.newest.is_some();
    let (index, table, state) = match found.newest {
        // Left by a group of this name that was deleted, and whose files were not.
        Some(snapshot) if snapshot.birth.info.id != group.id => (0, entries, None),
        Some(snapshot) => (snapshot.index, snapshot.table, Some(snapshot.log)),
        None => (0, entries, None),
    };
    group.restore(index, table);
    // A group that was never checkpointed is in the write-ahead log from its first batch on.
    let begins = backlog.positions.first().is_some_and(|first| first.begins);
    let stale = found.stale || (!is_known && !begins) || env.wal_damaged;
    backlog.positions.retain(|position| position.index > index);
    for position in backlog.positions.iter().filter(|position| position.has_table) {
        let logged = read_batch(&backlog.files, *position)?;
        // A damaged one was counted when the log was looked through.
        let Some((table, _)) = logged.body else { continue };
        if !group.replay(logged.index, logged.flags, table) {
            env.counters.damaged.fetch_add(1, Relaxed);
            tracing::error!(index = logged.index, stream = group.name, "a change can't be opened");
        }
    }
    if let Some(last) = backlog.positions.last() {
        group.replayed(last.index);
    }
    Ok(Rest { saved: Saved { state, stale }, backlog })
}

/// What the last checkpoint left of the log, and what the write-ahead log holds since.
fn read_log(group: &Arc<Group>, env: &Arc<Env>, rest: Rest) -> io::Result<Arc<Core>> {
    let core = log::open(Arc::clone(group), env, rest.saved)?;
    let engine: &dyn Engine = &*core;
    for position in rest.backlog.positions {
        let logged = read_batch(&rest.backlog.files, position)?;
        let records = logged.body.map(|(_, records)| records);
        if records.as_ref().is_none_or(|records| !records.is_empty()) || logged.mark > 0 {
            engine.replay(Replay { mark: logged.mark, records });
        }
    }
    Ok(core)
}
