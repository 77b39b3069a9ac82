//! Publishing for a plugin: from its thread's desk straight to everyone who subscribes, the way of
//! every publish. Mappings hold for plugins as for clients.

use std::rc::Rc;

use vagus_plugin::Outgoing;
use vagus_plugin::host::{self, Outlet, Parts};
use vagus_subject::transform::Resolved;
use vagus_wire::encode;

use crate::broker::{Broker, Settings};
use crate::delivery::cache::{Found, Match, Want};
use crate::delivery::desk::Delivery;
use crate::delivery::{Batch, Counters};

/// The way out of one turn of a plugin.
pub(super) struct DeskOutlet<'a> {
    pub broker: &'a Broker,
    pub settings: &'a Settings,
    pub delivery: &'a mut Delivery,
    /// Messages published.
    pub published: u64,
}

/// From this size a message is sent from where it lies instead of being copied again.
const LARGE: usize = 16 << 10;

impl DeskOutlet<'_> {
    /// Hands over all that was published.
    pub(super) fn flush(&mut self, counters: &Counters) {
        self.delivery.batch.flush();
        let (msgs, bytes, lookups) = self.delivery.take_counts();
        Counters::add(&counters.out_msgs, msgs);
        Counters::add(&counters.out_bytes, bytes);
        Counters::add(&counters.lookups, lookups);
    }

    /// Finds who wants the message and gives it to them; the answer is how many they are.
    fn route(&mut self, subject: &[u8], parts: &Parts<'_>) -> usize {
        let Delivery { cache, batch, frame, rng, .. } = &mut *self.delivery;
        let kept: Rc<Match>;
        let found = match cache.find(&self.broker.interest, subject) {
            Found::Once(found) => found,
            Found::Kept(found) => {
                kept = found;
                &kept
            }
        };
        if found.is_empty() {
            return 0;
        }
        frame.clear();
        write_tail(frame, parts.reply, parts.headers, parts.payload);
        let mut parcel = Parcel { parts, tail: frame, bare: None, batch };
        let mut delivered = 0;
        for want in &found.plain {
            if want.sub.claim(1) == 1 {
                parcel.hand(found, want);
                delivered += 1;
            }
        }
        for group in &found.queues {
            let (before, from) = group.split_at(rng.usize(..group.len()));
            if let Some(want) = from.iter().chain(before).find(|want| want.sub.claim(1) == 1) {
                parcel.hand(found, want);
                delivered += 1;
            }
        }
        delivered
    }
}

// === impl Outlet ===

impl Outlet for DeskOutlet<'_> {
    fn payload_max(&self) -> usize {
        self.settings.limits.payload_max
    }

    fn takes_headers(&self) -> bool {
        self.settings.headers
    }

    fn publish(&mut self, message: &Outgoing<'_>) -> usize {
        self.published += 1;
        let parts = host::parts(message);
        let (mappings, cluster) = (&self.settings.mappings, self.settings.cluster.as_deref());
        if mappings.is_empty() {
            return self.route(parts.subject, &parts);
        }
        match mappings.resolve(parts.subject, cluster, &mut self.delivery.rng) {
            Resolved::Drop => 0,
            Resolved::To(subject) => self.route(&subject, &parts),
            Resolved::Same => self.route(parts.subject, &parts),
        }
    }
}

/// One message on its way to several targets.
struct Parcel<'a> {
    parts: &'a Parts<'a>,
    /// What follows the head of every delivery.
    tail: &'a [u8],
    /// The same without headers, once somebody needed it.
    bare: Option<Vec<u8>>,
    batch: &'a mut Batch,
}

impl Parcel<'_> {
    fn hand(&mut self, found: &Match, want: &Want) {
        let target = &want.sub.target;
        let head = found.head(want);
        let Parts { reply, headers, payload, .. } = *self.parts;
        let (verb, tail, size) = match headers {
            None => (&head[1..], self.tail, payload.len()),
            Some(block) if target.takes_headers() => (head, self.tail, block.len() + payload.len()),
            Some(_) => {
                let bare = self.bare.get_or_insert_with(|| {
                    let mut bare = Vec::new();
                    write_tail(&mut bare, reply, None, payload);
                    bare
                });
                (&head[1..], &**bare, payload.len())
            }
        };
        if tail.len() >= LARGE {
            self.batch.large(target, verb, tail, size);
        } else {
            self.batch.message(target, verb, tail, size);
        }
    }
}

/// `[reply ][header length ]size`, CR LF, and the content.
fn write_tail(out: &mut Vec<u8>, reply: Option<&[u8]>, headers: Option<&[u8]>, payload: &[u8]) {
    if let Some(reply) = reply {
        out.extend_from_slice(reply);
        out.push(b' ');
    }
    let block = headers.unwrap_or_default();
    if headers.is_some() {
        encode::number(out, block.len());
        out.push(b' ');
    }
    encode::number(out, block.len() + payload.len());
    for part in [b"\r\n", block, payload, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_protocol() {
        let tail = |reply, headers, payload| {
            let mut out = Vec::new();
            write_tail(&mut out, reply, headers, payload);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(tail(None, None, b"hi"), "2\r\nhi\r\n");
        assert_eq!(tail(Some(b"r"), None, b""), "r 0\r\n\r\n");
        let headers = b"NATS/1.0\r\nA: 1\r\n\r\n";
        assert_eq!(
            tail(Some(b"r"), Some(headers), b"x"),
            "r 18 19\r\nNATS/1.0\r\nA: 1\r\n\r\nx\r\n"
        );
    }
}
