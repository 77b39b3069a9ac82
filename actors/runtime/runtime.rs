//! [`Runtime`]: the threads, the registry and the top of the tree; start and shutdown.

use std::{
    fmt, io,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::*},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use actix::dev::channel::channel;
use actix_rt::{Arbiter, ArbiterHandle, System};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    actor::Actor,
    arbiter::{ArbiterId, Arbiters, Lease, settle_here, tokio_runtime},
    cage::{Cage, Rig},
    cell::{ActorCell, ActorId, Identity},
    handle::{Control, Handle, Port, Shared},
    panic,
    registry::{Registry, Table},
    spec::{Placement, Spec},
    supervise::{Life, Policy},
};

/// How a runtime is laid out.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Data arbiters; one a core is a good number.
    pub arbiters: usize,
    /// How long an actor that ends waits for its children, before it ends without them.
    pub stop_within: Duration,
    /// How long [`Registry::observe`] waits for an answer.
    pub observe_within: Duration,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            arbiters: thread::available_parallelism().map_or(1, usize::from),
            stop_within: Duration::from_secs(5),
            observe_within: Duration::from_secs(1),
        }
    }
}

/// Why a runtime did not start, or did not end in good order.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// A thread or its event loop could not be made.
    #[error("could not start the runtime: {0}")]
    Start(#[from] io::Error),
    /// These top-level actors did not end in time, and were abandoned.
    #[error("did not stop in time: {0:?}")]
    Late(Vec<String>),
}

/// What all parts of a runtime share.
pub(crate) struct Core {
    epoch: Instant,
    pub(crate) config: RuntimeConfig,
    pub(crate) arbiters: Arbiters,
    pub(crate) registry: Table,
    /// Top-level actors, oldest first.
    tops: Mutex<Vec<ActorId>>,
    failed: watch::Sender<Option<Arc<str>>>,
    closing: AtomicBool,
}

impl Core {
    /// Milliseconds since the start, from 1: 0 means "never" where a moment is stored.
    pub(crate) fn now_ms(&self) -> u64 {
        self.epoch.elapsed().as_millis() as u64 + 1
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Acquire)
    }

    /// Calls `f` after a while, on the control arbiter: the one that no data can keep busy.
    pub(crate) fn later(&self, after: Duration, f: impl FnOnce() + Send + 'static) {
        self.arbiters.spawn(ArbiterId::CONTROL, async move {
            tokio::time::sleep(after).await;
            f();
        });
    }

    /// An actor is gone for good.
    pub(crate) fn forget(&self, cell: &ActorCell) {
        if cell.parent().is_none() {
            self.tops.lock().retain(|id| *id != cell.id());
        }
        self.registry.remove(cell.id());
    }

    /// A top-level actor failed for good.
    pub(crate) fn root_failed(&self, cell: &ActorCell, cause: &str) {
        tracing::error!(actor = %cell.path(), cause, "top-level actor failed for good");
        let told: Arc<str> = format!("{} failed: {cause}", cell.path()).into();
        // The first failure is the one that explains the others.
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            failed.get_or_insert(told);
            first
        });
    }

    fn place(&self, wish: Placement, parent: Option<&Arc<dyn Port>>) -> (ArbiterId, Option<Lease>) {
        let lease = match (wish, parent) {
            (Placement::Inherit, Some(parent)) => return (parent.cell().arbiter(), None),
            (Placement::At(id), _) => return (self.arbiters.known(id), None),
            (Placement::Leased(lease), _) => lease,
            (Placement::Least, _) | (Placement::Inherit, None) => self.arbiters.pick(),
        };
        (self.arbiters.known(lease.arbiter()), Some(lease))
    }

    /// Brings an actor to life; its address works at once.
    pub(crate) fn launch<A: Actor>(
        self: &Arc<Self>,
        spec: Spec<A>,
        parent: Option<Arc<dyn Port>>,
    ) -> Handle<A> {
        let Spec { name, limits, restart, placement, maker } = spec;
        let (arbiter, lease) = self.place(placement, parent.as_ref());
        let (tx, rx) = channel::<Cage<A>>(0);
        let above = parent.as_ref().map(|port| Arc::clone(port.cell()));
        let shared = self.registry.insert_with(|id| {
            let identity = Identity { id, kind: A::KIND, name, parent: above, arbiter, limits };
            Shared { cell: Arc::new(ActorCell::new(self, identity)), tx }
        });
        let handle = Handle(Arc::clone(&shared));
        if parent.is_none() {
            self.tops.lock().push(shared.cell.id());
        }
        let life = Life::new(Arc::clone(&shared.cell), parent, lease);
        if self.is_closing() {
            handle.stop();
        }
        // When the arbiter is gone, `life` goes with the closure and tells so.
        self.arbiters.run(arbiter, move || {
            let rig = Rig::new(shared, Policy::new(maker, restart), life);
            let cage = Cage { role: None, rig };
            let context = actix::Context::with_receiver(rx);
            actix_rt::spawn(context.into_future(cage));
        });
        handle
    }
}

