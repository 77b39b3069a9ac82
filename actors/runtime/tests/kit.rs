//! A role that does what it is told, a log of what happened, and waiting without sleeping.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use vagus_runtime::{
    Actor, Budget, ChildEvent, Cx, Handle, Handler, Message, Restart, Runtime, RuntimeConfig, Spec,
};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn runtime(arbiters: usize) -> Runtime {
    let config = RuntimeConfig { arbiters, ..RuntimeConfig::default() };
    Runtime::start(config).expect("threads can be made")
}

/// Waits until `done`, which is asked again and again.
#[track_caller]
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Blocks on a future that needs no runtime of its own.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bounded = async { tokio::time::timeout(PATIENCE, future).await };
    runtime.block_on(bounded).expect("in time")
}

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, entry: impl Into<String>) {
        self.0.lock().unwrap().push(entry.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, entry: &str) -> usize {
        self.all().iter().filter(|each| *each == entry).count()
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, entry: &str) {
        let mut seen = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while !seen.iter().any(|each| each == entry) {
            assert!(Instant::now() < deadline, "no {entry:?} in {seen:?}");
            std::thread::park_timeout(Duration::from_millis(1));
            seen = self.all();
        }
    }
}

type Start = Arc<dyn Fn(&mut Probe, &mut Cx<'_, Probe>) + Send + Sync>;

/// Does what messages tell it, and logs its life under its name.
#[derive(Clone)]
pub(crate) struct Probe {
    pub(crate) name: String,
    pub(crate) log: Log,
    pub(crate) start: Start,
    /// Messages handled by this incarnation.
    pub(crate) handled: u64,
}

impl Probe {
    pub(crate) fn new(name: &str, log: &Log) -> Self {
        Self::starting(name, log, |_, _| {})
    }

    pub(crate) fn starting(
        name: &str,
        log: &Log,
        start: impl Fn(&mut Probe, &mut Cx<'_, Probe>) + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.to_owned(), log: log.clone(), start: Arc::new(start), handled: 0 }
    }

    pub(crate) fn say(&self, what: &str) {
        self.log.add(format!("{} {what}", self.name));
    }

    /// Restarted twice at most, with hardly any pause.
    pub(crate) fn spec(&self) -> Spec<Probe> {
        let probe = self.clone();
        Spec::new(self.name.clone(), move || probe.clone()).restart(quick(2))
    }

    pub(crate) fn once(&self) -> Spec<Probe> {
        let probe = self.clone();
        Spec::once(self.name.clone(), move || probe)
    }
}

pub(crate) fn quick(restarts_max: u32) -> Restart {
    let backoff = Duration::from_millis(1);
    let within = Duration::from_secs(3600);
    Restart::OnFailure(Budget { restarts_max, within, backoff_min: backoff, backoff_max: backoff })
}

impl Actor for Probe {
    const KIND: &'static str = "probe";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        self.say("started");
        let start = Arc::clone(&self.start);
        start(self, cx);
    }

    fn stopping(&mut self, _: &mut Cx<'_, Self>) {
        self.say("stopping");
    }

    fn child(&mut self, event: ChildEvent, _: &mut Cx<'_, Self>) {
        self.say(&format!("heard: {} {}", event.child.name(), event.fate));
    }

    fn observe(&self) -> serde_json::Value {
        serde_json::json!({ "handled": self.handled })
    }
}

type Act = dyn FnOnce(&mut Probe, &mut Cx<'_, Probe>) + Send;

/// Tells a probe what to do.
pub(crate) struct Do {
    act: Box<Act>,
    weight: usize,
}

impl Message for Do {
    fn weight(&self) -> usize {
        self.weight
    }
}

impl Handler<Do> for Probe {
    fn handle(&mut self, msg: Do, cx: &mut Cx<'_, Self>) {
        self.handled += 1;
        (msg.act)(self, cx);
    }
}

pub(crate) fn act(act: impl FnOnce(&mut Probe, &mut Cx<'_, Probe>) + Send + 'static) -> Do {
    Do { act: Box::new(act), weight: 0 }
}

pub(crate) fn weighing(weight: usize) -> Do {
    Do { act: Box::new(|_, _| {}), weight }
}

pub(crate) fn say(what: &str) -> Do {
    let what = what.to_owned();
    act(move |probe, _| probe.say(&what))
}

pub(crate) fn boom(cause: &'static str) -> Do {
    act(move |_, _| panic!("{cause}"))
}

/// Keeps a probe busy until the returned end is dropped; waits until it is busy.
pub(crate) fn hold(probe: &Handle<Probe>) -> std::sync::mpsc::Sender<()> {
    let (busy, is_busy) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let held = act(move |_, _| {
        busy.send(()).unwrap();
        let _ = released.recv();
    });
    probe.send(held).expect("room");
    is_busy.recv_timeout(PATIENCE).expect("a turn");
    release
}
