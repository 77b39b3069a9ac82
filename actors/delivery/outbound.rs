//! The way out to one client: a handle to its socket that any publisher's thread may write to.
//!
//! Who wants to write takes the write half out of the handle, writes without holding the lock, and
//! puts it back. While it is out, others append to the queue. So there is one writer at a time, the
//! order of appends is the order on the wire, and nobody waits for a system call of another. What
//! the socket does not take stays queued for the connection's own actor, which waits for it to
//! become writable. When the handle is closed the write half is dropped, which closes the socket
//! once the actor has let go of its read half.

mod extras;
mod queue;
mod sealed;
mod stats;

use std::io::{ErrorKind, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use futures_util::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};
use tokio::net::tcp::OwnedWriteHalf;

use self::extras::Extras;
use self::queue::Queue;
pub use self::sealed::Taken;
pub use self::stats::Stats;
use super::{Answers, Reason, Slot};
use crate::realm::{GLOBAL_ACCOUNT, Realm};

/// See the module's text.
pub struct Outbound {
    /// The connection's number, which never comes again.
    pub cid: u64,
    pub stats: Stats,
    slot: Slot,
    /// What its client belongs to, once that is known.
    realm: ArcSwapOption<Realm>,
    extras: Extras,
    /// Most bytes that may wait before the client counts as too slow.
    pub pending_max: usize,
    pending: AtomicUsize,
    events: AtomicU8,
    headers: AtomicBool,
    /// Whether there are answers among the extras.
    tracks_answers: AtomicBool,
    open: AtomicBool,
    owner: AtomicWaker,
    queue: Mutex<Queue>,
}

/// What the owner is told by others.
#[derive(Clone, Copy)]
pub struct Events(u8);

const DRAIN: u8 = 1;
const CLOSED: u8 = 2;
const EXPIRED: u8 = 4;

/// Vectored writes at a time.
const SLICES_MAX: usize = 64;
/// Times a foreign writer takes what others queued meanwhile before it leaves that to the owner.
const ROUNDS_MAX: usize = 4;

// === impl Events ===

impl Events {
    #[must_use]
    pub fn drain(self) -> bool {
        self.0 & DRAIN != 0
    }

    #[must_use]
    pub fn closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    #[must_use]
    pub fn expired(self) -> bool {
        self.0 & EXPIRED != 0
    }
}

// === impl Outbound ===

impl Outbound {
    #[must_use]
    pub fn new(cid: u64, slot: Slot, io: OwnedWriteHalf, pending_max: usize) -> Self {
        Self {
            cid,
            stats: Stats::default(),
            slot,
            realm: ArcSwapOption::empty(),
            extras: Extras::default(),
            pending_max,
            pending: AtomicUsize::new(0),
            events: AtomicU8::new(0),
            headers: AtomicBool::new(false),
            tracks_answers: AtomicBool::new(false),
            open: AtomicBool::new(true),
            owner: AtomicWaker::new(),
            queue: Mutex::new(Queue::new(io)),
        }
    }

    #[inline]
    #[must_use]
    pub fn slot(&self) -> usize {
        self.slot.index()
    }

    /// The account of the client; the global one until it is known.
    #[must_use]
    pub fn account(&self) -> Arc<str> {
        self.realm.load().as_ref().map_or_else(|| GLOBAL_ACCOUNT.into(), |one| one.name.clone())
    }

    pub(crate) fn set_realm(&self, realm: &Arc<Realm>) {
        self.realm.store(Some(Arc::clone(realm)));
    }

    /// Whether it has to be noted which answers a message asks for.
    #[inline]
    #[must_use]
    pub fn tracks_answers(&self) -> bool {
        self.tracks_answers.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn answers(&self) -> Option<Arc<Answers>> {
        self.extras.answers()
    }

    /// Holds for subscriptions that are made from here on.
    pub(crate) fn set_answers(&self, answers: Option<Answers>) {
        self.tracks_answers.store(answers.is_some(), Ordering::Relaxed);
        self.extras.set_answers(answers);
    }

    /// What the other side calls itself, if it does.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.extras.name()
    }

    pub(crate) fn set_name(&self, name: &str) {
        self.extras.set_name(name);
    }

    /// The client is sent a message that asks for an answer to `reply`.
    #[cold]
    pub fn expect_answer(&self, reply: &[u8]) {
        if let Some(answers) = self.answers() {
            answers.expect(reply, Instant::now());
        }
    }

    /// Lets the owner look again at what there is to do.
    pub(crate) fn wake(&self) {
        self.owner.wake();
    }

