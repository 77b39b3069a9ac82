//! Names: of streams and consumers, of servers and accounts in short, and unique ones.

use fastrand::Rng;
use sha2::{Digest, Sha256};

/// Bytes of the name of a stream or consumer.
pub const LENGTH_MAX: usize = 255;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of a short name.
const HASH_LENGTH: usize = 8;

/// Whether a stream or consumer may be called so. Its length is not looked at, but for none.
#[must_use]
pub fn is_valid(name: &str) -> bool {
    let wrong = |byte| b" \t\r\n\x0c.*>\\/".contains(&byte);
    !name.is_empty() && !name.bytes().any(wrong)
}

/// Whether it could lead out of a directory.
#[must_use]
pub fn has_path_separator(name: &str) -> bool {
    name.bytes().any(|byte| matches!(byte, b'/' | b'\\'))
}

/// A short name for a long one: of an account in subjects, of a server in a cluster.
#[must_use]
pub fn hash(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    digest
        .iter()
        .take(HASH_LENGTH)
        .map(|byte| char::from(ALPHABET[usize::from(byte % 62)]))
        .collect()
}

/// Makes names that no other maker makes: twelve random characters, then ten that count.
#[derive(Debug, Clone)]
pub struct Nuid {
    prefix: [u8; Self::PREFIX],
    count: u64,
    step: u64,
}

// === impl Nuid ===

impl Nuid {
    const PREFIX: usize = 12;
    const COUNT: usize = 10;
    /// Of numbers that ten characters can spell.
    const COUNT_END: u64 = 62u64.pow(10);

    #[must_use]
    pub fn new(rng: &mut Rng) -> Self {
        let mut prefix = [0; Self::PREFIX];
        prefix.fill_with(|| ALPHABET[rng.usize(..ALPHABET.len())]);
        Nuid { prefix, count: rng.u64(..Self::COUNT_END), step: rng.u64(33..333) }
    }

    /// 22 characters.
    pub fn next(&mut self, rng: &mut Rng) -> String {
        self.count += self.step;
        if self.count >= Self::COUNT_END {
            *self = Nuid::new(rng);
        }
        let mut count = [0; Self::COUNT];
        let mut left = self.count;
        for place in count.iter_mut().rev() {
            // Below 62.
            *place = ALPHABET[(left % 62) as usize];
            left /= 62;
        }
        self.prefix.iter().chain(&count).copied().map(char::from).collect()
    }
}

/// A name for a consumer that came without one: eight characters.
pub fn consumer(nuid: &mut Nuid, rng: &mut Rng) -> String {
    hash(&nuid.next(rng))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_checked() {
        for name in ["a", "A-b_c$", "ü", "a:b"] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", "a b", "a.b", "*", ">", "a\\b", "a/b", "a\tb", "a\r", "a\n", "\u{c}"] {
            assert!(!is_valid(name), "{name}");
        }
        assert!(has_path_separator("a/b") && has_path_separator("a\\b"));
    }

    #[test]
    fn hashes_are_those_of_nats() {
        assert_eq!(hash("$G"), "szMpdrwD");
    }

    #[test]
    fn names_are_unique() {
        let mut rng = Rng::with_seed(7);
        let mut nuid = Nuid::new(&mut rng);
        nuid.count = Nuid::COUNT_END - 1000;
        let names: HashSet<String> = (0..1000).map(|_| nuid.next(&mut rng)).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 22));
        assert_eq!(consumer(&mut nuid, &mut rng).len(), 8);
    }
}
