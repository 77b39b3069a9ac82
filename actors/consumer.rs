//! `Consumer`: what one consumer of a stream has been given, what it has yet to acknowledge, and
//! what it gets next.
//!
//! in:   [`messages`]: pulls, acknowledgements and answers to flow control of clients; requests of
//!       the API, by way of its stream; wake-ups when there is something new
//! out:  messages read from the stream's log, straight to the clients; answers to who asked; its
//!       progress to the stream's table, and to the stream where that wants to know
//! dies: when it is deleted, or panics. Its successor goes on from what was written: what was not
//!       acknowledged comes again. Pull requests that waited are forgotten; clients ask again.
//!
//! Every turn does what the message asks, delivers what can be delivered, and writes down what
//! happened, once. Between turns an idle consumer has no timer and next to no memory.

mod acks;
mod birth;
mod calls;
pub mod checks;
mod clock;
mod deliver;
mod done;
mod events;
mod flow;
mod ledger;
pub mod messages;
mod notices;
mod parts;
mod pause;
mod pending;
mod priority;
mod progress;
mod pulls;
mod push;
pub mod record;
mod redelivery;
mod replay;
mod report;
mod reset;
mod source;
mod start;
mod state;
mod terms;
mod waiting;

use std::sync::Arc;

use vagus_jetstream::ack::AckSubjects;
use vagus_jetstream::consumer::{ConsumerConfig, PriorityPolicy};
use vagus_runtime::{Actor, Cx, Handler, MailboxLimits, Spec};

use self::clock::Clock;
use self::deliver::Halt;
use self::done::Done;
use self::ledger::Ledger;
use self::messages::{Ask, Birth, Delete, Home, Nudge, Removed, Seat, Survey, Wake};
use self::parts::{Pulling, Pushing};
use self::pause::Pause;
use self::replay::Replay;
use self::source::Source;
use self::start::Picks;
use self::state::State;
use crate::delivery::Outlet;
use crate::jetstream::{Mail, MailKind};
use crate::stream::messages::Listen;

/// See the module's text.
pub struct Consumer {
    home: Arc<Home>,
    seat: Arc<Seat>,
    config: Arc<ConsumerConfig>,
    /// How it came to be; only the first incarnation is new.
    birth: Option<Box<Birth>>,
    state: State,
    source: Source,
    /// Waiting requests; none of a push consumer.
    pulling: Pulling,
    /// What only a push consumer has.
    pushing: Option<Box<Pushing>>,
    picks: Option<Box<Picks>>,
    replay: Option<Box<Replay>>,
    pause: Pause,
    ledger: Ledger,
    clock: Clock,
    done: Done,
    /// The part of ack subjects that stays; made when the first message is delivered.
    subjects: Option<Box<AckSubjects>>,
    /// Why the last turn delivered no more.
    halt: Halt,
    /// Percent of acknowledgements that are reported.
    sample: u8,
    /// What is committed behind this it does not know of.
    looked_to: u64,
    /// The stream will wake it.
    listening: bool,
    /// A read from disk is under way.
    loading: bool,
    /// A message to itself is under way, to go on.
    going_on: bool,
    /// Who made it does not know yet that it is there.
    unborn: bool,
    /// The stream knows where it stands.
    told_all: bool,
}

/// What waits at most for a consumer. Acknowledgements come past this bound.
const MAILBOX: MailboxLimits = MailboxLimits { depth_max: 4096, bytes_max: 4 << 20 };

/// A consumer to be born as a child of its stream.
#[must_use]
pub fn spec(home: Arc<Home>, seat: Arc<Seat>, birth: Birth) -> Spec<Consumer> {
    let name = seat.name.to_string();
    let mut birth = Some(Box::new(birth));
    let make = move || Consumer::new(Arc::clone(&home), Arc::clone(&seat), birth.take());
    Spec::new(name, make).mailbox(MAILBOX)
}

// === impl Consumer ===

