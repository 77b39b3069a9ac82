//! What an actor does besides handling messages: timers, futures, and its own I/O.
//!
//! actix would box each of these into its context, out of reach when the actor fails. They live
//! in the cage instead, behind the one (zero-sized) future that the context knows, so that a
//! crash can drop all of them at once, before anything is made anew.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

use crate::{actor::Actor, context::Cx};

/// Names a task of one actor, to cancel it. Not valid in a later incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskId(pub(crate) u32);

/// Something that is polled in the actor's turn.
pub(crate) trait Task<A: Actor> {
    fn poll(&mut self, actor: &mut A, cx: &mut Cx<'_, A>, wake: &mut Context<'_>) -> Poll<()>;
}

/// A place in the list of tasks; `task` is out while it is being polled.
struct Slot<A: Actor> {
    id: u32,
    task: Option<Box<dyn Task<A>>>,
}

/// The id of a slot whose task is done or cancelled.
const VACANT: u32 = 0;

/// The tasks of one incarnation.
pub(crate) struct Tasks<A: Actor> {
    slots: Vec<Slot<A>>,
    last_id: u32,
}

impl<A: Actor> Tasks<A> {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), last_id: VACANT }
    }

    pub(crate) fn add(&mut self, task: Box<dyn Task<A>>) -> TaskId {
        self.last_id = self.last_id.wrapping_add(1).max(1);
        if self.slots.is_empty() {
            // Most actors have one: the usual first growth to four would cost each client 72 bytes.
            self.slots.reserve_exact(1);
        }
        self.slots.push(Slot { id: self.last_id, task: Some(task) });
        TaskId(self.last_id)
    }

    /// Vacates the place; the task is dropped here, or by who polls it right now.
    pub(crate) fn cancel(&mut self, id: TaskId) -> bool {
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.id == id.0) else { return false };
        slot.id = VACANT;
        slot.task = None;
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn take(&mut self, index: usize) -> Option<(TaskId, Box<dyn Task<A>>)> {
        let slot = self.slots.get_mut(index)?;
        slot.task.take().map(|task| (TaskId(slot.id), task))
    }

    /// Puts a task back after its poll; gives it back when it was cancelled meanwhile.
    pub(crate) fn put(
        &mut self,
        index: usize,
        id: TaskId,
        task: Box<dyn Task<A>>,
    ) -> Option<Box<dyn Task<A>>> {
        match self.slots.get_mut(index) {
            Some(slot) if slot.id == id.0 => {
                slot.task = Some(task);
                None
            }
            _ => Some(task),
        }
    }

    pub(crate) fn finish(&mut self, index: usize, id: TaskId) {
        if let Some(slot) = self.slots.get_mut(index).filter(|slot| slot.id == id.0) {
            slot.id = VACANT;
        }
    }

    pub(crate) fn compact(&mut self) {
        self.slots.retain(|slot| slot.id != VACANT);
    }
}

/// Once, later.
pub(crate) struct Later<F> {
    pub(crate) sleep: Pin<Box<Sleep>>,
    pub(crate) then: Option<F>,
}

impl<F> Later<F> {
    pub(crate) fn new(after: Duration, then: F) -> Self {
        Self { sleep: Box::pin(sleep(after)), then: Some(then) }
    }
}

impl<A: Actor, F: FnOnce(&mut A, &mut Cx<'_, A>)> Task<A> for Later<F> {
    fn poll(&mut self, actor: &mut A, cx: &mut Cx<'_, A>, wake: &mut Context<'_>) -> Poll<()> {
        ready!(self.sleep.as_mut().poll(wake));
        if let Some(then) = self.then.take() {
            then(actor, cx);
        }
        Poll::Ready(())
    }
}

/// Again and again; a late tick delays those after it.
pub(crate) struct Every<F> {
    sleep: Pin<Box<Sleep>>,
    period: Duration,
    tick: F,
}

impl<F> Every<F> {
    pub(crate) fn new(period: Duration, tick: F) -> Self {
        // The clock's resolution; a shorter period would never leave the loop in `poll`.
        let period = period.max(Duration::from_millis(1));
        Self { sleep: Box::pin(sleep(period)), period, tick }
    }
}

impl<A: Actor, F: FnMut(&mut A, &mut Cx<'_, A>)> Task<A> for Every<F> {
    fn poll(&mut self, actor: &mut A, cx: &mut Cx<'_, A>, wake: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(wake));
            self.sleep.as_mut().reset(Instant::now() + self.period);
            (self.tick)(actor, cx);
            if cx.is_leaving() {
                return Poll::Ready(());
            }
        }
    }
}

/// A future, and what to do with its output.
pub(crate) struct When<T, F> {
    pub(crate) future: Pin<Box<T>>,
    pub(crate) then: Option<F>,
}

impl<A, T, F> Task<A> for When<T, F>
where
    A: Actor,
    T: Future,
    F: FnOnce(&mut A, T::Output, &mut Cx<'_, A>),
{
    fn poll(&mut self, actor: &mut A, cx: &mut Cx<'_, A>, wake: &mut Context<'_>) -> Poll<()> {
        let output = ready!(self.future.as_mut().poll(wake));
        if let Some(then) = self.then.take() {
            then(actor, output, cx);
        }
        Poll::Ready(())
    }
}

/// A poll function of the actor's own.
pub(crate) struct PollWith<F>(pub(crate) F);

impl<A, F> Task<A> for PollWith<F>
where
    A: Actor,
    F: FnMut(&mut A, &mut Cx<'_, A>, &mut Context<'_>) -> Poll<()>,
{
    fn poll(&mut self, actor: &mut A, cx: &mut Cx<'_, A>, wake: &mut Context<'_>) -> Poll<()> {
        (self.0)(actor, cx, wake)
    }
}
