//! What the other end says: its interest, its messages, and what else there is.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tracing::error;
use vagus_subject::transform::Resolved;
use vagus_wire::Op;
use vagus_wire::leaf::{Heard, Message, Said, parse};

use super::Leaf;
use super::loops::is_marker;
use crate::delivery::cache::{Match, Want};
use crate::delivery::desk::Delivery;
use crate::delivery::leaf_lane::shown_by;
use crate::delivery::outlet::{Outlet, Post};
use crate::delivery::{Asker, ClientInfo, Origin, Outbound, Reason, Speaker};
use crate::link::{LIMITS, Link, Pipe, Took};
use crate::realm::RealmRules;

/// How to go on after an operation.
enum Next {
    Go,
    /// The link has ended.
    Over,
}

/// Before there is another link, where the two ends do not fit together.
pub(super) const LONG_PAUSE: Duration = Duration::from_secs(30);
const SHORT_PAUSE: Duration = Duration::from_secs(5);

// === impl Link ===

impl Link for Leaf {
    fn pipe(&mut self) -> &mut Pipe {
        &mut self.pipe
    }

    fn take_one(&mut self, rest: &[u8], delivery: &mut Delivery) -> Took {
        match parse(rest, LIMITS) {
            Ok(Heard::Partial { total }) => Took::Partial(total),
            Ok(Heard::Whole { said, used }) => {
                if self.pipe.changes.is_gathering() && !matches!(said, Said::Want { .. }) {
                    return Took::Gated;
                }
                match self.operate(said, rest, delivery) {
                    Next::Go => Took::Used(used),
                    Next::Over => Took::Over,
                }
            }
            Err(problem) => {
                error!("{} - {problem}", self.facts.prefix());
                match problem.text() {
                    Some(text) => self.refuse(text, Reason::ParseError),
                    None => self.end(Reason::ParseError),
                }
                Took::Over
            }
        }
    }

    fn is_current(&mut self, found: &Match) -> bool {
        let rules = self.realm.rules();
        let same_rules = self.last_rules.as_ref().is_some_and(|last| Arc::ptr_eq(last, &rules));
        same_rules && found.is_current(&self.realm.interest)
    }

    fn passes_on_to(&self, found: &Match, want: &Want) -> bool {
        let back = self.origin().is_some_and(|origin| found.leads_back(want, origin));
        !back && self.lane.passes_on_to(&want.sub.target)
    }

    fn origin(&self) -> Option<&Arc<Origin>> {
        self.lane.origin.as_ref()
    }

    fn count_in(&mut self, msgs: u64, bytes: u64) {
        self.pipe.count_in(msgs, bytes);
    }

    fn poll_closed(&mut self, task: &mut Context<'_>) -> Poll<()> {
        if self.ending.is_none() {
            self.begin_end();
        }
        self.poll_ending(task)
    }
}

// === impl Leaf ===

impl Leaf {
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
                self.pipe.out.send(b"PONG\r\n");
                Next::Go
            }
            Said::Op(Op::Pong) => {
                self.pipe.answered();
                Next::Go
            }
            Said::Op(Op::Info(info)) => {
                self.facts.learn(info);
                Next::Go
            }
            Said::Op(Op::Ignored) => Next::Go,
            Said::Op(_) => {
                self.end(Reason::ProtocolViolation);
                Next::Over
            }
        }
    }

    fn hear_interest(&mut self, subject: &[u8], group: Option<&[u8]>, weight: u32) -> Next {
        if !vagus_subject::is_valid_subscription(subject) {
            self.pipe.out.send(&vagus_wire::encode::error("Invalid Subscription"));
            return Next::Go;
        }
        if is_marker(subject) && self.hear_marker(subject, weight) {
            return Next::Over;
        }
        if self.want(subject, group, weight).is_err() && !self.lane.terms.keeps_back(subject) {
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

    /// One message from the general parser; `rest` starts with its bytes.
    fn publish(&mut self, message: &Message<'_>, rest: &[u8], delivery: &mut Delivery) -> Next {
        self.pipe.count_in(1, message.payload.len() as u64);
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
        if let Some(tail) = message.tail.filter(|_| rules.mappings.is_empty()) {
            self.pipe.remember(&self.realm, message.subject, tail, rest, delivery);
            self.last_rules = Some(rules);
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
        let settings = self.pipe.broker.settings();
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
}

// === impl Asker ===

impl Asker for Leaf {
    fn info(&self) -> ClientInfo {
        ClientInfo {
            host: Some(self.facts.about.address.ip().to_canonical().to_string()),
            id: Some(self.pipe.out.cid),
            acc: Some(self.realm.name.to_string()),
            name: Some(self.facts.about.name.clone()),
            kind: Some("Leafnode".to_owned()),
            server: Some(self.pipe.broker.settings().info.server_id.clone()),
            ..ClientInfo::default()
        }
    }

    fn out(&self) -> &Arc<Outbound> {
        &self.pipe.out
    }

    fn hears_itself(&self) -> bool {
        false
    }
}
