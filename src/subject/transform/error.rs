//! Why a transform or a mapping is refused. The texts are those of nats-server, because clients and
//! operators see them.

/// Why a transform is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// The source or the destination is no subject, or they don't go together.
    #[error("invalid subject")]
    BadSubject,
    /// A token of the destination is wrong.
    #[error("invalid mapping destination: {error}{}", Place(.token))]
    Destination {
        /// What is wrong.
        error: DestinationError,
        /// Where; may be empty.
        token: String,
    },
}

/// What is wrong with a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// An empty token, something behind `>`, or white space.
    #[error("invalid transform")]
    InvalidTransform,
    /// An import must be reversible.
    #[error("not using all of the token wildcard(s)")]
    NotAllWildcards,
    /// No such function, or not in this kind of transform.
    #[error("unknown function")]
    UnknownFunction,
    /// The source has fewer wildcards.
    #[error("wildcard index out of range")]
    IndexOutOfRange,
    /// A function misses arguments.
    #[error("not enough arguments passed to the function")]
    NotEnoughArguments,
    /// An argument is no number, or out of range.
    #[error("function argument is invalid or in the wrong format")]
    InvalidArgument,
    /// A function has arguments that it doesn't take.
    #[error("too many arguments passed to the function")]
    TooManyArguments,
    /// An import must be reversible.
    #[error("the only mapping function allowed for import transforms is {{{{Wildcard()}}}}")]
    NotForImports,
}

/// Why a mapping is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// One of its transforms is.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// The same destination twice.
    #[error("duplicate entry for {0:?}")]
    Duplicate(String),
    /// A weight is a percentage.
    #[error("individual weights need to be <= 100")]
    WeightTooLarge,
    /// The weights of a cluster, or those without a cluster, are too much together.
    #[error("total weight needs to be <= 100")]
    TotalWeightTooLarge,
}

// === impl DestinationError ===

impl DestinationError {
    pub(super) fn in_token(self, token: &[u8]) -> TransformError {
        let token = String::from_utf8_lossy(token).into_owned();
        TransformError::Destination { error: self, token }
    }
}

/// ` in <token>`, or nothing.
struct Place<'a>(&'a str);

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " in {}", self.0) }
    }
}
