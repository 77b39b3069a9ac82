//! [`ActorCell`]: what is known of one actor from outside, without asking it.
//!
//! The actor's own arbiter writes, everybody reads; it outlives the actor in whoever kept it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::*},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use serde::Serialize;

use crate::{
    arbiter::ArbiterId,
    mailbox::{MailboxLimits, Meter},
    runtime::Core,
    spec::Name,
};

/// Names one actor of a runtime for good: an id is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId {
    pub(crate) generation: u32,
    pub(crate) index: u32,
}

/// Where an actor is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ActorState {
    /// Being made, or inside `started`.
    Starting,
    /// Handling messages.
    Running,
    /// Failed; its messages wait for the next incarnation.
    Restarting,
    /// Asked to stop; handles messages until its children have ended.
    Stopping,
    /// Gone in good order.
    Stopped,
    /// Gone for good after a failure.
    Failed,
}

impl ActorState {
    /// Whether the actor is gone for good.
    pub fn has_ended(self) -> bool {
        matches!(self, ActorState::Stopped | ActorState::Failed)
    }

    fn from_byte(byte: u8) -> Self {
        use ActorState::*;
        [Starting, Running, Restarting, Stopping, Stopped, Failed]
            .into_iter()
            .find(|state| *state as u8 == byte)
            .unwrap_or(Failed)
    }
}

/// What most actors never need, allocated when the first need arises.
#[derive(Default)]
struct Side {
    /// Tasks that wait for room; all are woken when the mailbox is half empty.
    for_room: Vec<Waker>,
    /// Counts the wake-ups of `for_room`, so that a waiter knows whether it is still listed.
    round: u32,
    /// Tasks that wait for the end.
    for_end: Vec<Waker>,
    /// Who ends with this actor.
    links: Vec<ActorId>,
    /// Why it failed last.
    cause: Option<Arc<str>>,
}

/// What is known of one actor: identity, state, mailbox, history.
pub struct ActorCell {
    id: ActorId,
    kind: &'static str,
    name: Name,
    parent: Option<Arc<ActorCell>>,
    core: Arc<Core>,
    limits: MailboxLimits,
    meter: Meter,
    handled: AtomicU64,
    /// When the oldest message that is not dealt with was sent, at the earliest; 0: there is none.
    oldest_ms: AtomicU64,
    born_ms: u64,
    side: Mutex<Option<Box<Side>>>,
    restarts: AtomicU32,
    arbiter: ArbiterId,
    state: AtomicU8,
    /// Whether `Side::for_room` may hold somebody.
    crowded: AtomicBool,
}

/// The identity that a cell is born with.
pub(crate) struct Identity {
    pub(crate) id: ActorId,
    pub(crate) kind: &'static str,
    pub(crate) name: Name,
    pub(crate) parent: Option<Arc<ActorCell>>,
    pub(crate) arbiter: ArbiterId,
    pub(crate) limits: MailboxLimits,
}

impl ActorCell {
    pub(crate) fn new(core: &Arc<Core>, identity: Identity) -> Self {
        let Identity { id, kind, name, parent, arbiter, limits } = identity;
        Self {
            id,
            kind,
            name,
            parent,
            core: Arc::clone(core),
            limits,
            meter: Meter::default(),
            handled: AtomicU64::new(0),
            oldest_ms: AtomicU64::new(0),
            born_ms: core.now_ms(),
            side: Mutex::new(None),
            restarts: AtomicU32::new(0),
            arbiter,
            state: AtomicU8::new(ActorState::Starting as u8),
            crowded: AtomicBool::new(false),
        }
    }

    /// Its unique id.
    pub fn id(&self) -> ActorId {
        self.id
    }

    /// [`Actor::KIND`](crate::Actor::KIND).
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Its name among its siblings.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its parent; a top-level actor has none.
    pub fn parent(&self) -> Option<&Arc<ActorCell>> {
        self.parent.as_ref()
    }

    /// The names from the top down to this one, each behind a slash.
    pub fn path(&self) -> String {
        let mut path = self.parent.as_ref().map(|parent| parent.path()).unwrap_or_default();
        path.push('/');
        path.push_str(&self.name.to_string());
        path
    }

    /// The arbiter that it lives on.
    pub fn arbiter(&self) -> ArbiterId {
        self.arbiter
    }

    /// Where it is in its life.
    pub fn state(&self) -> ActorState {
        ActorState::from_byte(self.state.load(Acquire))
    }

    /// Messages in the mailbox, the one being handled included.
    pub fn depth(&self) -> u32 {
        self.meter.level().depth
    }

    /// Bytes held by these messages.
    pub fn bytes(&self) -> u64 {
        self.meter.level().bytes
    }

    /// The bounds of the mailbox.
    pub fn limits(&self) -> MailboxLimits {
        self.limits
    }

    /// Age of the oldest message that is not dealt with, in milliseconds; an upper bound.
    pub fn oldest_ms(&self) -> u64 {
        match self.oldest_ms.load(Relaxed) {
            0 => 0,
            at => self.core.now_ms().saturating_sub(at),
        }
    }

    /// Messages dealt with, over all incarnations.
    pub fn handled(&self) -> u64 {
        self.handled.load(Relaxed)
    }

