//! What a pattern says about a subject, and about another pattern.
//!
//! All three walk both arguments once, token by token, and never allocate. A pattern without
//! wildcards is welcome everywhere: it stands for the one subject it spells.

use crate::syntax::{ANY_TAIL, ANY_TOKEN, tokens};

/// Whether a message published to `subject` is for a subscription to `pattern`.
///
/// `subject` is taken as it is spelled: a `*` in it is a token like any other, which only a
/// wildcard of the pattern can match. A subject with an empty token matches nothing.
pub fn matches(pattern: &[u8], subject: &[u8]) -> bool {
    let mut wanted = tokens(pattern);
    let mut given = tokens(subject);
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return !subject.is_empty(),
            (Some(want), Some(token)) if !token.is_empty() => {
                if want == ANY_TAIL && wanted.is_done() {
                    return given.all(|token| !token.is_empty());
                }
                if want == ANY_TOKEN {
                    continue;
                }
                // A subject may spell a wildcard, but no subscription asks for it literally.
                if want != token || want == ANY_TAIL {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Whether there is a subject that both patterns match.
pub fn overlaps(a: &[u8], b: &[u8]) -> bool {
    let (mut a, mut b) = (tokens(a), tokens(b));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(x), Some(y)) => {
                if x == ANY_TAIL || y == ANY_TAIL {
                    return true;
                }
                if x != y && x != ANY_TOKEN && y != ANY_TOKEN {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Whether every subject that `a` matches is matched by `of` too.
pub fn is_subset(a: &[u8], of: &[u8]) -> bool {
    let (mut a, mut of) = (tokens(a), tokens(of));
    loop {
        match (a.next(), of.next()) {
            (None, None) => return true,
            (Some(narrow), Some(wide)) => {
                if wide == ANY_TAIL {
                    return true;
                }
                if narrow == ANY_TAIL || (wide != ANY_TOKEN && wide != narrow) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(relation: fn(&[u8], &[u8]) -> bool, yes: &[(&str, &str)], no: &[(&str, &str)]) {
        for (a, b) in yes {
            assert!(relation(a.as_bytes(), b.as_bytes()), "{a} {b}");
        }
        for (a, b) in no {
            assert!(!relation(a.as_bytes(), b.as_bytes()), "not {a} {b}");
        }
    }

    #[test]
    fn a_pattern_matches_subjects() {
        check(
            matches,
            &[
                ("foo", "foo"),
                ("*", "foo"),
                (">", "foo"),
                (">", "foo.bar.baz"),
                ("foo.*", "foo.bar"),
                ("*.bar", "foo.bar"),
                ("foo.>", "foo.bar"),
                ("foo.>", "foo.bar.baz"),
                ("foo.*.>", "foo.bar.baz"),
                ("foo*.b>", "foo*.b>"),
                ("foo.*", "foo.*"),
                ("foo.*", "foo.>"),
                ("foo.>", "foo.*.>"),
            ],
            &[
                ("foo", "bar"),
                ("foo", "foo.bar"),
                ("foo.bar", "foo"),
                ("*", "foo.bar"),
                ("foo.>", "foo"),
                ("foo.*.>", "foo.bar"),
                ("foo*", "foobar"),
                ("foo.bar>", "foo.bar.baz"),
                (">", ""),
                ("", ""),
                (">", "foo."),
                (">", ".foo"),
                ("foo.>", "foo.bar..baz"),
                ("foo.*", "foo."),
            ],
        );
    }

    #[test]
    fn patterns_overlap() {
        let yes = [
            ("foo", "foo"),
            ("foo.*", "*.bar"),
            ("foo.>", "*.bar.baz"),
            (">", "*"),
            ("a.*.c", "a.b.*"),
            ("foo.>", "foo.>"),
            ("*.*", ">"),
        ];
        let no =
            [("foo", "bar"), ("foo.>", "foo"), ("*", "*.*"), ("foo.*", "fo*.bar"), ("a.>", "b.>")];
        let flip = |(a, b)| (b, a);
        check(overlaps, &yes, &no);
        check(overlaps, &yes.map(flip), &no.map(flip));
    }

    #[test]
    fn a_pattern_is_a_subset_of_a_wider_one() {
        check(
            is_subset,
            &[
                ("foo", "foo"),
                ("foo", ">"),
                ("foo.*", "foo.>"),
                ("foo.*", "*.*"),
                ("foo.*", "foo.*"),
                ("foo.>", ">"),
                ("foo.bar.>", "foo.*.>"),
                (">", ">"),
            ],
            &[
                (">", "*"),
                ("*", "foo"),
                ("foo.*", "foo.bar"),
                ("foo.>", "foo.*"),
                ("foo", "foo.>"),
                ("*.*", "*"),
                ("foo", "fo*"),
            ],
        );
    }
}
