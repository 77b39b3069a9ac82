//! The limit of an auto-unsubscribe holds exactly, whoever delivers at the same time.

use std::sync::{Arc, Barrier};
use std::thread;

use super::kit::actor;
use crate::delivery::{Slots, Sub};

fn sub() -> Sub {
    Sub::new(actor(&Slots::default()).0, b"a.b", None, b"1")
}

#[test]
fn a_claim_gets_what_is_left() {
    let sub = sub();
    assert_eq!(sub.claim(7), 7);
    assert!(!sub.limit(10));
    assert_eq!((sub.claim(2), sub.is_open()), (2, true));
    assert_eq!((sub.claim(5), sub.is_open()), (1, false));
    assert_eq!((sub.claim(1), sub.delivered(), sub.max()), (0, 10, Some(10)));
}

#[test]
fn a_limit_that_is_reached_already_ends_it() {
    let sub = sub();
    assert_eq!(sub.claim(3), 3);
    assert!(sub.limit(3));
    assert_eq!((sub.claim(1), sub.is_open()), (0, false));
}

#[test]
fn who_is_closed_gets_nothing_and_counts_nothing() {
    let sub = sub();
    assert_eq!(sub.claim(3), 3);
    sub.close();
    assert_eq!((sub.claim(5), sub.delivered()), (0, 3));
}

/// Threads claim from `sub` until they have offered enough; the sum of what was granted.
fn claim_together(sub: &Sub, offers: usize, before: impl FnOnce() + Send) -> u64 {
    const THREADS: usize = 3;
    let start = Barrier::new(THREADS + 1);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    (0..offers).map(|n| sub.claim(1 + ((n + thread) % 4) as u64)).sum::<u64>()
                })
            })
            .collect();
        start.wait();
        before();
        threads.into_iter().map(|one| one.join().unwrap()).sum()
    })
}

#[test]
fn concurrent_claims_get_exactly_the_limit() {
    for max in 1..300 {
        let sub = sub();
        assert!(!sub.limit(max));
        assert_eq!(claim_together(&sub, 200, || {}), max);
        assert!(!sub.is_open());
        assert_eq!(sub.delivered(), max);
    }
}

/// The limit is set while deliveries are under way, as with every `UNSUB` on a busy subject. If it
/// was not reached by then, it is exact.
#[test]
fn a_limit_set_between_claims_is_exact_too() {
    let mut in_between = 0;
    for round in 0..1_000 {
        let (sub, max) = (sub(), 20 + round % 40);
        let reached = Arc::new(std::sync::Mutex::new(None));
        let granted = claim_together(&sub, 30, || {
            *reached.lock().unwrap() = Some(sub.limit(max));
        });
        let reached = reached.lock().unwrap().unwrap();
        if reached {
            assert!(granted >= max);
        } else {
            assert_eq!(granted, max, "round {round}");
            in_between += 1;
        }
        assert!(!sub.is_open());
    }
    assert!(in_between > 0, "no round has tried it");
}