/// Access to a running [`Runtime`] from anywhere. Cheap to clone.
#[derive(Clone)]
pub struct RuntimeHandle {
    pub(crate) core: Arc<Core>,
}

impl RuntimeHandle {
    /// Brings a top-level actor to life.
    pub fn spawn<A: Actor>(&self, spec: Spec<A>) -> Handle<A> {
        self.core.launch(spec, None)
    }

    /// Takes a share of the least loaded data arbiter.
    pub fn pick(&self) -> Lease {
        self.core.arbiters.pick()
    }

    /// How many shares of a data arbiter are taken.
    pub fn load(&self, arbiter: ArbiterId) -> usize {
        self.core.arbiters.load(arbiter)
    }

    /// The arbiter of supervisors, monitor and timers.
    pub fn control(&self) -> ArbiterId {
        ArbiterId::CONTROL
    }

    /// The data arbiters.
    pub fn arbiters(&self) -> Vec<ArbiterId> {
        self.core.arbiters.ids().collect()
    }

    /// Everybody who is alive.
    pub fn registry(&self) -> Registry {
        Registry { core: Arc::clone(&self.core) }
    }

    /// Runs `f` on an arbiter in a turn of its own; false when the runtime has ended.
    pub fn run_on(&self, arbiter: ArbiterId, f: impl FnOnce() + Send + 'static) -> bool {
        self.core.arbiters.defer(arbiter, f)
    }

    /// Makes a future on an arbiter and drives it there, so that it need not be `Send`; false
    /// when the runtime has ended.
    pub fn spawn_on<F, T>(&self, arbiter: ArbiterId, make: F) -> bool
    where
        F: FnOnce() -> T + Send + 'static,
        T: Future<Output = ()> + 'static,
    {
        self.core.arbiters.defer(arbiter, move || {
            actix_rt::spawn(make());
        })
    }

    /// Waits until a top-level actor has failed for good, and tells why.
    pub fn failed(&self) -> impl Future<Output = Arc<str>> + Send + 'static + use<> {
        let mut failed = self.core.failed.subscribe();
        // Keeps the sender alive, so that waiting can't fail.
        let core = Arc::clone(&self.core);
        async move {
            let cause = match failed.wait_for(Option::is_some).await {
                Ok(cause) => cause.clone(),
                Err(_) => None,
            };
            drop(core);
            cause.unwrap_or_else(|| "the runtime ended".into())
        }
    }
}

impl fmt::Debug for RuntimeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeHandle").field("config", &self.core.config).finish()
    }
}

/// A running system of arbiters, and the actors on it. Ends when dropped.
#[derive(Debug)]
pub struct Runtime {
    handle: RuntimeHandle,
    system: Option<System>,
    /// Says that all threads have ended.
    over: mpsc::Receiver<()>,
}

impl Deref for Runtime {
    type Target = RuntimeHandle;

    fn deref(&self) -> &RuntimeHandle {
        &self.handle
    }
}

/// What the system thread reports when all arbiters run.
struct Ready {
    system: System,
    data: Vec<ArbiterHandle>,
}

