//! A secret as the configuration holds it: in plain, or as a bcrypt hash.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

/// A password or token that clients must know. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// The length of what precedes salt and hash: `$2a$10$`.
const PREFIX_LEN: usize = 7;

impl Secret {
    /// Takes the text of the configuration; whether it is a bcrypt hash shows in its form.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Whether clients prove this secret against a hash: it begins `$2a$10$` (also b, x, y; any
    /// cost).
    pub fn is_bcrypt(&self) -> bool {
        self.cost().is_some()
    }

    /// The bcrypt cost (the logarithm of the work), if this is a hash.
    pub(crate) fn cost(&self) -> Option<u8> {
        let prefix = self.0.as_bytes().get(..PREFIX_LEN)?;
        match prefix {
            [b'$', b'2', b'a' | b'b' | b'x' | b'y', b'$', tens, ones, b'$']
                if tens.is_ascii_digit() && ones.is_ascii_digit() =>
            {
                Some((tens - b'0') * 10 + (ones - b'0'))
            }
            _ => None,
        }
    }

    /// Compares in a time that depends on the length of `given` alone, not on the secret.
    /// A hash is not known by its own text: for one this is always false.
    pub(crate) fn matches_plain(&self, given: &str) -> bool {
        let (own, given) = (self.0.as_bytes(), given.as_bytes());
        let mut same = own.len().ct_eq(&given.len());
        let period = own.len().max(1);
        for (i, byte) in given.iter().enumerate() {
            same &= byte.ct_eq(own.get(i % period).unwrap_or(&0));
        }
        same &= !Choice::from(u8::from(self.is_bcrypt()));
        same.into()
    }

    /// Compares with the hash: milliseconds to seconds of work. A malformed hash matches nothing.
    pub(crate) fn matches_hash(&self, given: &str) -> bool {
        self.is_bcrypt() && bcrypt::verify(given, &self.0).unwrap_or(false)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hash_is_known_by_its_prefix() {
        for hash in ["$2a$10$x", "$2b$04$", "$2x$11$abc", "$2y$99$"] {
            assert!(Secret::from(hash).is_bcrypt(), "{hash}");
        }
        for plain in
            ["", "$2a$", "$2c$10$x", "$2a$1$xx", "$2a$1x$x", "x$2a$10$", "$3a$10$x", "$2a$10"]
        {
            assert!(!Secret::from(plain).is_bcrypt(), "{plain}");
        }
        assert_eq!(Secret::from("$2b$12$x").cost(), Some(12));
    }

    #[test]
    fn hashes_are_proved_by_the_password_only() {
        let hash = bcrypt::hash("s3", 4).unwrap();
        for version in ["$2a$", "$2b$", "$2y$"] {
            let hash = hash.replace("$2b$", version);
            let secret = Secret::from(hash.as_str());
            assert!(secret.matches_hash("s3"));
            assert!(!secret.matches_hash("s4"));
            assert!(!secret.matches_hash(&hash));
            assert!(!secret.matches_plain(&hash), "a stolen hash is not a password");
        }
        assert!(!Secret::from("$2a$04$short").matches_hash(""));
        assert!(!Secret::from("plain").matches_hash("plain"));
    }

    #[test]
    fn debug_says_nothing() {
        assert_eq!(format!("{:?}", Secret::from("s3cret")), "[REDACTED]");
    }

    proptest! {
        #[test]
        fn plain_comparison_is_equality(own in "[ab]{0,4}", given in "[ab]{0,9}") {
            prop_assert_eq!(Secret::from(own.as_str()).matches_plain(&given), own == given);
        }
    }
}
