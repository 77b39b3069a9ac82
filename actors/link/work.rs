//! [`Link`]: whoever knows what is said over a [`Pipe`], and the turns in which it is heard: one
//! operation after the other, until they end or something has to be waited for.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use vagus_runtime::{Actor, Cx};
use vagus_wire::Limits;

use super::Pipe;
use crate::delivery::batch::Run;
use crate::delivery::cache::Want;
use crate::delivery::desk::{Delivery, Desk};
use crate::delivery::reading::{Reading, Turn, Unread, Worked, soft_pending};
use crate::delivery::{Match, Origin, Reason};

/// See the module's text.
pub trait Link {
    fn pipe(&mut self) -> &mut Pipe;

    /// Works on the operation that `rest` begins with.
    fn take_one(&mut self, rest: &[u8], delivery: &mut Delivery) -> Took;

    /// Whether `found` are still those who want what the last message was sent to.
    fn is_current(&mut self, found: &Match) -> bool;

    /// Whether what the other end sends is for `want`, who is among those found.
    fn passes_on_to(&self, found: &Match, want: &Want) -> bool;

    /// The leaf cluster that it comes from.
    fn origin(&self) -> Option<&Arc<Origin>>;

    /// So many messages came, with payloads of so many bytes.
    fn count_in(&mut self, msgs: u64, bytes: u64);

    /// The link was closed, by whichever end. Ready when it is of no use any more.
    fn poll_closed(&mut self, task: &mut Context<'_>) -> Poll<()>;
}

/// What became of one operation.
pub enum Took {
    /// It is done, with so many bytes.
    Used(usize),
    /// It is not whole yet: it takes so many bytes.
    Partial(usize),
    /// It has to wait until the interest before it is in force.
    Gated,
    /// The link has ended with it.
    Over,
}

/// A server may say more than clients may.
pub const LIMITS: Limits = Limits { control_line_max: 64 << 10, payload_max: 64 << 20 };
/// Reads in one turn of the arbiter before others get theirs.
const READS_MAX: usize = 8;
/// Deliveries in one turn, after which others of the arbiter get theirs.
const WORK_MAX: u64 = 1 << 18;
/// Messages in one run.
const RUN_MAX: usize = 1 << 12;

/// Does what there is to do for a link from here on, and stops it at its end.
pub fn serve<L: Link + Actor>(cx: &mut Cx<'_, L>) {
    cx.poll_with(|link, cx, task| {
        let ended = poll(link, task);
        if ended.is_ready() {
            cx.stop();
        }
        ended
    });
}

/// Does what can be done now. Ready when the link is at its end.
fn poll<L: Link>(link: &mut L, task: &mut Context<'_>) -> Poll<()> {
    let pipe = link.pipe();
    let events = pipe.out.poll_events(task);
    if events.drain() || pipe.draining || pipe.has_unsent() {
        pipe.draining = pipe.poll_send(task).is_pending();
    }
    if pipe.out.closed().is_some() {
        return link.poll_closed(task);
    }
    if pipe.gated(task) {
        return Poll::Pending;
    }
    for _ in 0..READS_MAX {
        match turn(link, task) {
            Turn::Again => {}
            Turn::Wait => return Poll::Pending,
            Turn::Gated => {
                if link.pipe().gated(task) {
                    return Poll::Pending;
                }
            }
            Turn::Yield | Turn::Ended => break,
        }
    }
    task.waker().wake_by_ref();
    Poll::Pending
}

/// Reads once and works through what there is.
fn turn<L: Link>(link: &mut L, task: &mut Context<'_>) -> Turn {
    let broker = &link.pipe().broker;
    let (now, soft) = (broker.now_ns(), soft_pending(broker.settings().pending_max));
    Desk::with(|desk| {
        desk.delivery.batch.begin(soft, usize::MAX);
        desk.delivery.batch.dated(now);
        let turn = link.read_turn(task, desk);
        let pipe = link.pipe();
        pipe.count_out(&mut desk.delivery, task);
        match turn {
            Turn::Again | Turn::Yield if pipe.stall.is_some() => Turn::Gated,
            turn => turn,
        }
    })
}

/// Hands over all messages at `at` that repeat the last subject; returns where they end.
#[inline]
fn take_repeats<L: Link>(link: &mut L, input: &[u8], at: usize, delivery: &mut Delivery) -> usize {
    let Some(last) = &link.pipe().last else { return at };
    let mut spans = std::mem::take(&mut delivery.spans);
    let (mut end, payload) =
        Run::gather(&mut spans, input, at, &last.head, LIMITS.payload_max, RUN_MAX);
    if !spans.is_empty() {
        let found = Rc::clone(&last.found);
        if link.is_current(&found) {
            link.count_in(spans.len() as u64, payload);
            let run = Run { spans: &spans, payload };
            delivery.batch.comes_from(link.origin().cloned());
            for want in found.plain.iter().filter(|want| link.passes_on_to(&found, want)) {
                if let Some(run) = run.claim(&want.sub) {
                    delivery.batch.run(&want.sub.target, &found.head(want)[1..], input, run);
                }
            }
            delivery.batch.comes_from(None);
        } else {
            link.pipe().last = None;
            end = at;
        }
    }
    delivery.spans = spans;
    end
}

// === impl Reading ===

impl<L: Link> Reading for L {
    fn unread(&mut self) -> &mut Unread {
        &mut self.pipe().unread
    }

    fn poll_read(&mut self, task: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        self.pipe().poll_read(task, room)
    }

    fn poll_read_more(&mut self, task: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.pipe().poll_read_more(task)
    }

    fn heard(&mut self, _: &mut Delivery) {
        self.pipe().pings.heard();
    }

    fn heard_all(&mut self, reason: Reason) {
        self.pipe().end(reason);
    }

    fn work_through(&mut self, input: &[u8], delivery: &mut Delivery) -> Worked {
        let mut at = 0;
        let (need, turn) = loop {
            if !self.pipe().changes.is_gathering() {
                at = take_repeats(self, input, at, delivery);
            }
            if at == input.len() {
                break (0, Turn::Again);
            }
            if delivery.batch.work() > WORK_MAX {
                break (0, Turn::Yield);
            }
            match self.take_one(&input[at..], delivery) {
                Took::Used(used) => at += used,
                Took::Partial(total) => break (total, Turn::Again),
                Took::Gated => break (0, Turn::Gated),
                Took::Over => return Worked { used: 0, need: 0, turn: Turn::Ended },
            }
        };
        let turn = if self.pipe().changes.is_gathering() { Turn::Gated } else { turn };
        Worked { used: at, need, turn }
    }
}
