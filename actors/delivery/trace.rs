//! Message tracing (ADR-41): what becomes of one message on this server, told to a subject that
//! the message names in a header, or its account in the configuration.
//!
//! A connection or route that takes in such a message begins a [`Trace`], publishes through an
//! [`Outlet`] that carries it, and ends it. Where a stream takes the message, the
//! trace travels with it, and the stream ends it: it alone knows whether the message was stored.

mod event;
mod send;
mod sight;
mod wish;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vagus_jetstream::headers;
use vagus_telemetry::json;

pub use self::event::{Event, Kind};
use self::event::{Report, Request, errors};
pub(super) use self::send::Way;
pub use self::wish::{DESTINATION, NOT_TRACED, Plan, Wish, may_ask};
use super::desk::Delivery;
use super::encoding::Encoding;
use super::outlet::{Outlet, Post};
use super::{Batch, Speaker, Target};
use crate::broker::Broker;
use crate::realm::Realm;

/// See the module's text.
pub struct Trace {
    /// Where the message came in, and its events go.
    realm: Arc<Realm>,
    so_far: TracedAs,
    /// A stream that takes the message gets it at the end, behind the trace.
    held: Option<Held>,
}

/// All that a trace is but for where it is: what a stream is given of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct TracedAs {
    account: String,
    destination: Vec<u8>,
    /// The message is delivered to nobody.
    pub only: bool,
    encoding: Encoding,
    hop: String,
    /// To so many servers it went on.
    hops: u32,
    request: Request,
    events: Vec<Event>,
}

/// A message for a stream.
struct Held {
    target: Target,
    frame: Vec<u8>,
    size: usize,
}

/// Where a message comes in.
pub struct Ingress<'a> {
    pub kind: Kind,
    pub cid: u64,
    /// Of the client, or of the other server.
    pub name: &'a str,
    pub realm: &'a Arc<Realm>,
    pub subject: &'a [u8],
    /// Bytes of headers and payload.
    pub size: usize,
}

/// The sid of frames that hold a trace: the message behind it is the one that is traced.
pub const SID: &[u8] = b"4";
/// The sid by which a stream gets the messages that it stores.
pub const STORING_SID: &[u8] = b"1";

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

// === impl Trace ===

impl Trace {
    #[must_use]
    pub fn begin(plan: Plan, ingress: &Ingress<'_>) -> Self {
        let event = Event {
            kind: Some(ingress.kind as u8),
            cid: Some(ingress.cid),
            name: Some(ingress.name.to_owned()).filter(|name| !name.is_empty()),
            acc: Some(ingress.realm.name.to_string()),
            subj: Some(text(ingress.subject)),
            ..Event::new("in")
        };
        let so_far = TracedAs {
            account: ingress.realm.name.to_string(),
            destination: plan.destination,
            only: plan.only,
            encoding: plan.encoding,
            hop: plan.hop,
            hops: 0,
            request: Request { header: plan.headers, msgsize: ingress.size },
            events: vec![event],
        };
        Self { realm: Arc::clone(ingress.realm), so_far, held: None }
    }

    /// Whether nobody is to get the message.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.so_far.only
    }

    /// It was not taken in.
    pub fn refused(&mut self, why: &str) {
        if let Some(ingress) = self.so_far.events.first_mut() {
            ingress.error = Some(why.to_owned());
        }
    }

    /// It goes on under another subject.
    pub fn mapped(&mut self, to: &[u8]) {
        self.note(Event { to: Some(text(to)), ..Event::new("sm") });
    }

    fn note(&mut self, event: Event) {
        self.so_far.events.push(event);
    }

    /// The message is a request to a service of another account.
    pub(super) fn goes_to(&mut self, account: &str, from: &[u8], to: &[u8]) {
        let event = Event::new("si");
        let (from, to) = (Some(text(from)), Some(text(to)));
        self.note(Event { acc: Some(account.to_owned()), from, to, ..event });
    }

    pub(super) fn destination(&self) -> &[u8] {
        &self.so_far.destination
    }

    /// How often it went to other servers so far.
    pub(super) fn hops(&self) -> u32 {
        self.so_far.hops
    }

    /// Ends the trace: the event is published, or goes to a stream with the message.
    pub fn end(mut self, broker: &Broker, delivery: &mut Delivery) {
        match self.held.take() {
            Some(held) => {
                let said = json::compact(&self.so_far);
                let mut frame = [&b"MSG "[..], DESTINATION, b" ", SID, b" "].concat();
                vagus_wire::encode::number(&mut frame, said.len());
                for part in [b"\r\n", &*said, b"\r\n"] {
                    frame.extend_from_slice(part);
                }
                // In one piece: nothing comes between the two.
                frame.extend_from_slice(&held.frame);
                delivery.batch.message(&held.target, &[], &frame, held.size);
            }
            None => {
                let mut out = Outlet::of(&self.realm, delivery, Speaker::Server);
                self.so_far.publish(broker, &mut out);
            }
        }
    }
}

// === impl Held ===

impl Held {
    fn hand_over(self, batch: &mut Batch) {
        batch.message(&self.target, &[], &self.frame, self.size);
    }
}

// === impl TracedAs ===

impl TracedAs {
    /// Reads what [`Trace::end`] has written.
    #[must_use]
    pub fn read(frame: &[u8]) -> Option<Self> {
        serde_json::from_slice(frame).ok()
    }

    /// Ends the trace in the stream that took the message.
    pub fn end(mut self, stored: Stored<'_>, broker: &Broker, out: &mut Outlet<'_>) {
        let of_stream = |event: &&mut Event| event.kind_of == "js";
        if let Some(event) = self.events.iter_mut().rev().find(of_stream) {
            event.ts = Event::new("js").ts;
            event.subject = stored.subject.map(text);
            event.nointerest = stored.unwanted.then_some(true);
            event.error = stored.error;
        }
        let Some(realm) = broker.realms.get(&self.account) else { return };
        out.within(&realm, |out| self.publish(broker, out));
    }

    fn publish(&self, broker: &Broker, out: &mut Outlet<'_>) {
        let settings = broker.settings();
        let report = Report {
            server: settings.profile.info(broker.next_event()),
            request: &self.request,
            hops: self.hops,
            events: &self.events,
        };
        let said = self.encoding.apply(json::compact(&report));
        out.publish(Post {
            subject: &self.destination,
            reply: None,
            headers: Some(&*said.headers).filter(|block| !block.is_empty()),
            payload: &said.payload,
        });
    }
}

/// What a stream made of a message.
pub struct Stored<'a> {
    /// As what it is stored, where it came that far.
    pub subject: Option<&'a [u8]>,
    /// It is kept for consumers alone, and none wants it.
    pub unwanted: bool,
    pub error: Option<String>,
}

/// A header block that says that its message is traced no further.
#[must_use]
pub fn silenced(block: &[u8]) -> Vec<u8> {
    redirected(block, NOT_TRACED)
}

/// A header block with another destination.
pub(super) fn redirected(block: &[u8], destination: &[u8]) -> Vec<u8> {
    let mut block = block.to_vec();
    headers::remove(&mut block, DESTINATION);
    headers::append(&mut block, DESTINATION, destination);
    block
}
