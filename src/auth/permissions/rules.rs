//! Permissions as they are stated.

use std::time::Duration;

/// What a user may do, as a configuration or a JWT says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PermissionRules {
    pub publish: SubjectRules,
    /// Entries may name a queue group behind the subject: `orders workers`, `orders v1.>`.
    pub subscribe: SubjectRules,
    /// Whether messages that are received may be answered, whatever `publish` says.
    pub responses: Option<Responses>,
}

/// Allowed is what `allow` matches and `deny` does not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SubjectRules {
    /// `None`: everything; an empty list: nothing.
    pub allow: Option<Vec<String>>,
    pub deny: Vec<String>,
}

/// Bounds of the answers to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Responses {
    /// How many; `None`: any number.
    pub max: Option<u64>,
    /// For how long; `None`: for as long as the connection lives.
    pub ttl: Option<Duration>,
}

// === impl PermissionRules ===

impl PermissionRules {
    /// Whether they restrict nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

// === impl SubjectRules ===

impl SubjectRules {
    /// These subjects and no others.
    pub fn only<S: Into<String>>(subjects: impl IntoIterator<Item = S>) -> Self {
        Self { allow: Some(subjects.into_iter().map(Into::into).collect()), deny: Vec::new() }
    }
}

// === impl Responses ===

impl Responses {
    /// Of a limit that is stated as a number: 0 is the default, a negative one no limit.
    pub fn new(max: i64, ttl_ns: i64) -> Self {
        let standard = Self::default();
        Self {
            max: if max == 0 { standard.max } else { u64::try_from(max).ok() },
            ttl: match ttl_ns {
                0 => standard.ttl,
                _ => u64::try_from(ttl_ns).ok().map(Duration::from_nanos),
            },
        }
    }
}

/// One answer within two minutes.
impl Default for Responses {
    fn default() -> Self {
        Self { max: Some(1), ttl: Some(Duration::from_secs(120)) }
    }
}
