//! Birth, crash, restart, stop and end: the life of a [`Cage`].
//!
//! ```text
//! Starting -> Running -> Stopping -> Ended (stopped)
//!    \           \          \
//!     `-----------`----------`-> Down -> Starting        (children ended, back-off over)
//!                                  `---> Ended (failed)  (budget exhausted, or never restarted)
//! ```

use std::{collections::VecDeque, sync::Arc, time::Instant};

use crate::{
    actor::{Actor, ChildEvent, Fate},
    arbiter::Lease,
    cage::{Cage, Exit, Next, Phase, Rig},
    cell::{ActorCell, ActorState},
    handle::{Control, Port},
    link,
    panic::{discard, guard},
    spec::{Maker, Restart},
};

/// How a role is made, and whether again.
pub(crate) enum Policy<A> {
    Once(Box<dyn FnOnce() -> A + Send>),
    Each(Again<A>),
}

pub(crate) struct Again<A> {
    make: Box<dyn FnMut() -> A + Send>,
    restart: Restart,
    /// When it failed, within the window of the budget.
    failures: VecDeque<Instant>,
}

/// What the policy says about a failure.
enum Verdict {
    Revive(std::time::Duration),
    GiveUp { exhausted: bool },
}

impl<A: Actor> Policy<A> {
    pub(crate) fn new(maker: Maker<A>, restart: Restart) -> Self {
        match maker {
            Maker::Once(make) => Policy::Once(make),
            Maker::Each(make) => Policy::Each(Again { make, restart, failures: VecDeque::new() }),
        }
    }

    /// Makes a role; whoever lives once leaves nothing to make another from.
    fn make(policy: &mut Option<Box<Self>>) -> Option<A> {
        if let Some(Policy::Each(again)) = policy.as_deref_mut() {
            return Some((again.make)());
        }
        match *policy.take()? {
            Policy::Once(make) => Some(make()),
            Policy::Each(_) => None,
        }
    }

    fn judge(policy: &mut Option<Box<Self>>, now: Instant) -> Verdict {
        match policy.as_deref_mut() {
            Some(Policy::Each(again)) => again.judge(now),
            Some(Policy::Once(_)) | None => Verdict::GiveUp { exhausted: false },
        }
    }
}

impl<A> Again<A> {
    fn judge(&mut self, now: Instant) -> Verdict {
        let Restart::OnFailure(budget) = self.restart else {
            return Verdict::GiveUp { exhausted: false };
        };
        while self.failures.front().is_some_and(|at| now.duration_since(*at) > budget.within) {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        let nth = self.failures.len() as u32;
        if nth > budget.restarts_max {
            Verdict::GiveUp { exhausted: true }
        } else {
            Verdict::Revive(budget.backoff(nth))
        }
    }
}

impl<A: Actor> Cage<A> {
    /// Makes the role and starts it.
    pub(crate) fn birth(&mut self) {
        self.enter(Phase::Starting, ActorState::Starting);
        match guard(|| Policy::make(&mut self.rig.policy)) {
            Ok(role) => self.role = role,
            Err(cause) => return self.crash(&format!("panicked in its factory: {cause}")),
        }
        self.turn(|role, cx| role.started(cx));
        if self.rig.phase == Phase::Starting {
            self.enter(Phase::Running, ActorState::Running);
        }
    }

    /// Does what the role asked for in its turn, now that it is over.
    pub(crate) fn leave(&mut self) {
        match std::mem::replace(&mut self.rig.exit, Exit::Stay) {
            Exit::Stay => {}
            Exit::Stop => self.begin_stop(),
            Exit::Fail => {
                let cause = self.rig.shared.cell.last_cause();
                self.crash(cause.as_deref().unwrap_or("failed without a cause"));
            }
        }
    }

