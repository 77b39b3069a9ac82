//! Bridges: how a request crosses into another realm, and how the answers come back.
//!
//! An imported service is an entry of the importer's interest with a bridge for a target. Whoever
//! publishes to it looks up, in the same turn, who serves in the exporter's realm, and gives the
//! request to them, with a reply subject of that realm. What is published there crosses back by
//! the exporter's own bridge.

mod info;
mod latency;
mod passage;
mod replies;

use std::sync::Arc;
use std::time::Instant;

use vagus_subject::transform::Resolved;

pub use self::info::{Asker, ClientInfo, HEADER as ORIGIN_HEADER, Speaker};
use self::latency::{Measure, Outcome};
use self::passage::Passage;
pub use self::replies::Replies;
use self::replies::{Open, PREFIX};
use super::Trace;
use super::outlet::{Outlet, Post};
use crate::realm::{Realm, ServiceImport};

/// See the module's text.
pub enum Bridge {
    /// To the realm of a service.
    Request(Arc<ServiceImport>),
    /// From a realm back to those who asked.
    Answers(Arc<Realm>),
}

/// How many bridges a message may cross.
const CROSSINGS_MAX: usize = 16;
/// Replies to messages of a consumer mean something to that alone.
const ACKS: &[u8] = b"$JS.ACK.";

/// What the answers to requests from other realms are sent to.
pub const ANSWERS: &[u8] = b"_R_.>";

impl Bridge {
    /// Whether a message to `subject` arrives somewhere, as far as that is known here.
    #[must_use]
    pub fn leads_on(&self, subject: &[u8]) -> bool {
        match self {
            Self::Request(_) => true,
            Self::Answers(realm) => realm.replies.knows(subject),
        }
    }

    /// Whether it takes answers to those who asked.
    #[must_use]
    pub fn leads_back(&self) -> bool {
        matches!(self, Self::Answers(_))
    }

    /// Takes a message across. `from` is the way out of the realm in which it was published to
    /// `subject`. The answer is how many got it.
    #[cold]
    pub(super) fn cross(&self, subject: &[u8], post: &Post<'_>, from: &mut Outlet<'_>) -> usize {
        if from.crossings() >= CROSSINGS_MAX {
            return 0;
        }
        let mut trace = from.take_trace();
        let traced = trace.as_deref_mut();
        let delivered = match self {
            Self::Request(import) => ask(import, subject, post, from, traced),
            Self::Answers(realm) => answer(realm, subject, post, from, traced),
        };
        from.put_trace(trace);
        delivered
    }
}

fn ask(
    import: &ServiceImport,
    asked: &[u8],
    post: &Post<'_>,
    from: &mut Outlet<'_>,
    mut trace: Option<&mut Trace>,
) -> usize {
    let Some(mut subject) = import.name_there(asked) else { return 0 };
    let rules = import.exporter.rules();
    match rules.mappings.resolve(&subject, None, from.rng()) {
        Resolved::Drop => return 1,
        Resolved::To(mapped) => subject = mapped.to_vec(),
        Resolved::Same => {}
    }
    let info = from.speaker().info_for(import);
    let measure = Measure::begin(import, post.headers, &info);
    let ways = (asked, &*subject);
    let passage = Passage::out(trace.as_deref_mut(), import, ways, from.speaker());
    if passage.is_closed() {
        return 0;
    }
    let headers = info.put_before(post.headers);
    let headers = passage.headers(&headers).unwrap_or(headers);
    let replies = &import.exporter.replies;
    let reply = match post.reply {
        Some(reply) if !reply.starts_with(ACKS) => {
            let open = Open {
                realm: Arc::clone(&import.importer),
                reply: reply.into(),
                response: import.response,
                threshold: import.threshold,
                asker: from.speaker().out().cloned(),
                measure: measure.clone(),
            };
            match replies.open(open, Instant::now()) {
                Some(reply) => Some(reply),
                // So many wait for answers that nobody can be said to serve.
                None => return 0,
            }
        }
        reply => reply.map(<[u8]>::to_vec),
    };
    let post =
        Post { subject: &subject, reply: reply.as_deref(), headers: Some(&headers), ..*post };
    let speaker = Speaker::Passed(&info, from.speaker().out());
    let mut there = from.across(&import.exporter, speaker);
    there.put_trace(passage.goes_on(trace));
    let delivered = there.publish(post);
    // The report of a measure is another message.
    let trace = there.take_trace();
    passage.end(trace.as_deref(), replies);
    if let Some(measure) = measure {
        match (&reply, delivered) {
            (_, 0) => measure.report(Outcome::Unavailable, &mut there),
            (None, _) => measure.report(Outcome::BadRequest, &mut there),
            _ => {}
        }
    }
    if let Some(reply) = reply.filter(|reply| delivered == 0 && reply.starts_with(PREFIX)) {
        replies.forget(&reply);
    }
    delivered
}

fn answer(
    realm: &Arc<Realm>,
    subject: &[u8],
    post: &Post<'_>,
    from: &mut Outlet<'_>,
    trace: Option<&mut Trace>,
) -> usize {
    let began = Instant::now();
    let ends = post.payload.is_empty() && post.headers.is_none();
    let Some(mut open) = realm.replies.answered(subject, ends, began) else { return 0 };
    let passage = Passage::back(trace, &open.realm.name, (subject, &open.reply));
    if passage.is_closed() {
        return 0;
    }
    let headers = post.headers.and_then(|block| passage.headers(block));
    let measure = open.measure.take();
    let responder = measure.as_ref().map(|_| from.speaker().info());
    // Who asked may be asked back.
    let back = match post.reply {
        Some(reply) if !reply.starts_with(ACKS) => {
            let back = Open {
                realm: Arc::clone(realm),
                reply: reply.into(),
                asker: from.speaker().out().cloned(),
                measure: None,
                ..open.clone()
            };
            open.realm.replies.open(back, began)
        }
        reply => reply.map(<[u8]>::to_vec),
    };
    // What is delivered under another name keeps that.
    let shown = if post.subject == subject { &*open.reply } else { post.subject };
    let headers = headers.as_deref().or(post.headers);
    let post = Post { subject: shown, reply: back.as_deref(), headers, ..*post };
    let delivered = from.across(&open.realm, from.speaker()).deliver(&open.reply, post);
    if let (Some(measure), Some(responder)) = (measure, responder) {
        let outcome = Outcome::Answered { responder: Box::new(responder), began };
        measure.report(outcome, &mut from.across(realm, Speaker::Server));
    }
    delivered
}
