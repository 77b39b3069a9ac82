//! Waking consumers that have read everything and want more.
//!
//! A stream may have thousands of consumers, each for a subject of its own: a message must not wake
//! those it is not for.

use hashbrown::HashMap;
use smallvec::SmallVec;
use vagus_subject::{has_wildcards, matches};

use super::messages::ConsumerId;

/// See the module's text.
#[derive(Default)]
pub(super) struct Bell {
    /// What each consumer is for; none: everything.
    filters: HashMap<ConsumerId, Vec<Box<[u8]>>>,
    /// Consumers with a filter that is one literal subject.
    literal: HashMap<Box<[u8]>, SmallVec<[ConsumerId; 2]>>,
    /// Consumers with patterns.
    patterns: Vec<(Box<[u8]>, ConsumerId)>,
    /// Those that listen: for everything, or for something.
    all: Vec<ConsumerId>,
    some: HashMap<ConsumerId, ()>,
}

// === impl Bell ===

impl Bell {
    /// A consumer comes, or changes what it is for.
    pub(super) fn join(&mut self, id: ConsumerId, filters: Vec<Box<[u8]>>) {
        self.leave(id);
        for filter in &filters {
            if has_wildcards(filter) {
                self.patterns.push((filter.clone(), id));
            } else {
                self.literal.entry(filter.clone()).or_default().push(id);
            }
        }
        self.filters.insert(id, filters);
    }

    pub(super) fn leave(&mut self, id: ConsumerId) {
        self.patterns.retain(|(_, other)| *other != id);
        for filter in self.filters.remove(&id).into_iter().flatten() {
            if let Some(ids) = self.literal.get_mut(&filter) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.literal.remove(&filter);
                }
            }
        }
        self.all.retain(|other| *other != id);
        self.some.remove(&id);
    }

    /// A consumer wants to be woken by the next message that is for it, once.
    pub(super) fn listen(&mut self, id: ConsumerId) {
        match self.filters.get(&id) {
            Some(filters) if !filters.is_empty() => drop(self.some.insert(id, ())),
            Some(_) if !self.all.contains(&id) => self.all.push(id),
            _ => {}
        }
    }

    /// A consumer was woken otherwise.
    pub(super) fn hush(&mut self, id: ConsumerId) {
        self.all.retain(|other| *other != id);
        self.some.remove(&id);
    }

    /// Whether it matters which subjects there are news for.
    pub(super) fn asks_for_subjects(&self) -> bool {
        !self.some.is_empty()
    }

    /// There are news for everyone who listens to everything.
    pub(super) fn ring(&mut self, wake: &mut Vec<ConsumerId>) {
        wake.append(&mut self.all);
    }

    /// There are news for a subject.
    pub(super) fn ring_for(&mut self, subject: &[u8], wake: &mut Vec<ConsumerId>) {
        if self.some.is_empty() {
            return;
        }
        let Self { literal, patterns, some, .. } = self;
        let mut take = |id: ConsumerId| {
            if some.remove(&id).is_some() {
                wake.push(id);
            }
        };
        literal.get(subject).into_iter().flatten().for_each(|id| take(*id));
        let heard = patterns.iter().filter(|(pattern, _)| matches(pattern, subject));
        heard.for_each(|(_, id)| take(*id));
    }

    /// How many listen.
    pub(super) fn listening(&self) -> usize {
        self.all.len() + self.some.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(bell: &mut Bell, subjects: &[&str]) -> Vec<ConsumerId> {
        let mut wake = Vec::new();
        bell.ring(&mut wake);
        subjects.iter().for_each(|subject| bell.ring_for(subject.as_bytes(), &mut wake));
        wake.sort_unstable();
        wake
    }

    #[test]
    fn wakes_those_it_is_for_once() {
        let filters = |list: &[&str]| -> Vec<Box<[u8]>> {
            list.iter().map(|filter| filter.as_bytes().into()).collect()
        };
        let mut bell = Bell::default();
        bell.join(1, filters(&[]));
        bell.join(2, filters(&["a", "b.*"]));
        bell.join(3, filters(&["b.>"]));
        (1..=4).for_each(|id| bell.listen(id));
        bell.listen(1);
        assert_eq!(bell.listening(), 3, "nobody knows 4");
        assert_eq!(rung(&mut bell, &["b.c", "b.d"]), [1, 2, 3]);
        assert!(rung(&mut bell, &["b.c"]).is_empty());
        (1..=3).for_each(|id| bell.listen(id));
        assert_eq!(rung(&mut bell, &["a"]), [1, 2]);
        bell.leave(3);
        assert!(rung(&mut bell, &["b.c"]).is_empty());
        bell.join(2, filters(&["c"]));
        bell.listen(2);
        assert!(bell.asks_for_subjects());
        assert!(rung(&mut bell, &["a"]).is_empty());
        assert_eq!(rung(&mut bell, &["c"]), [2]);
    }
}
