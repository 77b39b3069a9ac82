//! Who gets a message of all those who want it: every plain subscription, one member of each queue
//! group, and each other server once, with the groups whose members there it is for.

use smallvec::SmallVec;

use super::cache::{Match, Want};

/// The groups of which another server is to choose the member.
pub type Groups<'a> = SmallVec<[&'a [u8]; 2]>;

/// Where the search for a member of `group` begins: each member has the same chance, and another
/// server that of all members it stands for.
#[inline]
pub fn start(group: &[Want], rng: &mut fastrand::Rng) -> usize {
    match group.last() {
        Some(last) if last.sub.target.is_route() => weighted(group, rng),
        _ => rng.usize(..group.len()),
    }
}

#[cold]
fn weighted(group: &[Want], rng: &mut fastrand::Rng) -> usize {
    let total: u64 = group.iter().map(|want| u64::from(want.sub.weight())).sum();
    let mut left = rng.u64(..total.max(1));
    for (n, want) in group.iter().enumerate() {
        match left.checked_sub(u64::from(want.sub.weight())) {
            Some(rest) => left = rest,
            None => return n,
        }
    }
    0
}

/// A member of the group that takes one message, which `takes` says.
#[inline]
pub fn choose<'a>(
    group: &'a [Want],
    rng: &mut fastrand::Rng,
    mut takes: impl FnMut(&Want) -> bool,
) -> Option<&'a Want> {
    let (before, from) = group.split_at(start(group, rng));
    from.iter().chain(before).find(|want| takes(want))
}

/// Gives a message, one by one, to all who are to get it and who take it: `give` is told the
/// groups that it is for, where it goes to another server. The answer is how many got it.
pub fn spread<'a>(
    found: &'a Match,
    rng: &mut fastrand::Rng,
    mut takes: impl FnMut(&Want) -> bool,
    mut give: impl FnMut(&'a Want, &[&'a [u8]]),
) -> usize {
    let mut delivered = 0;
    let mut far: SmallVec<[(&Want, Groups<'a>); 2]> = SmallVec::new();
    for group in &found.queues {
        let Some(want) = choose(group, rng, &mut takes) else { continue };
        delivered += 1;
        if !want.sub.target.is_route() {
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
        if takes(want) {
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
