//! Turns of the threads that deliver: who has to know that nothing is under way any more that was
//! gathered before some moment, waits until the turns of that moment are over.
//!
//! A publisher takes the right to deliver to a subscription first, and hands its messages over at
//! the end of its turn. A client that has ended a subscription may be told so only afterwards: it
//! takes the `PONG` behind its `UNSUB` to mean that no more will come, and forgets what does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst, fence};
use std::task::Waker;

use parking_lot::{Mutex, RwLock};

/// The turns of one thread.
#[derive(Default)]
#[repr(align(128))]
pub struct Turns {
    /// Odd while one is under way.
    count: AtomicU64,
    awaited: AtomicBool,
    waiters: Mutex<Vec<Waker>>,
}

/// A turn, over when dropped.
struct Turn<'a>(&'a Turns);

/// The turns that were under way at one moment.
#[derive(Default)]
pub struct Moment(Vec<(Arc<Turns>, u64)>);

/// Every thread of this process that delivers.
static THREADS: RwLock<Vec<Arc<Turns>>> = RwLock::new(Vec::new());

/// A thread's own, listed for as long as it lives.
struct Own(Arc<Turns>);

thread_local! {
    static OWN: Own = Own::enlisted();
}

/// Does `work` as one turn of this thread.
pub fn in_turn<R>(work: impl FnOnce() -> R) -> R {
    OWN.with(|own| {
        let _turn = own.0.begin();
        work()
    })
}

// === impl Turns ===

impl Turns {
    fn begin(&self) -> Turn<'_> {
        self.count.fetch_add(1, SeqCst);
        // With the fence of `Moment::now`: a turn that a moment does not know sees all that was
        // closed before that moment.
        fence(SeqCst);
        Turn(self)
    }

    /// Whether turn `count` is over; else wakes `waker` when it is.
    fn is_over(&self, count: u64, waker: &Waker) -> bool {
        if self.count.load(SeqCst) != count {
            return true;
        }
        let mut waiters = self.waiters.lock();
        // The end of a turn counts first and looks for waiters second.
        self.awaited.store(true, SeqCst);
        if self.count.load(SeqCst) != count {
            return true;
        }
        waiters.push(waker.clone());
        false
    }

    #[cold]
    fn wake(&self) {
        let waiters = {
            let mut waiters = self.waiters.lock();
            self.awaited.store(false, SeqCst);
            std::mem::take(&mut *waiters)
        };
        waiters.into_iter().for_each(Waker::wake);
    }
}

// === impl Turn ===

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_add(1, SeqCst);
        if self.0.awaited.load(SeqCst) {
            self.0.wake();
        }
    }
}

// === impl Own ===

impl Own {
    fn enlisted() -> Self {
        let turns = Arc::<Turns>::default();
        THREADS.write().push(Arc::clone(&turns));
        Self(turns)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        THREADS.write().retain(|turns| !Arc::ptr_eq(turns, &self.0));
    }
}

// === impl Moment ===

impl Moment {
    /// The turns under way now. Not to be asked for within a turn, which would wait for itself.
    #[must_use]
    pub fn now() -> Self {
        fence(SeqCst);
        let threads = THREADS.read();
        let counts = threads.iter().map(|turns| (turns, turns.count.load(SeqCst)));
        let under_way = counts.filter(|(_, count)| count % 2 == 1);
        Self(under_way.map(|(turns, count)| (Arc::clone(turns), count)).collect())
    }

    /// Whether all of them are over; else wakes `waker` when one more is.
    pub fn is_over(&mut self, waker: &Waker) -> bool {
        while let Some((turns, count)) = self.0.last() {
            if !turns.is_over(*count, waker) {
                return false;
            }
            self.0.pop();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::task::Wake;
    use std::thread;
    use std::time::Duration;

    use super::*;

    struct Bell(std::sync::mpsc::Sender<()>);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn a_moment_is_over_with_the_turns_that_it_saw() {
        let (ring, rung) = channel();
        let waker = Waker::from(Arc::new(Bell(ring)));
        let ((begun, wait_begun), (end, wait_end)) = (channel(), channel::<()>());
        let worker = thread::spawn(move || {
            in_turn(|| {
                begun.send(()).unwrap();
                wait_end.recv().unwrap();
            });
            // A later turn is none of the moment's business.
            in_turn(|| {
                begun.send(()).unwrap();
                wait_end.recv().unwrap();
            });
        });
        wait_begun.recv().unwrap();
        let mut moment = Moment::now();
        assert!(!moment.is_over(&waker));
        end.send(()).unwrap();
        rung.recv_timeout(Duration::from_secs(10)).unwrap();
        wait_begun.recv().unwrap();
        while !moment.is_over(&waker) {
            rung.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        end.send(()).unwrap();
        worker.join().unwrap();
    }

    #[test]
    fn a_turn_that_panics_is_over() {
        let turns = Turns::default();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _turn = turns.begin();
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert_eq!(turns.count.load(SeqCst), 2);
    }
}
