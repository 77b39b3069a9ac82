//! [`Cage`]: the actix actor that holds one of ours, and lives on when that one fails.
//!
//! in: envelopes of the role's messages, and the runtime's own [`Control`].
//! out: turns of the role; news to its parent.
//! dies: when the role stops, or fails for good. A crash drops the role and all that it had
//! begun, while context and mailbox stay: the next incarnation finds its messages in order.

use std::{
    collections::{BTreeSet, VecDeque},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix::{ActorContext, ActorFuture, AsyncContext};

use crate::{
    actor::{Actor, Handler, Message},
    cell::ActorId,
    context::Cx,
    handle::{Control, Post, Shared},
    panic::{discard, guard},
    runtime::Core,
    supervise::{Life, Policy},
    task::Tasks,
};

/// Messages handled in one wake-up before the other actors of the arbiter get their turn.
///
/// actix itself drains a mailbox for as long as messages keep coming. A tokio `LocalSet` prefers
/// tasks woken on its own thread 30 times out of 31, and looks at sockets after 61 tasks: so a
/// flooded actor holds up the others for some 1,000 to 2,000 messages, not for 32.
const TURNS_MAX: u32 = 32;

/// Whether the role asked to leave in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Stay,
    Stop,
    /// The cause is in the cell.
    Fail,
}

/// Where the cage is in its life; [`ActorState`](crate::ActorState) is what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Starting,
    Running,
    /// The role is alive and waits for its children to end.
    Stopping,
    /// The role is gone; its children end, and `due` says whether the back-off is over.
    Down {
        next: Next,
        due: bool,
    },
    Ended,
}

/// What follows when a crashed actor's children have ended. Its cause is in the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Revive,
    Stop,
    Fail,
    /// Like `Fail`, and the parent is to fail in turn.
    Exhaust,
}

/// Everything of a cage but the role itself, so that a role can be lent both.
///
/// There is one for each of 10,000s of clients, so what most of them never need is boxed.
pub(crate) struct Rig<A: Actor> {
    pub(crate) shared: Arc<Shared<A>>,
    /// None once an actor that lives once was made.
    pub(crate) policy: Option<Box<Policy<A>>>,
    pub(crate) life: Life,
    pub(crate) children: Children,
    pub(crate) tasks: Tasks<A>,
    /// Messages that arrived while there was no role to handle them.
    #[allow(clippy::box_collection, reason = "rarely there")]
    pub(crate) held: Option<Box<VecDeque<Box<dyn Held<A>>>>>,
    pub(crate) phase: Phase,
    pub(crate) exit: Exit,
    /// Counts changes of phase, so that a late timer is known to be late.
    pub(crate) stage: u32,
    /// Messages handled since other actors had their turn.
    turns: u32,
}

impl<A: Actor> Rig<A> {
    pub(crate) fn new(shared: Arc<Shared<A>>, policy: Policy<A>, life: Life) -> Self {
        Self {
            shared,
            policy: Some(Box::new(policy)),
            life,
            children: Children::default(),
            tasks: Tasks::new(),
            held: None,
            phase: Phase::Starting,
            exit: Exit::Stay,
            stage: 0,
            turns: 0,
        }
    }
}

/// The children that are alive, as far as their parent has heard.
#[derive(Default)]
#[allow(clippy::box_collection, reason = "most actors have none")]
pub(crate) struct Children(Option<Box<BTreeSet<ActorId>>>);

impl Children {
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |ids| ids.len())
    }

    pub(crate) fn contains(&self, id: ActorId) -> bool {
        self.0.as_ref().is_some_and(|ids| ids.contains(&id))
    }

    pub(crate) fn add(&mut self, id: ActorId) {
        self.0.get_or_insert_default().insert(id);
    }

    pub(crate) fn remove(&mut self, id: ActorId) -> bool {
        self.0.as_mut().is_some_and(|ids| ids.remove(&id))
    }

    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }

    pub(crate) fn stop(&self, core: &Core) {
        // Who is not in the registry has ended: the news is on its way.
        let ports =
            self.0.iter().flat_map(|ids| ids.iter()).filter_map(|id| core.registry.port(*id));
        ports.for_each(|port| port.control(Control::Stop));
    }
}

pub(crate) struct Cage<A: Actor> {
    pub(crate) role: Option<A>,
    pub(crate) rig: Rig<A>,
}

/// A message that waits for the next incarnation.
pub(crate) trait Held<A: Actor> {
    fn deliver(self: Box<Self>, cage: &mut Cage<A>);
}

impl<A: Handler<M>, M: Message> Held<A> for Post<M> {
    fn deliver(self: Box<Self>, cage: &mut Cage<A>) {
        cage.deliver(*self);
    }
}

// === turns ===

