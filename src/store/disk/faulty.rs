//! A disk in memory that fails on demand and forgets, at a power cut, what it never promised.
//!
//! Writes since the last sync of a file survive a cut or don't, one by one, whole or up to some
//! sector; changes of names that no sync of their directory made safe survive up to some point in
//! their order. Which, the seed decides.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Access, Disk, File, Listed};

mod content;
mod names;

use content::Content;
use names::Names;

/// A simulated disk. Clones are the same disk, until the next power cut: those who hold one from
/// before it are dead to the disk.
#[derive(Clone)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
    life: u64,
}

struct State {
    random: fastrand::Rng,
    files: BTreeMap<u64, Content>,
    next_file: u64,
    names: Names,
    /// Counts the times that the power came back: a handle of an earlier time is of no use.
    life: u64,
    faults: Faults,
    locks: BTreeSet<PathBuf>,
    /// Operations that change something.
    changes: u64,
}

/// What is to go wrong from now on.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Bytes in all files together.
    pub capacity: Option<u64>,
    /// So many changes succeed; then the power is off until [`FaultyDisk::power_cut`].
    pub power_off_after: Option<u64>,
    /// So many writes from now on fail after a part of them.
    pub failing_writes: u32,
    /// So many syncs from now on fail, and lose what they were to make safe.
    pub failing_syncs: u32,
    /// One in so many writes fails.
    pub write_failure_one_in: Option<u32>,
    /// One in so many syncs fails.
    pub sync_failure_one_in: Option<u32>,
    /// Syncs fail only of files with this in their path.
    pub only_in: Option<String>,
}

/// A lock, which nobody has any more after a cut.
struct Held {
    disk: FaultyDisk,
    path: PathBuf,
}

struct FaultyFile {
    disk: FaultyDisk,
    file: u64,
    path: PathBuf,
}

// === impl FaultyDisk ===

impl FaultyDisk {
    pub fn new(seed: u64) -> FaultyDisk {
        let state = State {
            random: fastrand::Rng::with_seed(seed),
            files: BTreeMap::new(),
            next_file: 1,
            names: Names::default(),
            life: 0,
            faults: Faults::default(),
            locks: BTreeSet::new(),
            changes: 0,
        };
        FaultyDisk { state: Arc::new(Mutex::new(state)), life: 0 }
    }

    pub fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = faults;
    }

    /// Power off and on again: what was not safe is partly gone, and nothing fails any more. What
    /// is returned is the disk from now on.
    #[must_use]
    pub fn power_cut(&self) -> FaultyDisk {
        let state = &mut *self.state.lock();
        state.life += 1;
        state.locks.clear();
        state.faults = Faults::default();
        state.names.cut(&mut state.random);
        let kept = state.names.files();
        state.files.retain(|file, _| kept.contains(file));
        state.files.values_mut().for_each(|content| content.cut(&mut state.random));
        FaultyDisk { state: Arc::clone(&self.state), life: state.life }
    }

    /// For operations of those who are alive.
    fn with<T>(&self, f: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let state = &mut *self.state.lock();
        if state.life != self.life || state.is_off() {
            return Err(off());
        }
        f(state)
    }

    /// How many operations have changed something so far.
    pub fn changes(&self) -> u64 {
        self.state.lock().changes
    }

    /// Bytes in all files together.
    pub fn used(&self) -> u64 {
        self.state.lock().used()
    }

    /// Flips a bit of what is on the disk. False: the file is not that long.
    pub fn flip(&self, path: &Path, at: u64, bit: u8) -> bool {
        let state = &mut *self.state.lock();
        let content = state.names.find(path).and_then(|file| state.files.get_mut(&file));
        content.is_some_and(|content| content.flip(at, bit))
    }

    /// Replaces a file as something that does not play by the rules would.
    pub fn overwrite(&self, path: &Path, bytes: &[u8]) {
        let state = &mut *self.state.lock();
        let Some(file) = state.names.find(path) else { return };
        state.files.insert(file, Content::of(bytes.to_vec()));
    }

    /// The paths of all files, in order.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state.lock().names.paths()
    }
}

fn off() -> io::Error {
    io::Error::other("the power is off")
}

// === impl State ===

impl State {
    fn used(&self) -> u64 {
        self.files.values().map(|content| content.len()).sum()
    }

    /// Whether a change may be made now.
    fn change(&mut self) -> io::Result<()> {
        if let Some(left) = &mut self.faults.power_off_after {
            if *left == 0 {
                return Err(off());
            }
            *left -= 1;
        }
        self.changes += 1;
        Ok(())
    }

