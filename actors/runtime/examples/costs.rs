//! What an actor and a message cost here: `cargo run --release -p vagus-runtime --example costs`.

use std::{
    fs,
    sync::mpsc,
    time::{Duration, Instant},
};

use vagus_runtime::{
    Actor, Cx, Handle, Handler, Message, Placement, Runtime, RuntimeConfig, RuntimeError, Spec,
};

const ACTORS: u64 = 50_000;
const MESSAGES: u64 = 2_000_000;
const PAGE: usize = 4096;

/// An idle client: next to no state of its own, and one poll function.
struct Idle;

impl Actor for Idle {
    const KIND: &'static str = "idle";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        cx.poll_with(|_, _, _| std::task::Poll::Pending);
    }
}

/// The parent of the idle ones.
struct Nursery(mpsc::Sender<Vec<Handle<Idle>>>);

struct Fill;

impl Message for Fill {}

impl Actor for Nursery {
    const KIND: &'static str = "nursery";
}

impl Handler<Fill> for Nursery {
    fn handle(&mut self, _: Fill, cx: &mut Cx<'_, Self>) {
        let idle = (0..ACTORS).map(|n| cx.spawn(Spec::once(n, || Idle))).collect();
        let _ = self.0.send(idle);
    }
}

struct Sink(mpsc::Sender<()>);

struct Last(bool);

impl Message for Last {
    fn weight(&self) -> usize {
        16
    }
}

impl Actor for Sink {
    const KIND: &'static str = "sink";
}

impl Handler<Last> for Sink {
    fn handle(&mut self, last: Last, _: &mut Cx<'_, Self>) {
        if last.0 {
            let _ = self.0.send(());
        }
    }
}

fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0usize) * PAGE
}

fn per(total: Duration, count: u64) -> f64 {
    total.as_nanos() as f64 / count as f64
}

fn memory_and_spawn(runtime: &Runtime) {
    let (tell, told) = mpsc::channel();
    let nursery = runtime.spawn(Spec::once("nursery", move || Nursery(tell)));
    for round in 1..=2 {
        let (before, began) = (resident(), Instant::now());
        let _ = nursery.send(Fill);
        let idle = told.recv().unwrap_or_default();
        let spawned = began.elapsed();
        let (sync, synced) = mpsc::channel();
        runtime.run_on(nursery.cell().arbiter(), move || {
            let _ = sync.send(());
        });
        let _ = synced.recv();
        let grown = resident().saturating_sub(before);
        println!(
            "round {round}: {} idle actors: {} B resident each (with the list of handles), \
             {:.0} ns to spawn, {:.0} ns with start",
            idle.len(),
            grown / idle.len().max(1),
            per(spawned, ACTORS),
            per(began.elapsed(), ACTORS),
        );
        let began = Instant::now();
        idle.iter().for_each(Handle::stop);
        while runtime.registry().len() > 1 {
            std::thread::yield_now();
        }
        println!("round {round}: {:.0} ns to stop each", per(began.elapsed(), ACTORS));
    }
}

fn messages(runtime: &Runtime) {
    let (tell, told) = mpsc::channel();
    let spec = Spec::once("sink", move || Sink(tell)).arbiter(Placement::Least);
    let sink = runtime.spawn(spec);
    let place = runtime.arbiters();
    let other = place.iter().find(|id| **id != sink.cell().arbiter()).copied();
    for (name, from) in [("same arbiter", sink.cell().arbiter())]
        .into_iter()
        .chain(other.map(|id| ("other arbiter", id)))
    {
        let (sink, began) = (sink.clone(), Instant::now());
        runtime.spawn_on(from, move || async move {
            for n in 1..=MESSAGES {
                let _ = sink.send_wait(Last(n == MESSAGES)).await;
            }
        });
        let _ = told.recv();
        println!("messages from the {name}: {:.0} ns each", per(began.elapsed(), MESSAGES));
    }
}

fn main() -> Result<(), RuntimeError> {
    let runtime = Runtime::start(RuntimeConfig { arbiters: 2, ..Default::default() })?;
    memory_and_spawn(&runtime);
    messages(&runtime);
    runtime.shutdown(Duration::from_secs(10))
}
