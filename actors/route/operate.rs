//! What the other server says: its interest, its messages, and what keeps the cluster together.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use tracing::{debug, warn};
use vagus_runtime::cluster::lane::Lane;
use vagus_wire::route::{Heard, Said, parse, weight};
use vagus_wire::{Op, Publish};

use super::Route;
use crate::cluster::Told;
use crate::delivery::cache::{Match, Want};
use crate::delivery::desk::Delivery;
use crate::delivery::outlet::{Arrival, Outlet, Post};
use crate::delivery::trace::{self, Ingress, Kind, Wish};
use crate::delivery::{Origin, Reason, Speaker, Trace};
use crate::link::{LIMITS, Link, Pipe, Took};
use crate::realm::Realm;

/// What was said of the next message.
#[derive(Default)]
pub(super) struct Modifiers {
    /// The groups whose members it is for, with blanks between.
    groups: Vec<u8>,
    /// The subject that it was subscribed to, where that is another.
    to: Vec<u8>,
    /// The cluster that answers to it are for.
    back: Option<Box<str>>,
    /// The cluster that it is an answer for.
    forward: Option<Box<str>>,
}

// === impl Modifiers ===

impl Modifiers {
    fn are_said(&self) -> bool {
        let Self { groups, to, back, forward } = self;
        !(groups.is_empty() && to.is_empty() && back.is_none() && forward.is_none())
    }
}

/// False where something stands there already.
fn put(place: &mut Vec<u8>, said: &[u8]) -> bool {
    let is_first = place.is_empty();
    place.extend_from_slice(said);
    is_first
}

/// It is only to be traced, and can't be.
struct Futile;

/// How to go on after an operation.
enum Next {
    Go,
    /// No server says this.
    Nonsense,
}

// === impl Link ===

impl Link for Route {
    fn pipe(&mut self) -> &mut Pipe {
        &mut self.pipe
    }

    fn take_one(&mut self, rest: &[u8], delivery: &mut Delivery) -> Took {
        match parse(rest, LIMITS) {
            Ok(Heard::Partial { total }) => Took::Partial(total),
            Ok(Heard::Whole { said, used }) => {
                let waits = match said {
                    Said::Op(Op::Subscribe { .. }) | Said::Account(_) | Said::Origin(_) => false,
                    _ => self.pipe.changes.is_gathering(),
                };
                if waits {
                    return Took::Gated;
                }
                match self.operate(said, rest, delivery) {
                    Next::Go => Took::Used(used),
                    Next::Nonsense => self.give_up("a server would not say this"),
                }
            }
            Err(problem) => self.give_up(&problem.to_string()),
        }
    }

    fn is_current(&mut self, found: &Match) -> bool {
        // Of which something was said is not like the one before.
        !self.modifiers.are_said()
            && self.account().is_some_and(|one| found.is_current(&one.realm.interest))
    }

    fn passes_on_to(&self, found: &Match, want: &Want) -> bool {
        let back = self.origin().is_some_and(|origin| found.leads_back(want, origin));
        !back && self.reach().covers(want)
    }

    fn origin(&self) -> Option<&Arc<Origin>> {
        self.origin.as_ref()
    }

    fn count_in(&mut self, msgs: u64, bytes: u64) {
        self.pipe.count_in(msgs, bytes);
        if let Some(account) = self.account() {
            account.lane.crossed.in_msgs.fetch_add(msgs, Relaxed);
            account.lane.crossed.in_bytes.fetch_add(bytes, Relaxed);
        }
    }

    fn poll_closed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        // What is queued is worth little: the other server gets all interest anew.
        let reason = self.pipe.out.closed().unwrap_or(Reason::ClientClosed);
        let kind = if self.is_gateway() { "Gateway" } else { "Router" };
        debug!("{} - {kind} connection closed: {}", self.facts.prefix(), reason.text());
        Poll::Ready(())
    }
}

// === impl Route ===

impl Route {
    fn give_up(&self, problem: &str) -> Took {
        warn!("{} - {problem}", self.facts.prefix());
        self.end(Reason::ParseError);
        Took::Over
    }

