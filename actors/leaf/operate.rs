//! Working through what the other end says: one operation after the other, until it ends or
//! something has to be waited for.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tracing::error;
use vagus_subject::transform::Resolved;
use vagus_wire::leaf::{Heard, Message, Said, parse};
use vagus_wire::{Limits, Op};

use super::Leaf;
use crate::delivery::batch::Run;
use crate::delivery::cache::{Found, Match};
use crate::delivery::desk::Delivery;
use crate::delivery::leaf_lane::shown_by;
use crate::delivery::outlet::{Outlet, Post};
use crate::delivery::reading::{Turn, Worked};
use crate::delivery::{Asker, ClientInfo, Counters, Outbound, Reason, Speaker};
use crate::realm::RealmRules;

/// The subject of the last message.
pub(super) struct Last {
    /// `LMSG <subject> `.
    head: Vec<u8>,
    found: Rc<Match>,
    /// Those under which it was found that no mapping touches it.
    rules: Arc<RealmRules>,
}

/// How to go on after an operation.
enum Next {
    Go,
    /// The link has ended.
    Over,
}

/// A server may say more than clients may.
const LIMITS: Limits = Limits { control_line_max: 64 << 10, payload_max: 64 << 20 };
/// Deliveries in one turn, after which others of the arbiter get theirs.
const WORK_MAX: u64 = 1 << 18;
/// Messages in one run.
const RUN_MAX: usize = 1 << 12;
/// Before there is another link, where the two ends do not fit together.
const LONG_PAUSE: Duration = Duration::from_secs(30);
const SHORT_PAUSE: Duration = Duration::from_secs(5);

