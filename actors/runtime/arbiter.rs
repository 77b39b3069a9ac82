//! Arbiters: the threads that actors live on, and how load is spread over them.

use std::{
    cell::Cell,
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use actix_rt::ArbiterHandle;

/// Names one arbiter of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArbiterId(pub(crate) u16);

impl ArbiterId {
    /// The arbiter of supervisors, monitor and timers.
    pub const CONTROL: ArbiterId = ArbiterId(u16::MAX);

    /// Its place among the data arbiters, from 0; the control arbiter has none.
    pub fn index(self) -> Option<usize> {
        (self != Self::CONTROL).then_some(usize::from(self.0))
    }
}

impl fmt::Display for ArbiterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index() {
            Some(index) => write!(f, "data-{index}"),
            None => f.write_str("control"),
        }
    }
}

thread_local! {
    /// The runtime (by number) and arbiter that this thread is.
    static HERE: Cell<Option<(u64, ArbiterId)>> = const { Cell::new(None) };
}

/// One data arbiter, as the runtime holds it.
struct Post {
    handle: ArbiterHandle,
    load: Arc<Load>,
}

/// How many shares of an arbiter are taken.
struct Load {
    id: ArbiterId,
    shares: AtomicUsize,
}

impl Load {
    fn of(id: ArbiterId) -> Arc<Self> {
        Arc::new(Self { id, shares: AtomicUsize::new(0) })
    }

    fn shares(&self) -> usize {
        self.shares.load(Relaxed)
    }
}

/// The arbiters of one runtime.
pub(crate) struct Arbiters {
    runtime: u64,
    control: ArbiterHandle,
    data: Vec<Post>,
}

impl Arbiters {
    pub(crate) fn new(runtime: u64, control: ArbiterHandle, data: Vec<ArbiterHandle>) -> Self {
        let post = |(id, handle)| Post { handle, load: Load::of(id) };
        let data = (0..).map(ArbiterId).zip(data).map(post).collect();
        Self { runtime, control, data }
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = ArbiterId> + use<> {
        (0..self.data.len() as u16).map(ArbiterId)
    }

    /// An id that this runtime has; a foreign one falls back to the control arbiter.
    pub(crate) fn known(&self, id: ArbiterId) -> ArbiterId {
        match id.index() {
            Some(index) if index < self.data.len() => id,
            _ => ArbiterId::CONTROL,
        }
    }

    fn handle(&self, id: ArbiterId) -> &ArbiterHandle {
        let post = id.index().and_then(|index| self.data.get(index));
        post.map_or(&self.control, |post| &post.handle)
    }

    /// Load on one data arbiter.
    pub(crate) fn load(&self, id: ArbiterId) -> usize {
        let post = id.index().and_then(|index| self.data.get(index));
        post.map_or(0, |post| post.load.shares())
    }

    /// Takes a share of the least loaded data arbiter.
    pub(crate) fn pick(&self) -> Lease {
        let least = self.data.iter().map(|post| &post.load).min_by_key(|load| load.shares());
        // A runtime without data arbiters: everybody lives on the control arbiter.
        let load = least.map_or_else(|| Load::of(ArbiterId::CONTROL), Arc::clone);
        load.shares.fetch_add(1, Relaxed);
        Lease(load)
    }

    /// Runs `f` on an arbiter: at once when this is it, else soon. False when it is gone.
    pub(crate) fn run(&self, id: ArbiterId, f: impl FnOnce() + Send + 'static) -> bool {
        if self.is_here(id) {
            f();
            return true;
        }
        self.handle(id).spawn_fn(f)
    }

    /// Runs `f` on an arbiter in a turn of its own. False when it is gone.
    pub(crate) fn defer(&self, id: ArbiterId, f: impl FnOnce() + Send + 'static) -> bool {
        self.handle(id).spawn_fn(f)
    }

    pub(crate) fn spawn(
        &self,
        id: ArbiterId,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> bool {
        self.handle(id).spawn(future)
    }

    pub(crate) fn is_here(&self, id: ArbiterId) -> bool {
        HERE.try_with(Cell::get).ok().flatten() == Some((self.runtime, id))
    }

    /// Whether this thread is one of these arbiters.
    pub(crate) fn is_any_here(&self) -> bool {
        HERE.try_with(Cell::get).ok().flatten().is_some_and(|(runtime, _)| runtime == self.runtime)
    }
}

/// A counted share of an arbiter's load; gives it back when dropped.
pub struct Lease(Arc<Load>);

impl Lease {
    /// The arbiter.
    pub fn arbiter(&self) -> ArbiterId {
        self.0.id
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.shares.fetch_sub(1, Relaxed);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.0.id)
    }
}

/// Makes this thread an arbiter: says so to whoever asks, and names it for the likes of `top`.
pub(crate) fn settle_here(runtime: u64, id: ArbiterId) {
    HERE.set(Some((runtime, id)));
    // actix-rt chooses its own thread names. Best effort: the name is for human eyes only.
    let _ = std::fs::write("/proc/thread-self/comm", format!("vagus-{id}"));
}

/// The tokio runtime under one arbiter.
pub(crate) fn tokio_runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
