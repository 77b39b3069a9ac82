//! Checkpoints: groups are made safe by themselves, so that the write-ahead log can forget them.

use std::io;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::slot::Slot;
use super::{Inner, snapshot};
use crate::group::{Engine, Group, GroupId, Kind};
use crate::wal::Wal;

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The thread that makes checkpoints.
pub(super) struct Checkpointer {
    ended: Arc<AtomicBool>,
    wal: Wal,
    handle: Mutex<Option<JoinHandle<()>>>,
}

pub(super) fn start(inner: &Arc<Inner>) -> Checkpointer {
    let ended = Arc::new(AtomicBool::new(false));
    let wal = inner.backing.wal.clone();
    let run = {
        let (inner, ended, wal) = (Arc::downgrade(inner), Arc::clone(&ended), wal.clone());
        let every = inner.upgrade().map_or(RETRY, |inner| inner.env.options.flush_every);
        move || work(&inner, &ended, &wal, every)
    };
    let handle = thread::Builder::new().name("store-checkpoint".into()).spawn(run);
    if let Err(error) = &handle {
        tracing::error!(%error, "the thread that makes checkpoints did not start");
    }
    Checkpointer { ended, wal, handle: Mutex::new(handle.ok()) }
}

fn work(inner: &Weak<Inner>, ended: &AtomicBool, wal: &Wal, every: Duration) {
    let mut flush_at = Instant::now() + every;
    while !ended.load(Relaxed) {
        let due = wal.ledger().wait(flush_at.saturating_duration_since(Instant::now()));
        let Some(inner) = inner.upgrade() else { return };
        if ended.load(Relaxed) {
            return;
        }
        if flush_at <= Instant::now() {
            flush(&inner);
            flush_at = Instant::now() + every;
        }
        if due && !free_oldest(&inner) {
            // Not at once: what failed would fail again.
            drop(inner);
            wal.ledger().pause(RETRY);
        }
    }
}

/// Writes what is committed to the segments, so that it need not stay in memory.
fn flush(inner: &Inner) {
    for slot in inner.slots() {
        if slot.group.kind == Kind::Memory {
            continue;
        }
        let Some(engine) = slot.engine() else { continue };
        if let Err(error) = engine.flush() {
            tracing::warn!(%error, stream = slot.group.name, "messages could not be written yet");
        }
    }
}

/// Makes safe all that keeps the oldest segment of the write-ahead log. False: something failed.
fn free_oldest(inner: &Arc<Inner>) -> bool {
    let ledger = inner.backing.wal.ledger();
    let mut late = Vec::new();
    for (id, index) in ledger.oldest() {
        if id == 0 {
            late.extend((inner.meta.safe() < index).then_some(None));
        } else if let Some(slot) = inner.groups.read().slots.get(&GroupId(id)) {
            late.extend((slot.group.safe() < index).then(|| Some(Arc::clone(slot))));
        }
    }
    let good = each(inner, late);
    release(inner);
    good
}

fn release(inner: &Inner) {
    inner.backing.wal.ledger().release(|id, index| {
        if id == 0 {
            return inner.meta.safe() >= index;
        }
        // One that is not there any more needs nothing.
        let groups = inner.groups.read();
        groups.slots.get(&GroupId(id)).is_none_or(|slot| slot.group.safe() >= index)
    });
}

/// Makes everything safe, when nothing changes any more.
pub(super) fn all(inner: &Arc<Inner>) {
    let slots = inner.slots().into_iter().filter(|slot| slot.group.kind != Kind::Memory);
    let dirty = slots.filter(|slot| slot.group.is_dirty()).map(Some);
    let meta = inner.meta.is_dirty().then_some(None);
    each(inner, meta.into_iter().chain(dirty).collect());
    release(inner);
}

/// Checkpoints of some groups (`None`: the list of groups), several at once. False: one failed.
fn each(inner: &Arc<Inner>, slots: Vec<Option<Arc<Slot>>>) -> bool {
    let left = Arc::new((Mutex::new((slots.len(), true)), Condvar::new()));
    for slot in slots {
        let (inner, left) = (Arc::clone(inner), Left(Arc::clone(&left)));
        let writes = inner.env.writes.clone();
        writes.run(move || {
            let result = match &slot {
                Some(slot) => one(&inner, slot),
                None => write(&inner, &inner.meta, None),
            };
            if let Err(error) = result {
                let name = slot.as_ref().map_or("", |slot| &slot.group.name);
                tracing::error!(%error, stream = name, "a checkpoint failed");
                left.0.0.lock().1 = false;
            }
        });
    }
    let mut state = left.0.lock();
    while state.0 > 0 {
        left.1.wait(&mut state);
    }
    state.1
}

/// Counts itself off, however it ends.
struct Left(Arc<(Mutex<(usize, bool)>, Condvar)>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.0.lock().0 -= 1;
        self.0.1.notify_all();
    }
}

fn one(inner: &Inner, slot: &Slot) -> io::Result<()> {
    // One that can't be read keeps its part of the write-ahead log.
    let core = slot.core(&inner.env).map_err(io::Error::other)?;
    if !slot.group.is_dirty() {
        // Only now is it known what the last run made safe.
        return Ok(());
    }
    write(inner, &slot.group, Some(&*core))
}

fn write(inner: &Inner, group: &Group, engine: Option<&dyn Engine>) -> io::Result<()> {
    let (index, entries, captured) = {
        let applied = group.hold();
        let captured = engine.map(|engine| (engine, engine.capture()));
        (*applied, group.entries().read().clone(), captured)
    };
    let log = match captured {
        Some((engine, captured)) => engine.secure(captured)?,
        None => bytes::Bytes::new(),
    };
    let env = &inner.env;
    let mut files = group.files();
    if files.closed {
        return Ok(());
    }
    env.disk.create_dir_all(&group.dir)?;
    let state = snapshot::Snapshot { birth: group.birth(), index, table: Vec::new(), log };
    snapshot::write(
        &*env.disk,
        &group.dir,
        env.cipher.as_ref(),
        files.generation + 1,
        &state,
        &entries,
    )?;
    files.generation += 1;
    group.set_safe(index);
    env.counters.checkpoints.fetch_add(1, Relaxed);
    Ok(())
}

// === impl Checkpointer ===

impl Checkpointer {
    /// Waits for the checkpoint that is being made.
    pub(super) fn end(&self) {
        self.ended.store(true, Relaxed);
        self.wal.ledger().end();
        let handle = self.handle.lock().take();
        if let Some(handle) = handle
            && handle.thread().id() != thread::current().id()
            && handle.join().is_err()
        {
            tracing::error!("the thread that makes checkpoints panicked");
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.end();
    }
}