impl Runtime {
    /// Starts the threads. The actix system owns one of its own, which is the control arbiter.
    pub fn start(config: RuntimeConfig) -> Result<Self, RuntimeError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        panic::install_hook();
        let number = NUMBER.fetch_add(1, Relaxed);
        let count = config.arbiters.min(usize::from(u16::MAX) - 1);
        let (ready, is_ready) = mpsc::sync_channel(1);
        let (over_tx, over) = mpsc::sync_channel(1);
        thread::Builder::new().name("vagus-control".to_owned()).spawn(move || {
            system_thread(number, count, &ready);
            let _ = over_tx.send(());
        })?;
        let Ready { system, data } =
            is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("system thread ended")))?;
        let core = Core {
            epoch: Instant::now(),
            config,
            arbiters: Arbiters::new(number, system.arbiter().clone(), data),
            registry: Table::default(),
            tops: Mutex::new(Vec::new()),
            failed: watch::Sender::new(None),
            closing: AtomicBool::new(false),
        };
        let handle = RuntimeHandle { core: Arc::new(core) };
        Ok(Self { handle, system: Some(system), over })
    }

    /// Access that can be given away.
    pub fn handle(&self) -> RuntimeHandle {
        self.handle.clone()
    }

    /// Stops everybody in good order, the youngest top-level actor first and children before
    /// their parents; then the threads. Blocks for `within` at most, and not on an arbiter.
    pub fn shutdown(mut self, within: Duration) -> Result<(), RuntimeError> {
        self.close(within)
    }

    fn close(&mut self, within: Duration) -> Result<(), RuntimeError> {
        let Some(system) = self.system.take() else { return Ok(()) };
        let core = &self.handle.core;
        core.closing.store(true, Release);
        let deadline = Instant::now() + within;
        let mut late = Vec::new();
        let on_arbiter = core.arbiters.is_any_here();
        let tops = core.tops.lock().clone();
        for top in tops.into_iter().rev().filter_map(|id| core.registry.port(id)) {
            top.control(Control::Stop);
            // A thread can't wait for itself.
            if !on_arbiter && !core.registry.wait_gone(top.cell().id(), deadline) {
                late.push(top.cell().path());
            }
        }
        system.stop();
        // Threads that are stuck are left behind, a moment after the deadline.
        let grace = deadline.max(Instant::now() + Duration::from_millis(100));
        if !on_arbiter {
            let _ = self.over.recv_timeout(grace.saturating_duration_since(Instant::now()));
        }
        core.registry.clear();
        if late.is_empty() { Ok(()) } else { Err(RuntimeError::Late(late)) }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let patience = self.handle.core.config.stop_within;
        if let Err(error) = self.close(patience) {
            tracing::warn!(%error, "runtime dropped before its actors had stopped");
        }
    }
}

/// The life of the system thread: the control arbiter, and who joins the others.
fn system_thread(number: u64, count: usize, ready: &mpsc::SyncSender<io::Result<Ready>>) {
    let tokio = match tokio_runtime() {
        Ok(tokio) => tokio,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let runner = System::with_tokio_rt(|| tokio);
    settle_here(number, ArbiterId::CONTROL);
    let system = System::current();
    let start = |index| {
        Arbiter::try_with_tokio_rt(move || {
            settle_here(number, ArbiterId(index));
            tokio_runtime()
        })
    };
    // A failure half-way drops those that run already, which ends them.
    let arbiters = (0..count as u16).map(start).collect::<io::Result<Vec<_>>>();
    let arbiters = match arbiters {
        Ok(arbiters) => arbiters,
        Err(error) => {
            system.stop();
            let _ = runner.run();
            let _ = ready.send(Err(error));
            return;
        }
    };
    let data = arbiters.iter().map(Arbiter::handle).collect();
    let _ = ready.send(Ok(Ready { system, data }));
    if let Err(error) = runner.run() {
        tracing::error!(%error, "actix system ended with an error");
    }
    for arbiter in arbiters {
        arbiter.stop();
        let _ = arbiter.join();
    }
}
