//! [`Pipe`]: the socket of a link, and all that lies between it and what is said over it.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::Sleep;
use tokio_util::io::poll_read_buf;

use super::Ends;
use super::pings::Pings;
use crate::broker::{Broker, Cast};
use crate::delivery::desk::Delivery;
use crate::delivery::reading::{STALL_MAX, Unread, soft_pending};
use crate::delivery::{Counters, Found, Match, Outbound, Reason, Wire};
use crate::realm::Realm;
use crate::shard::Changes;

/// See the module's text.
pub struct Pipe {
    pub broker: Arc<Broker>,
    pub cast: Arc<Cast>,
    /// The way out: publishers and shards write to it.
    pub out: Arc<Outbound>,
    /// What the other end wants, on its way to the shards.
    pub changes: Changes,
    /// Of the arbiter that the link lives on.
    counters: Arc<Counters>,
    io: OwnedReadHalf,
    /// Where there is TLS or compression. Then nobody but the link itself writes to the socket.
    wire: Option<Box<Wire>>,
    pub(super) unread: Unread,
    pub(super) last: Option<Box<Last>>,
    pub(super) pings: Pings,
    /// A reader here is far behind, and is waited for.
    pub(super) stall: Option<Pin<Box<Sleep>>>,
    pub(super) draining: bool,
}

/// The subject of the last message, which those that follow may repeat.
pub(super) struct Last {
    /// What a message to it begins with, up to what differs from one to the next.
    pub(super) head: Vec<u8>,
    pub(super) found: Rc<Match>,
}

/// Bytes that are read at once to be forgotten.
const DISCARD: usize = 4 << 10;

// === impl Pipe ===

impl Pipe {
    /// On `arbiter`, which `ends` is registered with. After `pings_out_max` questions without an
    /// answer the other end counts as gone.
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        cast: Arc<Cast>,
        arbiter: usize,
        ends: Ends,
        pings_out_max: u32,
    ) -> Self {
        let Ends { out, unread, io, wire } = ends;
        Self {
            counters: Arc::clone(&broker.counters[arbiter % broker.counters.len()]),
            broker,
            cast,
            out,
            changes: Changes::default(),
            io,
            wire,
            unread: Unread::holding(unread),
            last: None,
            pings: Pings::new(pings_out_max),
            stall: None,
            draining: false,
        }
    }

    pub fn end(&self, reason: Reason) {
        self.out.close(reason);
    }

    /// What keeps it from being read on, in words for who looks at the actor.
    #[must_use]
    pub fn held_up(&self) -> Option<&'static str> {
        match () {
            () if self.changes.is_waiting() => Some("the subject shards have not acknowledged yet"),
            () if self.stall.is_some() => Some("a reader of its messages is far behind"),
            () if self.draining => Some("the other end reads slower than it is sent to"),
            () => None,
        }
    }

    pub fn count_in(&self, msgs: u64, bytes: u64) {
        self.out.stats.in_msgs.fetch_add(msgs, Relaxed);
        self.out.stats.in_bytes.fetch_add(bytes, Relaxed);
        Counters::add(&self.counters.in_msgs, msgs);
        Counters::add(&self.counters.in_bytes, bytes);
    }

    /// Counts what was handed over, and looks whether some reader is to be waited for.
    pub(super) fn count_out(&mut self, delivery: &mut Delivery, task: &Context<'_>) {
        delivery.batch.flush();
        let (msgs, bytes, lookups) = delivery.take_counts();
        Counters::add(&self.counters.out_msgs, msgs);
        Counters::add(&self.counters.out_bytes, bytes);
        Counters::add(&self.counters.lookups, lookups);
        let settings = self.broker.settings();
        let behind = delivery.batch.take_behind();
        let soft = soft_pending(settings.pending_max);
        if settings.stall && behind.iter().any(|out| out.stall(soft, task.waker())) {
            self.stall = Some(Box::pin(tokio::time::sleep(STALL_MAX)));
        }
    }

    /// Whether something keeps the link from being read on.
    pub(super) fn gated(&mut self, task: &mut Context<'_>) -> bool {
        if let Some(stall) = &mut self.stall
            && stall.as_mut().poll(task).is_pending()
        {
            return true;
        }
        self.stall = None;
        self.changes.poll(&self.cast, task)
    }

    /// The message at the start of `rest` went to all who want `subject`, and what follows `tail`
    /// in it is its own: messages that repeat what stands before are taken as a run from here on.
    pub fn remember(
        &mut self,
        realm: &Realm,
        subject: &[u8],
        tail: &[u8],
        rest: &[u8],
        delivery: &mut Delivery,
    ) {
        let Found::Kept(found) = delivery.cache.find(&realm.interest, subject) else { return };
        if found.one_by_one {
            return;
        }
        let from_start = rest.len() - (rest.as_ptr_range().end as usize - tail.as_ptr() as usize);
        self.last = Some(Box::new(Last { head: rest[..from_start].to_vec(), found }));
    }

    /// What follows is not what it was when the last subject was looked up.
    pub fn forget_last(&mut self) {
        self.last = None;
    }

    // --- bytes

    /// Reads into `room`.
    pub(super) fn poll_read(
        &mut self,
        task: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(wire) = &mut self.wire {
            return wire.poll_read(&mut self.io, task, room);
        }
        let mut buffer = ReadBuf::new(room);
        let read = Pin::new(&mut self.io).poll_read(task, &mut buffer);
        read.map_ok(|()| buffer.filled().len())
    }

    /// Reads behind what was not worked through yet.
    pub(super) fn poll_read_more(&mut self, task: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let tail = self.unread.tail();
        match &mut self.wire {
            Some(wire) => wire.poll_read_more(&mut self.io, task, tail),
            None => poll_read_buf(Pin::new(&mut self.io), task, tail),
        }
    }

    /// Sends what is queued. Ready when nothing is left.
    pub fn poll_send(&mut self, task: &mut Context<'_>) -> Poll<()> {
        match &mut self.wire {
            None => self.out.poll_drain(task),
            Some(wire) => wire.poll_drain(&self.out, false, task),
        }
    }

    /// Whether bytes of TLS itself wait to be sent.
    pub(super) fn has_unsent(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.has_unsent())
    }

    /// Reads and forgets. Ready at the end.
    pub fn poll_discard(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let mut room = [0; DISCARD];
        while let Ok(1..) = ready!(self.poll_read(task, &mut room)) {}
        Poll::Ready(())
    }
}
