//! Subjects, patterns, the index and transforms, against the rules said in the plainest way.
//!
//! The lines of the input are a subject, a pattern, a destination and then more patterns.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vagus_subject::transform::{Kind, Transform, numbered};
use vagus_subject::{
    Interested, Literals, Wildcards, has_wildcards, hash, is_subset, is_valid_literal,
    is_valid_subscription, matches, overlaps, token_count, tokens,
};

/// Keeps the comparison of all pairs short.
const LINES_MAX: usize = 16;

fuzz_target!(|data: &[u8]| {
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').take(LINES_MAX).collect();
    for line in &lines {
        syntax(line);
    }
    let subject = lines[0];
    relations(subject, &lines);
    index(subject, &lines);
    if let [subject, source, destination, ..] = lines[..] {
        transforms(subject, source, destination);
    }
});

// === the rules ===

fn split(s: &[u8]) -> Vec<&[u8]> {
    if s.is_empty() { Vec::new() } else { s.split(|byte| *byte == b'.').collect() }
}

fn is_valid(s: &[u8]) -> bool {
    let white = s.iter().any(|byte| b" \t\r\n".contains(byte));
    let parts = split(s);
    let tail_inside = parts.iter().rev().skip(1).any(|token| token == b">");
    !white && !parts.is_empty() && parts.iter().all(|token| !token.is_empty()) && !tail_inside
}

fn is_literal(s: &[u8]) -> bool {
    split(s).iter().all(|token| *token != b"*" && *token != b">")
}

fn wants(pattern: &[&[u8]], subject: &[&[u8]]) -> bool {
    match (pattern, subject) {
        ([], []) => true,
        ([b">"], [_, ..]) => true,
        ([b"*", pattern @ ..], [_, subject @ ..]) => wants(pattern, subject),
        ([want, pattern @ ..], [token, subject @ ..]) => want == token && wants(pattern, subject),
        _ => false,
    }
}

// === what is held to them ===

fn syntax(s: &[u8]) {
    assert_eq!(is_valid_subscription(s), is_valid(s));
    assert_eq!(is_valid_literal(s), is_valid(s) && is_literal(s));
    assert_eq!(has_wildcards(s), !is_literal(s));
    assert_eq!(tokens(s).collect::<Vec<_>>(), split(s));
    assert_eq!(token_count(s), split(s).len());
}

fn relations(subject: &[u8], patterns: &[&[u8]]) {
    for a in patterns {
        if is_valid_subscription(a) && is_valid_literal(subject) {
            let wanted = wants(&split(a), &split(subject));
            assert_eq!(matches(a, subject), wanted);
            assert_eq!(is_subset(subject, a), wanted);
            assert_eq!(overlaps(subject, a), wanted);
        }
        for b in patterns {
            assert_eq!(overlaps(a, b), overlaps(b, a));
            if !is_valid_subscription(a) || !is_valid_subscription(b) {
                continue;
            }
            if is_subset(a, b) {
                assert!(overlaps(a, b));
                assert!(!matches(a, subject) || matches(b, subject));
            }
            if is_valid_literal(subject) && matches(a, subject) && matches(b, subject) {
                assert!(overlaps(a, b));
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry<'a> {
    id: u64,
    pattern: &'a [u8],
    /// Whether the index may tell entries apart by a number.
    has_identity: bool,
}

impl Interested for Entry<'_> {
    fn subject(&self) -> &[u8] {
        self.pattern
    }

    fn same(&self, other: &Self) -> bool {
        self.id == other.id
    }

    fn identity(&self) -> Option<u64> {
        self.has_identity.then_some(self.id)
    }
}

/// Subscribes to every line twice, then takes every other subscription out again.
fn index(subject: &[u8], patterns: &[&[u8]]) {
    let has_identity = subject.len() % 2 == 0;
    let (mut literals, mut wildcards) = (Literals::new(), Wildcards::new());
    let mut model = Vec::new();
    for (id, pattern) in (0..).zip(patterns.iter().chain(patterns)) {
        if !is_valid_subscription(pattern) {
            continue;
        }
        let entry = Entry { id, pattern, has_identity };
        let mut insert = || match has_wildcards(pattern) {
            true => wildcards.insert(entry),
            false => literals.insert(hash(pattern), entry),
        };
        assert!(insert() && !insert());
        model.push(entry);
    }
    compare(subject, &literals, &wildcards, &model);
    for entry in model.iter().step_by(2) {
        let mut remove = || match has_wildcards(entry.pattern) {
            true => wildcards.remove(entry),
            false => literals.remove(hash(entry.pattern), entry),
        };
        assert!(remove() && !remove());
    }
    let rest: Vec<_> = model.into_iter().skip(1).step_by(2).collect();
    compare(subject, &literals, &wildcards, &rest);
}

fn compare<'a>(
    subject: &[u8],
    literals: &Literals<Entry<'a>>,
    wildcards: &Wildcards<Entry<'a>>,
    model: &[Entry<'a>],
) {
    assert_eq!(literals.len() + wildcards.len(), model.len());
    let mut found: Vec<u64> =
        literals.matching(hash(subject), subject).iter().map(|entry| entry.id).collect();
    wildcards.visit(subject, &mut |entry| found.push(entry.id));
    found.sort_unstable();
    let expected: Vec<u64> =
        model.iter().filter(|e| matches(e.pattern, subject)).map(|e| e.id).collect();
    assert_eq!(found, expected);
}

fn transforms(subject: &[u8], source: &[u8], destination: &[u8]) {
    // A literal `$1` of a source reads as a wildcard's place in a destination.
    let leads_back = !source.iter().any(|byte| b"${".contains(byte));
    for kind in [Kind::Mapping, Kind::Stream, Kind::Republish, Kind::Import] {
        let Ok(transform) = Transform::new(source, destination, kind) else { continue };
        let mut rng = fastrand::Rng::with_seed(1);
        let there = transform.apply(subject, &mut rng);
        assert_eq!(there.is_some(), transform.covers(subject));
        let (Some(there), Some(back)) = (there, transform.reversed()) else { continue };
        if is_valid_literal(subject) && leads_back {
            assert_eq!(back.apply(&there, &mut rng).as_deref(), Some(subject));
        }
    }
    if leads_back
        && is_valid_subscription(source)
        && is_valid_literal(subject)
        && matches(source, subject)
    {
        let mut rng = fastrand::Rng::with_seed(1);
        match Transform::new(source, &numbered(source), Kind::Mapping) {
            Ok(same) => assert_eq!(same.apply(subject, &mut rng).as_deref(), Some(subject)),
            Err(error) => panic!("a pattern onto itself: {error}"),
        }
    }
}