    /// The role failed: drops it with all it had begun, and lets its policy decide.
    pub(crate) fn crash(&mut self, cause: &str) {
        let cell = Arc::clone(&self.rig.shared.cell);
        tracing::error!(actor = %cell.path(), kind = A::KIND, cause, "actor failed");
        let cause: Arc<str> = cause.into();
        cell.set_cause(&cause);
        let was_stopping = self.rig.phase == Phase::Stopping;
        self.drop_role();
        let verdict = match was_stopping {
            true => Verdict::GiveUp { exhausted: false },
            false => Policy::judge(&mut self.rig.policy, Instant::now()),
        };
        match verdict {
            Verdict::Revive(pause) => {
                self.enter(Phase::Down { next: Next::Revive, due: false }, ActorState::Restarting);
                self.rig.life.tell(&cell, Fate::Restarting(cause));
                let (port, stage) = (self.port(), self.rig.stage);
                cell.core().later(pause, move || port.control(Control::Due(stage)));
            }
            Verdict::GiveUp { exhausted } => {
                let next = if exhausted { Next::Exhaust } else { Next::Fail };
                self.enter(Phase::Down { next, due: true }, ActorState::Stopping);
            }
        }
        self.stop_children();
        self.advance();
    }

    /// An orderly stop: children first.
    fn begin_stop(&mut self) {
        match &mut self.rig.phase {
            Phase::Stopping | Phase::Ended => return,
            Phase::Down { next, due } => {
                // Already on its way out as failed: that is what remains to be told.
                if *next == Next::Revive {
                    (*next, *due) = (Next::Stop, true);
                    self.rig.shared.cell.set_state(ActorState::Stopping);
                }
            }
            Phase::Starting | Phase::Running => {
                self.enter(Phase::Stopping, ActorState::Stopping);
                self.stop_children();
            }
        }
        self.advance();
    }

    /// Takes the step that was waiting for the last child to end.
    fn advance(&mut self) {
        if self.rig.children.len() > 0 {
            return;
        }
        match self.rig.phase {
            Phase::Stopping => self.complete_stop(),
            Phase::Down { next, due: true } => {
                let cause =
                    || self.rig.shared.cell.last_cause().unwrap_or_else(|| "unknown".into());
                match next {
                    Next::Revive => {
                        self.rig.shared.cell.count_restart();
                        self.birth();
                    }
                    Next::Stop => self.end(Fate::Stopped),
                    Next::Fail => self.end(Fate::Failed(cause())),
                    Next::Exhaust => self.end(Fate::Exhausted(cause())),
                }
            }
            Phase::Starting | Phase::Running | Phase::Down { due: false, .. } | Phase::Ended => {}
        }
    }

    fn complete_stop(&mut self) {
        // A panic in there has crashed the cage, which ends it as failed.
        if self.turn(|role, cx| role.stopping(cx)).is_some() && self.rig.phase == Phase::Stopping {
            self.drop_role();
            self.end(Fate::Stopped);
        }
    }

    fn end(&mut self, fate: Fate) {
        self.enter(Phase::Ended, self.rig.shared.cell.state());
        discard(self.rig.held.take());
        self.rig.end(fate);
    }

    pub(crate) fn control(&mut self, control: Control) {
        match control {
            Control::Stop => self.begin_stop(),
            Control::Due(stage) if stage == self.rig.stage => {
                if let Phase::Down { due, .. } = &mut self.rig.phase {
                    *due = true;
                }
                self.advance();
            }
            Control::Late(stage) if stage == self.rig.stage => {
                let left = self.rig.children.len();
                let actor = self.rig.shared.cell.path();
                tracing::warn!(actor, left, "children did not end in time");
                self.rig.children.clear();
                self.advance();
            }
            Control::Due(_) | Control::Late(_) => {}
            Control::Child(event) => self.on_child(event),
            Control::Observe(tell) => {
                if let Some(state) = self.turn(|role, _| role.observe()) {
                    // Who asked may have lost patience.
                    let _ = tell.send(state);
                }
            }
            Control::Drill(cause) => {
                self.turn(|_, _| panic!("{cause}"));
            }
        }
    }

