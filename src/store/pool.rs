//! Threads that block on behalf of others.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// A few threads and the jobs that wait for them, first come, first served. Clones share both;
/// the threads end when the last clone is gone and nothing is left to do.
#[derive(Clone)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
    _end: Arc<End>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    idle: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    busy: usize,
    ended: bool,
}

/// Tells the threads when nobody can give them work any more.
struct End(Arc<Shared>);

// === impl Pool ===

impl Pool {
    pub(crate) fn new(name: &str, threads: usize) -> Pool {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            idle: Condvar::new(),
        });
        for n in 0..threads {
            let shared = Arc::clone(&shared);
            let started =
                thread::Builder::new().name(format!("{name}-{n}")).spawn(move || work(&shared));
            if let Err(error) = started {
                tracing::error!(%error, "a store thread did not start");
            }
        }
        Pool { _end: Arc::new(End(Arc::clone(&shared))), shared }
    }

    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        self.shared.state.lock().jobs.push_back(Box::new(job));
        self.shared.wake.notify_one();
    }

    /// Before what is waiting already.
    pub(crate) fn run_next(&self, job: impl FnOnce() + Send + 'static) {
        self.shared.state.lock().jobs.push_front(Box::new(job));
        self.shared.wake.notify_one();
    }

    /// Waits until there is nothing left to do.
    pub(crate) fn wait_idle(&self) {
        let mut state = self.shared.state.lock();
        while !state.jobs.is_empty() || state.busy > 0 {
            self.shared.idle.wait(&mut state);
        }
    }
}

fn work(shared: &Shared) {
    let mut state = shared.state.lock();
    loop {
        if let Some(job) = state.jobs.pop_front() {
            state.busy += 1;
            drop(state);
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a job of the store panicked");
            }
            state = shared.state.lock();
            state.busy -= 1;
            if state.busy == 0 && state.jobs.is_empty() {
                shared.idle.notify_all();
            }
        } else if state.ended {
            return;
        } else {
            shared.wake.wait(&mut state);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.state.lock().ended = true;
        self.0.wake.notify_all();
    }
}
