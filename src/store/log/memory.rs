//! What all logs of a store have in memory of what is on disk: chunks that were read lately.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Records that were read from a file, checked.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Offset of the first byte in the segment.
    pub(crate) start: u32,
    pub(crate) bytes: Vec<u8>,
}

/// The number of the log, the segment, its generation, and the chunk.
pub(crate) type Key = (u64, u64, u32, u32);

#[derive(Clone)]
struct Bytes;

pub(crate) struct Memory {
    cache: Cache<Key, Arc<Piece>, Bytes>,
    /// What the cache has no room for, however empty it is: read last, newest last.
    large: Mutex<VecDeque<(Key, Arc<Piece>)>>,
    /// Bytes of records that are in files, too, but have not left the memory of their logs.
    tails: AtomicU64,
    tails_max: u64,
    /// When some log checked its files last.
    scrubbed: Mutex<Option<Instant>>,
}

/// What a log keeps of what it has written, as long as there is room.
const TAIL_BYTES: usize = 8 << 20;
/// The same if there is none.
const SHORT_TAIL_BYTES: usize = 128 << 10;
const SCRUB_EVERY: Duration = Duration::from_secs(1);
const SCRUB_AGAIN: Duration = Duration::from_hours(12);
const AVERAGE_PIECE_BYTES: usize = 64 << 10;
/// Pieces kept that are too large for the cache.
const LARGE_PIECES: usize = 2;

// === impl Piece ===

impl Piece {
    pub(crate) fn has(&self, offset: u32) -> bool {
        offset >= self.start && ((offset - self.start) as usize) < self.bytes.len()
    }

    /// The bytes from `offset` on, which must be in it.
    pub(crate) fn from(&self, offset: u32) -> &[u8] {
        &self.bytes[(offset - self.start) as usize..]
    }
}

// === impl Memory ===

impl Memory {
    /// Half of `bytes` for what was read, half for what was written.
    pub(crate) fn new(bytes: usize) -> Memory {
        let half = (bytes / 2) as u64;
        let pieces = (bytes / 2 / AVERAGE_PIECE_BYTES).max(16);
        let cache = Cache::with_weighter(pieces, half, Bytes);
        Memory {
            cache,
            large: Mutex::default(),
            tails: AtomicU64::new(0),
            tails_max: half,
            scrubbed: Mutex::new(None),
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Piece>> {
        self.cache.get(key).or_else(|| {
            let large = self.large.lock();
            large.iter().find(|one| one.0 == *key).map(|one| Arc::clone(&one.1))
        })
    }

    pub(crate) fn put(&self, key: Key, piece: Piece) {
        let piece = Arc::new(piece);
        self.cache.insert(key, Arc::clone(&piece));
        // Whoever asked for it must find it, or would ask for ever.
        if self.cache.peek(&key).is_none() {
            let mut large = self.large.lock();
            large.retain(|one| one.0 != key);
            large.push_back((key, piece));
            if large.len() > LARGE_PIECES {
                large.pop_front();
            }
        }
    }

    /// How many bytes a log may keep of what it has written.
    pub(crate) fn tail_bytes(&self) -> usize {
        if self.tails.load(Relaxed) < self.tails_max { TAIL_BYTES } else { SHORT_TAIL_BYTES }
    }

    /// Whether a log that had checked all its files at `before` may go on with it now: one log a
    /// second, and none twice a day.
    pub(crate) fn may_scrub(&self, before: Option<Instant>) -> bool {
        if before.is_some_and(|before| before.elapsed() < SCRUB_AGAIN) {
            return false;
        }
        let mut last = self.scrubbed.lock();
        if last.is_some_and(|last| last.elapsed() < SCRUB_EVERY) {
            return false;
        }
        *last = Some(Instant::now());
        true
    }

    /// A log keeps `now` bytes where it kept `before`.
    pub(crate) fn keep(&self, before: u64, now: u64) {
        self.tails.fetch_add(now.wrapping_sub(before), Relaxed);
    }
}

impl Weighter<Key, Arc<Piece>> for Bytes {
    fn weight(&self, _: &Key, piece: &Arc<Piece>) -> u64 {
        piece.bytes.len() as u64 + 64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_the_cache_is_found_once_it_was_read() {
        let memory = Memory::new(64 << 10);
        let keys: Vec<Key> = (0..4).map(|n| (1, 1, 0, n)).collect();
        for key in &keys {
            memory.put(*key, Piece { start: 0, bytes: vec![0; 1 << 20] });
            assert_eq!(memory.get(key).map(|piece| piece.bytes.len()), Some(1 << 20));
        }
        assert!(memory.get(&keys[0]).is_none(), "the memory has an end");
    }
}