    /// How often it was made anew.
    pub fn restarts(&self) -> u32 {
        self.restarts.load(Relaxed)
    }

    /// Why it failed last.
    pub fn last_cause(&self) -> Option<Arc<str>> {
        self.side.lock().as_ref().and_then(|side| side.cause.clone())
    }

    /// Milliseconds since it was spawned.
    pub fn uptime_ms(&self) -> u64 {
        self.core.now_ms().saturating_sub(self.born_ms)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

// === what the sender does ===

impl ActorCell {
    /// Takes room for a message within the bound.
    pub(crate) fn reserve(&self, weight: u32) -> bool {
        self.meter.try_add(weight, &self.limits)
    }

    /// Takes room for a message beyond the bound.
    pub(crate) fn reserve_urgent(&self, weight: u32) -> bool {
        self.meter.force_add(weight)
    }

    /// Room was taken at `at`: if nothing else waits, this is the oldest.
    pub(crate) fn stamp(&self) -> u64 {
        let at = self.core.now_ms();
        if self.oldest_ms.load(Relaxed) == 0 {
            self.oldest_ms.store(at, Relaxed);
        }
        at
    }

    /// Gives room back that no message will use.
    pub(crate) fn unreserve(&self, weight: u32) {
        self.meter.sub(weight);
    }

    /// Waits for room: `Ready(true)` when it was taken, `Ready(false)` when the actor is gone.
    ///
    /// `listed` is the waiter's memory of being listed: the round and its waker then.
    pub(crate) fn poll_reserve(
        &self,
        weight: u32,
        listed: &mut Option<(u32, Waker)>,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        if self.state().has_ended() {
            return Poll::Ready(false);
        }
        if self.reserve(weight) {
            return Poll::Ready(true);
        }
        {
            let mut side = self.side.lock();
            let side = side.get_or_insert_default();
            let still =
                |(round, waker): &(u32, Waker)| *round == side.round && waker.will_wake(cx.waker());
            if !listed.as_ref().is_some_and(still) {
                side.for_room.push(cx.waker().clone());
                *listed = Some((side.round, cx.waker().clone()));
            }
        }
        // First listed, then the flag, then look again: `release` does it the other way round,
        // so that one of the two sees the other.
        self.crowded.store(true, SeqCst);
        if self.reserve(weight) {
            return Poll::Ready(true);
        }
        if self.state().has_ended() { Poll::Ready(false) } else { Poll::Pending }
    }

    /// Ready when the actor is gone for good.
    pub(crate) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<ActorState> {
        let mut side = self.side.lock();
        let state = self.state();
        if state.has_ended() {
            return Poll::Ready(state);
        }
        let wakers = &mut side.get_or_insert_default().for_end;
        if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Remembers who ends with this actor; false when it has ended already.
    pub(crate) fn add_link(&self, other: ActorId) -> bool {
        let mut side = self.side.lock();
        let alive = !self.state().has_ended();
        if alive {
            side.get_or_insert_default().links.push(other);
        }
        alive
    }

    /// Forgets a link, because the other one has ended.
    pub(crate) fn remove_link(&self, other: ActorId) {
        if let Some(side) = self.side.lock().as_mut() {
            side.links.retain(|id| *id != other);
        }
    }
}

// === what the actor's own arbiter does ===

impl ActorCell {
    /// A message was taken out of the mailbox and is about to be handled.
    pub(crate) fn taken(&self, at: u64) {
        self.oldest_ms.store(at, Relaxed);
    }

    /// A message was dealt with: its room is free again.
    pub(crate) fn release(&self, weight: u32) {
        let left = self.meter.sub(weight);
        if left.depth == 0 {
            self.oldest_ms.store(0, Relaxed);
        }
        // One writer, so no read-modify-write is needed.
        self.handled.store(self.handled.load(Relaxed) + 1, Relaxed);
        if self.crowded.load(SeqCst) && left.half_empty(&self.limits) {
            self.wake_crowd();
        }
    }

    fn wake_crowd(&self) {
        self.crowded.store(false, SeqCst);
        let wakers = self.side.lock().as_mut().map(|side| {
            side.round = side.round.wrapping_add(1);
            std::mem::take(&mut side.for_room)
        });
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    pub(crate) fn set_state(&self, state: ActorState) {
        self.state.store(state as u8, Release);
    }

    pub(crate) fn set_cause(&self, cause: &Arc<str>) {
        self.side.lock().get_or_insert_default().cause = Some(Arc::clone(cause));
    }

    pub(crate) fn count_restart(&self) {
        self.restarts.fetch_add(1, Relaxed);
    }

    /// After a final state was set: wakes everybody who waits, and returns the links.
    pub(crate) fn end(&self) -> Vec<ActorId> {
        self.wake_crowd();
        let (wakers, links) = match self.side.lock().as_mut() {
            Some(side) => (std::mem::take(&mut side.for_end), std::mem::take(&mut side.links)),
            None => return Vec::new(),
        };
        wakers.into_iter().for_each(Waker::wake);
        links
    }
}

impl fmt::Debug for ActorCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("ActorCell").field("path", &self.path()).field("state", &state).finish()
    }
}

const _: () = assert!(size_of::<ActorCell>() <= 160, "there is one for each of 10,000s of clients");