impl<A: Actor> Cage<A> {
    /// Lends the role for one turn, then does what it asked for. None: no role, or a crash.
    pub(crate) fn turn<R>(&mut self, f: impl FnOnce(&mut A, &mut Cx<'_, A>) -> R) -> Option<R> {
        let Self { role, rig } = self;
        let role = role.as_mut()?;
        match guard(|| f(role, &mut Cx { rig })) {
            Ok(result) => {
                self.leave();
                Some(result)
            }
            Err(cause) => {
                self.crash(&format!("panicked: {cause}"));
                None
            }
        }
    }

    fn deliver<M: Message>(&mut self, post: Post<M>)
    where
        A: Handler<M>,
    {
        let Post { msg, at, weight } = post;
        self.rig.turns += 1;
        self.rig.shared.cell.taken(at);
        self.turn(|role, cx| role.handle(msg, cx));
        self.rig.shared.cell.release(weight);
    }

    fn must_hold(&self) -> bool {
        self.role.is_none() || self.rig.held.is_some()
    }

    /// Delivers what was held, then polls each task once. Wakes itself if more is left to do.
    fn work(&mut self, wake: &mut Context<'_>) {
        self.rig.turns = 0;
        while self.role.is_some() && self.rig.turns < TURNS_MAX {
            let Some(held) = self.rig.held.as_mut() else { break };
            match held.pop_front() {
                Some(post) => post.deliver(self),
                None => self.rig.held = None,
            }
        }
        if self.role.is_some() && self.rig.held.is_some() {
            wake.waker().wake_by_ref();
        }
        self.poll_tasks(wake);
        self.rig.turns = 0;
    }

    fn poll_tasks(&mut self, wake: &mut Context<'_>) {
        let mut index = 0;
        // The list grows when a task begins another, which is then polled in this round too.
        while index < self.rig.tasks.len() {
            let Some((id, mut task)) = self.rig.tasks.take(index) else {
                index += 1;
                continue;
            };
            let left = self.turn(|role, cx| match task.poll(role, cx, wake) {
                Poll::Pending => Some(task),
                // Dropped here, inside the guard.
                Poll::Ready(()) => None,
            });
            match left {
                // It crashed, which cleared the list; or there is no role, hence no task.
                None => return,
                Some(None) => self.rig.tasks.finish(index, id),
                Some(Some(task)) => {
                    if let Some(cancelled) = self.rig.tasks.put(index, id, task) {
                        discard(cancelled);
                    }
                }
            }
            index += 1;
        }
        self.rig.tasks.compact();
    }

    /// Closes the mailbox once the end has come.
    fn settle(&mut self, ctx: &mut actix::Context<Self>) {
        if self.rig.phase == Phase::Ended {
            ctx.terminate();
        }
    }
}

// === impl actix::Actor ===

impl<A: Actor> actix::Actor for Cage<A> {
    type Context = actix::Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Driver);
        self.birth();
        self.settle(ctx);
    }
}

impl<A: Handler<M>, M: Message> actix::Handler<Post<M>> for Cage<A> {
    type Result = ();

    fn handle(&mut self, post: Post<M>, ctx: &mut Self::Context) {
        if self.must_hold() {
            self.rig.held.get_or_insert_default().push_back(Box::new(post));
            return;
        }
        self.deliver(post);
        self.settle(ctx);
        if self.rig.turns >= TURNS_MAX {
            self.rig.turns = 0;
            ctx.wait(Pause { taken: false });
        }
    }
}

impl<A: Actor> actix::Handler<Control> for Cage<A> {
    type Result = ();

    fn handle(&mut self, control: Control, ctx: &mut Self::Context) {
        self.control(control);
        self.settle(ctx);
    }
}

impl<A: Actor> Drop for Rig<A> {
    /// Messages and children that are left are dropped where a panic does no harm.
    fn drop(&mut self) {
        discard(self.held.take());
        discard(std::mem::replace(&mut self.tasks, Tasks::new()));
    }
}

/// The one future in the actix context of a cage: polls the cage's own tasks.
struct Driver;

impl<A: Actor> ActorFuture<Cage<A>> for Driver {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        cage: &mut Cage<A>,
        ctx: &mut actix::Context<Cage<A>>,
        wake: &mut Context<'_>,
    ) -> Poll<()> {
        cage.work(wake);
        cage.settle(ctx);
        // Never ready: an actor does not end because it has nothing to do.
        Poll::Pending
    }
}

/// Lets the other actors of the arbiter have their turn, between two messages.
struct Pause {
    taken: bool,
}

impl<A: Actor> ActorFuture<Cage<A>> for Pause {
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        cage: &mut Cage<A>,
        ctx: &mut actix::Context<Cage<A>>,
        wake: &mut Context<'_>,
    ) -> Poll<()> {
        if self.taken {
            return Poll::Ready(());
        }
        self.taken = true;
        // actix polls the driver only when the mailbox is empty: under a flood it never is.
        cage.work(wake);
        cage.settle(ctx);
        wake.waker().wake_by_ref();
        Poll::Pending
    }
}

const _: () = {
    enum Nobody {}
    impl Actor for Nobody {
        const KIND: &'static str = "nobody";
    }
    // With actix's context (336 bytes) and tokio's task (112) a role of up to 80 bytes fits into
    // 640, the next multiple of tokio's alignment.
    assert!(size_of::<Cage<Nobody>>() <= 112);
};
