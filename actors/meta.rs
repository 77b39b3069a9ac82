//! `Meta`: the JetStream API of one account, and the parent of its streams.
//!
//! in:   [`Requests`]: calls below `$JS.API.`, passed on by the front desk; [`News`] of streams;
//!       [`Stored`], [`Erased`]: what the store has made of a stream; [`Purge`]
//! out:  answers; births and deaths of streams; calls that a stream answers by itself
//! dies: when its account loses JetStream; with it all streams do, and are made anew from the
//!       store. A stream that fails again and again is given ever longer pauses, and takes nobody
//!       along.

mod consumers;
mod create;
mod lists;
mod remove;
mod requests;
mod restore;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde_json::json;
use vagus_jetstream::ack::answers_in;
use vagus_jetstream::stream::StreamConfig;
use vagus_runtime::{Actor, Budget, Cx, Handle, Handler, MailboxLimits, Message, Restart, Spec};
use vagus_store::{CommitError, GroupId};
use vagus_wire::frame::frames;

use crate::delivery::feed::Holder;
use crate::delivery::outlet::Outlet;
use crate::delivery::{Feed, Sub, Target};
use crate::jetstream::desk::{self, Queue, Requests};
use crate::jetstream::{Caller, FrontDesk, JetStream};
use crate::shard::Roster;
use crate::stream::messages::{News, Request};
use crate::stream::{Seed, Stream};

/// See the module's text.
pub struct Meta {
    js: Arc<JetStream>,
    queue: Arc<Queue>,
    desk: Option<Arc<Feed>>,
    streams: BTreeMap<String, Known>,
    /// Streams that this server can't run, and why.
    offline: BTreeMap<String, String>,
    roster: Option<Roster>,
    /// Dropped when the API and the streams are there: somebody may wait for that.
    ready: Option<mpsc::Sender<()>>,
    subscribed: bool,
    /// Streams from before that do not serve yet.
    awaited: BTreeSet<String>,
    requests: u64,
}

/// A stream, as its parent knows it.
struct Known {
    config: Arc<StreamConfig>,
    phase: Phase,
    /// A client fills it from a snapshot: until that is done nobody else knows of it.
    restoring: bool,
}

enum Phase {
    /// Its creation is being made durable.
    Storing,
    Living {
        group: GroupId,
        handle: Handle<Stream>,
    },
    /// It is being deleted.
    Leaving,
}

/// The store has made room for a new stream, or could not.
struct Stored {
    name: String,
    caller: Caller,
    /// What the stream is to do first.
    first: Request,
    outcome: Result<(), CommitError>,
    /// Its number in the store, if there is one.
    id: mpsc::Receiver<GroupId>,
}

/// All streams are to be deleted.
pub struct Purge;

/// The account has JetStream no more: no request is taken in, those there are get answers, and all
/// ends.
pub struct Leave;

/// A stream's deletion is durable, or failed.
struct Erased {
    name: String,
    /// Who asked for just this.
    caller: Option<Caller>,
    outcome: Result<(), CommitError>,
}

/// Nothing is left of a stream that was not restored to its end.
struct GivenUp {
    name: String,
    /// Where somebody waits to be told, and what.
    answer: Option<(Vec<u8>, Vec<u8>)>,
}

impl Message for GivenUp {}
impl Message for Leave {}
impl Message for Purge {}
impl Message for Stored {}
impl Message for Erased {}

/// Time for streams to answer what they were asked before their account lost JetStream.
const LEAVE_AFTER: Duration = Duration::from_millis(50);
/// What one stream may have waiting besides its messages.
const STREAM_DEPTH_MAX: u32 = 256 << 10;

// === impl Meta ===

impl Meta {
    /// Calls that wait are few as a rule; what bounds them is the queue of the front desk.
    pub const MAILBOX: MailboxLimits = MailboxLimits { depth_max: 64 << 10, bytes_max: 256 << 20 };

    #[must_use]
    pub fn new(js: Arc<JetStream>, ready: Option<mpsc::Sender<()>>) -> Self {
        let queue = Arc::new(Queue::default());
        Self {
            js,
            queue,
            desk: None,
            streams: BTreeMap::new(),
            offline: BTreeMap::new(),
            roster: None,
            ready,
            subscribed: false,
            awaited: BTreeSet::new(),
            requests: 0,
        }
    }

    /// Where all goes that clients send to JetStream itself.
    fn desk(&mut self, cx: &Cx<'_, Self>) -> Arc<Feed> {
        let make = || {
            let desk = FrontDesk::new(
                Arc::clone(&self.js.directory),
                cx.handle().recipient(),
                Arc::clone(&self.queue),
                self.js.domain(),
            );
            let feed = Feed::new(self.js.broker.slots.take(), Arc::new(desk))
                .naming_origin(desk::names_origin);
            Arc::new(match self.js.accounts.system() {
                Some(system) => feed.held_by(Holder::Service(Arc::clone(&system.name))),
                None => feed,
            })
        };
        Arc::clone(self.desk.get_or_insert_with(make))
    }

    /// Subscribes to what clients send to JetStream itself, but for what each stream hears.
    fn subscribe(&mut self, cx: &mut Cx<'_, Self>) {
        let feed = self.desk(cx);
        let domain = self.js.domain();
        let mut subjects = vec!["$JS.API.>".to_owned()];
        subjects.extend(answers_in(domain, self.js.account_hash()));
        subjects.extend(domain.map(|domain| format!("$JS.{domain}.API.>")));
        let subs = subjects.iter().zip(1..).map(|(subject, sid)| {
            let target = Target::Actor(Arc::clone(&feed));
            Sub::new(target, subject.as_bytes(), None, format!("{sid}").as_bytes())
        });
        let roster = self.js.roster(subs.collect());
        cx.when(roster.register(), |me, (), _| {
            me.subscribed = true;
            me.tell_ready();
        });
        self.roster = Some(roster);
    }

