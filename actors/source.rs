//! `Source`: brings the messages of another stream to a mirror, or to a stream with sources.
//!
//! in:   deliveries of a consumer at the origin, and the answers of its API, through a feed;
//!       [`Kept`]: what the stream made of a batch; [`Leave`]
//! out:  requests and answers to flow control, published like any client's, so that the origin may
//!       be in another domain; [`Sourced`] batches to its stream
//! dies: with its stream. When the origin is silent, or skips something, it asks for another
//!       consumer, from the first message that its stream does not have.
//!
//! What the origin is asked to send next depends on what the stream has stored: flow control is
//! answered when that is done, and not before.

mod ask;
mod link;
mod message;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use vagus_jetstream::ApiError;
use vagus_jetstream::stream::{StreamSource, StreamSourceInfo};
use vagus_runtime::{Actor, Cx, Handler, Message, Recipient};
use vagus_wire::frame::{Frame, frames};

use self::ask::Asking;
use self::link::{Heard, Link, Phase};
use self::message::Rewriter;
use crate::delivery::feed::{Deliveries, Intake};
use crate::delivery::outlet::Outlet;
use crate::delivery::{Feed, Post, Sub, Target};
use crate::jetstream::JetStream;
use crate::shard::Roster;
use crate::stream::messages::{Origin, Sourced};

/// What each incarnation begins with.
#[derive(Clone)]
pub struct Seed {
    pub js: Arc<JetStream>,
    pub origin: Origin,
    pub config: StreamSource,
    /// The stream that it brings messages to.
    pub target: String,
    pub stream: Recipient<Sourced>,
    /// Where the stream learns how it goes.
    pub reports: Recipient<Report>,
    /// The first message of the origin that the stream lacks; 0: it has none.
    pub from: u64,
}

/// How a source gets on. Sent when something has changed, once a second at most.
#[derive(Debug, Clone)]
pub struct Report {
    pub origin: Origin,
    pub info: StreamSourceInfo,
}

/// The stream has stored a batch, or could not.
struct Kept {
    /// Of the origin's last message in the batch.
    last: u64,
    outcome: Result<(), ApiError>,
    /// Consumer that it came from.
    attempt: u64,
}

/// See the module's text.
pub struct Source {
    seed: Seed,
    rewriter: Rewriter,
    asking: Asking,
    link: Link,
    roster: Option<Roster>,
    /// Told of last.
    reported: Option<StreamSourceInfo>,
}

/// The stream takes no more from this origin: its consumer there is given up.
pub struct Leave;

impl Message for Report {}
impl Message for Leave {}
impl Message for Kept {}

/// How often time is looked at.
const TICK: Duration = Duration::from_millis(500);
/// Sids of its subscriptions: messages, and answers.
const MESSAGES: &[u8] = b"1";

// === impl Source ===

