//! The index against a plain list: after any history of inserts and removes both must agree on
//! what is there and on who wants a subject.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use vagus_subject::{Interested, Literals, Wildcards, has_wildcards, hash, matches};

#[derive(Debug)]
struct Sub {
    pattern: String,
    id: u32,
}

impl Interested for Handle {
    fn subject(&self) -> &[u8] {
        self.0.pattern.as_bytes()
    }
    fn same(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
    fn identity(&self) -> Option<u64> {
        Some(self.0.id.into())
    }
}

#[derive(Clone, Debug)]
struct Handle(Arc<Sub>);

#[derive(Clone, Debug)]
enum Step {
    Insert(String),
    /// Once more what is there already.
    InsertAgain(Index),
    Remove(Index),
    /// Something that was never there, under a pattern that may be.
    RemoveStranger(String),
    Publish(String),
}

#[derive(Default)]
struct Both {
    literals: Literals<Handle>,
    wildcards: Wildcards<Handle>,
    model: Vec<Handle>,
    next_id: u32,
}

impl Both {
    fn fresh(&mut self, pattern: &str) -> Handle {
        self.next_id += 1;
        Handle(Arc::new(Sub { pattern: pattern.to_owned(), id: self.next_id }))
    }

    fn insert(&mut self, sub: Handle) -> bool {
        if has_wildcards(sub.subject()) {
            self.wildcards.insert(sub)
        } else {
            self.literals.insert(hash(sub.subject()), sub)
        }
    }

    fn remove(&mut self, sub: &Handle) -> bool {
        if has_wildcards(sub.subject()) {
            self.wildcards.remove(sub)
        } else {
            self.literals.remove(hash(sub.subject()), sub)
        }
    }

    fn wanted(&self, subject: &str) -> Vec<u32> {
        let subject = subject.as_bytes();
        let mut ids: Vec<u32> =
            self.literals.matching(hash(subject), subject).iter().map(|s| s.0.id).collect();
        self.wildcards.visit(subject, &mut |s| ids.push(s.0.id));
        ids.sort_unstable();
        ids
    }

    /// Whoever is said to want all that differs in the last token alone does.
    fn check_alike(&self, subject: &str) {
        let visit = |subject: &str| {
            let mut ids = Vec::new();
            let alike = self.wildcards.visit(subject.as_bytes(), &mut |s| ids.push(s.0.id));
            ids.sort_unstable();
            (ids, alike)
        };
        let (ids, alike) = visit(subject);
        let start = subject.rfind('.').map_or(0, |dot| dot + 1);
        for last in ["a", "b", "c", "never"] {
            let other = format!("{}{last}", &subject[..start]);
            assert!(!alike || visit(&other) == (ids.clone(), true), "{subject} and {other}");
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Insert(pattern) => {
                let sub = self.fresh(pattern);
                self.model.push(sub.clone());
                assert!(self.insert(sub));
            }
            Step::InsertAgain(at) if !self.model.is_empty() => {
                let sub = at.get(&self.model).clone();
                assert!(!self.insert(sub), "twice the same");
            }
            Step::Remove(at) if !self.model.is_empty() => {
                let sub = self.model.swap_remove(at.index(self.model.len()));
                assert!(self.remove(&sub));
                assert!(!self.remove(&sub), "removed before");
            }
            Step::RemoveStranger(pattern) => {
                let sub = self.fresh(pattern);
                assert!(!self.remove(&sub));
            }
            Step::Publish(subject) => {
                let mut expected: Vec<u32> = self
                    .model
                    .iter()
                    .filter(|s| matches(s.subject(), subject.as_bytes()))
                    .map(|s| s.0.id)
                    .collect();
                expected.sort_unstable();
                assert_eq!(self.wanted(subject), expected, "{subject}");
                self.check_alike(subject);
            }
            Step::InsertAgain(_) | Step::Remove(_) => {}
        }
        assert_eq!(self.literals.len() + self.wildcards.len(), self.model.len());
    }

    fn check_all(&self) {
        let mut ids: Vec<u32> =
            self.literals.iter().chain(self.wildcards.iter()).map(|s| s.0.id).collect();
        let mut expected: Vec<u32> = self.model.iter().map(|s| s.0.id).collect();
        ids.sort_unstable();
        expected.sort_unstable();
        assert_eq!(ids, expected);
    }
}

/// Few tokens, so that subjects meet; one too long to be stored in a node, and bytes that look like
/// wildcards but are none.
fn token() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "b", "c", "a*", "a-token-that-does-not-fit-in-a-node"])
}

