//! What the writer and the readers of one log share, and the store's way in.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;

use super::Log;
use super::index::{Index, Shape};
use crate::env::Env;
use crate::error::StoreError;
use crate::group::{Engine, Group, Kind, Replay, Saved};
use crate::record::{self, Kind as RecordKind, Message, Salt};

/// Segments in memory are small, so that making one anew is quick.
const MEMORY_SEGMENT_BYTES: u32 = 1 << 20;
const MEMORY_SLOTS_MAX: usize = 16 << 10;
/// Slots of a segment that lives in a file.
const FILE_SLOTS_MAX: usize = 128 << 10;

pub(crate) struct Core {
    pub(crate) group: Arc<Group>,
    pub(crate) index: RwLock<Index>,
    env: Arc<Env>,
    /// There is a writer.
    written: AtomicBool,
}

/// Opens the log of a group with what the last checkpoint left.
pub(crate) fn open(group: Arc<Group>, env: &Arc<Env>, saved: Saved) -> io::Result<Arc<Core>> {
    let segment_bytes = u32::try_from(env.options.segment_bytes).unwrap_or(1 << 30);
    let shape = match group.kind {
        Kind::Memory => Shape {
            segment_bytes: segment_bytes.min(MEMORY_SEGMENT_BYTES),
            segment_slots: MEMORY_SLOTS_MAX,
            message_bytes: 16,
            headers_bytes: 0,
            salt: None,
        },
        Kind::File { .. } => Shape {
            segment_bytes,
            segment_slots: FILE_SLOTS_MAX,
            message_bytes: 30,
            headers_bytes: 4,
            salt: Some(Salt::new(group.id.0)),
        },
    };
    let index = RwLock::new(Index::new(shape, group.first_seq));
    let (env, written) = (Arc::clone(env), AtomicBool::new(false));
    let core = Core { group, index, env, written };
    if let Some(state) = saved.state {
        core.replay(Replay { index: 0, mark: 0, records: Some(state) });
    }
    Ok(Arc::new(core))
}

// === impl Core ===

impl Core {
    /// The writer, if there is none.
    pub(crate) fn writer(self: &Arc<Core>) -> Result<Log, StoreError> {
        if self.written.swap(true, Ordering::AcqRel) {
            return Err(StoreError::Busy);
        }
        Ok(Log::new(Arc::clone(self)))
    }

    /// The writer is gone.
    pub(crate) fn release_writer(&self) {
        self.written.store(false, Ordering::Release);
    }
}

impl Engine for Core {
    fn replay(&self, batch: Replay) {
        let mut index = self.index.write();
        let (mut rest, salt) = (batch.records.as_deref().unwrap_or(&[]), index.shape.salt);
        while let Some(salt) = salt
            && let Ok(head) = record::check(rest, salt)
        {
            let (record, after) = rest.split_at(head.len as usize);
            rest = after;
            match head.kind {
                RecordKind::Message => {
                    if let Some(message) = Message::parse(record).filter(|m| m.seq > index.last) {
                        index.append_record(&message, record);
                    }
                }
                RecordKind::Skip if head.seq > index.last => index.skip(head.seq),
                RecordKind::Remove => {
                    for (from, to) in record::removed(record) {
                        index.remove_range(from, to);
                    }
                }
                RecordKind::Skip | RecordKind::Pad => {}
            }
        }
        if batch.mark > index.last {
            index.skip(batch.mark);
        }
        index.committed = index.last;
    }

    fn capture(&self) -> Box<dyn Any + Send> {
        let mut state = Vec::new();
        let index = self.index.read();
        if let Some(salt) = index.shape.salt {
            for segment in &index.segments {
                let mut slot = 0;
                while let Some(live) = segment.next_live(slot) {
                    if let Some(bytes) = segment.blocks.get(segment.offset(live)) {
                        state.extend_from_slice(&bytes[..segment.facts.get(live).record_len()]);
                    }
                    slot = live + 1;
                }
            }
            record::encode_skip(&mut state, index.committed, salt);
        }
        Box::new(state)
    }

    fn secure(&self, captured: Box<dyn Any + Send>) -> io::Result<Bytes> {
        let state = captured.downcast::<Vec<u8>>().map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(Bytes::from(*state))
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn close(&self) {}
}
