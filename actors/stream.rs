//! `Stream`: one stream: order, append, acknowledge, read.
//!
//! in:   publishes through a feed; [`messages`]: requests of the API, progress of its consumers
//! out:  acknowledgements and answers, straight to who asked; its consumers; news to its parent
//! dies: when it panics. Its successor finds in the store what was committed; what was not, nobody
//!       was told of.
//!
//! A turn stages what it takes in ([`state`] decides), and commits all of it as one when the
//! mailbox is empty, or enough is staged ([`commit`]). What was promised is said when the commit
//! has ended ([`landing`]).

mod archive;
mod atomic;
mod bell;
mod birth;
mod check;
mod commit;
mod consumers;
mod counter;
mod dedupe;
mod direct;
mod events;
mod expiry;
mod fast;
mod fast_batches;
mod flights;
mod gate;
mod info;
mod landing;
pub mod messages;
#[cfg(test)]
mod model;
mod origins;
mod plan;
mod progress;
mod publish;
mod ranges;
mod reads;
mod removal;
mod republish;
mod requests;
mod restore;
mod retention;
mod rules;
mod schedule;
mod schedules;
mod snapshot;
mod sourced;
mod sourcing;
mod staged;
mod state;
mod subjects;
mod timer;
mod traced;
mod update;
mod values;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::json;
use vagus_jetstream::Time;
use vagus_jetstream::pub_ack::PubAcks;
use vagus_runtime::{Actor, ChildEvent, Cx, Handle, Handler, Recipient};
use vagus_store::{CommitError, GroupId};

use self::atomic::Atomic;
use self::bell::Bell;
use self::consumers::{Child, Deleted};
use self::fast::Fast;
use self::flights::{Completions, Flight};
use self::gate::Gate;
use self::messages::{
    Call, ConsumerId, Doom, Expired, Listen, News, Nudge, Progress, Refused, Rewound, Sourced,
    Survey,
};
use self::origins::Taps;
use self::progress::Search;
use self::restore::Filling;
use self::snapshot::Sending;
use self::state::State;
use self::subjects::Subjects;
use self::timer::Timer;
use crate::consumer::messages::Home;
use crate::delivery::outlet::Outlet;
use crate::delivery::trace::TracedAs;
use crate::delivery::{Deliveries, Feed};
use crate::jetstream::directory::StandIn;
use crate::jetstream::{JetStream, Mail, StreamEntry};
use crate::shard::Roster;
use crate::source::Report;

/// What each incarnation of a stream begins with.
#[derive(Clone)]
pub struct Seed {
    pub js: Arc<JetStream>,
    /// Where the store has it.
    pub group: GroupId,
    pub name: String,
    pub news: Recipient<News>,
    /// Where what clients answer to consumers goes.
    pub desk: Arc<Feed>,
}

/// See the module's text.
pub struct Stream {
    seed: Seed,
    /// `None` before its log is open.
    life: Option<Box<Life>>,
    /// Requests that came before it served.
    early: Vec<Call>,
    /// Publishes that came before its log was open: meant for an earlier incarnation.
    held: Vec<Deliveries>,
    phase: Phase,
    /// What is done once it serves.
    after_serving: Option<AfterServing>,
}

type AfterServing = Box<dyn FnOnce(&mut Stream, &mut Cx<'_, Stream>)>;

/// How far a stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Its log is read.
    Opening,
    /// It is filled from a snapshot.
    Restoring,
    /// The shards are told of answers to its consumers.
    Registering,
    Serving,
    /// It is going to be deleted.
    Doomed,
    /// It can't be, and why.
    Failed(String),
}

/// A stream whose log is open.
struct Life {
    js: Arc<JetStream>,
    news: Recipient<News>,
    me: Handle<Stream>,
    created: Time,
    state: State,
    answers: PubAcks,
    gate: Arc<Gate>,
    feed: Arc<Feed>,
    subjects: Subjects,
    /// What clients answer to its consumers.
    answers_heard: Option<Roster>,
    entry: Arc<StreamEntry>,
    /// What this turn stages.
    open: Flight<Then>,
    /// What was committed, oldest first; all of it still on its way.
    flights: VecDeque<Flight<Then>>,
    completions: Arc<Completions>,
    /// Ends that were reported.
    ended: VecDeque<(u64, Result<(), CommitError>)>,
    next_ticket: u64,
    /// A commit failed: what follows it fails too, and nothing new is taken in until it has.
    failing: Option<CommitError>,
    /// Publishes that wait until a message is read.
    parked: VecDeque<(Deliveries, usize)>,
    parking: bool,
    /// Of the message that comes next, if that is traced.
    trace: Option<Box<TracedAs>>,
    to_load: Option<vagus_store::Load>,
    home: Arc<Home>,
    consumers: BTreeMap<String, Child>,
    names: BTreeMap<ConsumerId, String>,
    next_consumer: ConsumerId,
    bell: Bell,
    atomic: BTreeMap<Box<[u8]>, Atomic>,
    fast: BTreeMap<Box<[u8]>, Fast>,
    /// Those that have ended and are not stored to the end yet, oldest first.
    fast_closing: VecDeque<(Box<[u8]>, Fast)>,
    timer: Timer,
    search: Search,
    sending: Option<Sending>,
    filling: Option<Filling>,
    taps: Taps,
    /// As a mirror, it answers for its origin.
    stand_in: Option<StandIn>,
    /// The last messages of sources that are staged, by their key.
    places: BTreeMap<Arc<str>, u64>,
    /// Whether its creation was told.
    announced: bool,
    /// Bytes, of the stream and as promised, that the account was charged for.
    charged: (i64, i64),
    rng: fastrand::Rng,
    tally: Tally,
}