    /// Whether the client takes messages with headers.
    #[inline]
    #[must_use]
    pub fn takes_headers(&self) -> bool {
        self.headers.load(Ordering::Relaxed)
    }

    pub fn set_takes_headers(&self, headers: bool) {
        self.headers.store(headers, Ordering::Relaxed);
    }

    /// Whether what is sent can still arrive.
    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Bytes waiting for the client.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Sends `data`, now or later. Never waits.
    pub fn send(&self, data: &[u8]) {
        self.send_slices(&mut [IoSlice::new(data)]);
    }

    /// Sends the slices in order, as one piece, now or later. Never waits.
    pub fn send_slices(&self, mut data: &mut [IoSlice<'_>]) {
        let Some(io) = self.claim(data) else { return };
        let all = length(data);
        let outcome = write_all(&io, &mut data);
        self.release(io, outcome, data, length(data) < all);
    }

    /// Takes the write half, or queues `data` where that is not to be had.
    fn claim(&self, data: &[IoSlice<'_>]) -> Option<OwnedWriteHalf> {
        let mut queue = self.queue.lock();
        if queue.closed.is_some() {
            return None;
        }
        if queue.is_empty()
            && let Some(io) = queue.io.take()
        {
            return Some(io);
        }
        // The owner alone writes, and looks when there is something.
        let unseen = queue.sealed && queue.is_empty();
        self.append(&mut queue, data);
        drop(queue);
        if unseen {
            self.notify(DRAIN);
        }
        None
    }

    fn append(&self, queue: &mut Queue, data: &[IoSlice<'_>]) {
        let bytes = length(data);
        if queue.pending() + bytes > self.pending_max {
            self.close_locked(queue, Reason::SlowConsumerPending);
            return;
        }
        for slice in data {
            queue.append(slice);
        }
        self.publish_pending(queue);
    }

    fn publish_pending(&self, queue: &Queue) {
        self.pending.store(queue.pending(), Ordering::Relaxed);
    }

    /// Puts the write half back. `rest` is what the socket did not take, after it took something or
    /// nothing.
    fn release(&self, io: OwnedWriteHalf, outcome: Outcome, rest: &[IoSlice<'_>], wrote: bool) {
        let mut queue = self.queue.lock();
        if queue.dead {
            return;
        }
        match outcome {
            Outcome::Failed => {
                queue.io = Some(io);
                self.close_locked(&mut queue, Reason::WriteError);
            }
            Outcome::Full => {
                queue.prepend(rest);
                self.publish_pending(&queue);
                queue.io = Some(io);
                if queue.pending() > self.pending_max {
                    self.close_locked(&mut queue, Reason::SlowConsumerPending);
                    return;
                }
                queue.block(wrote);
                drop(queue);
                self.notify(DRAIN);
            }
            Outcome::Done => self.drain_others(io, queue),
        }
    }

    /// Writes what others queued while the write half was out.
    fn drain_others<'a>(&'a self, io: OwnedWriteHalf, mut queue: MutexGuard<'a, Queue>) {
        for _ in 0..ROUNDS_MAX {
            if queue.is_empty() {
                break;
            }
            let mut taken = queue.take();
            drop(queue);
            let outcome = taken.write(&io);
            queue = self.queue.lock();
            if queue.dead {
                return;
            }
            queue.restore(taken);
            self.publish_pending(&queue);
            if outcome != Outcome::Done {
                break;
            }
        }
        let left = !queue.is_empty();
        let closed = queue.closed.is_some();
        if left {
            queue.block(true);
        } else {
            queue.unblock();
        }
        if left || !closed {
            queue.io = Some(io);
        } else {
            // Closed, and the last of it is sent: the socket goes with `io`.
            queue.kill();
        }
        drop(queue);
        if left || closed {
            self.notify(DRAIN);
        }
    }

    // --- the owner's side ---

    /// Remembers whom to wake, and says what has happened since the last call.
    pub fn poll_events(&self, cx: &Context<'_>) -> Events {
        self.owner.register(cx.waker());
        Events(self.events.swap(0, Ordering::AcqRel))
    }

    /// Writes what is queued. Ready when nothing is left, or when nothing can be written again.
    pub fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut queue = self.queue.lock();
            if queue.is_empty() {
                queue.unblock();
                if queue.closed.is_none() || queue.dead {
                    return Poll::Ready(());
                }
                if queue.io.is_none() {
                    // Someone else writes the last of it, and will wake the owner.
                    return Poll::Pending;
                }
                queue.kill();
                return Poll::Ready(());
            }
            // Someone else writes just now, and will wake the owner if anything is left over.
            let Some(io) = queue.io.take() else { return Poll::Pending };
            let mut taken = queue.take();
            drop(queue);
            let writable = io.as_ref().poll_write_ready(cx);
            let outcome = match &writable {
                Poll::Ready(Ok(())) => taken.write(&io),
                Poll::Ready(Err(_)) => Outcome::Failed,
                Poll::Pending => Outcome::Full,
            };
            let mut queue = self.queue.lock();
            if queue.dead {
                return Poll::Ready(());
            }
            queue.restore(taken);
            self.publish_pending(&queue);
            queue.io = Some(io);
            if outcome == Outcome::Failed {
                self.close_locked(&mut queue, Reason::WriteError);
                return Poll::Ready(());
            }
            let stalled = if queue.has_room_again() { queue.take_stalled() } else { Vec::new() };
            drop(queue);
            stalled.into_iter().for_each(Waker::wake);
            if writable.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// How long the present flush has been under way, and whether it wrote anything; `None` when
    /// nothing waits.
    #[must_use]
    pub fn flush_age(&self, now: Instant) -> Option<(Duration, bool)> {
        self.queue.lock().flush_age(now)
    }

    /// Chunks and bytes that wait for the client.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        let queue = self.queue.lock();
        (queue.chunks(), queue.pending())
    }

    /// Counts the present flush from now.
    pub fn restart_flush(&self) {
        self.queue.lock().restart_flush();
    }

    /// Sids of subscriptions that have had all their messages.
    #[must_use]
    pub fn take_expired(&self) -> Vec<Box<[u8]>> {
        self.queue.lock().take_expired()
    }

    /// The reason of the close, once closed.
    #[must_use]
    pub fn closed(&self) -> Option<Reason> {
        self.queue.lock().closed
    }

    // --- the others' side ---

    /// Notes that the subscription `sid` has had all its messages.
    pub fn expire(&self, sid: &[u8]) {
        self.queue.lock().expire(sid);
        self.notify(EXPIRED);
    }

    /// Wakes `waker` when the client has caught up, if it is worth waiting for: it is behind by
    /// more than `soft_max` bytes, and took something not long ago.
    #[must_use]
    pub fn stall(&self, soft_max: usize, waker: &Waker) -> bool {
        let mut queue = self.queue.lock();
        if queue.closed.is_some() || queue.pending() <= soft_max {
            return false;
        }
        if queue.sealed {
            // Its socket may take all there is: whoever packs or encrypts it is behind.
            queue.block(false);
        }
        queue.stall(soft_max, waker)
    }

    /// Ends the connection. What is queued is dropped when `reason` is the client's slowness or a
    /// broken socket; else it is still sent, and no more is taken.
    pub fn close(&self, reason: Reason) {
        let mut queue = self.queue.lock();
        self.close_locked(&mut queue, reason);
    }

    fn close_locked(&self, queue: &mut Queue, reason: Reason) {
        if queue.dead {
            return;
        }
        queue.closed.get_or_insert(reason);
        self.open.store(false, Ordering::Relaxed);
        let hopeless = [
            Reason::SlowConsumerPending,
            Reason::SlowConsumerDeadline,
            Reason::WriteError,
            Reason::InternalError,
        ];
        if hopeless.contains(&reason) {
            queue.kill();
            self.publish_pending(queue);
        }
        queue.take_stalled().into_iter().for_each(Waker::wake);
        self.notify(CLOSED);
    }

    /// Lets go of the socket: the last thing the owner does.
    pub fn release_socket(&self) {
        let mut queue = self.queue.lock();
        queue.closed.get_or_insert(Reason::ClientClosed);
        self.open.store(false, Ordering::Relaxed);
        queue.kill();
        self.publish_pending(&queue);
    }

    fn notify(&self, event: u8) {
        self.events.fetch_or(event, Ordering::AcqRel);
        self.owner.wake();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    Full,
    Failed,
}

fn length(data: &[IoSlice<'_>]) -> usize {
    data.iter().map(|slice| slice.len()).sum()
}

/// Writes until all is gone or the socket takes no more; `data` is left at what remains.
fn write_all(io: &OwnedWriteHalf, data: &mut &mut [IoSlice<'_>]) -> Outcome {
    // An empty slice would look like a closed socket.
    IoSlice::advance_slices(data, 0);
    while !data.is_empty() {
        let wrote = match data.len() {
            1 => io.try_write(&data[0]),
            n => io.try_write_vectored(&data[..n.min(SLICES_MAX)]),
        };
        match wrote {
            Ok(0) => return Outcome::Failed,
            Ok(n) => IoSlice::advance_slices(data, n),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Outcome::Full,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Outcome::Failed,
        }
    }
    Outcome::Done
}
