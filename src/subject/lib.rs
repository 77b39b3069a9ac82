//! Subjects, and who wants them: pure functions and data structures, no I/O, no clock, no actors.
//!
//! A subject is a list of tokens with a `.` between them (`orders.eu.42`). A subscription may hold
//! the wildcards `*` (exactly one token) and `>` (one token or more, at the end); a `*` or `>` that
//! is only a part of a token is an ordinary byte.
//!
//! - [`syntax`]: what is a valid subject, and its tokens;
//! - [`relation`]: what a pattern says about a subject or about another pattern;
//! - [`hashing`]: the one hash of a subject, for shards, tables and caches alike;
//! - [`literals`] and [`wildcards`]: the index, that is, which subscriptions want a subject;
//! - [`transform`]: subject mappings and transforms, which give a message another subject.
//!
//! The index is generic over its entry `S`, a small handle such as `Arc<Subscription>`. It reads
//! subjects through the handle ([`Interested`]) and keeps no copy of a literal one.

pub mod hashing;
pub mod literals;
pub mod relation;
pub mod syntax;
pub mod transform;
pub mod wildcards;

mod crowd;
mod list;

pub use hashing::{hash, shard_of};
pub use literals::Literals;
pub use relation::{is_subset, matches, overlaps};
pub use syntax::{has_wildcards, is_valid_literal, is_valid_subscription, token_count, tokens};
pub use wildcards::Wildcards;

/// What the index asks of an entry.
pub trait Interested {
    /// The subject (or pattern) of the subscription. It must not change while the entry is in an
    /// index.
    fn subject(&self) -> &[u8];

    /// Whether both are the same subscription. An index holds a subscription once.
    fn same(&self, other: &Self) -> bool;

    /// [`hash`] of [`Interested::subject`]. An entry that keeps its hash can answer without reading
    /// the subject, which makes the growth of a table cheaper.
    fn subject_hash(&self) -> u64 {
        hash(self.subject())
    }

    /// A number that two handles of the same subscription share, and two subscriptions of one
    /// subject don't: with it, thousands of subscribers to one subject come and go in constant time
    /// each. Without one ([`None`]) they are searched one by one with [`Interested::same`].
    fn identity(&self) -> Option<u64> {
        None
    }
}
