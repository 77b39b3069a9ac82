//! The tree: who ends with whom, in which order, and on which arbiter.

use std::time::{Duration, Instant};

use vagus_runtime::{ActorState, Placement, RuntimeError, link};

use crate::kit::{Log, Probe, act, boom, eventually, hold, runtime, say, wait};

const LONG: Duration = Duration::from_secs(20);

/// A probe with a child, which has a child, each on the other arbiter.
fn three_generations(log: &Log) -> Probe {
    let leaf = Probe::new("leaf", log);
    let branch = Probe::starting("branch", log, move |_, cx| {
        cx.spawn(leaf.spec().arbiter(Placement::Least));
    });
    Probe::starting("root", log, move |_, cx| {
        cx.spawn(branch.spec().arbiter(Placement::Least));
    })
}

#[test]
fn children_end_before_their_parents() {
    let (runtime, log) = (runtime(2), Log::default());
    let root = runtime.spawn(three_generations(&log).spec());
    log.wait_for("leaf started");
    root.stop();
    assert_eq!(wait(root.ended()), ActorState::Stopped);
    let stops: Vec<_> = log.all().into_iter().filter(|e| e.ends_with("stopping")).collect();
    assert_eq!(stops, ["leaf stopping", "branch stopping", "root stopping"]);
    assert_eq!(log.count("root heard: branch stopped"), 1);
    assert!(runtime.registry().is_empty());
}

#[test]
fn shutdown_ends_the_youngest_tree_first() {
    let (runtime, log) = (runtime(2), Log::default());
    runtime.spawn(Probe::new("first", &log).spec());
    runtime.spawn(three_generations(&log).spec());
    runtime.spawn(Probe::new("last", &log).spec());
    log.wait_for("leaf started");
    runtime.shutdown(LONG).unwrap();
    let stops: Vec<_> = log.all().into_iter().filter(|e| e.ends_with("stopping")).collect();
    let order = ["last", "leaf", "branch", "root", "first"].map(|name| format!("{name} stopping"));
    assert_eq!(stops, order);
}

#[test]
fn shutdown_is_bounded_in_time_and_names_who_is_late() {
    let (runtime, log) = (runtime(1), Log::default());
    let stuck = runtime.spawn(Probe::new("stuck", &log).spec());
    let release = hold(&stuck);
    let handle = runtime.handle();
    let began = Instant::now();
    let outcome = runtime.shutdown(Duration::from_millis(50));
    assert!(matches!(outcome, Err(RuntimeError::Late(paths)) if paths == ["/stuck"]));
    assert!(began.elapsed() < LONG);
    drop(release);
    // The arbiter ends when the actor lets go of it, and nobody can be born there any more.
    assert!(wait(stuck.ended()).has_ended());
    eventually("arbiter gone", || !handle.run_on(handle.arbiters()[0], || {}));
    assert!(wait(handle.spawn(Probe::new("n", &log).spec()).ended()).has_ended());
    assert_eq!(log.count("n started"), 0);
}

#[test]
fn a_stop_comes_after_the_messages_sent_before() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec());
    (0..100).for_each(|n| probe.send(say(&n.to_string())).unwrap());
    probe.stop();
    wait(probe.ended());
    assert_eq!((log.count("p 99"), probe.cell().handled()), (1, 100));
    assert!(!probe.is_alive());
}

#[test]
fn children_of_a_crashed_actor_are_gone_before_it_is_made_anew() {
    let (runtime, log) = (runtime(2), Log::default());
    let root = runtime.spawn(three_generations(&log).spec());
    log.wait_for("leaf started");
    root.send(boom("crash")).unwrap();
    eventually("second leaf", || log.count("leaf started") == 2);
    let expected = [
        "root started",
        "branch started",
        "leaf started",
        "leaf stopping",
        "branch heard: leaf stopped",
        "branch stopping",
        "root started",
        "branch started",
        "leaf started",
    ];
    // What a dead parent would have heard is not said to its successor.
    assert_eq!(log.all(), expected);
    assert_eq!(runtime.registry().len(), 3);
}

#[test]
fn a_parent_does_not_wait_for_ever_for_a_stuck_child() {
    let config = vagus_runtime::RuntimeConfig {
        arbiters: 2,
        stop_within: Duration::from_millis(20),
        ..Default::default()
    };
    let runtime = vagus_runtime::Runtime::start(config).unwrap();
    let log = Log::default();
    let (give, take) = std::sync::mpsc::channel();
    let child = Probe::new("child", &log);
    let parent = Probe::starting("parent", &log, move |_, cx| {
        give.send(cx.spawn(child.spec().arbiter(Placement::Least))).unwrap();
    });
    let parent = runtime.spawn(parent.spec());
    let child = take.recv().unwrap();
    let release = hold(&child);
    parent.stop();
    assert_eq!(wait(parent.ended()), ActorState::Stopped);
    assert!(child.is_alive());
    drop(release);
    assert_eq!(wait(child.ended()), ActorState::Stopped);
}