    fn tell_ready(&mut self) {
        if self.subscribed && self.awaited.is_empty() {
            self.ready = None;
        }
    }

    /// A stream from before serves, or never will.
    fn came(&mut self, name: &str) {
        if self.awaited.remove(name) {
            self.tell_ready();
        }
    }

    /// Brings a stream to life.
    fn spawn(&mut self, name: &str, group: GroupId, cx: &mut Cx<'_, Self>) -> Handle<Stream> {
        let (js, meta) = (Arc::clone(&self.js), cx.handle().recipient());
        let desk = self.desk(cx);
        let seed = Seed { js, group, name: name.to_owned(), news: meta, desk };
        let restart = Restart::OnFailure(Budget { restarts_max: u32::MAX, ..Budget::default() });
        let bytes_max = self.js.settings().buffered_bytes_max.saturating_mul(2);
        let limits = MailboxLimits { depth_max: STREAM_DEPTH_MAX, bytes_max };
        let spec = Spec::new(name.to_owned(), move || Stream::new(seed.clone()))
            .mailbox(limits)
            .restart(restart)
            .arbiter(vagus_runtime::Placement::Least);
        cx.spawn(spec)
    }

    fn living(&self, name: &str) -> Option<(&Known, &Handle<Stream>)> {
        // One whose log can't be read lives, but has no answers.
        let answers = |known: &&Known| !known.restoring && !self.offline.contains_key(name);
        let known = self.streams.get(name).filter(answers)?;
        match &known.phase {
            Phase::Living { handle, .. } => Some((known, handle)),
            Phase::Storing | Phase::Leaving => None,
        }
    }

    fn turn<R>(
        &mut self,
        cx: &mut Cx<'_, Self>,
        work: impl FnOnce(&mut Self, &mut Outlet<'_>, &mut Cx<'_, Self>) -> R,
    ) -> R {
        let js = Arc::clone(&self.js);
        let arbiter = cx.cell().arbiter();
        js.turn(arbiter, |out| work(self, out, cx))
    }
}

// === impl Actor ===

impl Actor for Meta {
    const KIND: &'static str = "meta";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        let most = self.js.settings().requests_max;
        self.queue.max.store(most, std::sync::atomic::Ordering::Relaxed);
        self.recover(cx);
        self.subscribe(cx);
    }

    fn observe(&self) -> serde_json::Value {
        let living =
            self.streams.values().filter(|known| matches!(known.phase, Phase::Living { .. }));
        json!({
            "waiting": "for a request",
            "account": self.js.account(),
            "requests": self.requests,
            "streams": self.streams.len(),
            "living": living.count(),
            "offline": self.offline,
        })
    }
}

// === impl Handler<Requests> ===

impl Handler<Requests> for Meta {
    fn handle(&mut self, requests: Requests, cx: &mut Cx<'_, Self>) {
        if !self.queue.take(&requests) {
            return self.turn(cx, |me, out, _| me.tell_dropped(requests.count, out));
        }
        self.requests += requests.count as u64;
        self.turn(cx, |me, out, cx| {
            for (_, frame) in frames(&requests.frames) {
                me.request(Caller::new(requests.frames.clone(), frame), out, cx);
            }
        });
    }
}

// === impl Handler<News> ===

impl Handler<News> for Meta {
    fn handle(&mut self, news: News, cx: &mut Cx<'_, Self>) {
        match news {
            News::Serving { name, config } | News::Updated { name, config } => {
                if let Some(known) = self.streams.get_mut(&name) {
                    known.config = config;
                    known.restoring = false;
                }
                self.offline.remove(&name);
                self.came(&name);
            }
            News::Failed { name, cause } => {
                self.came(&name);
                let account = self.js.account();
                tracing::error!("JetStream stream '{account} > {name}' can't be served: {cause}");
                self.offline.insert(name, cause);
            }
            News::RestoreFailed { name, answer } => self.give_up(name, answer, cx),
        }
    }
}

impl Handler<GivenUp> for Meta {
    fn handle(&mut self, given_up: GivenUp, cx: &mut Cx<'_, Self>) {
        self.turn(cx, |me, out, _| me.given_up(given_up, out));
    }
}

impl Handler<Stored> for Meta {
    fn handle(&mut self, stored: Stored, cx: &mut Cx<'_, Self>) {
        self.turn(cx, |me, out, cx| me.stored(stored, out, cx));
    }
}

impl Handler<Erased> for Meta {
    fn handle(&mut self, erased: Erased, cx: &mut Cx<'_, Self>) {
        self.turn(cx, |me, out, _| me.erased(erased, out));
    }
}

impl Handler<Leave> for Meta {
    fn handle(&mut self, _: Leave, cx: &mut Cx<'_, Self>) {
        self.roster = None;
        // What was asked before may be with the streams by now.
        cx.run_later(LEAVE_AFTER, |_, cx| cx.stop());
    }
}

impl Handler<Purge> for Meta {
    fn handle(&mut self, _: Purge, cx: &mut Cx<'_, Self>) {
        self.purge(cx);
    }
}