    /// `rest` starts with the operation's own bytes.
    fn operate(&mut self, said: Said<'_>, rest: &[u8], delivery: &mut Delivery) -> Next {
        let good = match said {
            Said::Account(name) => self.speak_of(name),
            // Each is said once of a message.
            Said::Groups(names) => put(&mut self.modifiers.groups, names),
            Said::To(subject) => put(&mut self.modifiers.to, subject),
            Said::Back(cluster) => {
                self.modifiers.back = std::str::from_utf8(cluster).ok().map(Into::into);
                self.modifiers.back.is_some()
            }
            Said::Forward(cluster) => {
                self.modifiers.forward = std::str::from_utf8(cluster).ok().map(Into::into);
                self.modifiers.forward.is_some()
            }
            Said::Origin(cluster) => self.speak_from(cluster),
            Said::Control(frame) => self.hear_control(frame),
            Said::Op(Op::Publish(publish)) => self.publish(&publish, rest, delivery),
            Said::Op(Op::Subscribe { subject, queue, sid }) => {
                let valid =
                    self.is_told_interest() && vagus_subject::is_valid_subscription(subject);
                valid && weight(sid).is_some_and(|weight| self.want(subject, queue, weight))
            }
            Said::Op(Op::Ping) => {
                self.pipe.out.send(b"PONG\r\n");
                true
            }
            Said::Op(Op::Pong) => {
                self.pipe.answered();
                true
            }
            Said::Op(_) => false,
        };
        if good { Next::Go } else { Next::Nonsense }
    }

    /// A frame of the session with the other server, or news of the cluster.
    fn hear_control(&self, frame: &[u8]) -> bool {
        if !Lane::is_of(frame) {
            // A parent that can't follow hears it again.
            let _ = self.news.send(Told { cid: self.pipe.out.cid, news: frame.to_vec() });
            return true;
        }
        let heard = self.lane.as_ref().map_or(Ok(()), |lane| lane.receive(frame));
        heard.inspect_err(|problem| warn!("{} - {problem}", self.facts.prefix())).is_ok()
    }

    /// One message from the general parser; `rest` starts with its bytes.
    fn publish(&mut self, publish: &Publish<'_>, rest: &[u8], delivery: &mut Delivery) -> bool {
        let Some(account) = self.account() else {
            self.modifiers = Modifiers::default();
            return self.current.is_unheard();
        };
        let (realm, lane) = (Arc::clone(&account.realm), Arc::clone(&account.lane));
        self.count_in(1, publish.payload.len() as u64);
        let post = Post {
            subject: publish.subject,
            reply: publish.reply,
            headers: publish.has_headers.then(|| publish.headers()),
            payload: publish.body(),
        };
        let Modifiers { groups, to, back, forward } = std::mem::take(&mut self.modifiers);
        let plain = groups.is_empty() && to.is_empty() && forward.is_none();
        let names: Vec<&[u8]> =
            groups.split(|byte| *byte == b' ').filter(|name| !name.is_empty()).collect();
        let to = if to.is_empty() { publish.subject } else { &to };
        if self.permissions.as_ref().is_some_and(|all| !all.may_publish(to)) {
            return true;
        }
        let (back, forward) = (back.as_deref(), forward.as_deref());
        let origin = self.origin.as_ref();
        let arrival = Arrival { to, groups: &names, lane: &lane, origin, back, forward };
        let mut trace = match self.trace(&realm, publish, delivery) {
            Ok(trace) => trace,
            Err(Futile) => return true,
        };
        let outlet = Outlet::of(&realm, delivery, Speaker::Server);
        outlet.traced(trace.as_mut()).take_in(&arrival, post);
        if let Some(trace) = trace {
            trace.end(&self.pipe.broker, delivery);
        }
        let bare = plain && !publish.has_headers && publish.reply.is_none();
        if let Some(tail) = publish.tail.filter(|_| bare) {
            self.pipe.remember(&realm, publish.subject, tail, rest, delivery);
        }
        true
    }

    /// The trace of a message, if it asks for one.
    fn trace(
        &self,
        realm: &Arc<Realm>,
        publish: &Publish<'_>,
        delivery: &mut Delivery,
    ) -> Result<Option<Trace>, Futile> {
        if !publish.has_headers {
            return Ok(None);
        }
        let (rules, block) = (realm.rules(), publish.headers());
        let account = rules.stated.trace.as_ref();
        if !trace::may_ask(block, account) {
            return Ok(None);
        }
        match Wish::of(block, account, false, &mut delivery.rng) {
            Wish::Nothing | Wish::Silence => Ok(None),
            Wish::Futile => Err(Futile),
            Wish::Trace(plan) => Ok(Some(Trace::begin(
                plan,
                &Ingress {
                    kind: Kind::of_server(self.facts.about.cluster.as_deref()),
                    cid: self.pipe.out.cid,
                    name: &self.facts.about.name,
                    realm,
                    subject: publish.subject,
                    size: publish.payload.len(),
                },
            ))),
        }
    }
}
