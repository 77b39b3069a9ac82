//! Working through what the other server says: one operation after the other, until it ends or
//! something has to be waited for.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tracing::warn;
use vagus_runtime::cluster::lane::Lane;
use vagus_wire::route::{Heard, Said, parse, weight};
use vagus_wire::{Limits, Op, Publish};

use super::Route;
use crate::cluster::Told;
use crate::delivery::batch::Run;
use crate::delivery::cache::{Found, Match};
use crate::delivery::desk::Delivery;
use crate::delivery::outlet::{Arrival, Outlet, Post};
use crate::delivery::reading::{Turn, Worked};
use crate::delivery::trace::{self, Ingress, Kind, Wish};
use crate::delivery::{Counters, Reach, Reason, Speaker, Trace};
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

/// The subject of the last message.
pub(super) struct Last {
    /// `PUB <subject> `.
    head: Vec<u8>,
    found: Rc<Match>,
}

/// It is only to be traced, and can't be.
struct Futile;

/// How to go on after an operation.
enum Next {
    Go,
    /// No server says this.
    Nonsense,
}

/// A server may say more than clients may.
const LIMITS: Limits = Limits { control_line_max: 64 << 10, payload_max: 64 << 20 };
/// Deliveries in one turn, after which others of the arbiter get theirs.
const WORK_MAX: u64 = 1 << 18;
/// Messages in one run.
const RUN_MAX: usize = 1 << 12;

impl Route {
    /// Works through `input` as far as that goes.
    pub(super) fn work(&mut self, input: &[u8], delivery: &mut Delivery) -> Worked {
        let mut at = 0;
        loop {
            if !self.changes.is_gathering() {
                at = self.take_repeats(input, at, delivery);
            }
            if at == input.len() {
                return self.worked(at, 0, Turn::Again);
            }
            if delivery.batch.work() > WORK_MAX {
                return self.worked(at, 0, Turn::Yield);
            }
            match parse(&input[at..], LIMITS) {
                Ok(Heard::Partial { total }) => return self.worked(at, total, Turn::Again),
                Ok(Heard::Whole { said, used }) => {
                    let interest = matches!(said, Said::Op(Op::Subscribe { .. }));
                    if self.changes.is_gathering() && !interest {
                        return self.worked(at, 0, Turn::Gated);
                    }
                    if let Next::Nonsense = self.operate(said, &input[at..], delivery) {
                        return self.give_up("a server would not say this");
                    }
                    at += used;
                }
                Err(problem) => return self.give_up(&problem.to_string()),
            }
        }
    }

    fn worked(&self, used: usize, need: usize, turn: Turn) -> Worked {
        let turn = if self.changes.is_gathering() { Turn::Gated } else { turn };
        Worked { used, need, turn }
    }

    fn give_up(&self, problem: &str) -> Worked {
        warn!("{} - {problem}", self.facts.prefix());
        self.end(Reason::ParseError);
        Worked { used: 0, need: 0, turn: Turn::Ended }
    }