    fn on_child(&mut self, event: ChildEvent) {
        // Not listed: it was given up, or belongs to an earlier incarnation.
        let listed = match event.fate.is_final() {
            true => self.rig.children.remove(event.child.id()),
            false => self.rig.children.contains(event.child.id()),
        };
        if listed {
            let escalates = match &event.fate {
                Fate::Exhausted(cause) => {
                    Some(format!("child {} failed: {cause}", event.child.path()))
                }
                _ => None,
            };
            self.turn(|role, cx| role.child(event, cx));
            if let Some(cause) = escalates
                && matches!(self.rig.phase, Phase::Starting | Phase::Running)
            {
                return self.crash(&cause);
            }
        }
        self.advance();
    }

    fn stop_children(&mut self) {
        if self.rig.children.len() == 0 {
            return;
        }
        let (port, stage) = (self.port(), self.rig.stage);
        let core = self.rig.shared.cell.core();
        self.rig.children.stop(core);
        core.later(core.config.stop_within, move || port.control(Control::Late(stage)));
    }

    fn drop_role(&mut self) {
        self.rig.exit = Exit::Stay;
        discard(self.role.take());
        discard(std::mem::replace(&mut self.rig.tasks, crate::task::Tasks::new()));
    }

    fn enter(&mut self, phase: Phase, state: ActorState) {
        self.rig.phase = phase;
        self.rig.stage = self.rig.stage.wrapping_add(1);
        self.rig.shared.cell.set_state(state);
    }

    fn port(&self) -> Arc<dyn Port> {
        Arc::clone(&self.rig.shared) as Arc<dyn Port>
    }
}

impl<A: Actor> Rig<A> {
    fn end(&mut self, fate: Fate) {
        // Children that came after the last moment.
        self.children.stop(self.shared.cell.core());
        self.children.clear();
        self.life.end(fate);
    }
}

/// What makes sure that an end is told, once, even if an arbiter goes away under its actors.
pub(crate) struct Life {
    /// None when it is over.
    cell: Option<Arc<ActorCell>>,
    parent: Option<Arc<dyn Port>>,
    lease: Option<Lease>,
}

impl Life {
    pub(crate) fn new(
        cell: Arc<ActorCell>,
        parent: Option<Arc<dyn Port>>,
        lease: Option<Lease>,
    ) -> Self {
        Self { cell: Some(cell), parent, lease }
    }

    fn tell(&self, cell: &Arc<ActorCell>, fate: Fate) {
        if let Some(parent) = &self.parent {
            parent.control(Control::Child(ChildEvent { child: Arc::clone(cell), fate }));
        } else if let (true, Some(cause)) = (fate.is_final(), fate.cause()) {
            cell.core().root_failed(cell, cause);
        }
    }

    fn end(&mut self, fate: Fate) {
        let Some(cell) = self.cell.take() else { return };
        self.lease = None;
        cell.set_state(match &fate {
            Fate::Stopped => ActorState::Stopped,
            _ => ActorState::Failed,
        });
        cell.core().forget(&cell);
        // Who is woken now finds the registry without it.
        let links = cell.end();
        link::release(&cell, links);
        self.tell(&cell, fate);
        self.parent = None;
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let Some(cell) = &self.cell else { return };
        let fate = if cell.core().is_closing() {
            Fate::Stopped
        } else {
            let cause: Arc<str> = "its arbiter ended".into();
            cell.set_cause(&cause);
            Fate::Failed(cause)
        };
        self.end(fate);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::spec::Budget;

    #[test]
    fn failures_outside_the_window_do_not_count() {
        let within = Duration::from_secs(10);
        let budget = Budget { restarts_max: 2, within, ..Budget::default() };
        let restart = Restart::OnFailure(budget);
        let mut again = Again { make: Box::new(|| ()), restart, failures: VecDeque::new() };
        let start = Instant::now();
        let mut revived = |second| match again.judge(start + Duration::from_secs(second)) {
            Verdict::Revive(pause) => Some(pause.as_millis()),
            Verdict::GiveUp { exhausted } => {
                assert!(exhausted);
                None
            }
        };
        // The window slides: the failures at 0 and 6 are too old at 11 and 17.
        let verdicts = [0, 6, 11, 17, 18].map(&mut revived);
        assert_eq!(verdicts, [Some(10), Some(20), Some(20), Some(20), None]);
    }
}
