//! Relations of patterns against their definition: sets of subjects, counted one by one.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use vagus_subject::{
    has_wildcards, is_subset, is_valid_literal, is_valid_subscription, matches, overlaps, tokens,
};

const TOKENS_MAX: usize = 5;

/// Every subject of up to [`TOKENS_MAX`] tokens over an alphabet with one letter (`z`) more than
/// patterns use, and longer than patterns are: enough to tell any two patterns apart.
static UNIVERSE: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut all = Vec::new();
    let mut longest = vec![String::new()];
    for length in 0..TOKENS_MAX {
        let dot = if length == 0 { "" } else { "." };
        longest = longest
            .iter()
            .flat_map(|s| ["a", "b", "z"].map(|token| format!("{s}{dot}{token}")))
            .collect();
        all.extend_from_slice(&longest);
    }
    all
});

fn pattern() -> impl Strategy<Value = String> {
    (vec(select(vec!["a", "b", "*", "*"]), 0..TOKENS_MAX - 1), any::<bool>()).prop_map(
        |(mut pieces, tail)| {
            if tail || pieces.is_empty() {
                pieces.push(">");
            }
            pieces.join(".")
        },
    )
}

/// The definition of a match, by recursion over the tokens.
fn matches_by_definition(pattern: &[&[u8]], subject: &[&[u8]]) -> bool {
    match (pattern, subject) {
        ([b">"], [_, ..]) => true,
        ([want, pattern @ ..], [token, subject @ ..]) => {
            (*want == b"*" || want == token) && matches_by_definition(pattern, subject)
        }
        ([], []) => true,
        _ => false,
    }
}

/// For each subject of the universe, whether the pattern matches it.
fn set(pattern: &str) -> Vec<bool> {
    let pattern: Vec<_> = tokens(pattern.as_bytes()).collect();
    let wants =
        |s: &String| matches_by_definition(&pattern, &tokens(s.as_bytes()).collect::<Vec<_>>());
    UNIVERSE.iter().map(wants).collect()
}

proptest! {
    #[test]
    fn relations_follow_from_sets(a in pattern(), b in pattern()) {
        let (in_a, in_b) = (set(&a), set(&b));
        for (subject, &wanted) in UNIVERSE.iter().zip(&in_a) {
            prop_assert_eq!(matches(a.as_bytes(), subject.as_bytes()), wanted, "{} {}", a, subject);
        }
        let mut both = in_a.iter().zip(&in_b);
        prop_assert_eq!(overlaps(a.as_bytes(), b.as_bytes()), both.clone().any(|(x, y)| *x && *y));
        prop_assert_eq!(is_subset(a.as_bytes(), b.as_bytes()), both.all(|(x, y)| !*x || *y));
    }

    #[test]
    fn a_literal_is_a_subscription_without_wildcards(s in "[ab.*> \t]{0,8}") {
        let s = s.as_bytes();
        prop_assert_eq!(is_valid_literal(s), is_valid_subscription(s) && !has_wildcards(s));
    }

    #[test]
    fn validity_follows_from_the_tokens(s in "[a.*> \r]{0,8}") {
        let pieces: Vec<_> = s.split('.').collect();
        let valid = pieces.iter().enumerate().all(|(i, token)| {
            !token.is_empty()
                && !token.contains([' ', '\r'])
                && (*token != ">" || i + 1 == pieces.len())
        });
        prop_assert_eq!(is_valid_subscription(s.as_bytes()), valid);
    }
}
