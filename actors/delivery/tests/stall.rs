//! A publisher that waits for a slow reader is woken when that has caught up, or is gone.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Wake, Waker};
use std::thread;

use super::kit::{eventually, wire};
use crate::delivery::{Reason, Slots};

const SOFT: usize = 1 << 20;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn publisher() -> (Waker, Arc<Count>) {
    let count = Arc::<Count>::default();
    (Waker::from(Arc::clone(&count)), count)
}

#[test]
fn who_is_not_behind_is_not_waited_for() {
    let wire = wire(&Slots::default(), 64 << 20);
    let (waker, _) = publisher();
    assert!(!wire.out.stall(SOFT, &waker));
    wire.fill(SOFT / 2);
    assert!(!wire.out.stall(SOFT, &waker));
    wire.out.close(Reason::ClientClosed);
}

#[test]
fn who_waits_is_woken_when_the_reader_has_caught_up() {
    let wire = wire(&Slots::default(), 64 << 20);
    let mut sent = wire.fill(SOFT);
    let (waker, woken) = publisher();
    assert!(wire.out.stall(SOFT, &waker));
    assert_eq!(woken.0.load(SeqCst), 0);
    let (other, _) = publisher();
    eventually("nobody to wait for a reader that takes nothing", || !wire.out.stall(SOFT, &other));
    let mut client = wire.client.try_clone().unwrap();
    let reader = thread::spawn(move || {
        let (mut bytes, mut buffer) = (0, vec![0; 64 << 10]);
        loop {
            match client.read(&mut buffer).unwrap() {
                0 => return bytes,
                n => bytes += n,
            }
        }
    });
    eventually("the publisher to be woken", || woken.0.load(SeqCst) == 1);
    assert!(wire.out.pending() <= SOFT / 2);
    eventually("all to be sent", || wire.out.pending() == 0);
    // It can fall behind again, and be waited for again.
    wire.out.send(&vec![b'f'; 8 << 20]);
    sent += 8 << 20;
    let stalled = wire.out.stall(SOFT, &waker);
    eventually("the second wake", || woken.0.load(SeqCst) == 1 + usize::from(stalled));
    wire.out.close(Reason::ServerShutdown);
    assert_eq!(reader.join().unwrap(), sent);
}

#[test]
fn who_waits_is_woken_when_the_reader_goes() {
    for reason in [Reason::ClientClosed, Reason::ServerShutdown, Reason::SlowConsumerDeadline] {
        let wire = wire(&Slots::default(), 64 << 20);
        wire.fill(SOFT);
        let (waker, woken) = publisher();
        assert!(wire.out.stall(SOFT, &waker));
        wire.out.close(reason);
        assert_eq!(woken.0.load(SeqCst), 1);
        assert!(!wire.out.stall(SOFT, &waker), "{reason:?}");
    }
}

#[test]
fn who_packs_what_is_sent_is_waited_for_though_the_socket_is_not_full() {
    let wire = wire(&Slots::default(), 64 << 20);
    let _io = wire.out.seal();
    let (waker, woken) = publisher();
    wire.out.send(&vec![b's'; SOFT]);
    assert!(!wire.out.stall(SOFT, &waker), "that is not too much");
    wire.out.send(b"s");
    assert!(wire.out.stall(SOFT, &waker));
    let mut taken = wire.out.take_queue();
    while wire.out.pending() > 0 || woken.0.load(SeqCst) == 0 {
        assert!(taken.next(SOFT / 4, |_| ()).is_some(), "nobody was woken");
        wire.out.give_back(taken, false);
        taken = wire.out.take_queue();
    }
    assert_eq!(woken.0.load(SeqCst), 1);
    wire.out.close(Reason::ClientClosed);
}
