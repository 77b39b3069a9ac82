//! A set of subject patterns that answers whether a subject is in it.

use std::collections::HashSet;

use vagus_subject::{has_wildcards, is_subset, matches};

/// Literal subjects are looked up, patterns with wildcards are tried one by one.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    literals: HashSet<Box<[u8]>>,
    wildcards: Box<[Box<[u8]>]>,
}

// === impl Patterns ===

impl Patterns {
    pub(super) fn new(patterns: Vec<&[u8]>) -> Self {
        let (wildcards, literals): (Vec<&[u8]>, Vec<&[u8]>) =
            patterns.into_iter().partition(|pattern| has_wildcards(pattern));
        Self {
            literals: literals.into_iter().map(Into::into).collect(),
            wildcards: wildcards.into_iter().map(Into::into).collect(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.literals.iter().chain(&self.wildcards).map(|pattern| &**pattern)
    }

    /// Whether a pattern matches `subject`, whose wildcards count as ordinary tokens.
    pub(super) fn matches(&self, subject: &[u8]) -> bool {
        self.literals.contains(subject) || self.wildcards.iter().any(|p| matches(p, subject))
    }

    /// Whether one pattern matches everything that `subject` can match.
    pub(super) fn cover(&self, subject: &[u8]) -> bool {
        self.literals.contains(subject) || self.wildcards.iter().any(|p| is_subset(subject, p))
    }
}