fn pattern() -> impl Strategy<Value = String> {
    let piece = prop_oneof![3 => token(), 2 => Just("*")];
    (vec(piece, 0..5), prop::bool::weighted(0.3)).prop_map(|(mut pieces, tail)| {
        if tail || pieces.is_empty() {
            pieces.push(">");
        }
        pieces.join(".")
    })
}

/// Now and then with a wildcard or an empty token in it: publishers may send what they like.
fn subject() -> impl Strategy<Value = String> {
    let piece = prop_oneof![20 => token(), 1 => Just("*"), 1 => Just(">"), 1 => Just("")];
    vec(piece, 1..6).prop_map(|pieces| pieces.join("."))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => pattern().prop_map(Step::Insert),
        1 => any::<Index>().prop_map(Step::InsertAgain),
        4 => any::<Index>().prop_map(Step::Remove),
        1 => pattern().prop_map(Step::RemoveStranger),
        5 => subject().prop_map(Step::Publish),
    ]
}

proptest! {
    #[test]
    fn the_index_agrees_with_a_list(steps in vec(step(), 1..200)) {
        let mut both = Both::default();
        for step in &steps {
            both.step(step);
        }
        both.check_all();
        for sub in std::mem::take(&mut both.model) {
            prop_assert!(both.remove(&sub));
        }
        prop_assert!(both.literals.is_empty() && both.wildcards.is_empty());
        prop_assert_eq!(both.wanted("a.b.c"), Vec::<u32>::new());
    }
}

fn sub(pattern: impl Into<String>, id: u32) -> Handle {
    Handle(Arc::new(Sub { pattern: pattern.into(), id }))
}

fn count(tree: &Wildcards<Handle>, subject: &str) -> usize {
    let mut count = 0;
    tree.visit(subject.as_bytes(), &mut |_| count += 1);
    count
}

#[test]
fn thousands_of_tokens_overflow_no_stack() {
    let deep = vec!["x"; 50_000].join(".");
    let stars = vec!["*"; 50_000].join(".");
    let mut tree = Wildcards::default();
    let subs = [
        sub(format!("{deep}.>"), 1),
        sub(stars, 2),
        sub(format!("*.{deep}"), 3),
        sub(format!("{deep}.*"), 4),
    ];
    for s in &subs {
        assert!(tree.insert(s.clone()));
    }
    assert_eq!(count(&tree, &deep), 1);
    assert_eq!(count(&tree, &format!("{deep}.x")), 3);
    assert!(tree.remove(&subs[0]) && tree.remove(&subs[2]));
    assert_eq!(count(&tree, &format!("{deep}.x")), 1);
    drop(tree);
}

#[test]
fn removed_patterns_give_their_memory_back() {
    let mut tree = Wildcards::default();
    let empty = tree.heap_bytes();
    let subs: Vec<_> = (0..10_000).map(|i| sub(format!("a.{i}.*.x"), i)).collect();
    for s in &subs {
        assert!(tree.insert(s.clone()));
    }
    let full = tree.heap_bytes();
    for s in &subs[10..] {
        assert!(tree.remove(s));
    }
    assert!(tree.heap_bytes() * 8 < full, "{} of {full} are left", tree.heap_bytes());
    for s in &subs[..10] {
        assert_eq!(count(&tree, &s.0.pattern.replace('*', "any")), 1);
        assert!(tree.remove(s));
    }
    assert!(tree.heap_bytes() < empty + 16_384, "{} bytes", tree.heap_bytes());
}

#[test]
fn many_star_levels_cost_no_more_than_the_nodes_there_are() {
    // All 2^12 patterns over {a, *}: each is wanted by the subject of twelve `a`, exactly once.
    let mut tree = Wildcards::default();
    for bits in 0..1u32 << 12 {
        let pieces: Vec<_> = (0..12).map(|i| if bits >> i & 1 == 0 { "a" } else { "*" }).collect();
        assert!(tree.insert(sub(pieces.join("."), bits)));
    }
    let mut seen = vec![0; 1 << 12];
    tree.visit(["a"; 12].join(".").as_bytes(), &mut |s| seen[s.0.id as usize] += 1);
    assert!(seen.iter().all(|&times| times == 1));
    assert_eq!(count(&tree, &["b"; 12].join(".")), 1);
}
