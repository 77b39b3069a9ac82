//! Operators that are trusted, and where the claims of their accounts come from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use vagus_auth::jwt::{Claims, OperatorClaims};

use super::Tls;

/// Clients are known by JWTs when an operator or a key is given.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trust {
    pub operator: Vec<Operator>,
    /// Public keys of operators.
    pub trusted_keys: Vec<String>,
    pub resolver: Option<Resolver>,
    /// TLS towards a URL that begins with `https`; `None`: whom the system trusts is trusted.
    pub resolver_tls: Option<Tls>,
    /// JWTs of accounts, by key.
    pub resolver_preload: BTreeMap<String, String>,
    /// The only accounts whose users may connect; none: all.
    pub resolver_pinned_accounts: Vec<String>,
    /// The JWT of clients that show none.
    pub default_sentinel: Option<String>,
}

/// A trusted operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Operator {
    pub token: String,
    pub claims: Claims<OperatorClaims>,
}

/// Where account JWTs come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolver {
    /// Those of the configuration, and those that are sent.
    Memory,
    /// An HTTP server: the account's key is put behind the URL.
    Url(String),
    /// A directory with all of them.
    Full(Directory),
    /// A directory with those that were asked for.
    Cache(Directory),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Directory {
    pub dir: PathBuf,
    /// JWTs may be deleted by request.
    pub allow_delete: bool,
    /// Deleted files are gone, not renamed.
    pub hard_delete: bool,
    /// JWTs kept; `None`: any number.
    pub limit: Option<usize>,
    /// How long a cached JWT is kept; `None`: until it expires.
    pub ttl: Option<Duration>,
    /// Time between exchanges with other servers.
    pub interval: Duration,
    /// Time that a look-up may take.
    pub timeout: Duration,
}

// === impl Trust ===

impl Trust {
    /// Whether clients are known by JWTs.
    pub fn is_given(&self) -> bool {
        !self.operator.is_empty() || !self.trusted_keys.is_empty()
    }

    /// The keys that may sign accounts.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let own = self.operator.iter().flat_map(|operator| operator.claims.trusted_keys());
        own.chain(self.trusted_keys.iter().map(String::as_str))
    }
}
