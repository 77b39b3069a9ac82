//! A barrier opens with the last answer, and knows whether all were good.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Wake, Waker};
use std::thread;

use crate::delivery::Interest;
use crate::realm::Realm;
use crate::shard::{Ack, Apply, Barrier};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn barrier(parts: usize) -> (Arc<Barrier>, Arc<Count>) {
    let count = Arc::<Count>::default();
    (Barrier::new(parts, Waker::from(Arc::clone(&count))), count)
}

#[test]
fn it_opens_with_the_last_answer_and_wakes_once() {
    let (barrier, woken) = barrier(3);
    let acks: Vec<_> = (0..3).map(|_| Ack::of(&barrier)).collect();
    for (n, ack) in acks.into_iter().enumerate() {
        assert!(!barrier.is_open(), "after {n} answers");
        assert_eq!(woken.0.load(SeqCst), 0);
        ack.done();
    }
    assert!(barrier.is_open() && !barrier.has_failed());
    assert_eq!(woken.0.load(SeqCst), 1);
}

#[test]
fn an_answer_that_is_dropped_is_a_failure_and_an_answer() {
    let realm = Arc::new(Realm::new("A", Interest::new(1)));
    for dropped in 0..3 {
        let (barrier, woken) = barrier(3);
        for n in 0..3 {
            let (realm, ack) = (Arc::clone(&realm), Ack::of(&barrier));
            let apply = Apply { realm, changes: Vec::new(), ack };
            match n == dropped {
                true => drop(apply),
                false => apply.ack.done(),
            }
        }
        assert!(barrier.is_open() && barrier.has_failed());
        assert_eq!(woken.0.load(SeqCst), 1);
    }
}

#[test]
fn a_panic_of_who_was_to_answer_is_a_failure() {
    let (barrier, woken) = barrier(1);
    let ack = Ack::of(&barrier);
    let shard = thread::spawn(move || {
        let _held = ack;
        panic!("on purpose");
    });
    assert!(shard.join().is_err());
    assert!(barrier.is_open() && barrier.has_failed());
    assert_eq!(woken.0.load(SeqCst), 1);
}

#[test]
fn many_threads_answer_one_barrier() {
    for round in 0..50 {
        let (barrier, woken) = barrier(8);
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let ack = Ack::of(&barrier);
                thread::spawn(move || if n == round % 16 { drop(ack) } else { ack.done() })
            })
            .collect();
        threads.into_iter().for_each(|one| one.join().unwrap());
        assert!(barrier.is_open());
        assert_eq!(barrier.has_failed(), round % 16 < 8);
        assert_eq!(woken.0.load(SeqCst), 1);
    }
}
