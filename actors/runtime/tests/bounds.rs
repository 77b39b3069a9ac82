//! Mailbox bounds: exact, whoever sends, and waited for without being overtaken.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use vagus_runtime::{MailboxLimits, SendError};

use crate::kit::{Log, Probe, act, eventually, hold, runtime, say, wait, weighing};

fn limits(depth_max: u32, bytes_max: u64) -> MailboxLimits {
    MailboxLimits { depth_max, bytes_max }
}

#[test]
fn concurrent_senders_fill_a_mailbox_to_its_bound_exactly() {
    let (runtime, log) = (runtime(1), Log::default());
    let spec = Probe::new("p", &log).spec().mailbox(limits(1001, u64::MAX));
    let probe = runtime.spawn(spec);
    let release = hold(&probe);
    let accepted = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    match probe.clone().send(say("x")) {
                        Ok(()) => accepted.fetch_add(1, SeqCst),
                        Err(SendError::Full(_)) => 0,
                        Err(SendError::Dead(_)) => panic!("it is alive"),
                    };
                }
            });
        }
    });
    // One place is taken by the message that holds it.
    assert_eq!(accepted.load(SeqCst), 1000);
    assert_eq!(probe.cell().depth(), 1001);
    probe.send_urgent(say("urgent")).unwrap();
    assert_eq!(probe.cell().depth(), 1002);
    drop(release);
    log.wait_for("p urgent");
    eventually("drained", || probe.cell().depth() == 0);
    assert_eq!(log.count("p x"), 1000);
    assert_eq!(probe.cell().handled(), 1002);
}

#[test]
fn bytes_are_bounded_too() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec().mailbox(limits(100, 1000)));
    let release = hold(&probe);
    probe.send(weighing(600)).unwrap();
    assert!(matches!(probe.send(weighing(401)), Err(SendError::Full(_))));
    probe.send(weighing(400)).unwrap();
    assert_eq!((probe.cell().depth(), probe.cell().bytes()), (3, 1000));
    drop(release);
    eventually("drained", || probe.cell().bytes() == 0);
}

#[test]
fn waiting_senders_all_get_through_and_the_bound_holds() {
    let (runtime, log) = (runtime(2), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec().mailbox(limits(8, 800)));
    let highest = Arc::new(AtomicUsize::new(0));
    for sender in 0..20 {
        let (probe, highest) = (probe.clone(), Arc::clone(&highest));
        let arbiter = runtime.arbiters()[sender % 2];
        runtime.spawn_on(arbiter, move || async move {
            for n in 0..100 {
                let highest = Arc::clone(&highest);
                let message = act(move |probe, cx| {
                    highest.fetch_max(cx.cell().depth() as usize, SeqCst);
                    probe.say(&format!("{sender}:{n}"));
                });
                probe.send_wait(message).await.unwrap();
            }
        });
    }
    eventually("all handled", || probe.cell().handled() == 2000);
    assert!((1..=8).contains(&highest.load(SeqCst)));
    let said = log.all();
    for sender in 0..20 {
        let prefix = format!("p {sender}:");
        let own: Vec<_> = said.iter().filter_map(|e| e.strip_prefix(&prefix)).collect();
        let expected: Vec<_> = (0..100).map(|n| n.to_string()).collect();
        assert_eq!(own, expected, "sender {sender} in order");
    }
}

#[test]
fn who_waits_for_room_learns_of_the_end() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).once().mailbox(limits(1, 1)));
    let release = hold(&probe);
    probe.stop();
    let waiting = probe.send_wait(say("too late"));
    let outcome = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| wait(waiting));
        drop(release);
        waiter.join().unwrap()
    });
    // It may have found room in the instant between the release and the stop.
    if let Err(error) = outcome {
        assert!(matches!(error, SendError::Dead(_)));
    }
    wait(probe.ended());
    assert!(matches!(wait(probe.send_wait(say("gone"))), Err(SendError::Dead(_))));
    assert_eq!(log.count("p gone"), 0);
}

#[test]
fn a_recipient_hides_the_type_and_keeps_the_bound() {
    let (runtime, log) = (runtime(1), Log::default());
    let probe = runtime.spawn(Probe::new("p", &log).spec().mailbox(limits(2, 100)));
    let recipient = probe.recipient();
    let release = hold(&probe);
    recipient.send(say("1")).unwrap();
    assert!(recipient.clone().send(say("2")).unwrap_err().is_full());
    recipient.send_urgent(say("3")).unwrap();
    let waiting = recipient.send_wait(say("4"));
    drop(release);
    wait(waiting).unwrap();
    log.wait_for("p 4");
    assert_eq!(log.all()[1..], ["p 1", "p 3", "p 4"]);
}

#[test]
fn a_flood_does_not_starve_the_others_on_the_arbiter() {
    let (runtime, log) = (runtime(1), Log::default());
    let flooded = runtime.spawn(Probe::new("f", &log).spec());
    let other = runtime.spawn(Probe::new("o", &log).spec());
    let release = hold(&flooded);
    (0..4000).for_each(|_| flooded.send(act(|probe, _| probe.say("x"))).unwrap());
    other.send(say("my turn")).unwrap();
    drop(release);
    eventually("all handled", || flooded.cell().handled() == 4001 && log.count("o my turn") == 1);
    let turn = log.all().iter().position(|entry| entry == "o my turn").unwrap();
    assert!(turn < 2500, "the other one waited for {turn} entries");
}