    /// `rest` starts with the operation's own bytes.
    fn operate(&mut self, said: Said<'_>, rest: &[u8], delivery: &mut Delivery) -> Next {
        let good = match said {
            Said::Account(name) => self.speak_of(name),
            Said::Groups(names) => {
                self.modifiers.groups.extend_from_slice(names);
                true
            }
            Said::To(subject) => {
                self.modifiers.to.extend_from_slice(subject);
                true
            }
            Said::Back(cluster) => {
                self.modifiers.back = std::str::from_utf8(cluster).ok().map(Into::into);
                self.modifiers.back.is_some()
            }
            Said::Forward(cluster) => {
                self.modifiers.forward = std::str::from_utf8(cluster).ok().map(Into::into);
                self.modifiers.forward.is_some()
            }
            Said::Control(frame) => self.hear_control(frame),
            Said::Op(Op::Publish(publish)) => self.publish(&publish, rest, delivery),
            Said::Op(Op::Subscribe { subject, queue, sid }) => {
                let valid =
                    self.is_told_interest() && vagus_subject::is_valid_subscription(subject);
                valid && weight(sid).is_some_and(|weight| self.want(subject, queue, weight))
            }
            Said::Op(Op::Ping) => {
                self.out.send(b"PONG\r\n");
                true
            }
            Said::Op(Op::Pong) => {
                self.answered();
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
            let _ = self.news.send(Told { cid: self.out.cid, news: frame.to_vec() });
            return true;
        }
        let heard = self.lane.as_ref().map_or(Ok(()), |lane| lane.receive(frame));
        heard.inspect_err(|problem| warn!("{} - {problem}", self.facts.prefix())).is_ok()
    }

    fn count_in(&self, msgs: u64, bytes: u64) {
        self.out.stats.in_msgs.fetch_add(msgs, Relaxed);
        self.out.stats.in_bytes.fetch_add(bytes, Relaxed);
        Counters::add(&self.counters.in_msgs, msgs);
        Counters::add(&self.counters.in_bytes, bytes);
        if let Some(account) = self.account() {
            account.lane.crossed.in_msgs.fetch_add(msgs, Relaxed);
            account.lane.crossed.in_bytes.fetch_add(bytes, Relaxed);
        }
    }

    /// Takes all messages at `at` that repeat the last subject; returns where they end.
    #[inline]
    fn take_repeats(&mut self, input: &[u8], at: usize, delivery: &mut Delivery) -> usize {
        let Some(last) = &mut self.last else { return at };
        let mut spans = std::mem::take(&mut delivery.spans);
        let (mut end, payload) =
            Run::gather(&mut spans, input, at, &last.head, LIMITS.payload_max, RUN_MAX);
        if !spans.is_empty() {
            let found = Rc::clone(&last.found);
            let current = self.account().is_some_and(|one| found.is_current(&one.realm.interest));
            if current {
                self.count_in(spans.len() as u64, payload);
                let run = Run { spans: &spans, payload };
                deliver_run(&found, self.reach(), input, run, delivery);
            } else {
                self.last = None;
                end = at;
            }
        }
        delivery.spans = spans;
        end
    }

    /// One message from the general parser; `rest` starts with its bytes.
    fn publish(&mut self, publish: &Publish<'_>, rest: &[u8], delivery: &mut Delivery) -> bool {
        let Some(account) = self.account() else { return false };
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
        let arrival = Arrival { to, groups: &names, lane: &lane, back, forward };
        let mut trace = match self.trace(&realm, publish, delivery) {
            Ok(trace) => trace,
            Err(Futile) => return true,
        };
        let outlet = Outlet::of(&realm, delivery, Speaker::Server);
        outlet.traced(trace.as_mut()).take_in(&arrival, post);
        if let Some(trace) = trace {
            trace.end(&self.broker, delivery);
        }
        if plain && !publish.has_headers && publish.reply.is_none() {
            self.remember(&realm, publish, rest, delivery);
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
                    cid: self.out.cid,
                    name: &self.facts.about.name,
                    realm,
                    subject: publish.subject,
                    size: publish.payload.len(),
                },
            ))),
        }
    }

    fn remember(
        &mut self,
        realm: &Realm,
        publish: &Publish<'_>,
        rest: &[u8],
        delivery: &mut Delivery,
    ) {
        let Some(tail) = publish.tail else { return };
        let Found::Kept(found) = delivery.cache.find(&realm.interest, publish.subject) else {
            return;
        };
        if found.one_by_one {
            return;
        }
        let from_start = rest.len() - (rest.as_ptr_range().end as usize - tail.as_ptr() as usize);
        self.last = Some(Box::new(Last { head: rest[..from_start].to_vec(), found }));
    }
}

/// Gives a run to the plain subscriptions that are left to this server.
fn deliver_run(found: &Match, reach: Reach, input: &[u8], run: Run<'_>, delivery: &mut Delivery) {
    for want in found.plain.iter().filter(|want| reach.covers(want)) {
        if let Some(run) = run.claim(&want.sub) {
            delivery.batch.run(&want.sub.target, &found.head(want)[1..], input, run);
        }
    }
}
