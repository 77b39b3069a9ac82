//! Handshakes take turns: each costs as much as thousands of messages.
//!
//! Of those that are ready at the same time on one arbiter, one goes on; before the next one does,
//! all else that is ready there is served, and the sockets are looked at. So a crowd that connects
//! at once holds up the others by one handshake, not by all of them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// Of one handshake. Empty: it does not wait.
#[derive(Default)]
pub(super) struct Turn(Option<Arc<Ticket>>);

#[derive(Default)]
struct Ticket {
    called: AtomicBool,
    waker: AtomicWaker,
}

/// Of one arbiter.
struct Queue {
    /// Somebody has had a turn, and nothing else was served since.
    busy: bool,
    waiting: VecDeque<Arc<Ticket>>,
}

thread_local! {
    static QUEUE: RefCell<Queue> =
        const { RefCell::new(Queue { busy: false, waiting: VecDeque::new() }) };
}

// === impl Turn ===

impl Turn {
    /// Ready when it is this one's turn, which is then over.
    pub(super) fn poll(&mut self, task: &mut Context<'_>) -> Poll<()> {
        if let Some(ticket) = &self.0 {
            ticket.waker.register(task.waker());
            if !ticket.called.load(Relaxed) {
                return Poll::Pending;
            }
            self.0 = None;
            return Poll::Ready(());
        }
        let first = QUEUE.with_borrow_mut(|queue| !std::mem::replace(&mut queue.busy, true));
        if first {
            tokio::spawn(call());
            return Poll::Ready(());
        }
        let ticket = Arc::<Ticket>::default();
        ticket.waker.register(task.waker());
        self.0 = Some(Arc::clone(&ticket));
        QUEUE.with_borrow_mut(|queue| queue.waiting.push_back(ticket));
        Poll::Pending
    }
}

/// Calls one after the other, until none is left.
async fn call() {
    loop {
        // Resumed once all that is ready has been served.
        tokio::task::yield_now().await;
        let next = QUEUE.with_borrow_mut(|queue| {
            // Some have gone meanwhile.
            while queue.waiting.front().is_some_and(|ticket| Arc::strong_count(ticket) == 1) {
                queue.waiting.pop_front();
            }
            let next = queue.waiting.pop_front();
            if next.is_none() {
                (queue.busy, queue.waiting) = (false, VecDeque::new());
            }
            next
        });
        let Some(ticket) = next else { return };
        ticket.called.store(true, Relaxed);
        ticket.waker.wake();
    }
}
