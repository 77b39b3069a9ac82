//! What operators see, and what they can do to an actor.

use vagus_runtime::{ActorState, ObserveError};

use crate::kit::{Log, Probe, eventually, hold, runtime, say, wait};

#[test]
fn a_snapshot_tells_each_actor_by_its_path() {
    let (runtime, log) = (runtime(1), Log::default());
    let child = Probe::new("child", &log);
    let parent = Probe::starting("parent", &log, move |_, cx| {
        let probe = child.clone();
        cx.spawn(vagus_runtime::Spec::once(7, move || probe));
    });
    let parent = runtime.spawn(parent.spec());
    log.wait_for("child started");
    let release = hold(&parent);
    parent.send(crate::kit::weighing(50)).unwrap();
    let reports = runtime.registry().snapshot();
    drop(release);
    let paths: Vec<_> = reports.iter().map(|report| &*report.path).collect();
    assert_eq!(paths, ["/parent", "/parent/7"]);
    assert_eq!(reports[1].parent.as_deref(), Some("/parent"));
    let parent = serde_json::to_value(&reports[0]).unwrap();
    assert_eq!(parent["kind"], "probe");
    assert_eq!(parent["state"], "running");
    assert_eq!(parent["arbiter"], "data-0");
    assert_eq!(parent["mailbox"]["depth"], 2);
    assert_eq!(parent["mailbox"]["bytes"], 50);
    assert_eq!(parent["mailbox"]["depth_max"], 4096);
    assert_eq!(parent["last_cause"], serde_json::Value::Null);
}

#[test]
fn the_oldest_message_ages_and_is_forgotten() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec());
    let release = hold(&probe);
    eventually("age", || probe.cell().oldest_ms() >= 5);
    drop(release);
    eventually("idle", || probe.cell().depth() == 0 && probe.cell().oldest_ms() == 0);
}

#[test]
fn an_actor_tells_its_own_state() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec());
    probe.send(say("1")).unwrap();
    probe.send(say("2")).unwrap();
    let registry = runtime.registry();
    assert_eq!(wait(registry.observe("/p")), Ok(serde_json::json!({ "handled": 2 })));
    assert_eq!(wait(registry.observe("/q")), Err(ObserveError::Unknown));
    let release = hold(&probe);
    assert_eq!(wait(registry.observe("/p")), Err(ObserveError::Late));
    drop(release);
}

#[test]
fn many_are_asked_in_the_time_of_one() {
    let (runtime, log) = (runtime(1), Log::default());
    let probes = ["a", "b", "c"].map(|name| runtime.spawn(Probe::new(name, &log).spec()));
    let registry = runtime.registry();
    let wanted = |cell: &vagus_runtime::ActorCell| cell.path() != "/b";
    let told = || {
        let told = wait(registry.observe_all(wanted));
        let mut told: Vec<_> = told.into_iter().map(|(cell, state)| (cell.path(), state)).collect();
        told.sort_by(|a, b| a.0.cmp(&b.0));
        told
    };
    let idle = Ok(serde_json::json!({ "handled": 0 }));
    assert_eq!(told(), [("/a".to_owned(), idle.clone()), ("/c".to_owned(), idle)]);
    assert_eq!(registry.cells(wanted).len(), 2);
    // All live on one arbiter: while one of them is held, none gets to answer.
    let release = hold(&probes[1]);
    let begun = std::time::Instant::now();
    assert!(told().iter().all(|(_, state)| *state == Err(ObserveError::Late)));
    assert!(begun.elapsed() < std::time::Duration::from_millis(1800), "{:?}", begun.elapsed());
    drop(release);
}

#[test]
fn a_drill_is_a_real_panic() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec());
    let registry = runtime.registry();
    assert!(registry.drill("/p", "fire drill"));
    assert!(!registry.drill("/nobody", "fire drill"));
    eventually("restart", || log.count("p started") == 2);
    let cell = registry.get("/p").unwrap();
    assert_eq!((cell.restarts(), cell.state()), (1, ActorState::Running));
    assert!(cell.last_cause().unwrap().starts_with("panicked: fire drill ("));
    assert_eq!(cell.id(), probe.cell().id());
}

#[test]
fn the_registry_forgets_the_dead_and_never_reuses_an_id() {
    let (runtime, log) = (runtime(1), Log::default());
    let mut ids = std::collections::HashSet::new();
    for _ in 0..50 {
        let probe = runtime.spawn(Probe::new("p", &log).once());
        assert!(ids.insert(probe.cell().id()));
        probe.stop();
        assert_eq!(wait(probe.ended()), ActorState::Stopped);
        assert!(runtime.registry().is_empty());
        assert!(runtime.registry().get("/p").is_none());
    }
}
