//! What waits for one client.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::net::tcp::OwnedWriteHalf;

use super::{Outcome, Reason, SLICES_MAX, write_all};

/// Appends are gathered in chunks of at least this many bytes.
const CHUNK: usize = 32 << 10;

pub(super) struct Queue {
    /// The write half; out while somebody writes.
    pub(super) io: Option<OwnedWriteHalf>,
    pub(super) closed: Option<Reason>,
    /// Closed in such a way that nothing more is sent.
    pub(super) dead: bool,
    pub(super) expired: Vec<Box<[u8]>>,
    chunks: Chunks,
    slow: Option<Box<Slow>>,
}

/// Chunks in order; of the first, `head` bytes are gone already.
#[derive(Default)]
pub(super) struct Chunks {
    chunks: VecDeque<Vec<u8>>,
    head: usize,
    bytes: usize,
    /// Bytes written since these chunks were taken out of the queue.
    written: usize,
}

/// What is only kept of a client that is behind.
struct Slow {
    /// When the present flush began: the bytes that waited then are to be gone in time.
    flush_since: Instant,
    flush_left: usize,
    wrote: bool,
    /// Bytes written since the client was last waited for.
    progress: bool,
    /// Below this many bytes the waiting publishers go on.
    resume_below: usize,
    stalled: Vec<Waker>,
}

// === impl Chunks ===

impl Chunks {
    fn append(&mut self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        self.bytes += data.len();
        if let Some(last) = self.chunks.back_mut()
            && last.capacity() - last.len() >= data.len()
        {
            last.extend_from_slice(data);
            return;
        }
        let mut chunk = Vec::with_capacity(data.len().max(CHUNK));
        chunk.extend_from_slice(data);
        self.chunks.push_back(chunk);
    }

    /// Puts `data` in front. Only for an untouched front.
    fn prepend(&mut self, data: &[IoSlice<'_>]) {
        debug_assert_eq!(self.head, 0);
        let bytes: usize = data.iter().map(|slice| slice.len()).sum();
        let mut chunk = Vec::with_capacity(bytes);
        data.iter().for_each(|slice| chunk.extend_from_slice(slice));
        self.bytes += bytes;
        self.chunks.push_front(chunk);
    }

    fn advance(&mut self, mut n: usize) {
        self.bytes -= n;
        self.written += n;
        while let Some(first) = self.chunks.front() {
            let left = first.len() - self.head;
            if n < left {
                self.head += n;
                return;
            }
            n -= left;
            self.head = 0;
            self.chunks.pop_front();
        }
    }

    /// Writes until all is gone or the socket takes no more.
    pub(super) fn write(&mut self, io: &OwnedWriteHalf) -> Outcome {
        while !self.chunks.is_empty() {
            let head = self.head;
            let mut slices: Vec<IoSlice<'_>> = self
                .chunks
                .iter()
                .take(SLICES_MAX)
                .enumerate()
                .map(|(n, chunk)| IoSlice::new(if n == 0 { &chunk[head..] } else { chunk }))
                .collect();
            let all: usize = slices.iter().map(|slice| slice.len()).sum();
            let mut rest = &mut slices[..];
            let outcome = write_all(io, &mut rest);
            let left: usize = rest.iter().map(|slice| slice.len()).sum();
            self.advance(all - left);
            if outcome != Outcome::Done {
                return outcome;
            }
        }
        Outcome::Done
    }
}

// === impl Queue ===

impl Queue {
    pub(super) fn new(io: OwnedWriteHalf) -> Self {
        Self {
            io: Some(io),
            closed: None,
            dead: false,
            expired: Vec::new(),
            chunks: Chunks::default(),
            slow: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.bytes == 0
    }

    pub(super) fn pending(&self) -> usize {
        self.chunks.bytes
    }

    pub(super) fn chunks(&self) -> usize {
        self.chunks.chunks.len()
    }

    pub(super) fn append(&mut self, data: &[u8]) {
        self.chunks.append(data);
    }

    pub(super) fn prepend(&mut self, data: &[IoSlice<'_>]) {
        self.chunks.prepend(data);
    }

    /// Drops what waits, and the socket with it.
    pub(super) fn kill(&mut self) {
        self.dead = true;
        self.chunks = Chunks::default();
        self.io = None;
    }

    /// Takes all out, to be written without the lock.
    pub(super) fn take(&mut self) -> Chunks {
        std::mem::take(&mut self.chunks)
    }

    /// Puts back what was not written, in front of what came meanwhile.
    pub(super) fn restore(&mut self, mut taken: Chunks) {
        if self.dead {
            return;
        }
        let newer = std::mem::take(&mut self.chunks);
        taken.bytes += newer.bytes;
        taken.chunks.extend(newer.chunks);
        let written = std::mem::take(&mut taken.written);
        self.chunks = taken;
        if let Some(slow) = &mut self.slow {
            slow.note(written, self.chunks.bytes);
        }
    }

    /// The socket is full, after it took something or nothing: the time of the flush runs.
    pub(super) fn block(&mut self, wrote: bool) {
        let bytes = self.chunks.bytes;
        self.slow.get_or_insert_with(|| {
            Box::new(Slow {
                flush_since: Instant::now(),
                flush_left: bytes,
                wrote,
                progress: true,
                resume_below: 0,
                stalled: Vec::new(),
            })
        });
    }

    pub(super) fn unblock(&mut self) {
        let stalled = self.take_stalled();
        self.slow = None;
        stalled.into_iter().for_each(Waker::wake);
    }

    pub(super) fn flush_age(&self, now: Instant) -> Option<(Duration, bool)> {
        let slow = self.slow.as_ref()?;
        Some((now.saturating_duration_since(slow.flush_since), slow.wrote))
    }

    pub(super) fn restart_flush(&mut self) {
        let bytes = self.chunks.bytes;
        if let Some(slow) = &mut self.slow {
            slow.restart(bytes);
        }
    }

    pub(super) fn stall(&mut self, soft_max: usize, waker: &Waker) -> bool {
        let Some(slow) = &mut self.slow else { return false };
        if !std::mem::take(&mut slow.progress) {
            return false;
        }
        slow.resume_below = soft_max / 2;
        slow.stalled.push(waker.clone());
        true
    }

    pub(super) fn has_room_again(&self) -> bool {
        self.slow
            .as_ref()
            .is_some_and(|slow| !slow.stalled.is_empty() && self.chunks.bytes <= slow.resume_below)
    }

    pub(super) fn take_stalled(&mut self) -> Vec<Waker> {
        self.slow.as_mut().map(|slow| std::mem::take(&mut slow.stalled)).unwrap_or_default()
    }
}

// === impl Slow ===

impl Slow {
    /// `written` bytes have gone, `left` remain.
    fn note(&mut self, written: usize, left: usize) {
        if written == 0 {
            return;
        }
        self.wrote = true;
        self.progress = true;
        self.flush_left = self.flush_left.saturating_sub(written);
        if self.flush_left == 0 {
            self.restart(left);
        }
    }

    fn restart(&mut self, bytes: usize) {
        self.flush_since = Instant::now();
        self.flush_left = bytes;
        self.wrote = false;
    }
}
