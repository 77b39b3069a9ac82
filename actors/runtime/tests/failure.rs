//! Panics and failures: who is made anew, what waits, and when it goes upwards.

use std::time::Duration;

use vagus_runtime::{ActorState, Budget, Fate, Restart, SendError};

use crate::kit::{Log, Probe, act, boom, eventually, hold, quick, runtime, say, wait};

#[test]
fn a_panic_in_a_handler_restarts_the_actor_and_spares_its_siblings() {
    let (runtime, log) = (runtime(1), Log::default());
    let a = runtime.spawn(Probe::new("a", &log).spec());
    let b = runtime.spawn(Probe::new("b", &log).spec());
    a.send(boom("lost my mind")).unwrap();
    a.send(say("back")).unwrap();
    log.wait_for("a back");
    b.send(say("untouched")).unwrap();
    log.wait_for("b untouched");
    assert_eq!((log.count("a started"), log.count("b started")), (2, 1));
    assert_eq!((a.cell().restarts(), a.cell().state()), (1, ActorState::Running));
    let cause = a.cell().last_cause().unwrap();
    assert!(cause.starts_with("panicked: lost my mind (") && cause.contains("kit.rs:"), "{cause}");
}

#[test]
fn waiting_messages_are_handed_over_in_order_and_only_the_poison_is_lost() {
    let (runtime, log) = (runtime(2), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec());
    let release = hold(&probe);
    probe.send(say("1")).unwrap();
    probe.send(boom("poison")).unwrap();
    (2..500).for_each(|n| probe.send(say(&n.to_string())).unwrap());
    drop(release);
    // These arrive before, during and after the back-off.
    for n in 500..1500 {
        probe.send(say(&n.to_string())).unwrap();
        if n == 700 {
            eventually("crash", || log.count("p 1") == 1 && probe.cell().restarts() == 1);
        }
    }
    log.wait_for("p 1499");
    let numbers: Vec<u32> =
        log.all().iter().filter_map(|entry| entry.strip_prefix("p ")?.parse().ok()).collect();
    assert_eq!(numbers, (1..1500).collect::<Vec<_>>());
    eventually("all accounted for", || probe.cell().depth() == 0 && probe.cell().bytes() == 0);
}

#[test]
fn a_second_poison_among_held_messages_keeps_the_order() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec());
    let release = hold(&probe);
    probe.send(boom("one")).unwrap();
    probe.send(say("1")).unwrap();
    probe.send(boom("two")).unwrap();
    probe.send(say("2")).unwrap();
    drop(release);
    log.wait_for("p 2");
    assert_eq!(log.all(), ["p started", "p started", "p 1", "p started", "p 2"]);
    assert_eq!(probe.cell().restarts(), 2);
}

#[test]
fn panics_in_started_and_factory_are_retried_within_the_budget() {
    let (runtime, log) = (runtime(1), Log::default());
    let mut tries = 0;
    let template = Probe::starting("p", &log, |probe, _| {
        assert!(probe.log.count("p started") > 1, "started too soon");
    });
    let spec = vagus_runtime::Spec::new("p", move || {
        tries += 1;
        assert!(tries > 1, "no parts");
        template.clone()
    });
    let probe = runtime.spawn(spec.restart(quick(2)));
    probe.send(say("hello")).unwrap();
    log.wait_for("p hello");
    assert_eq!(log.count("p started"), 2);
    assert_eq!(probe.cell().restarts(), 2);
}

#[test]
fn fail_ends_the_incarnation_like_a_panic() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec());
    probe.send(act(|_, cx| cx.fail("disk is gone"))).unwrap();
    eventually("restart", || log.count("p started") == 2);
    assert_eq!(probe.cell().last_cause().as_deref(), Some("disk is gone"));
    assert_eq!(log.count("p stopping"), 0);
}

#[test]
fn an_actor_that_is_never_restarted_is_gone_and_its_parent_carries_on() {
    let (runtime, log) = (runtime(2), Log::default());
    let child = Probe::new("c", &log);
    let parent = runtime.spawn(
        Probe::starting("p", &log, move |_, cx| {
            let child = cx.spawn(child.once());
            child.send(boom("oops")).unwrap();
        })
        .spec(),
    );
    eventually("news", || log.all().iter().any(|e| e.starts_with("p heard: c failed: panicked")));
    parent.send(say("fine")).unwrap();
    log.wait_for("p fine");
    assert_eq!(parent.cell().restarts(), 0);
    assert!(runtime.registry().get("/p/c").is_none());
}

#[test]
fn an_exhausted_budget_climbs_to_the_parent_and_then_to_the_root() {
    let (runtime, log) = (runtime(2), Log::default());
    let failed = runtime.failed();
    // The child panics in each incarnation; so the parent fails each time, three times in all.
    let child = Probe::starting("c", &log, |_, _| panic!("cursed"));
    let sibling = Probe::new("s", &log);
    let parent = Probe::starting("p", &log, move |_, cx| {
        cx.spawn(sibling.spec());
        cx.spawn(child.spec());
    });
    let parent = runtime.spawn(parent.spec());
    let cause = wait(failed);
    assert!(cause.starts_with("/p failed: child /p/c failed: panicked: cursed"), "{cause}");
    assert_eq!(wait(parent.ended()), ActorState::Failed);
    assert_eq!((log.count("p started"), log.count("c started")), (3, 9));
    assert_eq!(log.count("p stopping"), 0);
    // The sibling was stopped in good order with each incarnation of its parent.
    assert_eq!(log.count("s stopping"), 3);
    assert!(matches!(parent.send(say("?")), Err(SendError::Dead(_))));
    assert!(runtime.registry().is_empty());
}