#[test]
fn linked_actors_end_together_but_a_restart_is_no_end() {
    let (runtime, log) = (runtime(2), Log::default());
    let [a, b, c] = ["a", "b", "c"].map(|name| runtime.spawn(Probe::new(name, &log).spec()));
    link(a.cell(), b.cell());
    link(b.cell(), c.cell());
    a.send(boom("again")).unwrap();
    eventually("restart", || log.count("a started") == 2);
    assert!(b.is_alive() && c.is_alive());
    b.stop();
    assert_eq!(wait(a.ended()), ActorState::Stopped);
    assert_eq!(wait(c.ended()), ActorState::Stopped);
    let late = runtime.spawn(Probe::new("late", &log).spec());
    link(late.cell(), a.cell());
    assert_eq!(wait(late.ended()), ActorState::Stopped);
}

#[test]
fn a_failure_for_good_ends_the_linked_one() {
    let (runtime, log) = (runtime(2), Log::default());
    let a = runtime.spawn(Probe::new("a", &log).once());
    let b = runtime.spawn(Probe::new("b", &log).spec());
    link(b.cell(), a.cell());
    a.send(boom("for good")).unwrap();
    assert_eq!(wait(b.ended()), ActorState::Stopped);
    assert_eq!(wait(a.ended()), ActorState::Failed);
}

#[test]
fn leases_spread_actors_and_are_given_back() {
    let (runtime, log) = (runtime(3), Log::default());
    let probes: Vec<_> = (0..9u64)
        .map(|n| {
            let probe = Probe::new("x", &log);
            let spec = vagus_runtime::Spec::once(n, move || probe);
            runtime.spawn(spec.arbiter(runtime.pick()))
        })
        .collect();
    let loads = || runtime.arbiters().into_iter().map(|id| runtime.load(id)).collect::<Vec<_>>();
    assert_eq!(loads(), [3, 3, 3]);
    probes.iter().for_each(|probe| probe.stop());
    eventually("leases back", || loads() == [0, 0, 0]);
    assert!(runtime.registry().is_empty());
}

#[test]
fn an_actor_stays_on_its_arbiter_over_a_restart() {
    let (runtime, log) = (runtime(2), Log::default());
    let thread = |probe: &mut Probe| {
        probe.say(&format!("on {:?}", std::thread::current().id()));
    };
    let place = runtime.arbiters()[1];
    let probe = runtime.spawn(Probe::new("p", &log).spec().arbiter(place));
    assert_eq!(probe.cell().arbiter(), place);
    probe.send(act(move |probe, _| thread(probe))).unwrap();
    probe.send(boom("crash")).unwrap();
    probe.send(act(move |probe, _| thread(probe))).unwrap();
    probe.send(say("done")).unwrap();
    log.wait_for("p done");
    let places: Vec<_> = log.all().into_iter().filter(|e| e.starts_with("p on")).collect();
    assert!(places.len() == 2 && places[0] == places[1], "{places:?}");
}

#[test]
fn plain_functions_and_futures_run_on_the_arbiter_they_were_given_to() {
    let runtime = runtime(2);
    let (tell, told) = std::sync::mpsc::channel();
    for id in [runtime.arbiters()[0], runtime.arbiters()[1], runtime.control()] {
        let (first, second) = (tell.clone(), tell.clone());
        let here = || std::thread::current().id();
        assert!(runtime.run_on(id, move || first.send(here()).unwrap()));
        let from_function = told.recv_timeout(LONG).unwrap();
        assert!(runtime.spawn_on(id, move || async move {
            let not_send = std::rc::Rc::new(here());
            second.send(*not_send).unwrap();
        }));
        assert_eq!(told.recv_timeout(LONG).unwrap(), from_function);
    }
}

#[test]
fn a_dropped_runtime_stops_its_actors_and_one_without_data_arbiters_works() {
    let (runtime, log) = (runtime(0), Log::default());
    let root = runtime.spawn(three_generations(&log).spec());
    log.wait_for("leaf started");
    assert_eq!(root.cell().arbiter(), runtime.control());
    drop(runtime);
    assert_eq!(root.cell().state(), ActorState::Stopped);
    assert_eq!(log.count("leaf stopping"), 1);
}

#[test]
fn an_actor_may_be_spawned_and_stopped_from_anywhere_at_any_time() {
    let (runtime, log) = (runtime(2), Log::default());
    let nursery = runtime.spawn(Probe::new("nursery", &log).spec());
    let (give, take) = std::sync::mpsc::channel();
    for n in 0..200u64 {
        let (give, log) = (give.clone(), log.clone());
        let birth = act(move |_, cx| {
            let probe = Probe::new("child", &log);
            let spec = vagus_runtime::Spec::once(n, move || probe).arbiter(Placement::Least);
            give.send(cx.spawn(spec)).unwrap();
        });
        nursery.send(birth).unwrap();
    }
    for n in 0..200 {
        let child = take.recv_timeout(LONG).unwrap();
        if n % 2 == 0 { child.stop() } else { child.send(boom("oops")).unwrap() }
    }
    let families = || runtime.registry().len();
    eventually("all children gone", || families() == 1);
    let (count, counted) = std::sync::mpsc::channel();
    eventually("parent heard of all", || {
        let count = count.clone();
        nursery.send(act(move |_, cx| count.send(cx.children()).unwrap())).unwrap();
        counted.recv_timeout(LONG).unwrap() == 0
    });
    let heard = log.all().iter().filter(|entry| entry.starts_with("nursery heard")).count();
    assert_eq!(heard, 200);
}
