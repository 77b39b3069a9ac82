//! [`Registry`]: every living actor of a runtime, for operators and tests.

use std::{sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    cell::{ActorCell, ActorId, ActorState},
    handle::{Control, Port},
};

/// The actors that are alive, by id: a slab, so that births and deaths cost O(1).
#[derive(Default)]
pub(crate) struct Table {
    slab: Mutex<Slab>,
    /// Signalled at each death while somebody waits in `wait_gone`.
    death: Condvar,
}

#[derive(Default)]
struct Slab {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

struct Slot {
    generation: u32,
    port: Option<Arc<dyn Port>>,
}

impl Table {
    /// Enters an actor that is made knowing its id.
    pub(crate) fn insert_with<P: Port + 'static>(&self, make: impl FnOnce(ActorId) -> P) -> Arc<P> {
        let mut slab = self.slab.lock();
        let index = match slab.free.pop() {
            Some(index) => index,
            None => {
                slab.slots.push(Slot { generation: 0, port: None });
                (slab.slots.len() - 1) as u32
            }
        };
        let slot = &mut slab.slots[index as usize];
        let port = Arc::new(make(ActorId { generation: slot.generation, index }));
        slot.port = Some(Arc::clone(&port) as Arc<dyn Port>);
        port
    }

    pub(crate) fn remove(&self, id: ActorId) {
        let removed = {
            let mut slab = self.slab.lock();
            let slot = slab.slots.get_mut(id.index as usize);
            let Some(slot) = slot.filter(|slot| slot.generation == id.generation) else { return };
            let port = slot.port.take();
            // A generation that would come round again is not worth the confusion: the slot
            // is left unused then.
            if let Some(next) = slot.generation.checked_add(1) {
                slot.generation = next;
                slab.free.push(id.index);
            }
            port
        };
        // Outside the lock: this may be the last reference, and messages drop with it.
        drop(removed);
        self.death.notify_all();
    }

    pub(crate) fn port(&self, id: ActorId) -> Option<Arc<dyn Port>> {
        let slab = self.slab.lock();
        let slot = slab.slots.get(id.index as usize)?;
        slot.port.as_ref().filter(|_| slot.generation == id.generation).map(Arc::clone)
    }

    /// All actors that are alive, at one moment.
    pub(crate) fn ports(&self) -> Vec<Arc<dyn Port>> {
        self.slab.lock().slots.iter().filter_map(|slot| slot.port.clone()).collect()
    }

    /// Blocks until this actor is gone; false when it is still there at the deadline.
    pub(crate) fn wait_gone(&self, id: ActorId, deadline: std::time::Instant) -> bool {
        let mut slab = self.slab.lock();
        loop {
            let slot = slab.slots.get(id.index as usize);
            if slot.is_none_or(|slot| slot.generation != id.generation || slot.port.is_none()) {
                return true;
            }
            if self.death.wait_until(&mut slab, deadline).timed_out() {
                return false;
            }
        }
    }

    /// Forgets everybody: the arbiters are gone.
    pub(crate) fn clear(&self) {
        let slab = std::mem::take(&mut *self.slab.lock());
        drop(slab);
    }
}

/// A mailbox, as reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MailboxReport {
    /// Messages that are not dealt with.
    pub depth: u32,
    /// Bytes that they hold.
    pub bytes: u64,
    /// Age of the oldest of them.
    pub oldest_ms: u64,
    /// Bound on the messages.
    pub depth_max: u32,
    /// Bound on the bytes.
    pub bytes_max: u64,
}

/// One actor, as reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActorReport {
    /// Names from the top down.
    pub path: String,
    /// What it is.
    pub kind: &'static str,
    /// The path of its parent.
    pub parent: Option<String>,
    /// Where it is in its life.
    pub state: ActorState,
    /// The arbiter that it lives on.
    pub arbiter: String,
    /// Its mailbox.
    pub mailbox: MailboxReport,
    /// Messages dealt with.
    pub handled: u64,
    /// How often it was made anew.
    pub restarts: u32,
    /// Why it failed last.
    pub last_cause: Option<String>,
    /// Since it was spawned.
    pub uptime_ms: u64,
}

impl ActorReport {
    fn of(cell: &ActorCell) -> Self {
        let limits = cell.limits();
        Self {
            path: cell.path(),
            kind: cell.kind(),
            parent: cell.parent().map(|parent| parent.path()),
            state: cell.state(),
            arbiter: cell.arbiter().to_string(),
            mailbox: MailboxReport {
                depth: cell.depth(),
                bytes: cell.bytes(),
                oldest_ms: cell.oldest_ms(),
                depth_max: limits.depth_max,
                bytes_max: limits.bytes_max,
            },
            handled: cell.handled(),
            restarts: cell.restarts(),
            last_cause: cell.last_cause().map(|cause| cause.to_string()),
            uptime_ms: cell.uptime_ms(),
        }
    }
}

