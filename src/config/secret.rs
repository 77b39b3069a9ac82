//! A string that never shows itself in logs.

use std::fmt;

/// A password, token or key. `Debug` and `Display` say `[REDACTED]`; the text comes out only
/// through [`Secret::expose`], which is easy to search for.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the text is a bcrypt hash (`$2a$10$...`, also 2b, 2x, 2y) and not the secret itself.
    pub fn is_bcrypt(&self) -> bool {
        let text = self.0.as_bytes();
        text.len() >= 7
            && text.starts_with(b"$2")
            && matches!(text[2], b'a' | b'b' | b'x' | b'y')
            && text[3] == b'$'
            && text[4].is_ascii_digit()
            && text[5].is_ascii_digit()
            && text[6] == b'$'
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}