impl Leaf {
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
                    if self.changes.is_gathering() && !matches!(said, Said::Want { .. }) {
                        return self.worked(at, 0, Turn::Gated);
                    }
                    if let Next::Over = self.operate(said, &input[at..], delivery) {
                        return Worked { used: 0, need: 0, turn: Turn::Ended };
                    }
                    at += used;
                }
                Err(problem) => {
                    error!("{} - {problem}", self.facts.prefix());
                    match problem.text() {
                        Some(text) => self.refuse(text, Reason::ParseError),
                        None => self.end(Reason::ParseError),
                    }
                    return Worked { used: 0, need: 0, turn: Turn::Ended };
                }
            }
        }
    }

    fn worked(&self, used: usize, need: usize, turn: Turn) -> Worked {
        let turn = if self.changes.is_gathering() { Turn::Gated } else { turn };
        Worked { used, need, turn }
    }

    /// `rest` starts with the operation's own bytes.
    fn operate(&mut self, said: Said<'_>, rest: &[u8], delivery: &mut Delivery) -> Next {
        match said {
            Said::Want { subject, group, weight } => self.hear_interest(subject, group, weight),
            Said::Message(message) => self.publish(&message, rest, delivery),
            Said::Fault(text) => {
                self.hear_fault(&String::from_utf8_lossy(text));
                Next::Go
            }
            Said::Op(Op::Ping) => {
                self.out.send(b"PONG\r\n");
                Next::Go
            }
            Said::Op(Op::Pong) => {
                self.answered();
                Next::Go
            }
            // What the other end tells of itself later changes nothing here.
            Said::Op(Op::Info(_) | Op::Ignored) => Next::Go,
            Said::Op(_) => {
                self.end(Reason::ProtocolViolation);
                Next::Over
            }
        }
    }

    fn hear_interest(&mut self, subject: &[u8], group: Option<&[u8]>, weight: u32) -> Next {
        if !vagus_subject::is_valid_subscription(subject) {
            self.out.send(&vagus_wire::encode::error("Invalid Subscription"));
            return Next::Go;
        }
        if subject == self.marker {
            if weight > 0 {
                self.found_loop(true);
                return Next::Over;
            }
            return Next::Go;
        }
        if self.want(subject, group, weight).is_err() && !self.lane.terms.is_private(subject) {
            return self.violation("Subscription", subject);
        }
        Next::Go
    }

    /// The other end was told what it may do, and does something else. A hub does so: it was not.
    fn violation(&self, what: &str, subject: &[u8]) -> Next {
        if !self.lane.is_spoke() {
            return Next::Go;
        }
        let subject = String::from_utf8_lossy(subject);
        error!(
            "{} - {what} Violation on {subject:?} - Check other side configuration",
            self.facts.prefix()
        );
        self.facts.set_pause(LONG_PAUSE);
        let text = format!("Permissions Violation for {what} to {subject:?}");
        self.refuse(&text, Reason::ProtocolViolation);
        Next::Over
    }

    /// The link leads back here, by whatever way.
    fn found_loop(&self, tell: bool) {
        let account = &self.realm.name;
        let text = format!(
            "Loop detected for leafnode account={account:?}. Delaying attempt to reconnect for 30s"
        );
        error!("{} - {text}", self.facts.prefix());
        self.facts.set_pause(LONG_PAUSE);
        match tell {
            true => self.refuse(&text, Reason::ProtocolViolation),
            false => self.end(Reason::ProtocolViolation),
        }
    }

    fn hear_fault(&self, text: &str) {
        error!("{} - Leafnode Error '{text}'", self.facts.prefix());
        if text.contains("Loop detected") {
            self.found_loop(false);
        } else if text.contains("remote leafnode has same cluster name")
            || text.contains("Permissions Violation")
        {
            self.facts.set_pause(LONG_PAUSE);
        } else if text.contains("connection rejected since minimum version required is") {
            self.facts.set_pause(SHORT_PAUSE);
        }
    }

    fn count_in(&self, msgs: u64, bytes: u64) {
        self.out.stats.in_msgs.fetch_add(msgs, Relaxed);
        self.out.stats.in_bytes.fetch_add(bytes, Relaxed);
        Counters::add(&self.counters.in_msgs, msgs);
        Counters::add(&self.counters.in_bytes, bytes);
    }

    /// Takes all messages at `at` that repeat the last subject; returns where they end.
    #[inline]
    fn take_repeats(&mut self, input: &[u8], at: usize, delivery: &mut Delivery) -> usize {
        let Some(last) = &self.last else { return at };
        let mut spans = std::mem::take(&mut delivery.spans);
        let (mut end, payload) =
            Run::gather(&mut spans, input, at, &last.head, LIMITS.payload_max, RUN_MAX);
        if !spans.is_empty() {
            let found = Rc::clone(&last.found);
            let same_rules = Arc::ptr_eq(&last.rules, &self.realm.rules());
            if same_rules && found.is_current(&self.realm.interest) {
                self.count_in(spans.len() as u64, payload);
                let run = Run { spans: &spans, payload };
                for want in found.plain.iter() {
                    if self.lane.passes_on_to(&want.sub.target)
                        && let Some(run) = run.claim(&want.sub)
                    {
                        let head = &found.head(want)[1..];
                        delivery.batch.run(&want.sub.target, head, input, run);
                    }
                }
            } else {
                self.last = None;
                end = at;
            }
        }
        delivery.spans = spans;
        end
    }

    /// One message from the general parser; `rest` starts with its bytes.
    fn publish(&mut self, message: &Message<'_>, rest: &[u8], delivery: &mut Delivery) -> Next {
        self.count_in(1, message.payload.len() as u64);
        if !self.lane.terms.takes(message.subject) {
            return self.violation("Publish", message.subject);
        }
        let (reply, shown) = match message.reply.and_then(|reply| Some((reply, shown_by(reply)?))) {
            Some((_, (reply, shown))) => (Some(reply), shown),
            None => (message.reply, message.subject),
        };
        let post =
            Post { subject: shown, reply, headers: message.headers(), payload: message.body() };
        let groups: Vec<&[u8]> = message.groups().collect();
        let rules = self.realm.rules();
        if !rules.mappings.is_empty()
            && let Some(mapped) = self.map(&rules, message.subject, delivery)
        {
            if let Some(to) = mapped {
                let post = Post { subject: &to, ..post };
                // It was the name before that somebody wanted, of no group.
                let named = (!groups.is_empty()).then_some(&groups[..]);
                self.outlet(delivery).take_over(&self.lane, &to, named, post);
            }
            return Next::Go;
        }
        self.outlet(delivery).take_over(&self.lane, message.subject, Some(&groups), post);
        if let Some(tail) = message.tail {
            self.remember(message.subject, tail, rest, rules, delivery);
        }
        Next::Go
    }

    /// Where mappings lead; `None`: they leave the subject as it is. `Some(None)`: nowhere.
    fn map(
        &self,
        rules: &RealmRules,
        subject: &[u8],
        delivery: &mut Delivery,
    ) -> Option<Option<Vec<u8>>> {
        let settings = self.broker.settings();
        let cluster = settings.cluster.as_deref();
        match rules.mappings.resolve(subject, cluster, &mut delivery.rng) {
            Resolved::Same => None,
            Resolved::Drop => Some(None),
            Resolved::To(to) => Some(Some(to.to_vec())),
        }
    }

    fn outlet<'a>(&'a self, delivery: &'a mut Delivery) -> Outlet<'a> {
        Outlet::of(&self.realm, delivery, Speaker::Client(self))
    }

    fn remember(
        &mut self,
        subject: &[u8],
        tail: &[u8],
        rest: &[u8],
        rules: Arc<RealmRules>,
        delivery: &mut Delivery,
    ) {
        if !rules.mappings.is_empty() {
            return;
        }
        let Found::Kept(found) = delivery.cache.find(&self.realm.interest, subject) else {
            return;
        };
        if found.one_by_one {
            return;
        }
        let from_start = rest.len() - (rest.as_ptr_range().end as usize - tail.as_ptr() as usize);
        self.last = Some(Box::new(Last { head: rest[..from_start].to_vec(), found, rules }));
    }
}

// === impl Asker ===

impl Asker for Leaf {
    fn info(&self) -> ClientInfo {
        ClientInfo {
            host: Some(self.facts.about.address.ip().to_canonical().to_string()),
            id: Some(self.out.cid),
            acc: Some(self.realm.name.to_string()),
            name: Some(self.facts.about.name.clone()),
            kind: Some("Leafnode".to_owned()),
            server: Some(self.broker.settings().info.server_id.clone()),
            ..ClientInfo::default()
        }
    }

    fn out(&self) -> &Arc<Outbound> {
        &self.out
    }

    fn hears_itself(&self) -> bool {
        false
    }
}
