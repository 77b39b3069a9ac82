//! One message on its way to several targets.

use std::sync::Arc;

use fastrand::Rng;
use vagus_wire::route;

use super::Post;
use crate::delivery::cache::{Match, Want};
use crate::delivery::returns::Return;
use crate::delivery::spread::{Scope, spread};
use crate::delivery::{Batch, Lane, Target};

/// See the module's text.
pub(in crate::delivery) struct Parcel<'a> {
    post: &'a Post<'a>,
    /// The subject that was subscribed to.
    to: &'a [u8],
    /// The subject to show, where it is not the one that was subscribed to.
    shown: Option<&'a [u8]>,
    /// What follows the head of every delivery.
    tail: &'a [u8],
    /// The same without headers, once somebody needed it.
    bare: Option<Vec<u8>>,
    batch: &'a mut Batch,
    /// The cluster that answers are for, which other servers of this one are told.
    pub(super) back: Option<&'a [u8]>,
}

/// From this size a message is sent from where it lies instead of being copied again.
const LARGE: usize = 16 << 10;

// === impl Parcel ===

impl<'a> Parcel<'a> {
    /// `tail` is what [`Post::write_tail`] has written.
    pub(in crate::delivery) fn new(
        post: &'a Post<'a>,
        to: &'a [u8],
        shown: Option<&'a [u8]>,
        tail: &'a [u8],
        batch: &'a mut Batch,
    ) -> Self {
        Self { post, to, shown, tail, bare: None, batch, back: None }
    }

    pub(in crate::delivery) fn hand(&mut self, found: &Match, want: &Want, groups: &[&[u8]]) {
        if let Target::Route(lane) = &want.sub.target
            && !(groups.is_empty() && self.shown.is_none() && self.back.is_none())
        {
            return self.hand_to_server(lane, groups, None);
        }
        if let Target::Leaf(lane) = &want.sub.target
            && !(groups.is_empty() && self.shown.is_none())
        {
            let mut frame = Vec::with_capacity(128 + self.tail.len());
            let size = lane.write(&mut frame, self.to, groups, self.post);
            return self.batch.message(&want.sub.target, &[], &frame, size);
        }
        let renamed;
        let head = match self.shown {
            None => found.head(want),
            Some(subject) => {
                renamed = [b"HMSG ", subject, b" ", want.sub.sid(), b" "].concat();
                &renamed[..]
            }
        };
        let target = &want.sub.target;
        let Post { headers, payload, .. } = *self.post;
        if let (Some(reply), Target::Connection(out)) = (self.post.reply, target)
            && out.tracks_answers()
        {
            out.expect_answer(reply);
        }
        let (verb, tail, size) = match headers {
            None => (&head[1..], self.tail, payload.len()),
            Some(block) if target.takes_headers() => (head, self.tail, block.len() + payload.len()),
            Some(_) => {
                let post = Post { headers: None, ..*self.post };
                let bare = self.bare.get_or_insert_with(|| {
                    let mut bare = Vec::new();
                    post.write_tail(&mut bare);
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

    /// Gives an answer to all who want it, but to the cluster that asked by `way`.
    pub(super) fn spread_back(&mut self, found: &Match, way: &Return, rng: &mut Rng) -> usize {
        let mut told = false;
        let there = Some(&way.cluster);
        let takes = |want: &Want| want.sub.target.cluster() != there && want.sub.claim(1) == 1;
        let delivered =
            spread(found, Scope::ALL, rng, takes, |want, groups| match &want.sub.target {
                Target::Route(lane) if lane.slot() == way.lane.slot() => {
                    told = true;
                    self.hand_to_server(lane, groups, there);
                }
                _ => self.hand(found, want, groups),
            });
        if told {
            return delivered;
        }
        self.hand_back(&way.lane, there.filter(|_| way.lane.cluster().is_none()));
        delivered + 1
    }

    /// Gives it to a server that may not have said yet that it wants it, and which takes it on to
    /// the cluster `forward`.
    pub(super) fn hand_back(&mut self, lane: &Arc<Lane>, forward: Option<&Arc<str>>) {
        self.hand_to_server(lane, &[], forward);
    }

    /// Tells the other server what it would not know of the message by itself.
    fn hand_to_server(&mut self, lane: &Arc<Lane>, groups: &[&[u8]], forward: Option<&Arc<str>>) {
        let mut head = Vec::with_capacity(128);
        if !groups.is_empty() {
            route::groups(&mut head, groups);
        }
        if self.shown.is_some() {
            route::to(&mut head, self.to);
        }
        if let Some(cluster) = self.back.filter(|_| self.post.reply.is_some()) {
            route::back(&mut head, cluster);
        }
        if let Some(cluster) = forward {
            route::forward(&mut head, cluster.as_bytes());
        }
        let verb = usize::from(self.post.headers.is_none());
        for part in [&b"HPUB "[verb..], self.post.subject, b" "] {
            head.extend_from_slice(part);
        }
        let size = self.post.headers.map_or(0, <[u8]>::len) + self.post.payload.len();
        self.batch.message(&Target::Route(Arc::clone(lane)), &head, self.tail, size);
    }
}
