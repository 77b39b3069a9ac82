//! Who gets a message of all those who want it: every plain subscription, one member of each queue
//! group, and each other server once, with the groups whose members there it is for.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use smallvec::SmallVec;

use super::cache::{Match, Want};
use super::{Origin, Sub, Target};

/// The groups of which another server is to choose the member.
pub type Groups<'a> = SmallVec<[&'a [u8]; 2]>;

/// How far a message may go, or somebody is away. What came by a link has seen the others of where
/// it came from, so that it never comes twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reach {
    /// Clients and actors of this server.
    Here,
    /// All servers of this cluster.
    Cluster,
    /// All clusters.
    World,
}

/// Whom a message is for.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub reach: Reach,
    /// The only groups of which a member is to get it; `None`: all.
    pub groups: Option<&'a [&'a [u8]]>,
    /// The leaf cluster that it comes from, which it does not go back to.
    pub origin: Option<&'a Arc<Origin>>,
}

// === impl Reach ===

impl Reach {
    /// How far away a target is.
    #[inline]
    #[must_use]
    pub fn of(target: &Target) -> Self {
        match target {
            Target::Route(lane) if lane.cluster().is_some() => Self::World,
            Target::Route(_) => Self::Cluster,
            // A hub hears by itself from each server and each cluster.
            Target::Leaf(lane) if !lane.is_spoke() => Self::World,
            _ => Self::Here,
        }
    }

    /// How far a message goes that came from a server of this other cluster, or of our own.
    #[must_use]
    pub fn behind(cluster: Option<&str>) -> Self {
        if cluster.is_some() { Self::Cluster } else { Self::Here }
    }

    #[inline]
    #[must_use]
    pub fn covers(self, want: &Want) -> bool {
        Self::of(&want.sub.target) <= self
    }

    /// The members of a group that it covers: those who are nearer come first.
    fn part(self, group: &[Want]) -> &[Want] {
        &group[..group.partition_point(|want| self.covers(want))]
    }
}

// === impl Scope ===

impl<'a> Scope<'a> {
    /// For everybody.
    pub const ALL: Self = Self { reach: Reach::World, groups: None, origin: None };

    /// Whether a subscription is one of those it is for.
    #[must_use]
    pub fn takes(self, sub: &Sub) -> bool {
        let named = |queue: &[u8]| self.groups.is_none_or(|groups| groups.contains(&queue));
        Reach::of(&sub.target) <= self.reach && sub.queue().is_none_or(named)
    }

    /// Whether one of those who want it is out of the way that it came.
    #[inline]
    fn lets(self, found: &Match, want: &Want) -> bool {
        self.origin.is_none_or(|origin| !found.leads_back(want, origin))
    }

    /// The members of a group among whom one is to be chosen.
    fn part<'g>(self, group: &'g [Want]) -> &'g [Want] {
        let named = |names: &'a [&'a [u8]]| {
            group
                .first()
                .and_then(|want| want.sub.queue())
                .is_some_and(|name| names.contains(&name))
        };
        if self.groups.is_none_or(named) { self.reach.part(group) } else { &[] }
    }
}

/// A member of the group that takes one message, which `takes` says: each member of this cluster
/// has the same chance, and another server that of all members it stands for. Where none takes it,
/// the nearest cluster does that has members.
#[inline]
pub fn choose<'a>(
    group: &'a [Want],
    rng: &mut fastrand::Rng,
    mut takes: impl FnMut(&Want) -> bool,
) -> Option<&'a Want> {
    match group.last() {
        Some(last) if last.sub.target.is_far() => choose_far(group, rng, takes),
        Some(_) => {
            let (before, from) = group.split_at(rng.usize(..group.len()));
            from.iter().chain(before).find(|want| takes(want))
        }
        None => None,
    }
}

#[cold]
fn choose_far<'a>(
    group: &'a [Want],
    rng: &mut fastrand::Rng,
    mut takes: impl FnMut(&Want) -> bool,
) -> Option<&'a Want> {
    let (own, others) = group.split_at(Reach::Cluster.part(group).len());
    let (before, from) = own.split_at(weighted(own, rng));
    let mut all = from.iter().chain(before);
    // Leaf nodes come behind the whole cluster.
    let is_leaf = |want: &&Want| want.sub.target.is_behind_leaf();
    let found = all.clone().find(|want| !is_leaf(want) && takes(want));
    if let Some(found) = found.or_else(|| all.find(|want| is_leaf(want) && takes(want))) {
        return Some(found);
    }
    let mut others: SmallVec<[(u64, &Want); 4]> =
        others.iter().map(|want| (distance(want), want)).collect();
    others.sort_by_key(|(distance, _)| *distance);
    others.into_iter().map(|(_, want)| want).find(|want| takes(want))
}

/// Round-trip time in nanoseconds. One that is not known yet is the longest.
fn distance(want: &Want) -> u64 {
    let rtt = want.sub.target.out().map_or(0, |out| out.stats.rtt_ns.load(Relaxed));
    rtt.checked_sub(1).unwrap_or(u64::MAX)
}

/// Where the search among these begins.
fn weighted(group: &[Want], rng: &mut fastrand::Rng) -> usize {
    let weight = |want: &Want| match want.sub.target.is_behind_leaf() {
        true => 0,
        false => u64::from(want.sub.weight()),
    };
    let total: u64 = group.iter().map(weight).sum();
    let mut left = rng.u64(..total.max(1));
    for (n, want) in group.iter().enumerate() {
        match left.checked_sub(weight(want)) {
            Some(rest) => left = rest,
            None => return n,
        }
    }
    0
}

/// Gives a message, one by one, to all who are to get it and who take it: `give` is told the
/// groups that it is for, where it goes to another server. The answer is how many got it.
pub fn spread<'a>(
    found: &'a Match,
    scope: Scope<'_>,
    rng: &mut fastrand::Rng,
    mut takes: impl FnMut(&Want) -> bool,
    mut give: impl FnMut(&'a Want, &[&'a [u8]]),
) -> usize {
    let mut delivered = 0;
    let mut takes = |want: &Want| scope.lets(found, want) && takes(want);
    let mut far: SmallVec<[(&Want, Groups<'a>); 2]> = SmallVec::new();
    for group in &found.queues {
        let Some(want) = choose(scope.part(group), rng, &mut takes) else { continue };
        delivered += 1;
        if !want.sub.target.is_far() {
            give(want, &[]);
            continue;
        }
        let name = want.sub.queue().unwrap_or_default();
        let slot = want.sub.target.slot();
        match far.iter_mut().find(|(known, _)| known.sub.target.slot() == slot) {
            Some((_, groups)) => groups.push(name),
            None => far.push((want, SmallVec::from_slice(&[name]))),
        }
    }
    for want in &found.plain {
        if scope.reach.covers(want) && takes(want) {
            delivered += 1;
            let slot = want.sub.target.slot();
            let at = far.iter().position(|(known, _)| known.sub.target.slot() == slot);
            let groups = at.map(|at| far.swap_remove(at).1).unwrap_or_default();
            give(want, &groups);
        }
    }
    far.iter().for_each(|(want, groups)| give(want, groups));
    delivered
}
