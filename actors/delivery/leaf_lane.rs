//! The way to the other end of a leaf link.
//!
//! Of the two ends one is the hub and one a spoke. A spoke speaks for its own clients and for the
//! spokes of its own, but not for other servers of its cluster, each of which has a hub of its own:
//! what comes from the hub goes to none of them, and what comes from them not to the hub.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use vagus_wire::{encode, leaf};

use super::outlet::Post;
use super::terms::Terms;
use super::{Origin, Outbound, Target};

/// See the module's text.
pub struct LeafLane {
    pub out: Arc<Outbound>,
    /// Which part the other end takes.
    pub role: Role,
    /// The other end's cluster. Its servers reach each other by themselves.
    pub cluster: Box<str>,
    /// The same, of a spoke.
    pub origin: Option<Arc<Origin>>,
    /// The other end is not told what other leaf nodes are interested in.
    pub isolated: bool,
    pub terms: Terms,
    /// It leads back here, as interest shows that came by another way.
    pub looped: AtomicBool,
}

/// What subjects by which loops are found begin with.
pub const LOOP_PREFIX: &[u8] = b"$LDS.";

/// The subject by which loops through an account are found: nobody else has the same. It is told
/// over every leaf link; whoever hears it of the other end is where it has begun.
#[must_use]
pub fn marker(server_id: &str, account: &str) -> Vec<u8> {
    use std::hash::BuildHasher as _;
    let hash = foldhash::fast::FixedState::default().hash_one(account);
    let id = &server_id[server_id.len().saturating_sub(12)..];
    format!("$LDS.{id}{hash:016x}").into_bytes()
}

/// The part that the other end of a leaf link takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Hub,
    Spoke,
}

// === impl LeafLane ===

impl LeafLane {
    #[must_use]
    pub fn is_spoke(&self) -> bool {
        self.role == Role::Spoke
    }

    /// Whether the other end is of this leaf cluster.
    #[must_use]
    pub fn is_of(&self, origin: &Origin) -> bool {
        self.cluster.as_bytes() == origin.cluster()
    }

    /// Whether `target` is to get what came from the other end.
    #[must_use]
    pub fn passes_on_to(&self, target: &Target) -> bool {
        match target {
            Target::Route(_) => self.is_spoke(),
            Target::Leaf(lane) => lane.out.cid != self.out.cid && lane.cluster != self.cluster,
            Target::Connection(_) | Target::Actor(_) | Target::Bridge(_) => true,
        }
    }

    /// Writes a message into `frame`, for plain subscriptions to `to` and for members of these
    /// groups. The answer is how many bytes of payload it has.
    pub fn write(
        &self,
        frame: &mut Vec<u8>,
        to: &[u8],
        groups: &[&[u8]],
        post: &Post<'_>,
    ) -> usize {
        frame.clear();
        let headers = post.headers.filter(|_| self.out.takes_headers());
        // Receivers are shown the subject that stands behind the sign.
        let reply = match post.reply {
            Some(reply) if to != post.subject => Some([reply, b"@", post.subject].concat()),
            reply => reply.map(<[u8]>::to_vec),
        };
        leaf::head_of(frame, to, reply.as_deref(), groups, headers.is_some());
        let payload = [headers.unwrap_or_default(), post.payload].concat();
        encode::tail(frame, None, headers.map(<[u8]>::len), &payload);
        payload.len()
    }
}

/// Takes a reply apart that says which subject is to be shown: `$JS.ACK...@<subject>`.
#[must_use]
pub fn shown_by(reply: &[u8]) -> Option<(&[u8], &[u8])> {
    if !reply.starts_with(ACKS) {
        return None;
    }
    // Before that many dots, a sign is a part of a name.
    let dots = memchr::memchr_iter(b'.', reply).nth(ACK_DOTS - 1)?;
    let at = dots + memchr::memchr(b'@', &reply[dots..])?;
    Some((&reply[..at], &reply[at + 1..])).filter(|(_, subject)| !subject.is_empty())
}

/// Replies to messages of a consumer.
const ACKS: &[u8] = b"$JS.ACK.";
/// Dots that such a reply has at least.
const ACK_DOTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_may_say_which_subject_is_shown() {
        let reply = b"$JS.ACK.S.C.1.2.3.4.5@orders.new";
        let (ack, shown) = shown_by(reply).unwrap();
        assert_eq!((ack, shown), (&b"$JS.ACK.S.C.1.2.3.4.5"[..], &b"orders.new"[..]));
        for other in [&b"_INBOX.a@b"[..], b"$JS.ACK.S@x.C.1.2.3.4.5", b"$JS.ACK.S.C.1.2.3.4.5@"] {
            assert_eq!(shown_by(other), None);
        }
    }
}
