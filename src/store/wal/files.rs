//! The files of the write-ahead log: one is always ready before it is needed, and those that are no
//! longer needed are used again, since writing over what is there is several times faster than
//! making a file grow.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

use super::format::file_name;
use crate::disk::{Access, Disk, File};

/// How many files wait to be used again; more than that are removed.
const SPARES_MAX: usize = 2;
/// A file that is needed at once is no longer than this.
const SMALL_BYTES: u64 = 8 << 20;
/// Written at once, when a file is filled with zeros, and synced.
const STEP_BYTES: u64 = 1 << 20;
const SYNC_BYTES: u64 = 4 << 20;
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// An empty segment, or what is left of a former use. Its name is safe.
pub(crate) struct SegmentFile {
    pub(crate) number: u64,
    pub(crate) file: Arc<dyn File>,
    pub(crate) len: u64,
}

/// Makes files, on a thread of its own.
pub(crate) struct Files {
    shared: Arc<Shared>,
}

struct Shared {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    len: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What is to be made: its number and how long it is, unless there is one to be used again.
    wanted: Option<(u64, u64)>,
    ready: Option<io::Result<SegmentFile>>,
    making: bool,
    spares: VecDeque<u64>,
    ended: bool,
}

// === impl Files ===

impl Files {
    /// `spares` are the numbers of files of length `len` that hold nothing of value.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, len: u64, spares: Vec<u64>) -> Files {
        let state = State { spares: spares.into(), ..State::default() };
        let shared = Shared { disk, dir, len, state: Mutex::new(state), changed: Condvar::new() };
        let shared = Arc::new(shared);
        let files = Files { shared: Arc::clone(&shared) };
        let started =
            thread::Builder::new().name("store-prepare".into()).spawn(move || shared.work());
        if let Err(error) = started {
            tracing::error!(%error, "the thread that prepares the write-ahead log did not start");
        }
        files
    }

    /// Has a file made in the background. `urgent`: somebody waits for it, so it may be a small
    /// one.
    pub(crate) fn prepare(&self, number: u64, urgent: bool) {
        let len = self.shared.len;
        let mut state = self.shared.state.lock();
        state.ready = None;
        state.wanted = Some((number, if urgent { len.min(SMALL_BYTES) } else { len }));
        self.shared.changed.notify_all();
    }

    /// Why the file that was asked for last could not be made.
    pub(crate) fn failure(&self) -> Option<io::ErrorKind> {
        match &self.shared.state.lock().ready {
            Some(Err(error)) => Some(error.kind()),
            _ => None,
        }
    }

    /// Whether the file that was asked for last is there.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.shared.state.lock().ready, Some(Ok(_)))
    }

    /// Waits until it is known whether the file that was asked for last can be made.
    pub(crate) fn await_answer(&self) {
        let mut state = self.shared.state.lock();
        while state.ready.is_none() && (state.wanted.is_some() || state.making) && !state.ended {
            self.shared.changed.wait(&mut state);
        }
    }

    /// The file that was asked for last. After an error the next `prepare` tries again.
    pub(crate) fn take(&self) -> io::Result<SegmentFile> {
        let mut state = self.shared.state.lock();
        loop {
            if let Some(ready) = state.ready.take() {
                return ready;
            }
            if state.ended || (state.wanted.is_none() && !state.making) {
                return Err(io::Error::other("no file was asked for"));
            }
            self.shared.changed.wait(&mut state);
        }
    }

    /// A file for a batch that is larger than any segment.
    pub(crate) fn make_large(&self, number: u64, len: u64) -> io::Result<SegmentFile> {
        self.shared.make(number, len, None)
    }

    /// A file that holds nothing of value any more. `reuse`: it can be written again. Call it for
    /// the oldest first: whatever is removed, what remains must have no hole.
    pub(crate) fn give_back(&self, number: u64, reuse: bool) {
        let shared = &self.shared;
        let mut state = shared.state.lock();
        let mut remove: Vec<u64> = Vec::new();
        if reuse && !state.ended {
            state.spares.push_back(number);
            if state.spares.len() > SPARES_MAX {
                remove.extend(state.spares.pop_front());
            }
        } else {
            remove.extend(state.spares.drain(..));
            remove.push(number);
        }
        // Under the lock: nobody may use a newer one before the older is gone.
        for number in remove {
            if let Err(error) = shared.disk.remove_file(&shared.dir.join(file_name(number))) {
                tracing::warn!(%error, number, "a segment of the log was not removed");
            }
        }
    }

    /// Whether a file is as long as all others.
    pub(crate) fn is_regular(&self, len: u64) -> bool {
        len == self.shared.len
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.shared.state.lock().ended = true;
        self.shared.changed.notify_all();
    }
}

// === impl Shared ===

impl Shared {
    fn work(&self) {
        let mut state = self.state.lock();
        while !state.ended {
            let Some((number, len)) = state.wanted.take() else {
                self.changed.wait(&mut state);
                continue;
            };
            let spare = state.spares.pop_front();
            state.making = true;
            drop(state);
            let made = self.make(number, len, spare);
            state = self.state.lock();
            state.making = false;
            state.ready = Some(made);
            self.changed.notify_all();
        }
    }

    fn make(&self, number: u64, len: u64, spare: Option<u64>) -> io::Result<SegmentFile> {
        let path = self.dir.join(file_name(number));
        if let Some(spare) = spare {
            self.disk.rename(&self.dir.join(file_name(spare)), &path)?;
            let file = self.disk.open(&path, Access::Write)?;
            self.disk.sync_dir(&self.dir)?;
            return Ok(SegmentFile { number, file, len: self.len });
        }
        let made = self.make_new(&path, len);
        if made.is_err() {
            // Whatever space it took is needed by others.
            let _ = self.disk.remove_file(&path);
        }
        Ok(SegmentFile { number, file: made?, len })
    }

    fn make_new(&self, path: &std::path::Path, len: u64) -> io::Result<Arc<dyn File>> {
        let file = self.disk.open(path, Access::Truncate)?;
        file.preallocate(len)?;
        let mut at = 0;
        // Writing to space that was never written is slower by far: the file system must note it.
        while at < len {
            let step = STEP_BYTES.min(len - at);
            let mut left = step as usize;
            let parts = std::iter::from_fn(|| {
                let part = &ZEROS[..ZEROS.len().min(left)];
                left -= part.len();
                (!part.is_empty()).then(|| IoSlice::new(part))
            });
            file.write_all_at(&parts.collect::<Vec<_>>(), at)?;
            at += step;
            if at.is_multiple_of(SYNC_BYTES) {
                // Little by little: others wait for the same disk.
                file.sync_data()?;
            }
        }
        file.sync_data()?;
        self.disk.sync_dir(&self.dir)?;
        Ok(file)
    }
}
