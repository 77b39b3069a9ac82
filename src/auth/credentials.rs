//! What a client shows of itself.

use std::{fmt, net::IpAddr};

use crate::connection_type::ConnectionType;

/// The fields of CONNECT that proofs read, and what is known of the connection; an absent field is
/// empty, as NATS has it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Credentials<'a> {
    pub user: &'a str,
    pub pass: &'a str,
    /// `auth_token` of CONNECT.
    pub token: &'a str,
    /// Public user key.
    pub nkey: &'a str,
    /// Signature of the nonce, base64.
    pub sig: &'a str,
    pub jwt: &'a str,
    /// A proxy's signature of the nonce, base64.
    pub proxy_sig: &'a str,
    /// What the server gave to sign; empty if nothing.
    pub nonce: &'a str,
    pub kind: ConnectionType,
    pub ip: Option<IpAddr>,
    /// Unix seconds.
    pub now: i64,
    /// What the client's certificate says it is.
    pub certificate: Option<CertificateNames<'a>>,
}

/// The names in a client's certificate that may be a user's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CertificateNames<'a> {
    /// E-mail addresses, host names and URIs, to be tried in this order.
    pub alternatives: &'a [String],
    /// Forms of the subject that are tried after them, the likeliest first; those of
    /// [`distinguished`](crate::distinguished) among them.
    pub subject: &'a [String],
}

impl<'a> Credentials<'a> {
    /// Whether the client shows neither user, password nor token, so that `no_auth_user` applies.
    pub fn is_empty(&self) -> bool {
        self.user.is_empty() && self.pass.is_empty() && self.token.is_empty()
    }

    /// How the log calls the client, with `authentication error - ` before it: `User "joe"`,
    /// `Nkey "U..."`, `Token "[REDACTED]"` or `User "N/A"`.
    pub fn describe(&self) -> String {
        // Leaf nodes show a token in both places.
        if !self.user.is_empty() && self.user != self.token {
            format!("User {:?}", self.user)
        } else if !self.nkey.is_empty() {
            format!("Nkey {:?}", self.nkey)
        } else if !self.token.is_empty() {
            "Token \"[REDACTED]\"".to_owned()
        } else {
            "User \"N/A\"".to_owned()
        }
    }

    /// All names of the certificate in the order in which they are tried.
    pub(crate) fn certificate_names(&self) -> impl Iterator<Item = &'a str> {
        let names = self.certificate.unwrap_or_default();
        names.alternatives.iter().chain(names.subject).map(String::as_str)
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
            let c = Credentials { user, pass, token, ..Credentials::default() };
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
