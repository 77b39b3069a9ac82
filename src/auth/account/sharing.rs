//! What accounts offer to each other, and what they take.

use std::collections::BTreeMap;
use std::time::Duration;

/// What is shared: messages that flow from exporter to importer, or requests the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sharing {
    Stream,
    Service,
}

/// An offer.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    pub kind: Sharing,
    /// May have wildcards.
    pub subject: String,
    /// Who may import, by name; `None`: every account.
    pub accounts: Option<Vec<String>>,
    /// Importers have to show an activation token.
    pub token_required: bool,
    /// The token of the subject, counted from 1, that has to be the importer's name.
    pub account_token_position: Option<usize>,
    /// Activations issued up to this time (Unix seconds) are void, by importer or for `*`.
    pub revocations: BTreeMap<String, i64>,
    pub response_type: ResponseType,
    /// Time in which a service has to respond; `None`: the server's default.
    pub response_threshold: Option<Duration>,
    pub latency: Option<Latency>,
    pub allow_trace: bool,
}

/// How many messages answer a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResponseType {
    #[default]
    Singleton,
    Stream,
    Chunked,
}

/// Where a service's response times are published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latency {
    pub subject: String,
    pub sampling: Sampling,
}

/// Which requests are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// Some at random, 1 to 100; of the others those whose headers ask for it.
    Percent(u8),
    /// Those whose headers ask for it.
    Headers,
}

/// What an account takes from another.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    pub kind: Sharing,
    /// Who exports, by name.
    pub account: String,
    /// As the exporter knows it. May have wildcards.
    pub subject: String,
    /// What the exporter's subjects are called here, with its wildcards as `$1` or `*`; `None`: the
    /// same.
    pub to: Option<String>,
    /// Tokens in front of the exporter's subjects, with a dot at the end; only of streams.
    pub prefix: Option<String>,
    /// The service is told who asks.
    pub share: bool,
    pub allow_trace: bool,
    /// The activation, where one is required: a JWT.
    pub token: Option<String>,
}

// === impl Export ===

impl Export {
    /// An offer to everyone.
    pub fn new(kind: Sharing, subject: impl Into<String>) -> Self {
        Self {
            kind,
            subject: subject.into(),
            accounts: None,
            token_required: false,
            account_token_position: None,
            revocations: BTreeMap::new(),
            response_type: ResponseType::default(),
            response_threshold: None,
            latency: None,
            allow_trace: false,
        }
    }

    /// Whether `subject` is of this offer, and `importer` may take it. Whether it shows the right
    /// activation is asked elsewhere.
    pub fn offers(&self, subject: &str, importer: &str) -> bool {
        if !vagus_subject::is_subset(subject.as_bytes(), self.subject.as_bytes()) {
            return false;
        }
        if let Some(position) = self.account_token_position {
            let token = position.checked_sub(1).and_then(|at| subject.split('.').nth(at));
            return token == Some(importer);
        }
        self.accounts.as_ref().is_none_or(|names| names.iter().any(|name| name == importer))
    }
}

// === impl Import ===

impl Import {
    /// The same subject here as there.
    pub fn new(kind: Sharing, account: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            kind,
            account: account.into(),
            subject: subject.into(),
            to: None,
            prefix: None,
            share: false,
            allow_trace: false,
            token: None,
        }
    }

    /// The subject in the importing account.
    pub fn local(&self) -> String {
        match (&self.to, &self.prefix) {
            (Some(to), _) => to.clone(),
            (None, Some(prefix)) => format!("{prefix}{}", self.subject),
            (None, None) => self.subject.clone(),
        }
    }

    /// [`Import::local`] as a pattern: with `*` in place of `$1` and `{{wildcard(1)}}`.
    pub fn local_pattern(&self) -> String {
        let token = |token: &str| match token.starts_with('$') || token.starts_with("{{") {
            true => "*".to_owned(),
            false => token.to_owned(),
        };
        self.local().split('.').map(token).collect::<Vec<_>>().join(".")
    }
}