/// Why an actor could not be observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObserveError {
    /// No living actor has this path.
    #[error("no such actor")]
    Unknown,
    /// It ended, or was between two incarnations, when its turn came.
    #[error("actor ended before it could be observed")]
    Ended,
    /// It did not get to it in time: its mailbox is long, or it is stuck.
    #[error("actor did not answer in time")]
    Late,
}

/// Everybody who is alive. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    pub(crate) core: Arc<crate::runtime::Core>,
}

impl Registry {
    /// A report on each living actor, sorted by path.
    pub fn snapshot(&self) -> Vec<ActorReport> {
        let mut reports: Vec<_> =
            self.table().ports().iter().map(|port| ActorReport::of(port.cell())).collect();
        reports.sort_by(|a, b| a.path.cmp(&b.path));
        reports
    }

    /// How many actors are alive.
    pub fn len(&self) -> usize {
        let slab = self.table().slab.lock();
        slab.slots.iter().filter(|slot| slot.port.is_some()).count()
    }

    /// Whether nobody is alive.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The living actor of this path.
    pub fn get(&self, path: &str) -> Option<Arc<ActorCell>> {
        self.find(path).map(|port| Arc::clone(port.cell()))
    }

    /// The actor's own [`observe`](crate::Actor::observe); needs a tokio clock.
    pub async fn observe(&self, path: &str) -> Result<Value, ObserveError> {
        let answer = {
            let port = self.find(path).ok_or(ObserveError::Unknown)?;
            let (tell, answer) = oneshot::channel();
            port.control(Control::Observe(tell));
            answer
        };
        let patience: Duration = self.core.config.observe_within;
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(state)) => Ok(state),
            Ok(Err(_)) => Err(ObserveError::Ended),
            Err(_) => Err(ObserveError::Late),
        }
    }

    /// The living actors that are `wanted`.
    pub fn cells(&self, mut wanted: impl FnMut(&ActorCell) -> bool) -> Vec<Arc<ActorCell>> {
        let ports = self.table().ports();
        let cells = ports.iter().map(|port| port.cell()).filter(|cell| wanted(cell));
        cells.map(Arc::clone).collect()
    }

    /// What each of the living actors that are `wanted` says of itself. All are asked at once, and
    /// have the time of one; needs a tokio clock.
    pub async fn observe_all(
        &self,
        mut wanted: impl FnMut(&ActorCell) -> bool,
    ) -> Vec<(Arc<ActorCell>, Result<Value, ObserveError>)> {
        let mut asked = Vec::new();
        for port in self.table().ports() {
            if wanted(port.cell()) {
                let (tell, answer) = oneshot::channel();
                port.control(Control::Observe(tell));
                asked.push((Arc::clone(port.cell()), answer));
            }
        }
        let patience: Duration = self.core.config.observe_within;
        let deadline = tokio::time::Instant::now() + patience;
        let mut told = Vec::with_capacity(asked.len());
        for (cell, answer) in asked {
            let answer = match tokio::time::timeout_at(deadline, answer).await {
                Ok(Ok(state)) => Ok(state),
                Ok(Err(_)) => Err(ObserveError::Ended),
                Err(_) => Err(ObserveError::Late),
            };
            told.push((cell, answer));
        }
        told
    }

    /// Makes an actor panic in its own turn, as a fire drill; false when there is no such actor.
    pub fn drill(&self, path: &str, cause: impl Into<String>) -> bool {
        let port = self.find(path);
        if let Some(port) = &port {
            port.control(Control::Drill(cause.into()));
        }
        port.is_some()
    }

    fn table(&self) -> &Table {
        &self.core.registry
    }

    fn find(&self, path: &str) -> Option<Arc<dyn Port>> {
        let (_, last) = path.rsplit_once('/')?;
        let number = last.parse::<u64>().ok();
        let ports = self.table().ports();
        // The own name is compared first: a path is built for the few that share it.
        let mut named = ports.iter().filter(|port| match port.cell().name() {
            crate::Name::Text(text) => path.ends_with(&**text),
            crate::Name::Number(own) => Some(*own) == number,
        });
        named.find(|port| port.cell().path() == path).map(Arc::clone)
    }
}
