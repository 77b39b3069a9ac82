//! Timers, futures and poll functions: in the actor's turn, and gone with its incarnation.

use std::{
    task::{Poll, Waker},
    time::Duration,
};

use crate::kit::{Log, Probe, act, eventually, runtime, say};

const TICK: Duration = Duration::from_millis(1);

#[test]
fn a_timer_fires_once_an_interval_again_and_a_cancelled_one_never() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec());
    let begin = act(|_, cx| {
        let cancelled = cx.run_later(TICK, |probe, _| probe.say("cancelled"));
        assert!(cx.cancel(cancelled) && !cx.cancel(cancelled));
        cx.run_later(TICK, |probe, _| probe.say("later"));
        let mut ticks = 0;
        cx.run_interval(TICK, move |probe, cx| {
            ticks += 1;
            probe.say(&format!("tick {ticks}"));
            if ticks == 5 {
                cx.stop();
            }
        });
    });
    probe.send(begin).unwrap();
    log.wait_for("p stopping");
    assert_eq!((log.count("p later"), log.count("p cancelled")), (1, 0));
    assert_eq!((log.count("p tick 5"), log.count("p tick 6")), (1, 0));
}

#[test]
fn a_task_may_cancel_itself_and_begin_others() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec());
    let begin = act(|_, cx| {
        let id = std::rc::Rc::new(std::cell::Cell::new(None));
        let own = std::rc::Rc::clone(&id);
        id.set(Some(cx.run_interval(TICK, move |probe, cx| {
            probe.say("once");
            assert!(cx.cancel(own.get().unwrap()));
            cx.when(async { 7 }, |probe, n, cx| {
                probe.say(&format!("got {n}"));
                cx.when(std::future::ready(8), |probe, n, _| probe.say(&format!("got {n}")));
            });
        })));
    });
    probe.send(begin).unwrap();
    log.wait_for("p got 8");
    assert_eq!((log.count("p once"), log.count("p got 7")), (1, 1));
}

#[test]
fn a_future_is_driven_while_messages_are_handled() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec());
    let (tell, told) = tokio::sync::oneshot::channel::<u32>();
    probe
        .send(act(|_, cx| {
            cx.when(told, |probe, told, _| probe.say(&format!("told {}", told.unwrap())));
        }))
        .unwrap();
    probe.send(say("meanwhile")).unwrap();
    log.wait_for("p meanwhile");
    tell.send(42).unwrap();
    log.wait_for("p told 42");
}

#[test]
fn poll_with_is_polled_at_each_wake_up_until_ready() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec());
    let begin = act(|_, cx| {
        cx.poll_with(|probe, _, wake| {
            let _: &Waker = wake.waker();
            probe.say(&format!("polled after {}", probe.handled));
            if probe.handled < 3 { Poll::Pending } else { Poll::Ready(()) }
        });
    });
    probe.send(begin).unwrap();
    log.wait_for("p polled after 1");
    probe.send(say("2")).unwrap();
    log.wait_for("p polled after 2");
    probe.send(say("3")).unwrap();
    log.wait_for("p polled after 3");
    probe.send(say("4")).unwrap();
    log.wait_for("p 4");
    probe.send(say("5")).unwrap();
    log.wait_for("p 5");
    assert_eq!(log.count("p polled after 4"), 0);
}

/// Says when it is dropped.
struct Trace(Log);

impl Drop for Trace {
    fn drop(&mut self) {
        self.0.add("trace dropped");
    }
}

#[test]
fn a_panic_in_any_task_restarts_the_actor_and_drops_its_other_tasks_first() {
    let (runtime, log) = (runtime(1), Log::default());
    let sibling = runtime.spawn(Probe::new("s", &log).spec());
    type Begin = fn(&mut vagus_runtime::Cx<'_, Probe>);
    let ways: [(&str, Begin); 4] = [
        ("poll", |cx| _ = cx.poll_with(|_, _, _| panic!("in poll_with"))),
        ("when", |cx| _ = cx.when(async { panic!("in a future") }, |_, (), _| {})),
        ("later", |cx| _ = cx.run_later(TICK, |_, _| panic!("in a timer"))),
        ("every", |cx| _ = cx.run_interval(TICK, |_, _| panic!("in an interval"))),
    ];
    for (name, begin) in ways {
        let log = Log::default();
        let template = Probe::starting(name, &log, move |probe, cx| {
            if probe.log.count(&format!("{} started", probe.name)) == 1 {
                let trace = Trace(probe.log.clone());
                cx.poll_with(move |_, _, _| {
                    let _ = &trace;
                    Poll::Pending
                });
                begin(cx);
            }
        });
        let probe = runtime.spawn(template.spec());
        eventually("restart", || probe.cell().restarts() == 1);
        probe.send(say("back")).unwrap();
        log.wait_for(&format!("{name} back"));
        let started = format!("{name} started");
        let expected = [&started, "trace dropped", &started, &format!("{name} back")];
        assert_eq!(log.all(), expected);
    }
    sibling.send(say("untouched")).unwrap();
    log.wait_for("s untouched");
    assert_eq!(sibling.cell().restarts(), 0);
}
