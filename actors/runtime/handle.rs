//! [`Handle`]: how an actor is reached, unchanged over all its incarnations.
//!
//! Sending takes room in the mailbox first and pushes the envelope second. actix is asked for
//! its unbounded push: its own bound counts per sender and is off by one for each of them.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use actix::dev::channel::AddressSender;

use crate::{
    actor::{Actor, ChildEvent, Handler, Message},
    cage::Cage,
    cell::{ActorCell, ActorState},
    mailbox::{SendError, clamp_weight},
};

/// A message in its envelope.
pub(crate) struct Post<M> {
    pub(crate) msg: M,
    /// When it was sent, in milliseconds of the runtime's clock.
    pub(crate) at: u64,
    /// What it took from the mailbox bound.
    pub(crate) weight: u32,
}

impl<M: Message> actix::Message for Post<M> {
    type Result = ();
}

/// What the runtime itself says to an actor; travels in the mailbox, in order, beyond its bound.
pub(crate) enum Control {
    /// End in good order.
    Stop,
    /// The back-off of this stage is over.
    Due(u32),
    /// The children had their time to end in this stage.
    Late(u32),
    /// News of a child.
    Child(ChildEvent),
    /// Tell the observable state.
    Observe(tokio::sync::oneshot::Sender<serde_json::Value>),
    /// Panic with this cause.
    Drill(String),
}

impl actix::Message for Control {
    type Result = ();
}

/// An actor of whatever type, as the registry, parents and links know it.
pub(crate) trait Port: Send + Sync {
    fn cell(&self) -> &Arc<ActorCell>;
    fn control(&self, control: Control);
}

/// An actor of whatever type that accepts `M`.
trait Target<M>: Port {
    /// Pushes a message whose room is taken.
    fn push(&self, msg: M, weight: u32) -> Result<(), SendError<M>>;
}

/// What all handles of an actor share.
pub(crate) struct Shared<A: Actor> {
    pub(crate) cell: Arc<ActorCell>,
    pub(crate) tx: AddressSender<Cage<A>>,
}

impl<A: Actor> Port for Shared<A> {
    fn cell(&self) -> &Arc<ActorCell> {
        &self.cell
    }

    fn control(&self, control: Control) {
        // A closed mailbox means that the actor is gone: nobody is left to be told.
        let _ = self.tx.do_send(control);
    }
}

impl<A: Handler<M>, M: Message> Target<M> for Shared<A> {
    fn push(&self, msg: M, weight: u32) -> Result<(), SendError<M>> {
        let at = self.cell.stamp();
        self.tx.do_send(Post { msg, at, weight }).map_err(|closed| {
            self.cell.unreserve(weight);
            SendError::Dead(closed.into_inner().msg)
        })
    }
}

fn send<M: Message>(target: &(impl Target<M> + ?Sized), msg: M) -> Result<(), SendError<M>> {
    let weight = clamp_weight(msg.weight());
    if target.cell().state().has_ended() {
        Err(SendError::Dead(msg))
    } else if target.cell().reserve(weight) {
        target.push(msg, weight)
    } else {
        Err(SendError::Full(msg))
    }
}

fn send_urgent<M: Message>(target: &(impl Target<M> + ?Sized), msg: M) -> Result<(), SendError<M>> {
    let weight = clamp_weight(msg.weight());
    if target.cell().state().has_ended() {
        Err(SendError::Dead(msg))
    } else if target.cell().reserve_urgent(weight) {
        target.push(msg, weight)
    } else {
        Err(SendError::Full(msg))
    }
}

/// The address of one actor. Cloning costs one atomic increment.
///
/// An actor does not end because nobody holds a handle: it ends when it stops or fails, or with
/// its parent. A message that was accepted is handled unless the actor ends for good first; then
/// it is dropped, so a sender that needs to know puts something with a `Drop` into it. While the
/// actor is being made anew, messages are accepted and wait.
pub struct Handle<A: Actor>(pub(crate) Arc<Shared<A>>);

impl<A: Actor> Handle<A> {
    /// Sends, if the mailbox has room.
    pub fn send<M: Message>(&self, msg: M) -> Result<(), SendError<M>>
    where
        A: Handler<M>,
    {
        send(&*self.0, msg)
    }