/// What happened, for observers.
#[derive(Default)]
struct Tally {
    published: u64,
    refused: u64,
    commits: u64,
    failures: u64,
    last_failure: Option<String>,
    /// When a failure was logged last, in nanoseconds of the wall clock.
    complained_ns: i64,
}

/// What is done when a commit has ended.
type Then =
    Box<dyn FnOnce(&mut Life, Result<(), CommitError>, &mut Outlet<'_>, &mut Cx<'_, Stream>)>;

// === impl Stream ===

impl Stream {
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            life: None,
            early: Vec::new(),
            held: Vec::new(),
            phase: Phase::Opening,
            after_serving: None,
        }
    }

    /// Does something with a stream that is open.
    fn live<R>(&mut self, work: impl FnOnce(&mut Life) -> R) -> Option<R> {
        self.life.as_deref_mut().map(work)
    }

    /// The same, with a way out.
    fn turn<R>(
        &mut self,
        cx: &mut Cx<'_, Self>,
        work: impl FnOnce(&mut Life, &mut Outlet<'_>, &mut Cx<'_, Self>) -> R,
    ) -> Option<R> {
        let life = self.life.as_deref_mut()?;
        let js = Arc::clone(&life.js);
        let arbiter = cx.cell().arbiter();
        Some(js.turn(arbiter, |out| work(life, out, cx)))
    }

    fn is_serving(&self) -> bool {
        self.phase == Phase::Serving
    }
}

// === impl Actor ===

impl Actor for Stream {
    const KIND: &'static str = "stream";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        self.open(cx);
    }

    fn stopping(&mut self, cx: &mut Cx<'_, Self>) {
        // What is staged was promised to nobody; what is under way will be durable or not.
        self.live(|life| life.settle_accounts());
        let _ = cx;
    }

    fn child(&mut self, event: ChildEvent, cx: &mut Cx<'_, Self>) {
        self.live(|life| life.child(&event));
        let _ = cx;
    }

    fn observe(&self) -> serde_json::Value {
        let Some(life) = self.life.as_deref() else {
            return json!({ "waiting": self.waiting(), "parked_requests": self.early.len() });
        };
        let mut shown = life.observe();
        shown["waiting"] = json!(self.waiting());
        shown
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(life) = self.life.as_deref_mut() {
            life.leave();
        }
    }
}

// === impl Handler ===

impl Handler<Deliveries> for Stream {
    fn handle(&mut self, deliveries: Deliveries, _: &mut Cx<'_, Self>) {
        match (&self.phase, self.life.as_deref_mut()) {
            (Phase::Doomed | Phase::Failed(_), _) => {}
            (_, Some(life)) => life.take(deliveries),
            (_, None) => self.held.push(deliveries),
        }
    }
}

impl Handler<Refused> for Stream {
    fn handle(&mut self, refused: Refused, cx: &mut Cx<'_, Self>) {
        self.turn(cx, |life, out, _| life.refuse_all(&refused, out));
    }
}

impl Handler<Nudge> for Stream {
    /// Whatever it was about is done at the end of the turn.
    fn handle(&mut self, _: Nudge, _: &mut Cx<'_, Self>) {}
}

impl Handler<Call> for Stream {
    fn handle(&mut self, call: Call, cx: &mut Cx<'_, Self>) {
        if self.phase == Phase::Restoring {
            return self.call_restoring(call, cx);
        }
        if !self.is_serving() {
            self.early.push(call);
            return;
        }
        self.turn(cx, |life, out, cx| life.call(call, out, cx));
    }
}

impl Handler<Mail> for Stream {
    fn handle(&mut self, mail: Mail, cx: &mut Cx<'_, Self>) {
        self.turn(cx, |life, out, cx| life.direct(&mail, out, cx));
    }
}

impl Handler<Survey> for Stream {
    fn handle(&mut self, survey: Survey, _: &mut Cx<'_, Self>) {
        self.live(|life| (survey.0)(life.listed()));
    }
}

impl Handler<Listen> for Stream {
    fn handle(&mut self, listen: Listen, _: &mut Cx<'_, Self>) {
        self.live(|life| life.listen(&listen));
    }
}

impl Handler<Progress> for Stream {
    fn handle(&mut self, progress: Progress, _: &mut Cx<'_, Self>) {
        self.live(|life| life.progress(progress));
    }
}

impl Handler<Rewound> for Stream {
    fn handle(&mut self, rewound: Rewound, _: &mut Cx<'_, Self>) {
        self.live(|life| life.state.retention.reset(rewound.consumer, rewound.floor));
    }
}

impl Handler<Expired> for Stream {
    fn handle(&mut self, expired: Expired, cx: &mut Cx<'_, Self>) {
        self.live(|life| life.expired(expired.consumer));
        let _ = cx;
    }
}

impl Handler<Deleted> for Stream {
    fn handle(&mut self, deleted: Deleted, cx: &mut Cx<'_, Self>) {
        self.turn(cx, |life, out, _| life.deleted(deleted, out));
    }
}

impl Handler<Sourced> for Stream {
    fn handle(&mut self, sourced: Sourced, _: &mut Cx<'_, Self>) {
        self.live(|life| life.take_sourced(sourced));
    }
}

impl Handler<Report> for Stream {
    fn handle(&mut self, report: Report, _: &mut Cx<'_, Self>) {
        self.live(|life| life.reported(report));
    }
}

impl Handler<Doom> for Stream {
    fn handle(&mut self, _: Doom, _: &mut Cx<'_, Self>) {
        self.phase = Phase::Doomed;
        self.live(|life| life.doom());
    }
}