impl Source {
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        let rewriter = Rewriter::new(&seed);
        let asking = Asking::new(&seed);
        let link = Link::new(seed.from);
        Self { seed, rewriter, asking, link, roster: None, reported: None }
    }

    fn turn(&mut self, cx: &mut Cx<'_, Self>, work: impl FnOnce(&mut Self, &mut Outlet<'_>)) {
        let js = Arc::clone(&self.seed.js);
        js.turn(cx.cell().arbiter(), |out| work(self, out));
    }

    fn now(&self) -> i64 {
        self.seed.js.now_ns()
    }

    fn subscribe(&mut self, cx: &mut Cx<'_, Self>) {
        let broker = Arc::clone(&self.seed.js.broker);
        let mailbox = Mailbox(cx.handle().recipient());
        let feed = Arc::new(Feed::new(broker.slots.take(), Arc::new(mailbox)));
        let sub =
            |subject: &[u8], sid| Sub::new(Target::Actor(Arc::clone(&feed)), subject, None, sid);
        let subs = vec![sub(self.asking.deliver(), MESSAGES), sub(self.asking.inbox(), b"2")];
        let roster = self.seed.js.roster(subs);
        cx.when(roster.register(), |me, (), cx| {
            me.ask(cx);
            cx.run_interval(TICK, Self::tick);
        });
        self.roster = Some(roster);
    }

    /// Asks the origin for a consumer, from where the stream is.
    fn ask(&mut self, cx: &mut Cx<'_, Self>) {
        let now = self.now();
        self.link.asked(now);
        self.turn(cx, |me, out| {
            if !me.asking.send(&me.seed, me.link.next_seq(), out) {
                // Nobody hears the request yet: as when the server has just begun.
                me.link.lost(now, None);
            }
        });
    }

    fn tick(&mut self, cx: &mut Cx<'_, Self>) {
        if self.link.is_due(self.now()) {
            self.ask(cx);
        }
        self.report();
    }

    fn report(&mut self) {
        let info = self.link.info(&self.seed.config, self.now());
        if self.reported.as_ref() != Some(&info) {
            let report = Report { origin: self.seed.origin.clone(), info: info.clone() };
            // A stream without room is told with the next tick.
            if self.seed.reports.send(report).is_ok() {
                self.reported = Some(info);
            }
        }
    }

    /// The messages of one read, up to the first that does not follow.
    fn take(&mut self, bytes: &bytes::Bytes, cx: &mut Cx<'_, Self>) {
        let mut batch = Vec::new();
        let now = self.now();
        for (_, frame) in frames(bytes) {
            if frame.sid.of(bytes) != MESSAGES {
                self.answered(frame.payload.of(bytes));
                continue;
            }
            match self.link.hear(bytes, &frame, now) {
                Heard::Message(delivery) => {
                    batch.extend(self.rewriter.rewrite(bytes, &frame, &delivery));
                    self.link.took(&delivery);
                }
                Heard::Known | Heard::Heartbeat => {}
                Heard::Flow => self.flow(bytes, &frame, batch.is_empty(), cx),
                Heard::Stalled(subject) => self.turn(cx, |_, out| {
                    out.publish(empty(&subject));
                }),
                Heard::Gap => {
                    self.hand_over(std::mem::take(&mut batch), cx);
                    self.link.lost(now, None);
                    return;
                }
            }
        }
        self.hand_over(batch, cx);
    }

    /// Flow control is answered at once when nothing is under way, else behind what is.
    fn flow(&mut self, bytes: &[u8], frame: &Frame, idle: bool, cx: &mut Cx<'_, Self>) {
        let Some(reply) = frame.reply else { return };
        let reply = reply.of(bytes).to_vec();
        if idle && self.link.is_idle() {
            self.turn(cx, |me, out| me.confirm(&reply, out));
        } else {
            self.link.owe(reply);
        }
    }

    fn confirm(&self, reply: &[u8], out: &mut Outlet<'_>) {
        let headers = self.link.acknowledged();
        out.publish(Post { subject: reply, reply: None, headers: Some(&headers), payload: b"" });
    }

    fn hand_over(
        &mut self,
        messages: Vec<crate::stream::messages::SourcedMessage>,
        cx: &Cx<'_, Self>,
    ) {
        let Some(last) = messages.last().map(|message| message.seq) else { return };
        let (me, attempt) = (cx.handle(), self.link.attempt());
        let done = Box::new(move |outcome| {
            // One that was made anew asks for these again.
            let _ = me.send_urgent(Kept { last, outcome, attempt });
        });
        self.link.sent();
        let sourced = Sourced { from: self.seed.origin.clone(), messages, done };
        // The stream has no more under way from here than flow control lets through.
        let _ = self.seed.stream.send(sourced);
    }

    fn answered(&mut self, payload: &[u8]) {
        let now = self.now();
        match self.asking.read(payload) {
            Ok(consumer) => self.link.linked(consumer, now),
            Err(error) => self.link.lost(now, Some(error)),
        }
    }
}

/// A source's mailbox as publishers see it.
struct Mailbox(Recipient<Deliveries>);

impl Intake for Mailbox {
    fn offer(&self, batch: Deliveries) -> bool {
        self.0.send(batch).is_ok()
    }
}

fn empty(subject: &[u8]) -> Post<'_> {
    Post { subject, reply: None, headers: None, payload: b"" }
}

// === impl Actor ===

impl Actor for Source {
    const KIND: &'static str = "source";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        self.subscribe(cx);
    }

    fn observe(&self) -> serde_json::Value {
        let info = self.link.info(&self.seed.config, self.now());
        json!({
            "waiting": match self.link.phase() {
                Phase::Apart { .. } => "for a while before it asks the origin again",
                Phase::Asking { .. } => "for the origin's answer",
                Phase::Linked { .. } => "for messages of the origin",
            },
            "origin": self.seed.config.name,
            "next_seq": self.link.next_seq(),
            "lag": info.lag,
            "active_ns": info.active,
            "error": info.error,
            "attempts": self.link.attempt(),
        })
    }
}

// === impl Handler<Deliveries> ===

impl Handler<Deliveries> for Source {
    fn handle(&mut self, deliveries: Deliveries, cx: &mut Cx<'_, Self>) {
        self.take(&deliveries.frames, cx);
    }
}

// === impl Handler<Leave> ===

impl Handler<Leave> for Source {
    fn handle(&mut self, _: Leave, cx: &mut Cx<'_, Self>) {
        if let Some(consumer) = self.link.consumer() {
            self.turn(cx, |me, out| me.asking.give_up(&me.seed, &consumer, out));
        }
        cx.stop();
    }
}

// === impl Handler<Kept> ===

impl Handler<Kept> for Source {
    fn handle(&mut self, kept: Kept, cx: &mut Cx<'_, Self>) {
        let now = self.now();
        match self.link.kept(kept.attempt, kept.last, kept.outcome, now) {
            Some(reply) => self.turn(cx, |me, out| me.confirm(&reply, out)),
            None => self.report(),
        }
    }
}
