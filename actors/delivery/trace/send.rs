//! Giving a traced message to those who want it, one by one, and noting what becomes of it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use smallvec::SmallVec;
use vagus_jetstream::headers;
use vagus_wire::encode;

use super::sight::{Imported, Sight};
use super::{Event, Held, Kind, STORING_SID, Trace, errors, text};
use crate::delivery::cache::{Found, Match, Want};
use crate::delivery::desk::Delivery;
use crate::delivery::feed::Holder;
use crate::delivery::outlet::{Outlet, Parcel, Post};
use crate::delivery::spread::{Groups, Scope, spread};
use crate::delivery::{Batch, Bridge, Feed, Lane, Outbound, Speaker, Sub, Target};

/// What is asked of the server itself, in its own account.
const OF_SERVER: [&[u8]; 2] = [b"$JS.API.", b"$SYS."];

/// How the message was found, and where it may go.
#[derive(Clone, Copy)]
pub(in crate::delivery) struct Way<'a> {
    /// The subject that it is matched by.
    pub to: &'a [u8],
    /// The subject to show, where that is another.
    pub shown: Option<&'a [u8]>,
    /// Whom it is for.
    pub scope: Scope<'a>,
}

impl Outlet<'_> {
    /// Does what [`Outlet::publish`] does, for a message that is traced, but for the bridges that
    /// the answer names beside the number of those who got it.
    pub(in crate::delivery) fn send_traced(
        &mut self,
        trace: &mut Trace,
        way: Way<'_>,
        post: &Post<'_>,
    ) -> (usize, Vec<Arc<Bridge>>) {
        let sight = Sight::of(&self.realm.interest, way.to);
        for sub in sight.denied.iter().filter(|sub| way.scope.takes(sub)) {
            trace.leaves(sub, Some(errors::SUB_DENIES));
        }
        let speaker = self.speaker();
        self.delivery.batch.comes_from(way.scope.origin.cloned());
        let Delivery { cache, batch, frame, rng, .. } = &mut *self.delivery;
        let kept: Rc<Match>;
        let found = match cache.find_inbox(&self.realm.interest, way.to) {
            Found::Once(found) => found,
            Found::Kept(found) => {
                kept = found;
                &kept
            }
        };
        let chosen = choose(trace, found, way, speaker, rng);
        let mut delivered = chosen.len();
        for (want, groups) in &chosen {
            let block = match trace.step(want, found, way, post, &sight, speaker, batch) {
                Step::Hand(block) => block,
                Step::Done => continue,
                Step::Futile => {
                    delivered -= 1;
                    continue;
                }
            };
            let post = Post { headers: block.as_deref().or(post.headers), ..*post };
            frame.clear();
            post.write_tail(frame);
            Parcel::new(&post, way.to, way.shown, frame, batch).hand(found, want, groups);
        }
        batch.comes_from(None);
        (delivered, found.bridges.clone())
    }
}

/// Who gets the message, in the order of nats-server: subscriptions, queue groups, other servers.
fn choose<'a>(
    trace: &mut Trace,
    found: &'a Match,
    way: Way<'_>,
    speaker: Speaker<'_>,
    rng: &mut fastrand::Rng,
) -> SmallVec<[(&'a Want, Groups<'a>); 8]> {
    let only = trace.is_all();
    let trace = RefCell::new(trace);
    let takes = |want: &Want| {
        let (sub, target) = (&want.sub, &want.sub.target);
        let why_not = match () {
            () if speaker.is_own_echo(target) => errors::NO_ECHO,
            () if !target.is_open() => errors::CLIENT_CLOSED,
            () if !sub.is_open() => errors::SUB_CLOSED,
            () if only || sub.claim(1) == 1 => return true,
            () => errors::AUTO_UNSUBSCRIBED,
        };
        trace.borrow_mut().leaves(sub, Some(why_not));
        false
    };
    let mut chosen = SmallVec::new();
    spread(found, way.scope, rng, takes, |want, groups| {
        chosen.push((want, SmallVec::from_slice(groups)))
    });
    chosen.sort_by_key(|(want, _): &(&Want, _)| {
        (want.sub.target.is_far(), want.sub.queue().is_some())
    });
    chosen
}

/// What is to be done for one of those who get the message.
enum Step {
    /// Hand it over, with other headers if there are some.
    Hand(Option<Vec<u8>>),
    /// Nothing more.
    Done,
    /// Nothing, and nobody gets it.
    Futile,
}

impl Step {
    fn unless(only: bool, headers: Option<Vec<u8>>) -> Self {
        if only { Self::Done } else { Self::Hand(headers) }
    }
}

/// Headers that tell an actor who speaks, if it is to be told.
fn signed(feed: &Feed, way: Way<'_>, speaker: Speaker<'_>, post: &Post<'_>) -> Option<Vec<u8>> {
    feed.names_origin(way.to).then(|| speaker.signed(post.headers)).flatten()
}

fn kind_of(lane: &Lane) -> Kind {
    Kind::of_server(lane.cluster().map(|name| &**name))
}

