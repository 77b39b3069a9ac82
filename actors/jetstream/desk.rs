//! [`FrontDesk`]: where everything arrives that clients send to JetStream itself: requests, acks,
//! flow control. It has no mailbox: the publisher's thread reads the subject and puts the message
//! into the mailbox of whom it is for, so that a pull or an ack takes one hop, and a consumer
//! costs no subscription.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use vagus_runtime::{Message, Recipient};
use vagus_subject::tokens;
use vagus_wire::frame::frames;

use super::directory::{Directory, Mail, MailKind};
use crate::delivery::feed::{Deliveries, Intake};

/// See the module's text.
pub struct FrontDesk {
    directory: Arc<Directory>,
    requests: Recipient<Requests>,
    queue: Arc<Queue>,
    domain: Option<Box<[u8]>>,
}

/// Requests for the API actor, and whatever nobody else is there for.
pub struct Requests {
    /// `MSG` and `HMSG` frames, back to back.
    pub frames: Bytes,
    pub count: usize,
    /// Their place among all.
    pub number: u64,
}

/// Requests that wait for the API actor.
#[derive(Default)]
pub struct Queue {
    waiting: AtomicUsize,
    number: AtomicU64,
    /// Those with a lower number are dropped: there were too many.
    dropped_below: AtomicU64,
    /// Most that may wait.
    pub max: AtomicUsize,
}

/// For whom a message is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To<'a> {
    Consumer(MailKind, &'a [u8], &'a [u8]),
    Stream(&'a [u8]),
    Api,
}

impl Message for Requests {
    fn weight(&self) -> usize {
        self.frames.len()
    }
}

// === impl FrontDesk ===

impl FrontDesk {
    #[must_use]
    pub fn new(
        directory: Arc<Directory>,
        requests: Recipient<Requests>,
        queue: Arc<Queue>,
        domain: Option<&str>,
    ) -> Self {
        let domain = domain.map(|domain| domain.as_bytes().into());
        Self { directory, requests, queue, domain }
    }

    fn pass(&self, to: To<'_>, frames: Bytes, count: usize) -> bool {
        let mail = |kind| Mail { kind, frames: frames.clone(), count: count as u64 };
        match to {
            To::Consumer(kind, stream, consumer) => {
                match (self.directory.consumer(stream, consumer), kind) {
                    // Clients don't send an ack again.
                    (Some(consumer), MailKind::Ack | MailKind::Flow) => {
                        consumer.send_urgent(mail(kind)).is_ok()
                    }
                    (Some(consumer), _) => consumer.send(mail(kind)).is_ok(),
                    (None, _) => self.ask(frames, count),
                }
            }
            To::Stream(stream) => match self.directory.direct(stream) {
                Some(stream) => stream.send(mail(MailKind::Direct)).is_ok(),
                None => self.ask(frames, count),
            },
            To::Api => self.ask(frames, count),
        }
    }

    fn ask(&self, frames: Bytes, count: usize) -> bool {
        let number = self.queue.enter(count);
        self.requests.send_urgent(Requests { frames, count, number }).is_ok()
    }
}

// === impl Intake ===

impl Intake for FrontDesk {
    fn offer(&self, batch: Deliveries) -> bool {
        let bytes = &batch.frames;
        let domain = self.domain.as_deref();
        let (mut taken, mut run): (bool, Option<(To<'_>, usize, usize)>) = (true, None);
        for (start, frame) in frames(bytes) {
            let to = address(frame.subject.of(bytes), domain);
            run = match run {
                Some((same, from, count)) if same == to => Some((to, from, count + 1)),
                Some((other, from, count)) => {
                    taken &= self.pass(other, bytes.slice(from..start), count);
                    Some((to, start, 1))
                }
                None => Some((to, start, 1)),
            };
        }
        if let Some((to, from, count)) = run {
            taken &= self.pass(to, bytes.slice(from..), count);
        }
        taken
    }
}

// === impl Queue ===

impl Queue {
    pub(crate) fn enter(&self, count: usize) -> u64 {
        let number = self.number.fetch_add(1, SeqCst);
        if self.waiting.fetch_add(count, SeqCst) + count > self.max.load(SeqCst) {
            self.dropped_below.fetch_max(number + 1, SeqCst);
        }
        number
    }

    /// Takes requests out of the queue. False when they are among those dropped.
    #[must_use]
    pub fn take(&self, requests: &Requests) -> bool {
        self.waiting.fetch_sub(requests.count, SeqCst);
        requests.number >= self.dropped_below.load(SeqCst)
    }
}

/// What follows `$JS.API.` or `$JS.<domain>.API.` in the subject of a request.
#[must_use]
pub fn api_tail<'a>(subject: &'a [u8], domain: Option<&[u8]>) -> Option<&'a [u8]> {
    let behind = subject.strip_prefix(b"$JS.")?;
    let behind = domain
        .and_then(|domain| behind.strip_prefix(domain)?.strip_prefix(b"."))
        .filter(|behind| behind.starts_with(b"API."))
        .unwrap_or(behind);
    behind.strip_prefix(b"API.")
}

