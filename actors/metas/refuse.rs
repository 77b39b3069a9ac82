//! Requests of accounts that have no JetStream: they are told so, as by nats-server. The system
//! account has a form of its own, and a few requests that it alone may make.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use vagus_jetstream::api::{self, Request, Response};
use vagus_jetstream::codes;
use vagus_runtime::{Cx, Message, Recipient};
use vagus_subject::{matches, overlaps};
use vagus_wire::frame::frames;

use super::Metas;
use crate::delivery::feed::{Deliveries, Intake};
use crate::delivery::outlet::{self, Outlet};
use crate::delivery::{Feed, Sub, Target};
use crate::jetstream::Caller;
use crate::jetstream::desk::{Queue, Requests, api_tail};
use crate::realm::Realm;
use crate::shard::Roster;

/// Subjects that others answer, as patterns.
type Elsewhere = BTreeSet<Box<[u8]>>;

/// An account without JetStream.
pub(super) struct Closed {
    /// `None` when others answer all it may ask.
    _roster: Option<Roster>,
    elsewhere: Elsewhere,
    system: bool,
}

/// Requests that can't be served.
pub(super) struct Unserved {
    from: Arc<Realm>,
    requests: Requests,
}

impl Message for Unserved {
    fn weight(&self) -> usize {
        self.requests.weight()
    }
}

/// Puts requests of an account into the mailbox.
struct Hatch {
    realm: Arc<Realm>,
    queue: Arc<Queue>,
    to: Recipient<Unserved>,
}

/// What the system account is told, whatever it asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct SystemAnswer {}

const ALL: &[u8] = b"$JS.API.>";
const INFO: &[u8] = b"$JS.API.INFO";

// === impl Intake ===

impl Intake for Hatch {
    fn offer(&self, batch: Deliveries) -> bool {
        let count = batch.count as usize;
        let number = self.queue.enter(count);
        let requests = Requests { frames: batch.frames, count, number };
        self.to.send_urgent(Unserved { from: Arc::clone(&self.realm), requests }).is_ok()
    }
}

// === impl Response ===

impl Response for SystemAnswer {
    const TYPE: &'static str = "io.nats.jetstream.api.v1.system_response";
}

// === impl Metas ===

impl Metas {
    /// Has requests of an account refused from here on.
    pub(super) fn close(&mut self, realm: Arc<Realm>, cx: &mut Cx<'_, Self>) {
        let links = realm.links();
        let imported = links.services.iter().map(|import| import.local.clone());
        let elsewhere: Elsewhere = imported.filter(|subject| overlaps(subject, ALL)).collect();
        let system = self.accounts.is_system(&realm);
        let known = self.closed.get(&realm.name);
        if known.is_some_and(|closed| closed.elsewhere == elsewhere && closed.system == system) {
            return;
        }
        let name = Arc::clone(&realm.name);
        // As in nats-server, nobody is told anything here who asks others for the account's info.
        let roster = match elsewhere.iter().any(|subject| matches(subject, INFO)) {
            true => None,
            false => Some(self.hatch(realm, cx)),
        };
        self.closed.insert(name, Closed { _roster: roster, elsewhere, system });
    }

    fn hatch(&self, realm: Arc<Realm>, cx: &mut Cx<'_, Self>) -> Roster {
        let broker = Arc::clone(&self.accounts.broker);
        let hatch = Hatch {
            realm: Arc::clone(&realm),
            queue: Arc::clone(&self.queue),
            to: cx.handle().recipient(),
        };
        let feed = Arc::new(Feed::new(broker.slots.take(), Arc::new(hatch)));
        let mut subjects = vec![String::from_utf8_lossy(ALL).into_owned()];
        subjects.extend(self.accounts.domain().map(|domain| format!("$JS.{domain}.API.>")));
        let subs = subjects.iter().map(|subject| {
            Sub::new(Target::Actor(Arc::clone(&feed)), subject.as_bytes(), None, b"1")
        });
        let roster = Roster::new(broker, realm, subs.collect());
        let ready = self.ready.clone();
        cx.when(roster.register(), move |_, (), _| drop(ready));
        roster
    }

    pub(super) fn refuse(&mut self, unserved: &Unserved, cx: &mut Cx<'_, Self>) {
        let Unserved { from, requests } = unserved;
        if !self.queue.take(requests) {
            return;
        }
        self.refused += requests.count as u64;
        // One that has JetStream by now had none when it asked.
        let closed = self.closed.get(&from.name);
        let mut to_purge = Vec::new();
        outlet::turn(&self.accounts.broker, from, cx.cell().arbiter(), |out| {
            for (_, frame) in frames(&requests.frames) {
                let caller = Caller::new(requests.frames.clone(), frame);
                let domain = self.accounts.domain().map(str::as_bytes);
                let Some(tail) = api_tail(caller.subject(), domain) else { continue };
                let subject = [api::PREFIX.as_bytes(), tail].concat();
                let mut elsewhere = closed.iter().flat_map(|closed| &closed.elsewhere);
                if elsewhere.any(|taken| matches(taken, caller.subject())) {
                    continue;
                }
                let is_system = closed.is_some_and(|closed| closed.system);
                match (Request::parse(&subject), is_system) {
                    (Some(Request::AccountPurge(account)), true) => {
                        to_purge.push((account.to_owned(), caller));
                    }
                    (request, true) => refuse_system(&caller, request, out),
                    (Some(request), false) => refuse(&caller, request, out),
                    (None, false) => {}
                }
            }
        });
        for (account, caller) in to_purge {
            self.purge(&account, &caller, from, cx);
        }
    }
}

fn refuse(caller: &Caller, request: Request<'_>, out: &mut Outlet<'_>) {
    match request {
        Request::ConsumerMsgNext { .. } | Request::DirectGet { .. } => {
            if let Some(reply) = caller.reply() {
                out.refuse(reply, caller.subject());
            }
        }
        // For the system account alone; others are not answered.
        Request::MetaLeaderStepdown
        | Request::ServerRemove
        | Request::AccountPurge(_)
        | Request::StreamMove { .. }
        | Request::StreamCancelMove { .. } => {}
        request => {
            if let Some(json) = request.refuse(codes::NOT_ENABLED_FOR_ACCOUNT.error()) {
                caller.answer_quietly(out, &json);
            }
        }
    }
}

fn refuse_system(caller: &Caller, request: Option<Request<'_>>, out: &mut Outlet<'_>) {
    let json = match request {
        Some(Request::Info) => Request::Info.refuse(codes::NOT_ENABLED_FOR_ACCOUNT.error()),
        // They are for servers in a cluster.
        Some(Request::MetaLeaderStepdown | Request::ServerRemove) => None,
        _ => {
            let error = codes::NOT_ENABLED_FOR_ACCOUNT.error();
            Some(api::Reply::<SystemAnswer>::failed(error).to_json())
        }
    };
    if let Some(json) = json {
        caller.answer_quietly(out, &json);
    }
}