#[test]
fn a_top_level_actor_that_is_never_restarted_reaches_the_root_too() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec().restart(Restart::Never));
    probe.send(boom("end")).unwrap();
    assert!(wait(runtime.failed()).starts_with("/p failed: panicked: end"));
}

#[test]
fn a_role_whose_drop_panics_is_survived() {
    struct Bomb;
    impl vagus_runtime::Actor for Bomb {
        const KIND: &'static str = "bomb";
        fn started(&mut self, cx: &mut vagus_runtime::Cx<'_, Self>) {
            cx.stop();
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("going off");
        }
    }
    let (runtime, log) = (runtime(1), Log::default());
    let bomb = runtime.spawn(vagus_runtime::Spec::once("bomb", || Bomb));
    assert_eq!(wait(bomb.ended()), ActorState::Stopped);
    let probe = runtime.spawn(Probe::new("p", &log).spec());
    probe.send(say("alive")).unwrap();
    log.wait_for("p alive");
}

#[test]
fn a_panic_while_stopping_ends_it_as_failed() {
    struct Clumsy;
    impl vagus_runtime::Actor for Clumsy {
        const KIND: &'static str = "clumsy";
        fn stopping(&mut self, _: &mut vagus_runtime::Cx<'_, Self>) {
            panic!("tripped");
        }
    }
    let runtime = runtime(1);
    let clumsy = runtime.spawn(vagus_runtime::Spec::new("clumsy", || Clumsy));
    clumsy.stop();
    assert_eq!(wait(clumsy.ended()), ActorState::Failed);
    assert_eq!(clumsy.cell().restarts(), 0);
}

#[test]
fn a_stop_during_the_back_off_ends_it_at_once_and_drops_what_waited() {
    let (runtime, log) = (runtime(1), Log::default());
    let hour = Duration::from_secs(3600);
    let budget = Budget { backoff_min: hour, backoff_max: hour, ..Budget::default() };
    let spec = Probe::new("p", &log).spec().restart(Restart::OnFailure(budget));
    let probe = runtime.spawn(spec);
    probe.send(boom("crash")).unwrap();
    eventually("back-off", || probe.cell().state() == ActorState::Restarting);
    let guard = std::sync::Arc::new(());
    let held = std::sync::Arc::clone(&guard);
    probe.send(act(move |_, _| drop(held))).unwrap();
    probe.stop();
    assert_eq!(wait(probe.ended()), ActorState::Stopped);
    eventually("message dropped", || std::sync::Arc::strong_count(&guard) == 1);
    assert_eq!((log.count("p started"), log.count("p stopping")), (1, 0));
    assert!(runtime.registry().is_empty());
}

#[test]
fn messages_left_behind_by_the_dead_are_dropped() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).once());
    let guard = std::sync::Arc::new(());
    let release = hold(&probe);
    probe.send(boom("crash")).unwrap();
    for _ in 0..10 {
        let held = std::sync::Arc::clone(&guard);
        probe.send(act(move |_, _| drop(held))).unwrap();
    }
    drop(release);
    assert_eq!(wait(probe.ended()), ActorState::Failed);
    eventually("messages dropped", || std::sync::Arc::strong_count(&guard) == 1);
    assert_eq!(probe.cell().handled(), 2);
}

#[test]
fn a_panic_in_the_child_hook_is_a_failure_of_the_parent() {
    struct Touchy(Log);
    impl vagus_runtime::Actor for Touchy {
        const KIND: &'static str = "touchy";
        fn started(&mut self, cx: &mut vagus_runtime::Cx<'_, Self>) {
            self.0.add("started");
            if self.0.count("started") == 1 {
                cx.spawn(Probe::new("c", &self.0).once()).send(boom("oops")).unwrap();
            }
        }
        fn child(&mut self, event: vagus_runtime::ChildEvent, _: &mut vagus_runtime::Cx<'_, Self>) {
            assert_eq!(event.fate, Fate::Stopped, "bad news");
        }
    }
    let (runtime, log) = (runtime(1), Log::default());
    let own = log.clone();
    let spec = vagus_runtime::Spec::new("t", move || Touchy(own.clone())).restart(quick(1));
    let touchy = runtime.spawn(spec);
    eventually("restart", || log.count("started") == 2);
    assert!(touchy.cell().last_cause().unwrap().contains("bad news"));
}

#[test]
fn crash_after_crash_on_many_actors_leaves_nothing_behind() {
    let (runtime, log) = (runtime(2), Log::default());
    let forever = quick(u32::MAX);
    let probes: Vec<_> = (0..20)
        .map(|n| runtime.spawn(Probe::new(&format!("p{n}"), &log).spec().restart(forever)))
        .collect();
    for round in 0..20u64 {
        for probe in &probes {
            probe.send(boom("again")).unwrap();
            probe.send(say(&round.to_string())).unwrap();
        }
    }
    for (n, probe) in probes.iter().enumerate() {
        log.wait_for(&format!("p{n} 19"));
        assert_eq!(probe.cell().restarts(), 20);
        eventually("drained", || probe.cell().depth() == 0);
        assert_eq!(probe.cell().handled(), 40);
    }
    runtime.shutdown(Duration::from_secs(20)).unwrap();
    assert_eq!(log.all().iter().filter(|entry| entry.ends_with("stopping")).count(), 20);
}
