//! [`Cx`]: what an actor can do about itself in its turn.

use std::{
    fmt,
    future::Future,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    actor::Actor,
    cage::{Exit, Phase, Rig},
    cell::ActorCell,
    handle::{Handle, Port},
    runtime::RuntimeHandle,
    spec::Spec,
    task::{Every, Later, PollWith, Task, TaskId, When},
};

/// An actor's view of itself, lent for one turn.
pub struct Cx<'a, A: Actor> {
    pub(crate) rig: &'a mut Rig<A>,
}

impl<A: Actor> Cx<'_, A> {
    /// The address of this actor.
    pub fn handle(&self) -> Handle<A> {
        Handle(Arc::clone(&self.rig.shared))
    }

    /// What the world knows of this actor.
    pub fn cell(&self) -> &Arc<ActorCell> {
        &self.rig.shared.cell
    }

    /// The runtime that this actor lives in.
    pub fn runtime(&self) -> RuntimeHandle {
        RuntimeHandle { core: Arc::clone(self.rig.shared.cell.core()) }
    }

    /// Stops this actor in good order when this turn is over: its children end, then it does.
    /// Messages that still wait are handled while children end, and dropped after.
    pub fn stop(&mut self) {
        if self.rig.exit == Exit::Stay {
            self.rig.exit = Exit::Stop;
        }
    }

    /// Fails this actor when this turn is over, as a panic would; its restart policy decides.
    pub fn fail(&mut self, cause: impl Into<String>) {
        if self.rig.exit != Exit::Fail {
            self.rig.exit = Exit::Fail;
            self.cell().set_cause(&cause.into().into());
        }
    }

    /// Whether [`stop`](Self::stop) or [`fail`](Self::fail) was called in this turn.
    pub fn is_leaving(&self) -> bool {
        self.rig.exit != Exit::Stay
    }

    /// Calls back once, after a while.
    pub fn run_later<F>(&mut self, after: Duration, then: F) -> TaskId
    where
        F: FnOnce(&mut A, &mut Cx<'_, A>) + 'static,
    {
        self.add(Box::new(Later::new(after, then)))
    }

    /// Calls back again and again; the first time after one period.
    pub fn run_interval<F>(&mut self, period: Duration, tick: F) -> TaskId
    where
        F: FnMut(&mut A, &mut Cx<'_, A>) + 'static,
    {
        self.add(Box::new(Every::new(period, tick)))
    }

    /// Drives a future on this arbiter, then calls back with its output.
    ///
    /// The future is polled in the actor's turns: messages are handled while it is pending.
    pub fn when<T, F>(&mut self, future: T, then: F) -> TaskId
    where
        T: Future + 'static,
        F: FnOnce(&mut A, T::Output, &mut Cx<'_, A>) + 'static,
    {
        self.add(Box::new(When { future: Box::pin(future), then: Some(then) }))
    }

    /// Calls `poll` at each wake-up of this actor, after its messages, until it is ready.
    ///
    /// Wake-ups are shared: a message or another task may have caused this one. Whoever returns
    /// `Pending` has registered the waker, or will be woken by a message.
    pub fn poll_with<F>(&mut self, poll: F) -> TaskId
    where
        F: FnMut(&mut A, &mut Cx<'_, A>, &mut Context<'_>) -> Poll<()> + 'static,
    {
        self.add(Box::new(PollWith(poll)))
    }

    /// Cancels what one of the methods above began; false when it is over already.
    pub fn cancel(&mut self, task: TaskId) -> bool {
        self.rig.tasks.cancel(task)
    }

    /// Brings a child to life. It ends with this incarnation at the latest.
    pub fn spawn<B: Actor>(&mut self, spec: Spec<B>) -> Handle<B> {
        let core = Arc::clone(self.rig.shared.cell.core());
        let parent = Arc::clone(&self.rig.shared) as Arc<dyn Port>;
        let child = core.launch(spec, Some(parent));
        if !matches!(self.rig.phase, Phase::Starting | Phase::Running) {
            child.stop();
        }
        self.rig.children.add(child.cell().id());
        child
    }

    /// How many children are alive.
    pub fn children(&self) -> usize {
        self.rig.children.len()
    }

    fn add(&mut self, task: Box<dyn Task<A>>) -> TaskId {
        self.rig.tasks.add(task)
    }
}

impl<A: Actor> fmt::Debug for Cx<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cx({})", self.rig.shared.cell.path())
    }
}
