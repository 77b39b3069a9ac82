//! A message that passed all checks, and what storing it takes.

use std::borrow::Cow;

use vagus_jetstream::ApiError;
use vagus_jetstream::ttl::Ttl;
use vagus_store::Load;

use super::counter::Counter;

/// One publish as it came, its subject transformed already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming<'a> {
    pub subject: &'a [u8],
    /// The block without a status line; empty without headers.
    pub headers: &'a [u8],
    pub payload: &'a [u8],
    /// From a mirror's or source's origin, where most was checked already.
    pub sourced: bool,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub subject: &'a [u8],
    pub headers: Cow<'a, [u8]>,
    pub payload: Cow<'a, [u8]>,
    pub id: Option<&'a [u8]>,
    /// How long it lives; `None`: as long as limits let it.
    pub ttl: Option<Ttl>,
    pub rollup: Rollup,
    /// It is a schedule, which fires then (nanoseconds of the wall clock).
    pub schedule: Option<i64>,
    /// The subject of a schedule that ends with it.
    pub ends: Option<&'a [u8]>,
    /// What its subject counts to from now on.
    pub counter: Option<Counter>,
}

/// What goes when a message is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rollup {
    #[default]
    None,
    /// Everything older on its subject.
    Subject,
    /// Everything older.
    All,
}

/// Why a message is not stored.
#[derive(Debug)]
pub(super) enum Stop {
    Refused(ApiError),
    /// It was stored before, as this.
    Duplicate(u64),
    /// That can't be told before this is read.
    Cold(Load),
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

/// When a message stored at `now_ns` ends, as the store has it: 0 is not at all, the largest number
/// not even by age.
pub(super) fn expires_ns(ttl: Option<Ttl>, now_ns: i64) -> i64 {
    match ttl {
        None => 0,
        Some(Ttl::Never) => i64::MAX,
        Some(ttl) => ttl.expires(now_ns).unwrap_or(i64::MAX).min(i64::MAX - 1),
    }
}
