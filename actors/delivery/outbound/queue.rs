//! What waits for one client.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::net::tcp::OwnedWriteHalf;

use super::{Outcome, Reason, SLICES_MAX, write_all};

/// A client that took nothing for this long is waited for by nobody: it may never read again. One
/// that reads frees its socket in steps of megabytes, so a few milliseconds say nothing.
const ALIVE: Duration = Duration::from_millis(200);
/// Appends are gathered in chunks of at least this many bytes.
const CHUNK: usize = 32 << 10;

pub(super) struct Queue {
    /// The write half; out while somebody writes.
    pub(super) io: Option<OwnedWriteHalf>,
    pub(super) closed: Option<Reason>,
    /// Closed in such a way that nothing more is sent.
    pub(super) dead: bool,
    /// Only the owner writes, with a write half of its own.
    pub(super) sealed: bool,
    /// Most clients, at most times, have nothing of this.
    rare: Option<Box<Rare>>,
}

/// What is kept only while there is something to keep.
#[derive(Default)]
struct Rare {
    chunks: Chunks,
    /// Sids of subscriptions that have had all their messages.
    expired: Vec<Box<[u8]>>,
    slow: Option<Slow>,
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
    /// When the client last took something.
    progress_at: Instant,
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

    /// The next bytes that are in one piece.
    pub(super) fn first(&self) -> Option<&[u8]> {
        self.chunks.front().map(|chunk| &chunk[self.head..])
    }

    pub(super) fn advance(&mut self, mut n: usize) {
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
        Self { io: Some(io), closed: None, dead: false, sealed: false, rare: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending() == 0
    }

    pub(super) fn pending(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| rare.chunks.bytes)
    }

    pub(super) fn chunks(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| rare.chunks.chunks.len())
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn slow(&mut self) -> Option<&mut Slow> {
        self.rare.as_mut()?.slow.as_mut()
    }

    pub(super) fn append(&mut self, data: &[u8]) {
        self.rare().chunks.append(data);
    }

    pub(super) fn prepend(&mut self, data: &[IoSlice<'_>]) {
        self.rare().chunks.prepend(data);
    }

    pub(super) fn expire(&mut self, sid: &[u8]) {
        self.rare().expired.push(sid.into());
    }

    pub(super) fn take_expired(&mut self) -> Vec<Box<[u8]>> {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.expired)).unwrap_or_default()
    }

    /// Drops what waits, and the socket with it.
    pub(super) fn kill(&mut self) {
        self.dead = true;
        self.io = None;
        if let Some(rare) = &mut self.rare {
            rare.chunks = Chunks::default();
        }
    }

    /// Takes all out, to be written without the lock.
    pub(super) fn take(&mut self) -> Chunks {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.chunks)).unwrap_or_default()
    }

    /// Puts back what was not written, in front of what came meanwhile.
    pub(super) fn restore(&mut self, mut taken: Chunks) {
        if self.dead {
            return;
        }
        let rare = self.rare();
        let newer = std::mem::take(&mut rare.chunks);
        taken.bytes += newer.bytes;
        taken.chunks.extend(newer.chunks);
        let written = std::mem::take(&mut taken.written);
        rare.chunks = taken;
        if let Some(slow) = &mut rare.slow {
            slow.note(written, rare.chunks.bytes);
        }
    }

    /// The socket is full, after it took something or nothing: the time of the flush runs.
    pub(super) fn block(&mut self, wrote: bool) {
        let rare = self.rare();
        let bytes = rare.chunks.bytes;
        rare.slow.get_or_insert_with(|| Slow {
            flush_since: Instant::now(),
            flush_left: bytes,
            wrote,
            progress_at: Instant::now(),
            resume_below: 0,
            stalled: Vec::new(),
        });
    }

    /// Nothing waits any more.
    pub(super) fn unblock(&mut self) {
        let stalled = self.take_stalled();
        if let Some(rare) = &mut self.rare {
            rare.slow = None;
            if rare.expired.is_empty() {
                self.rare = None;
            }
        }
        stalled.into_iter().for_each(Waker::wake);
    }

    pub(super) fn flush_age(&self, now: Instant) -> Option<(Duration, bool)> {
        let slow = self.rare.as_ref()?.slow.as_ref()?;
        Some((now.saturating_duration_since(slow.flush_since), slow.wrote))
    }

    pub(super) fn restart_flush(&mut self) {
        let bytes = self.pending();
        if let Some(slow) = self.slow() {
            slow.restart(bytes);
        }
    }

    pub(super) fn stall(&mut self, soft_max: usize, waker: &Waker) -> bool {
        let Some(slow) = self.slow() else { return false };
        if slow.progress_at.elapsed() > ALIVE {
            return false;
        }
        slow.resume_below = soft_max / 2;
        if !slow.stalled.iter().any(|known| known.will_wake(waker)) {
            slow.stalled.push(waker.clone());
        }
        true
    }

    pub(super) fn has_room_again(&self) -> bool {
        let bytes = self.pending();
        let slow = self.rare.as_ref().and_then(|rare| rare.slow.as_ref());
        slow.is_some_and(|slow| !slow.stalled.is_empty() && bytes <= slow.resume_below)
    }

    pub(super) fn take_stalled(&mut self) -> Vec<Waker> {
        self.slow().map(|slow| std::mem::take(&mut slow.stalled)).unwrap_or_default()
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
        self.progress_at = Instant::now();
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