/// Whether a request is told who sent it: those that the API answers are, since events name who
/// asked. What is asked for all the time is not.
#[must_use]
pub fn names_origin(subject: &[u8]) -> bool {
    let mut parts = subject.splitn(4, |byte| *byte == b'.').skip(1);
    let tail = match (parts.next(), parts.next(), parts.next()) {
        (Some(b"API"), Some(_), _) => &subject[b"$JS.API.".len()..],
        (Some(_), Some(b"API"), Some(tail)) => tail,
        _ => return false,
    };
    let others: [&[u8]; 4] = [b"CONSUMER.MSG.NEXT.", b"DIRECT.GET.", b"$KV.", b"$OBJ."];
    !others.iter().any(|other| tail.starts_with(other))
}

fn address<'a>(subject: &'a [u8], domain: Option<&[u8]>) -> To<'a> {
    to_consumer(subject, domain).or_else(|| to_stream(subject, domain)).unwrap_or(To::Api)
}

fn to_consumer<'a>(subject: &'a [u8], domain: Option<&[u8]>) -> Option<To<'a>> {
    if let Some(behind) = subject.strip_prefix(b"$JS.ACK.") {
        // Seven tokens, or nine and more with domain and account in front.
        return part(MailKind::Ack, behind, if count(behind) > 7 { 2 } else { 0 });
    }
    if let Some(behind) = subject.strip_prefix(b"$JS.FC.") {
        return part(MailKind::Flow, behind, if count(behind) > 3 { 2 } else { 0 });
    }
    let pull = api_tail(subject, domain)?.strip_prefix(b"CONSUMER.MSG.NEXT.")?;
    part(MailKind::Pull, pull, 0)
}

fn part(kind: MailKind, behind: &[u8], skip: usize) -> Option<To<'_>> {
    let mut tokens = tokens(behind).skip(skip);
    Some(To::Consumer(kind, tokens.next()?, tokens.next()?))
}

fn to_stream<'a>(subject: &'a [u8], domain: Option<&[u8]>) -> Option<To<'a>> {
    let behind = api_tail(subject, domain)?.strip_prefix(b"DIRECT.GET.")?;
    tokens(behind).next().map(To::Stream)
}

fn count(subject: &[u8]) -> usize {
    memchr::memchr_iter(b'.', subject).count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(subject: &str) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match address(subject.as_bytes(), Some(b"HUB")) {
            To::Consumer(kind, stream, consumer) => {
                format!("{kind:?} {} {}", text(stream), text(consumer))
            }
            To::Stream(stream) => format!("Direct {}", text(stream)),
            To::Api => "Api".to_owned(),
        }
    }

    #[test]
    fn finds_whom_a_message_is_for() {
        for (subject, to) in [
            ("$JS.ACK.S.C.1.2.3.4.5", "Ack S C"),
            ("$JS.ACK.HUB.ABCDEFGH.S.C.1.2.3.4.5", "Ack S C"),
            ("$JS.ACK._.ABCDEFGH.S.C.1.2.3.4.5.rand", "Ack S C"),
            ("$JS.FC.S.C.abcd", "Flow S C"),
            ("$JS.FC._.ABCDEFGH.S.C.abcd", "Flow S C"),
            ("$JS.API.CONSUMER.MSG.NEXT.S.C", "Pull S C"),
            ("$JS.HUB.API.CONSUMER.MSG.NEXT.S.C", "Pull S C"),
            ("$JS.OTHER.API.CONSUMER.MSG.NEXT.S.C", "Api"),
            ("$JS.API.CONSUMER.MSG.NEXT.S", "Api"),
            ("$JS.API.DIRECT.GET.S", "Direct S"),
            ("$JS.API.DIRECT.GET.S.a.b", "Direct S"),
            ("$JS.API.STREAM.INFO.S", "Api"),
            ("$JS.ACK.S", "Api"),
        ] {
            assert_eq!(shown(subject), to, "{subject}");
        }
        assert_eq!(api_tail(b"$JS.HUB.API.INFO", Some(b"HUB")), Some(&b"INFO"[..]));
        assert_eq!(api_tail(b"$JS.API.API.INFO", Some(b"API")), Some(&b"INFO"[..]));
        assert_eq!(api_tail(b"$JS.API.API.INFO", None), Some(&b"API.INFO"[..]));
    }

    #[test]
    fn requests_of_the_api_say_who_asks() {
        for (subject, named) in [
            ("$JS.API.INFO", true),
            ("$JS.HUB.API.STREAM.INFO.S", true),
            ("$JS.API.CONSUMER.MSG.NEXT.S.C", false),
            ("$JS.HUB.API.CONSUMER.MSG.NEXT.S.C", false),
            ("$JS.API.DIRECT.GET.S", false),
            ("$JS.HUB.API.$KV.b.k", false),
            ("$JS.ACK.S.C.1.2.3.4.5", false),
            ("$JS.FC.S.C.x", false),
        ] {
            assert_eq!(names_origin(subject.as_bytes()), named, "{subject}");
        }
    }

    #[test]
    fn too_many_requests_lose_those_that_wait() {
        let queue = Queue { max: AtomicUsize::new(2), ..Queue::default() };
        let enter = |count| Requests { frames: Bytes::new(), count, number: queue.enter(count) };
        let (first, second) = (enter(1), enter(2));
        assert!(!queue.take(&first) && !queue.take(&second));
        let third = enter(2);
        assert!(queue.take(&third));
    }
}
