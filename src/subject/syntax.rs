//! The syntax of subjects: validity, wildcards, tokens.
//!
//! Subjects are bytes: nothing here asks for UTF-8 (only the configuration of a stream does).

use memchr::{memchr_iter, memchr2_iter};

/// The byte between two tokens.
pub const SEPARATOR: u8 = b'.';
/// As a whole token: exactly one token, any.
pub const ANY_TOKEN: &[u8] = b"*";
/// As the whole last token: one token or more, any.
pub const ANY_TAIL: &[u8] = b">";

/// Whether `s` may be subscribed to: not empty, no empty token, no white space, and `>` as a token
/// only at the end.
pub fn is_valid_subscription(s: &[u8]) -> bool {
    scan(s, |token, last| token != ANY_TAIL || last)
}

/// Whether `s` may be published to: a valid subject without wildcard tokens.
pub fn is_valid_literal(s: &[u8]) -> bool {
    scan(s, |token, _| token != ANY_TOKEN && token != ANY_TAIL)
}

/// The rules that both kinds of subject share, in one pass; `allowed(token, is_last)` has the rest.
#[inline]
fn scan(s: &[u8], allowed: impl Fn(&[u8], bool) -> bool) -> bool {
    let mut start = 0;
    for (i, &byte) in s.iter().enumerate() {
        match byte {
            _ if is_white(byte) => return false,
            SEPARATOR => {
                if i == start || !allowed(&s[start..i], false) {
                    return false;
                }
                start = i + 1;
            }
            _ => {}
        }
    }
    start < s.len() && allowed(&s[start..], true)
}

/// Whether a token of `s` is a wildcard. Says nothing about validity.
pub fn has_wildcards(s: &[u8]) -> bool {
    memchr2_iter(b'*', b'>', s)
        .any(|i| (i == 0 || s[i - 1] == SEPARATOR) && (i + 1 == s.len() || s[i + 1] == SEPARATOR))
}

/// How many tokens `s` has; an empty subject has none.
pub fn token_count(s: &[u8]) -> usize {
    if s.is_empty() { 0 } else { memchr_iter(SEPARATOR, s).count() + 1 }
}

/// The tokens of `s`, as many as [`token_count`] says. Of an invalid subject some are empty.
pub fn tokens(s: &[u8]) -> Tokens<'_> {
    Tokens { rest: if s.is_empty() { None } else { Some(s) } }
}

/// The bytes that no valid subject holds.
#[inline]
pub(crate) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Appends tokens to `out`, with a separator between them.
pub(crate) fn join(tokens: &[&[u8]], out: &mut Vec<u8>) {
    for (i, token) in tokens.iter().enumerate() {
        if i > 0 {
            out.push(SEPARATOR);
        }
        out.extend_from_slice(token);
    }
}

/// The tokens of a subject, from left to right.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    /// What is still to be split; `None` after the last token.
    rest: Option<&'a [u8]>,
}

impl Tokens<'_> {
    /// Whether no token is left.
    pub fn is_done(&self) -> bool {
        self.rest.is_none()
    }
}

// === impl Iterator ===

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        // Tokens are short: a plain loop beats a vectorised search for each separator.
        match rest.iter().position(|&byte| byte == SEPARATOR) {
            Some(at) => {
                self.rest = Some(&rest[at + 1..]);
                Some(&rest[..at])
            }
            None => {
                self.rest = None;
                Some(rest)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_follows_the_table() {
        // (subject, may be subscribed to, may be published to)
        let table: &[(&[u8], bool, bool)] = &[
            (b"", false, false),
            (b".", false, false),
            (b"foo", true, true),
            (b".foo", false, false),
            (b"foo.", false, false),
            (b"foo..bar", false, false),
            (b"foo.bar", true, true),
            (b"*", true, false),
            (b">", true, false),
            (b"foo.*", true, false),
            (b"*.*", true, false),
            (b"foo.>", true, false),
            (b">.foo", false, false),
            (b"foo.>.bar", false, false),
            (b">.>", false, false),
            (b"foo*.bar>", true, true),
            (b"foo.**", true, true),
            (b"foo.>>", true, true),
            (b"foo.*>", true, true),
            (b"foo bar", false, false),
            (b" ", false, false),
            (b"foo.\t", false, false),
            (b"foo\r.bar", false, false),
            (b"foo\n", false, false),
            (b"foo.\x0cbar", true, true),
            (b"foo.\x0bbar", true, true),
            (b"caf\xc3\xa9.\xff\x00", true, true),
            (b"$SYS.REQ.$G", true, true),
        ];
        for &(s, subscription, literal) in table {
            let name = String::from_utf8_lossy(s);
            assert_eq!(is_valid_subscription(s), subscription, "subscription {name:?}");
            assert_eq!(is_valid_literal(s), literal, "literal {name:?}");
        }
    }

    #[test]
    fn a_wildcard_is_a_whole_token() {
        for s in ["*", ">", "a.*", "*.a", "a.*.b", "a.>", "*b.>", "a.>.b"] {
            assert!(has_wildcards(s.as_bytes()), "{s}");
        }
        for s in ["", "a", "a.b", "a*", "*a", "a.b*.c", "a.>b", "**", ">>", "a.*>"] {
            assert!(!has_wildcards(s.as_bytes()), "{s}");
        }
    }

    #[test]
    fn tokens_and_their_count_agree() {
        for (s, expected) in [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a.bc.d", vec!["a", "bc", "d"]),
            (".a..", vec!["", "a", "", ""]),
        ] {
            let got: Vec<&[u8]> = tokens(s.as_bytes()).collect();
            assert_eq!(got, expected.iter().map(|t| t.as_bytes()).collect::<Vec<_>>(), "{s:?}");
            assert_eq!(token_count(s.as_bytes()), expected.len(), "{s:?}");
        }
    }
}