    fn is_off(&self) -> bool {
        self.faults.power_off_after == Some(0)
    }

    fn concerns(&self, path: &Path) -> bool {
        let only_in = self.faults.only_in.as_ref();
        only_in.is_none_or(|part| path.to_string_lossy().contains(part.as_str()))
    }

    fn grow(&self, file: u64, len: u64) -> io::Result<()> {
        let now = self.files.get(&file).map_or(0, Content::len);
        let more = len.saturating_sub(now);
        match self.faults.capacity {
            Some(capacity) if more > 0 && self.used() + more > capacity => {
                Err(ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    fn fails(&mut self, path: &Path, sync: bool) -> bool {
        if !self.concerns(path) {
            return false;
        }
        let (count, one_in) = if sync {
            (&mut self.faults.failing_syncs, self.faults.sync_failure_one_in)
        } else {
            (&mut self.faults.failing_writes, self.faults.write_failure_one_in)
        };
        if *count > 0 {
            *count -= 1;
            return true;
        }
        one_in.is_some_and(|n| self.random.u32(..n) == 0)
    }
}

// === impl Disk for FaultyDisk ===

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>> {
        let file = self.with(|state| match (state.names.find(path), access) {
            (Some(file), Access::Truncate) => {
                state.change()?;
                state.files.entry(file).or_default().set_len(0);
                Ok(file)
            }
            (Some(file), _) => Ok(file),
            (None, Access::Read | Access::Write) => Err(ErrorKind::NotFound.into()),
            (None, Access::Create | Access::Truncate) => {
                state.change()?;
                let file = state.next_file;
                state.names.link(path, file)?;
                state.next_file += 1;
                state.files.insert(file, Content::default());
                Ok(file)
            }
        })?;
        Ok(Arc::new(FaultyFile { disk: self.clone(), file, path: path.to_owned() }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.with(|state| {
            state.change()?;
            state.names.create_dir_all(path);
            Ok(())
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.with(|state| {
            state.change()?;
            if state.fails(path, true) {
                return Err(io::Error::other("the directory was not synced"));
            }
            state.names.sync(path)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.with(|state| {
            state.change()?;
            state.names.rename(from, to)
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.with(|state| {
            state.change()?;
            state.names.unlink(path)
        })
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.with(|state| {
            state.change()?;
            state.names.remove_dir_all(path)
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        self.with(|state| {
            let len = |file| state.files.get(&file).map_or(0, Content::len);
            state.names.list(path, len)
        })
    }

    fn exists(&self, path: &Path) -> bool {
        let state = self.state.lock();
        state.names.find(path).is_some() || state.names.is_dir(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.with(|state| {
            if !state.locks.insert(path.to_owned()) {
                return Err(ErrorKind::WouldBlock.into());
            }
            Ok(())
        })?;
        Ok(Box::new(Held { disk: self.clone(), path: path.to_owned() }))
    }

    fn free_space(&self, _path: &Path) -> io::Result<u64> {
        self.with(|state| Ok(state.faults.capacity.unwrap_or(1 << 40).saturating_sub(state.used())))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let state = &mut *self.disk.state.lock();
        if state.life == self.disk.life {
            state.locks.remove(&self.path);
        }
    }
}

// === impl File for FaultyFile ===

impl File for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.disk.with(|state| {
            Ok(state.files.get(&self.file).map_or(0, |content| content.read(buffer, at)))
        })
    }

    fn write_all_at(&self, parts: &[IoSlice<'_>], at: u64) -> io::Result<()> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        self.disk.with(|state| {
            state.change()?;
            state.grow(self.file, at + bytes.len() as u64)?;
            let fails = state.fails(&self.path, false);
            let len = if fails { state.random.usize(..=bytes.len()) } else { bytes.len() };
            if let Some(content) = state.files.get_mut(&self.file) {
                content.write(&bytes[..len], at);
            }
            if fails { Err(io::Error::other("the write failed")) } else { Ok(()) }
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.with(|state| {
            state.change()?;
            let fails = state.fails(&self.path, true);
            let Some(content) = state.files.get_mut(&self.file) else { return Ok(()) };
            if fails {
                // As a page cache does: it forgets that there was something to write.
                content.lose(&mut state.random);
                return Err(io::Error::other("the sync failed"));
            }
            content.sync();
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.with(|state| Ok(state.files.get(&self.file).map_or(0, Content::len)))
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        self.disk.with(|state| {
            state.change()?;
            state.grow(self.file, len)?;
            if let Some(content) = state.files.get_mut(&self.file) {
                content.set_len(len);
            }
            Ok(())
        })
    }
}