impl Consumer {
    /// One turn: `work`, then what can be delivered; then what happened is written down.
    fn turn(&mut self, cx: &mut Cx<'_, Self>, work: impl FnOnce(&mut Self, &mut Outlet<'_>, i64)) {
        if self.seat.is_closed() {
            return;
        }
        let home = Arc::clone(&self.home);
        let now_ns = home.js.now_ns();
        home.js.turn(cx.cell().arbiter(), |out| {
            work(self, out, now_ns);
            self.pass_time(out, now_ns);
            self.halt = self.deliver(out, now_ns);
            self.end_drained(out);
        });
        self.conclude(cx, now_ns);
    }

    /// After a turn: writes, tells the stream, and sees to it that there will be another turn.
    fn conclude(&mut self, cx: &mut Cx<'_, Self>, now_ns: i64) {
        self.write(cx);
        self.tell_stream();
        self.go_on(cx);
        self.arm(cx, now_ns);
        self.shrink();
    }

    /// Gives memory back that only one at work needs.
    fn shrink(&mut self) {
        if self.pulling.waiting.is_empty() && self.state.pending().is_empty() {
            self.state.shrink();
            self.ledger.shrink();
            self.pulling.waiting.shrink();
            self.subjects = None;
        }
    }

    /// Sees to what the turn stopped for.
    fn go_on(&mut self, cx: &mut Cx<'_, Self>) {
        if !self.listening && self.wants_more() {
            self.listening = self.listen();
        }
        match &mut self.halt {
            Halt::Cold(load) => {
                if let Some(load) = load.take() {
                    self.loading = true;
                    cx.when(self.home.reader.load(load), |me, (), cx| {
                        me.loading = false;
                        me.turn(cx, |_, _, _| {});
                    });
                }
            }
            Halt::Budget if !self.going_on => {
                self.going_on = cx.handle().send_urgent(Nudge::GoOn).is_ok();
            }
            _ => {}
        }
    }

    /// Whether news of the stream would make a difference.
    fn wants_more(&self) -> bool {
        match (&self.halt, &self.pushing) {
            (Halt::CaughtUp, Some(pushing)) => pushing.push.is_active(),
            (Halt::CaughtUp, None) => !self.pulling.waiting.is_empty(),
            // More to come may be what a request waits for.
            (Halt::NoDemand, None) => {
                self.pulling.policy == PriorityPolicy::Overflow && !self.pulling.waiting.is_empty()
            }
            _ => false,
        }
    }

    /// Has the stream wake it.
    fn listen(&self) -> bool {
        let listen = Listen { consumer: self.seat.id, after: self.looked_to };
        self.home.listen.send_urgent(listen).is_ok()
    }
}

// === impl Actor ===

impl Actor for Consumer {
    const KIND: &'static str = "consumer";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        if self.seat.is_closed() {
            return cx.stop();
        }
        self.begin(cx);
        self.turn(cx, |_, _, _| {});
    }

    fn observe(&self) -> serde_json::Value {
        self.describe()
    }
}

// === impl Handler<Mail> ===

impl Handler<Mail> for Consumer {
    fn handle(&mut self, mail: Mail, cx: &mut Cx<'_, Self>) {
        self.turn(cx, |me, out, now_ns| {
            me.note_use(now_ns);
            match mail.kind {
                MailKind::Pull => me.on_pulls(&mail.frames, out, now_ns),
                MailKind::Ack => me.on_acks(&mail.frames, out, now_ns),
                MailKind::Flow => me.on_flow(&mail.frames, out, now_ns),
                // The directory gives these to streams.
                MailKind::Direct => {}
                MailKind::Farewell => me.say_farewell(out),
            }
        });
    }
}

// === impl Handler<Wake> ===

impl Handler<Wake> for Consumer {
    fn handle(&mut self, _: Wake, cx: &mut Cx<'_, Self>) {
        self.listening = false;
        self.turn(cx, |_, _, _| {});
    }
}

// === impl Handler<Removed> ===

impl Handler<Removed> for Consumer {
    fn handle(&mut self, removed: Removed, cx: &mut Cx<'_, Self>) {
        self.turn(cx, |me, out, now_ns| me.on_removed(&removed.ranges, out, now_ns));
    }
}

// === impl Handler<Ask> ===

impl Handler<Ask> for Consumer {
    fn handle(&mut self, ask: Ask, cx: &mut Cx<'_, Self>) {
        self.on_ask(ask, cx);
    }
}

// === impl Handler<Survey> ===

impl Handler<Survey> for Consumer {
    fn handle(&mut self, survey: Survey, cx: &mut Cx<'_, Self>) {
        let home = Arc::clone(&self.home);
        let now_ns = home.js.now_ns();
        let info = home.js.turn(cx.cell().arbiter(), |out| self.info(out, now_ns));
        (survey.0)(info);
    }
}

// === impl Handler<Delete> ===

impl Handler<Delete> for Consumer {
    fn handle(&mut self, _: Delete, cx: &mut Cx<'_, Self>) {
        let home = Arc::clone(&self.home);
        home.js.turn(cx.cell().arbiter(), |out| self.say_goodbye(out));
        cx.stop();
    }
}

// === impl Handler<Nudge> ===

impl Handler<Nudge> for Consumer {
    fn handle(&mut self, nudge: Nudge, cx: &mut Cx<'_, Self>) {
        match nudge {
            Nudge::GoOn => {
                self.going_on = false;
                self.turn(cx, |_, _, _| {});
            }
            Nudge::Interest => self.turn(cx, |me, out, now_ns| me.on_interest(out, now_ns)),
            Nudge::Written { number, ok } => self.on_written(number, ok, cx),
        }
    }
}
