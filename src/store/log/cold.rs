//! Reading what is only in files: by threads of the store, whole chunks at a time, all checked.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use super::core::Core;
use super::file::{self, Chunk};
use super::memory::{Key, Piece};
use super::segment::NONE;
use crate::disk::{Access, File};
use crate::record::Message;

/// Before something is tried again that should have worked.
const PAUSE: Duration = Duration::from_millis(100);

/// Is ready when something was read, or could not be.
pub(crate) struct Loading(Arc<Mutex<Progress>>);

#[derive(Default)]
struct Progress {
    done: bool,
    waker: Option<Waker>,
}

/// Says that it is done, even if it comes to nothing.
struct Finish(Arc<Mutex<Progress>>);

/// One chunk, and the slots that should be in it.
pub(super) struct Wanted {
    segment: u64,
    key: Key,
    file: Option<Arc<dyn File>>,
    pub(super) chunk: Chunk,
    /// Offset and sequence of every message that is there.
    pub(super) slots: Vec<(u32, u64)>,
}

// === impl Core ===

impl Core {
    /// Reads the chunk with message `seq`, on another thread.
    pub(crate) fn load(self: &Arc<Core>, seq: u64) -> Loading {
        let progress = Arc::<Mutex<Progress>>::default();
        let (core, finish) = (Arc::clone(self), Finish(Arc::clone(&progress)));
        self.env.reads.run(move || {
            core.load_now(seq);
            drop(finish);
        });
        Loading(progress)
    }

    /// Reads the chunk with message `seq`. Afterwards it is in memory, or it is lost.
    pub(crate) fn load_now(&self, seq: u64) {
        match self.wanted(seq) {
            Ok(Some(wanted)) => {
                match self.read_chunk(&wanted) {
                    Ok(Some(piece)) => self.env.memory.put(wanted.key, piece),
                    Ok(None) => {}
                    Err(error) => {
                        let stream = &self.group.name;
                        tracing::warn!(%error, stream, seq, "messages can't be read at present");
                        // Whoever asked will ask again at once.
                        std::thread::park_timeout(PAUSE);
                    }
                }
            }
            Ok(None) => {}
            Err((segment, generation)) => {
                self.lose(segment, generation, &[seq], "it is in no file");
            }
        }
    }

    /// What is to be read for `seq`; nothing if it is in memory, or gone. `Err`: there is nothing.
    fn wanted(&self, seq: u64) -> Result<Option<Wanted>, (u64, u32)> {
        let index = self.index.read();
        let Some((at, slot)) = index.find(seq) else { return Ok(None) };
        let segment = &index.segments[at];
        let offset = segment.offset(slot);
        if offset == NONE || segment.blocks.get(offset).is_some() {
            return Ok(None);
        }
        let chunk = segment.file.as_ref().and_then(|file| file.chunk_of(offset));
        match chunk {
            Some(chunk) => Ok(index.wanted(at, chunk)),
            None => Err((segment.id, segment.file.as_ref().map_or(0, |file| file.generation))),
        }
    }

    /// The records of a chunk; those that are not what they should be are lost. `None`: all are. An
    /// error may pass, so nothing is lost yet.
    pub(super) fn read_chunk(&self, wanted: &Wanted) -> io::Result<Option<Piece>> {
        let Wanted { segment, chunk, ref file, ref slots, key } = *wanted;
        let file = match file {
            Some(file) => Ok(Arc::clone(file)),
            None => self.open_file(segment, Access::Read),
        };
        let bytes = match file.and_then(|file| read(&*file, chunk)) {
            Err(error) if !is_final(&error) => return Err(error),
            bytes => bytes,
        };
        let found = bytes.map_err(|error| error.to_string()).and_then(|bytes| {
            let records = self.maker.decode(segment, &bytes).map_err(|bad| bad.to_string())?;
            Ok(records.0)
        });
        let (records, why) = match found {
            Ok(records) => (records, "its record is damaged".to_owned()),
            Err(why) => (Vec::new(), why),
        };
        let whole = file::records(chunk, &records, self.maker.salt);
        let mut whole =
            whole.filter_map(|(offset, record)| Some((offset, Message::parse(record.ok()?)?.seq)));
        let mut next = whole.next();
        let mut lost = Vec::new();
        for slot in slots {
            while next.is_some_and(|found| found.0 < slot.0) {
                next = whole.next();
            }
            if next != Some(*slot) {
                lost.push(slot.1);
            }
        }
        drop(whole);
        if !lost.is_empty() {
            self.lose(segment, key.2, &lost, &why);
        }
        let is_any = lost.len() < slots.len();
        Ok(is_any.then_some(Piece { start: chunk.start, bytes: records }))
    }

    /// Messages can't be read, and never will: they are counted and reported, not served.
    /// Not if the segment is, or will soon be, in another file than that of `generation`.
    pub(crate) fn lose(&self, segment: u64, generation: u32, seqs: &[u64], why: &str) {
        let mut index = self.index.write();
        let Some(at) = index.position(segment) else { return };
        let now = index.segments[at].file.as_ref();
        if now.is_some_and(|file| file.moving || file.generation != generation) {
            return;
        }
        let mut count = 0;
        for seq in seqs {
            let segment = &index.segments[at];
            let Some(slot) = segment.slot(*seq).filter(|slot| segment.is_live(*slot)) else {
                continue;
            };
            index.unlink(at, slot);
            index.drop_slot(at, slot);
            index.lost.insert(*seq, *seq);
            count += 1;
        }
        drop(index);
        if count > 0 {
            let (first, last) = (seqs.first(), seqs.last());
            let (account, stream) = (&self.group.account, &self.group.name);
            self.report(count);
            tracing::error!(
                account,
                stream,
                segment,
                ?first,
                ?last,
                count,
                why,
                "messages are lost"
            );
        }
    }
}

impl super::index::Index {
    /// A chunk of a segment, and what should be in it.
    pub(super) fn wanted(&self, at: usize, chunk: usize) -> Option<Wanted> {
        let segment = &self.segments[at];
        let file = segment.file.as_ref()?;
        let key = (self.number, segment.id, file.generation, chunk as u32);
        let chunk = *file.chunks.get(chunk)?;
        let within = chunk.start..chunk.start + chunk.len;
        let slots = (0..segment.slots()).filter(|slot| within.contains(&segment.offset(*slot)));
        let slots = slots.map(|slot| (segment.offset(slot), segment.seq(slot))).collect();
        Some(Wanted { segment: segment.id, key, file: file.file.clone(), chunk, slots })
    }
}

/// The bytes of a chunk as they are in the file, as far as it goes.
pub(crate) fn read(file: &dyn File, chunk: Chunk) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; chunk.stored as usize];
    let mut len = 0;
    while len < bytes.len() {
        match file.read_at(&mut bytes[len..], u64::from(chunk.at) + len as u64)? {
            0 => break,
            more => len += more,
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// Whether what can't be read will never be: the file is gone, or the disk can't read it.
fn is_final(error: &io::Error) -> bool {
    const EIO: i32 = 5;
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(EIO)
}

// === impl Loading ===

impl Future for Loading {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut progress = self.0.lock();
        if progress.done {
            return Poll::Ready(());
        }
        progress.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Finish {
    fn drop(&mut self) {
        let waker = {
            let mut progress = self.0.lock();
            progress.done = true;
            progress.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
