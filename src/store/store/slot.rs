//! A group in the store: read when it is first needed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
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
    state: Mutex<State>,
    ready: AtomicBool,
}

enum State {
    Unread(Unread),
    Read(Arc<Core>),
    Unreadable(String),
}

/// What a group is to be read from, besides its directory.
#[derive(Default)]
struct Unread {
    /// What its table began with.
    entries: Vec<TableOp>,
    /// Its batches in the write-ahead log.
    backlog: Vec<Position>,
    files: Vec<Arc<dyn File>>,
}

// === impl Slot ===

impl Slot {
    pub(crate) fn new(
        birth: &Birth,
        backing: Option<(PathBuf, Backing)>,
        entries: Vec<TableOp>,
        backlog: Vec<Position>,
    ) -> Slot {
        let group = Arc::new(Group::new(birth.info.clone(), birth.first_seq, backing));
        let unread = Unread { entries, backlog, files: Vec::new() };
        let state = Mutex::new(State::Unread(unread));
        Slot { group, state, ready: AtomicBool::new(false) }
    }

    /// Where the backlog is.
    pub(crate) fn with_files(mut self, files: &[Arc<dyn File>]) -> Slot {
        if let State::Unread(unread) = self.state.get_mut() {
            unread.files = files.to_vec();
        }
        self
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Relaxed)
    }

    /// The log, if it is read.
    pub(crate) fn engine(&self) -> Option<Arc<Core>> {
        match &*self.state.lock() {
            State::Read(core) => Some(Arc::clone(core)),
            _ => None,
        }
    }

    /// The log; blocks until it is read.
    pub(crate) fn core(&self, env: &Arc<Env>) -> Result<Arc<Core>, StoreError> {
        let mut state = self.state.lock();
        let unread = match &mut *state {
            State::Read(core) => return Ok(Arc::clone(core)),
            State::Unreadable(why) => return Err(StoreError::Unreadable(why.clone())),
            State::Unread(unread) => std::mem::take(unread),
        };
        match read(&self.group, env, unread) {
            Ok(core) => {
                *state = State::Read(Arc::clone(&core));
                self.ready.store(true, Relaxed);
                env.counters.groups_ready.fetch_add(1, Relaxed);
                Ok(core)
            }
            Err(error) => {
                let Group { account, name, .. } = &*self.group;
                tracing::error!(%error, account, stream = name, "a stream can't be read");
                env.counters.unreadable.fetch_add(1, Relaxed);
                *state = State::Unreadable(error.to_string());
                Err(StoreError::Unreadable(error.to_string()))
            }
        }
    }
}

fn read(group: &Arc<Group>, env: &Arc<Env>, unread: Unread) -> std::io::Result<Arc<Core>> {
    let Unread { entries, backlog, files } = unread;
    if group.kind == Kind::Memory {
        group.restore(0, entries);
        return log::open(Arc::clone(group), env, Saved::default());
    }
    let found = snapshot::load(&*env.disk, &group.dir, env.cipher.as_ref())?;
    env.counters.damaged.fetch_add(found.damaged, Relaxed);
    group.files().generation = found.generation;
    let (index, table, state) = match found.newest {
        // Left by a group of this name that was deleted, and whose files were not.
        Some(snapshot) if snapshot.birth.info.id != group.id => (0, entries, None),
        Some(snapshot) => (snapshot.index, snapshot.table, Some(snapshot.log)),
        None => (0, entries, None),
    };
    group.restore(index, table);
    let core = log::open(Arc::clone(group), env, Saved { state, stale: found.stale })?;
    replay(group, env, &*core, &files, backlog.into_iter().filter(|p| p.index > index))?;
    Ok(core)
}

/// Applies what the write-ahead log holds beyond the last checkpoint.
pub(crate) fn replay(
    group: &Group,
    env: &Env,
    engine: &dyn Engine,
    files: &[Arc<dyn File>],
    backlog: impl Iterator<Item = Position>,
) -> std::io::Result<()> {
    for position in backlog {
        let logged = read_batch(files, position)?;
        let (table, records) = match logged.body {
            Some((table, records)) => (table, Some(records)),
            None => (Bytes::new(), None),
        };
        if !group.replay(logged.index, logged.flags, table) {
            env.counters.damaged.fetch_add(1, Relaxed);
            tracing::error!(index = logged.index, group = group.id.0, "a change can't be opened");
        }
        if records.as_ref().is_none_or(|records| !records.is_empty()) || logged.mark > 0 {
            engine.replay(Replay { index: logged.index, mark: logged.mark, records });
        }
    }
    Ok(())
}
