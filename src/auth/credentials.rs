//! What a client shows of itself in CONNECT.

use std::fmt;

/// The fields of CONNECT that the simple proofs read; an absent field is empty, as NATS has it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Credentials<'a> {
    pub user: &'a str,
    pub pass: &'a str,
    /// `auth_token` of CONNECT.
    pub token: &'a str,
}

impl Credentials<'_> {
    /// Whether the client shows nothing at all, so that `no_auth_user` applies.
    pub fn is_empty(&self) -> bool {
        self.user.is_empty() && self.pass.is_empty() && self.token.is_empty()
    }

    /// How the log calls the client, with `authentication error - ` before it: `User "joe"`,
    /// `Token "[REDACTED]"` or `User "N/A"`.
    pub fn describe(&self) -> String {
        if !self.user.is_empty() {
            format!("User {:?}", self.user)
        } else if !self.token.is_empty() {
            "Token \"[REDACTED]\"".to_owned()
        } else {
            "User \"N/A\"".to_owned()
        }
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credentials").field(&self.describe()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        let shown = |user, pass, token| {
            let c = Credentials { user, pass, token };
            format!("{c:?} {}", c.describe())
        };
        assert!(shown("joe", "s3cret", "t0ken").contains("User \"joe\""));
        assert!(shown("", "s3cret", "t0ken").contains("Token \"[REDACTED]\""));
        assert!(shown("", "s3cret", "").contains("User \"N/A\""));
        for user in ["joe", ""] {
            let text = shown(user, "s3cret", "t0ken");
            assert!(!text.contains("s3cret") && !text.contains("t0ken"), "{text}");
        }
    }
}
