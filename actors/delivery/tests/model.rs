//! Interest and cache against a list: after every change, the answer for every subject is that of
//! somebody who goes through all subscriptions one by one.

use std::sync::{Arc, LazyLock};

use vagus_auth::{Filter, Grant, PermissionRules, Permissions, SubjectRules};
use vagus_subject::{Interested as _, has_wildcards, matches};

use super::kit::{Wire, actor, wire};
use crate::delivery::cache::Want;
use crate::delivery::interest::Change;
use crate::delivery::{Cache, Found, Interest, Match, Slots, Sub, Target};

const PATTERNS: [&str; 16] = [
    "a", "b", "a.b", "a.c", "b.c", "a.b.c", "a.*", "*.b", "a.>", ">", "*", "*.*", "a.*.c", "b.>",
    "*.b.>", "a.b.*",
];
const SUBJECTS: [&str; 16] = [
    "a", "b", "c", "a.b", "a.c", "b.c", "c.b", "a.b.c", "a.x.c", "b.b.b", "x.b.y.z", "a.b.c.d",
    "a.x", "a.y", "a.b.x", "b.b.",
];

/// An answer in a form that can be compared: who, in which group, and with which head.
fn shown<'a>(wants: impl Iterator<Item = (&'a Sub, Vec<u8>)>) -> Vec<(Vec<u8>, u64, Vec<u8>)> {
    let name = |sub: &Sub| sub.queue().map(<[u8]>::to_vec).unwrap_or_default();
    let mut all: Vec<_> =
        wants.map(|(sub, head)| (name(sub), sub.identity().unwrap(), head)).collect();
    all.sort();
    all
}

fn of_match(found: &Match) -> Vec<(Vec<u8>, u64, Vec<u8>)> {
    for group in &found.queues {
        let one_name = group.iter().all(|want| want.sub.queue() == group[0].sub.queue());
        assert!(one_name && group[0].sub.queue().is_some());
    }
    let all: Vec<&Want> = found.plain.iter().chain(found.queues.iter().flatten()).collect();
    assert_eq!(all.len(), found.len());
    assert_eq!(all.is_empty(), found.is_empty());
    shown(all.into_iter().map(|want| (&want.sub, found.head(want).to_vec())))
}

fn of_model(model: &[Sub], subject: &str) -> Vec<(Vec<u8>, u64, Vec<u8>)> {
    let wants = |sub: &&Sub| {
        let denied = has_wildcards(sub.subject()) && sub.denies(subject.as_bytes());
        matches(sub.subject(), subject.as_bytes()) && !denied
    };
    let wanting = model.iter().filter(wants);
    shown(wanting.map(|sub| {
        let sid = String::from_utf8_lossy(sub.sid());
        (sub, format!("HMSG {subject} {sid} ").into_bytes())
    }))
}

fn find(cache: &mut Cache, interest: &Interest, subject: &str) -> Vec<(Vec<u8>, u64, Vec<u8>)> {
    let shown = |found: Found<'_>| match found {
        Found::Kept(found) => of_match(&found),
        Found::Once(found) => of_match(found),
    };
    // As an inbox twice: what the first look leaves behind is what the second one uses.
    let inbox = shown(cache.find_inbox(interest, subject.as_bytes()));
    assert_eq!(shown(cache.find_inbox(interest, subject.as_bytes())), inbox, "{subject}");
    assert_eq!(shown(cache.find(interest, subject.as_bytes())), inbox, "{subject}");
    inbox
}

/// A connection, one for all.
fn client() -> Target {
    static WIRE: LazyLock<Wire> = LazyLock::new(|| wire(&Slots::default(), 1 << 20));
    Target::Connection(Arc::clone(&WIRE.out))
}

/// What keeps a subscription from everything that ends with `.b`.
fn denying() -> Option<Arc<Filter>> {
    let deny = vec!["*.b".to_owned(), "*.*.b".to_owned()];
    let subscribe = SubjectRules { allow: None, deny };
    let rules = PermissionRules { subscribe, ..Default::default() };
    match Permissions::new(rules).may_subscribe(b">", None) {
        Grant::Filtered(filter) => Some(filter),
        _ => None,
    }
}

fn apply(interest: &Interest, change: Change) {
    let writer = interest.writer_of(change.sub().subject());
    interest.apply(writer, &[change]);
}

struct World {
    interest: Interest,
    /// Two arbiters, which look at different times.
    caches: [Cache; 2],
    model: Vec<Sub>,
    target: Target,
    next_sid: u64,
    rng: fastrand::Rng,
}

impl World {
    fn new(seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self {
            interest: Interest::new(1 + seed as usize % 9),
            caches: Default::default(),
            model: Vec::new(),
            target: if seed.is_multiple_of(2) { actor(&Slots::default()).0 } else { client() },
            next_sid: 0,
            rng,
        }
    }