    /// Waits for room, then sends; fails only when the actor is gone.
    pub fn send_wait<M: Message>(&self, msg: M) -> SendWait<M>
    where
        A: Handler<M>,
    {
        self.recipient().send_wait(msg)
    }

    /// Sends past the bound: for control traffic, which is rare. Counted like any other message.
    pub fn send_urgent<M: Message>(&self, msg: M) -> Result<(), SendError<M>>
    where
        A: Handler<M>,
    {
        send_urgent(&*self.0, msg)
    }

    /// This address for messages of one type, without the actor's type.
    pub fn recipient<M: Message>(&self) -> Recipient<M>
    where
        A: Handler<M>,
    {
        Recipient(Arc::clone(&self.0) as Arc<dyn Target<M>>)
    }

    /// What is known of the actor.
    pub fn cell(&self) -> &Arc<ActorCell> {
        &self.0.cell
    }

    /// Asks it to stop in good order, after the messages that were sent before.
    pub fn stop(&self) {
        self.0.control(Control::Stop);
    }

    /// False when it is gone for good; an actor between two incarnations is alive.
    pub fn is_alive(&self) -> bool {
        !self.0.cell.state().has_ended()
    }

    /// Waits until it is gone for good.
    pub fn ended(&self) -> Ended {
        Ended(Arc::clone(&self.0.cell))
    }
}

impl<A: Actor> Clone for Handle<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Actor> fmt::Debug for Handle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.0.cell.path())
    }
}

/// The address of one actor that accepts `M`, whatever its type. Cheap to clone.
pub struct Recipient<M: Message>(Arc<dyn Target<M>>);

impl<M: Message> Recipient<M> {
    /// Like [`Handle::send`].
    pub fn send(&self, msg: M) -> Result<(), SendError<M>> {
        send(&*self.0, msg)
    }

    /// Like [`Handle::send_wait`].
    pub fn send_wait(&self, msg: M) -> SendWait<M> {
        let weight = clamp_weight(msg.weight());
        SendWait { to: self.clone(), weight, msg: Some(msg), listed: None }
    }

    /// Like [`Handle::send_urgent`].
    pub fn send_urgent(&self, msg: M) -> Result<(), SendError<M>> {
        send_urgent(&*self.0, msg)
    }

    /// What is known of the actor.
    pub fn cell(&self) -> &Arc<ActorCell> {
        self.0.cell()
    }

    /// Like [`Handle::stop`].
    pub fn stop(&self) {
        self.0.control(Control::Stop);
    }

    /// Like [`Handle::is_alive`].
    pub fn is_alive(&self) -> bool {
        !self.0.cell().state().has_ended()
    }
}

impl<M: Message> Clone for Recipient<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Message> fmt::Debug for Recipient<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.cell().path())
    }
}

/// The future of [`Handle::send_wait`]; may be kept in a struct and polled by hand.
///
/// Dropping it before it is ready means that the message was not sent. Waiters are woken when
/// the mailbox is half empty, all at once, so that they send in batches.
#[must_use = "a message is sent when this is awaited"]
pub struct SendWait<M: Message> {
    to: Recipient<M>,
    weight: u32,
    /// None once it is sent.
    msg: Option<M>,
    listed: Option<(u32, Waker)>,
}

impl<M: Message> SendWait<M> {}

/// Nothing in it is pinned.
impl<M: Message> Unpin for SendWait<M> {}

impl<M: Message> Future for SendWait<M> {
    type Output = Result<(), SendError<M>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.msg.is_none() {
            return Poll::Ready(Ok(()));
        }
        let room = ready!(this.to.cell().poll_reserve(this.weight, &mut this.listed, cx));
        Poll::Ready(match this.msg.take() {
            Some(msg) if room => this.to.0.push(msg, this.weight),
            Some(msg) => Err(SendError::Dead(msg)),
            None => Ok(()),
        })
    }
}

/// The future of [`Handle::ended`]: the final state.
#[must_use = "nothing is waited for until this is awaited"]
pub struct Ended(Arc<ActorCell>);

impl Future for Ended {
    type Output = ActorState;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ActorState> {
        self.0.poll_ended(cx)
    }
}