/// A delivery to a stream, which is not traced again when it leaves that.
fn held(head: &[u8], shown: Option<&[u8]>, sub: &Sub, post: &Post<'_>, only: bool) -> Held {
    let block = post.headers.unwrap_or_default();
    let block = if only { block.to_vec() } else { super::silenced(block) };
    let payload = [&block[..], post.payload].concat();
    let renamed = shown.map(|subject| [b"HMSG ", subject, b" ", sub.sid(), b" "].concat());
    let mut frame = Vec::new();
    let head = renamed.as_deref().unwrap_or(head);
    encode::message(&mut frame, head, post.reply, Some(block.len()), &payload);
    Held { target: sub.target.clone(), frame, size: payload.len() }
}

// === impl Trace ===

impl Trace {
    /// The message leaves for a subscription, or does not, and why.
    fn leaves(&mut self, sub: &Sub, error: Option<&str>) {
        let event = match &sub.target {
            Target::Connection(out) => self.egress(Kind::Client, out),
            Target::Route(lane) => self.egress(kind_of(lane), lane.out()),
            Target::Leaf(lane) => self.egress(Kind::Leaf, &lane.out),
            Target::Actor(feed) => match feed.holder() {
                Holder::Guest => self.egress_to_guest(),
                Holder::Server | Holder::Service(_) | Holder::Stream(_) => return,
            },
            Target::Bridge(_) => return,
        };
        let named = !sub.target.is_far();
        self.note(Event {
            sub: named.then(|| text(sub.subject())),
            queue: sub.queue().filter(|_| named).map(text),
            error: error.map(str::to_owned),
            ..event
        });
    }

    fn egress(&self, kind: Kind, out: &Outbound) -> Event {
        let account = (kind == Kind::Client).then(|| out.account());
        let came_in = self.so_far.account.as_str();
        Event {
            kind: Some(kind as u8),
            cid: Some(out.cid),
            name: out.name(),
            acc: account.filter(|account| **account != *came_in).map(|one| one.to_string()),
            ..Event::new("eg")
        }
    }

    fn egress_to_guest(&self) -> Event {
        Event { kind: Some(Kind::Account as u8), cid: Some(0), ..Event::new("eg") }
    }

    /// The message is heard in another account.
    fn leaves_for(&mut self, imported: &Imported, sub: &Sub) {
        let account = match &sub.target {
            Target::Connection(out) => out.account(),
            _ => Arc::clone(&imported.import.importer),
        };
        let (acc, to) = (Some(account.to_string()), Some(text(&imported.name)));
        self.note(Event { acc, to, ..Event::new("se") });
    }

    /// The message goes on to another server; the headers that it goes with.
    fn hop(&mut self, kind: Kind, out: &Outbound, post: &Post<'_>) -> Vec<u8> {
        self.so_far.hops += 1;
        let hops = self.so_far.hops;
        let hop = match self.so_far.hop.as_str() {
            "" => hops.to_string(),
            before => format!("{before}.{hops}"),
        };
        let mut block = post.headers.unwrap_or_default().to_vec();
        headers::remove(&mut block, super::wish::HOP);
        headers::append(&mut block, super::wish::HOP, hop.as_bytes());
        let event = self.egress(kind, out);
        self.note(Event { hop: Some(hop), ..event });
        block
    }

    /// Notes that `want` gets the message.
    #[expect(clippy::too_many_arguments, reason = "all of them are of one delivery")]
    fn step(
        &mut self,
        want: &Want,
        found: &Match,
        way: Way<'_>,
        post: &Post<'_>,
        sight: &Sight,
        speaker: Speaker<'_>,
        batch: &mut Batch,
    ) -> Step {
        let only = self.is_all();
        let mut sub = &want.sub;
        if let Some(import) = sight.import_of(want, found.shown(want)) {
            self.leaves_for(import, sub);
            sub = &import.shadow;
            if !import.import.allow_trace {
                return Step::unless(only, None);
            }
        }
        match &want.sub.target {
            Target::Connection(out) => {
                let drops = !only && batch.drops(out);
                self.leaves(sub, drops.then_some(errors::TOO_SLOW));
                Step::unless(only || drops, None)
            }
            Target::Route(lane) => Step::Hand(Some(self.hop(kind_of(lane), lane.out(), post))),
            Target::Leaf(lane) => Step::Hand(Some(self.hop(Kind::Leaf, &lane.out, post))),
            Target::Actor(feed) => match feed.holder() {
                Holder::Stream(name) if want.sub.sid() == STORING_SID => {
                    self.note(Event { stream: Some(name.to_string()), ..Event::new("js") });
                    let frame = held(found.head(want), way.shown, &want.sub, post, only);
                    self.hold(frame, batch);
                    Step::Done
                }
                Holder::Service(account) if OF_SERVER.iter().any(|of| way.to.starts_with(of)) => {
                    self.goes_to(account, way.to, way.to);
                    if only { Step::Futile } else { Step::Hand(signed(feed, way, speaker, post)) }
                }
                Holder::Guest => {
                    self.leaves(sub, None);
                    Step::unless(only, None)
                }
                _ => Step::unless(only, signed(feed, way, speaker, post)),
            },
            Target::Bridge(_) => Step::Done,
        }
    }

    /// Keeps a stream's message back until all else is known.
    fn hold(&mut self, held: Held, batch: &mut Batch) {
        if let Some(other) = self.held.replace(held)
            && !self.is_all()
        {
            other.hand_over(batch);
        }
    }
}