    fn change(&mut self) {
        match self.rng.u8(..10) {
            0..=4 => self.add(),
            5 if !self.model.is_empty() => {
                let twice = self.model[self.rng.usize(..self.model.len())].clone();
                apply(&self.interest, Change::Add(twice));
            }
            6 => self.rebuild(),
            _ if !self.model.is_empty() => {
                let gone = self.model.swap_remove(self.rng.usize(..self.model.len()));
                gone.close();
                apply(&self.interest, Change::Remove(gone.clone()));
                // To add what is closed, or to remove what is gone, changes nothing.
                match self.rng.u8(..3) {
                    0 => apply(&self.interest, Change::Add(gone)),
                    1 => apply(&self.interest, Change::Remove(gone)),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn add(&mut self) {
        let pattern = PATTERNS[self.rng.usize(..PATTERNS.len())].as_bytes();
        let queue = [None, None, Some(&b"q"[..]), Some(b"other")][self.rng.usize(..4)];
        self.next_sid += 1;
        let sid = self.next_sid.to_string();
        // Some are kept from what a pattern denies.
        let filter = self.rng.u8(..6).eq(&0).then(denying).flatten();
        let sub = Sub::filtered(self.target.clone(), pattern, queue, sid.as_bytes(), filter);
        self.model.push(sub.clone());
        apply(&self.interest, Change::Add(sub));
    }

    /// As the successor of a writer does. What was closed without being removed goes, too.
    fn rebuild(&mut self) {
        if !self.model.is_empty() && self.rng.bool() {
            let gone = self.model.swap_remove(self.rng.usize(..self.model.len()));
            gone.close();
            let writer = self.interest.writer_of(gone.subject());
            return self.interest.rebuild(writer);
        }
        self.interest.rebuild(self.rng.usize(..self.interest.writers()));
    }

    fn check(&mut self) {
        assert_eq!(self.interest.len(), self.model.len());
        let by_writer = (0..self.interest.writers()).map(|writer| self.interest.len_of(writer));
        assert_eq!(by_writer.sum::<usize>(), self.model.len());
        for subject in SUBJECTS {
            let cache = &mut self.caches[self.rng.usize(..2)];
            let expected = of_model(&self.model, subject);
            assert_eq!(find(cache, &self.interest, subject), expected, "{subject}");
            // Whoever keeps an answer, as a connection keeps its last, makes the cache's life hard.
            let kept = cache.find(&self.interest, subject.as_bytes());
            if let Found::Kept(kept) = kept {
                assert!(kept.is_current(&self.interest));
                assert_eq!(of_match(&kept), expected);
            }
        }
    }
}

#[test]
fn answers_are_those_of_a_plain_list_after_every_change() {
    for seed in 0..60 {
        let mut world = World::new(seed);
        for _ in 0..60 {
            world.change();
            world.check();
        }
    }
}

#[test]
fn an_answer_that_somebody_keeps_is_not_changed_under_them() {
    let mut world = World::new(3);
    (0..30).for_each(|_| world.add());
    let _ = world.caches[0].find(&world.interest, b"a.b");
    let Found::Kept(kept) = world.caches[0].find(&world.interest, b"a.b") else {
        panic!("asked for twice, it is kept");
    };
    let before = of_match(&kept);
    for _ in 0..200 {
        world.change();
        let _ = world.caches[0].find(&world.interest, b"a.b");
        assert_eq!(of_match(&kept), before);
    }
    assert!(!kept.is_current(&world.interest));
}

#[test]
fn subjects_with_empty_tokens_are_nobodys() {
    let mut world = World::new(4);
    (0..200).for_each(|_| world.add());
    for subject in ["", ".", "a.", ".a", "a..b", "a.b."] {
        for _ in 0..3 {
            assert!(find(&mut world.caches[0], &world.interest, subject).is_empty(), "{subject}");
        }
    }
}

/// Reply subjects, each used once, pass through without pushing out what is asked for all the time.
#[test]
fn subjects_used_once_do_not_push_out_those_in_use() {
    const HOT: usize = 64;
    let interest = Interest::new(4);
    let mut cache = Cache::default();
    let hot: Vec<_> = (0..HOT).map(|n| format!("orders.{n}")).collect();
    for subject in hot.iter().cycle().take(4 * HOT) {
        let _ = cache.find(&interest, subject.as_bytes());
    }
    let (mut missed, mut asked) = (0, 0);
    for n in 0..100_000 {
        let _ = cache.find(&interest, format!("_INBOX.{n:x}.reply").as_bytes());
        let before = cache.lookups;
        let _ = cache.find(&interest, hot[n % HOT].as_bytes());
        missed += cache.lookups - before;
        asked += 1;
    }
    assert!(missed * 50 < asked, "{missed} of {asked} were looked up again");
}

#[test]
fn a_cache_grows_with_the_subjects_in_use() {
    let interest = Interest::new(4);
    let mut cache = Cache::default();
    let all: Vec<_> = (0..20_000).map(|n| format!("sensor.{n}")).collect();
    for subject in all.iter().cycle().take(12 * all.len()) {
        let _ = cache.find(&interest, subject.as_bytes());
    }
    let before = cache.lookups;
    for subject in &all {
        let _ = cache.find(&interest, subject.as_bytes());
    }
    let missed = cache.lookups - before;
    assert!(missed * 10 < all.len() as u64, "{missed} of {} were looked up again", all.len());
    assert!(cache.len() * 10 > 9 * all.len(), "{} kept", cache.len());
}
