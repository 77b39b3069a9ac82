//! How an actor is to be made, where, and what happens when it fails.

use std::{borrow::Cow, fmt, time::Duration};

use crate::{
    actor::Actor,
    arbiter::{ArbiterId, Lease},
    mailbox::MailboxLimits,
};

/// What an actor is called among the children of its parent.
///
/// Not checked for uniqueness: a look-up by path finds one of those who share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// A word.
    Text(Cow<'static, str>),
    /// A number, which needs no allocation: for actors that come by the thousand.
    Number(u64),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Text(text) => f.write_str(text),
            Name::Number(number) => write!(f, "{number}"),
        }
    }
}

impl From<&'static str> for Name {
    fn from(text: &'static str) -> Self {
        Name::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Name::Text(Cow::Owned(text))
    }
}

impl From<Box<str>> for Name {
    fn from(text: Box<str>) -> Self {
        Name::Text(Cow::Owned(text.into()))
    }
}

impl From<u64> for Name {
    fn from(number: u64) -> Self {
        Name::Number(number)
    }
}

/// What happens when an actor fails (a panic, or [`Cx::fail`](crate::Cx::fail)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Restart {
    /// It is gone; its parent hears of it and carries on.
    #[default]
    Never,
    /// It is made anew, within a budget; beyond the budget its parent fails in turn.
    OnFailure(Budget),
}

/// How often an actor may fail, and how long it pauses before it is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Restarts at most within [`within`](Self::within).
    pub restarts_max: u32,
    /// The sliding window in which restarts are counted.
    pub within: Duration,
    /// The pause after the first failure in the window; doubles with each further one.
    pub backoff_min: Duration,
    /// The longest pause.
    pub backoff_max: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            restarts_max: 10,
            within: Duration::from_secs(60),
            backoff_min: Duration::from_millis(10),
            backoff_max: Duration::from_secs(1),
        }
    }
}

impl Budget {
    /// The pause before restart number `nth` (from 1) of a window.
    pub(crate) fn backoff(&self, nth: u32) -> Duration {
        let factor = 1u32.checked_shl(nth.saturating_sub(1)).unwrap_or(u32::MAX);
        self.backoff_min.saturating_mul(factor).min(self.backoff_max)
    }
}

/// On which arbiter an actor lives.
#[derive(Debug, Default)]
pub enum Placement {
    /// Where its parent lives; a top-level actor on the least loaded arbiter.
    #[default]
    Inherit,
    /// On this one.
    At(ArbiterId),
    /// On the least loaded data arbiter at birth, counted as load there until the actor ends.
    Least,
    /// On the arbiter that was picked before, counted as load there until the actor ends.
    Leased(Lease),
}

impl From<ArbiterId> for Placement {
    fn from(id: ArbiterId) -> Self {
        Placement::At(id)
    }
}

impl From<Lease> for Placement {
    fn from(lease: Lease) -> Self {
        Placement::Leased(lease)
    }
}

/// Makes the first incarnation, or each of them.
pub(crate) enum Maker<A> {
    Once(Box<dyn FnOnce() -> A + Send>),
    Each(Box<dyn FnMut() -> A + Send>),
}

/// Everything that is needed to bring an actor to life.
pub struct Spec<A: Actor> {
    pub(crate) name: Name,
    pub(crate) limits: MailboxLimits,
    pub(crate) restart: Restart,
    pub(crate) placement: Placement,
    pub(crate) maker: Maker<A>,
}

impl<A: Actor> Spec<A> {
    /// An actor whose factory can make it again; restarted within the default [`Budget`].
    ///
    /// The factory is called on the actor's arbiter, and may panic like any other of its code.
    pub fn new(name: impl Into<Name>, factory: impl FnMut() -> A + Send + 'static) -> Self {
        let restart = Restart::OnFailure(Budget::default());
        Self::with(name.into(), restart, Maker::Each(Box::new(factory)))
    }

    /// An actor that lives once: [`Restart::Never`].
    pub fn once(name: impl Into<Name>, make: impl FnOnce() -> A + Send + 'static) -> Self {
        Self::with(name.into(), Restart::Never, Maker::Once(Box::new(make)))
    }

    fn with(name: Name, restart: Restart, maker: Maker<A>) -> Self {
        let limits = MailboxLimits::default();
        Self { name, limits, restart, placement: Placement::default(), maker }
    }

    /// Bounds the mailbox.
    pub fn mailbox(mut self, limits: MailboxLimits) -> Self {
        self.limits = MailboxLimits { depth_max: limits.depth_max.max(1), ..limits };
        self
    }

    /// Chooses what happens on failure; without effect on [`Spec::once`].
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Chooses where it lives.
    pub fn arbiter(mut self, placement: impl Into<Placement>) -> Self {
        self.placement = placement.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_bound() {
        let budget = Budget::default();
        let pauses = [1, 2, 3, 7, 8, 40].map(|nth| budget.backoff(nth).as_millis());
        assert_eq!(pauses, [10, 20, 40, 640, 1000, 1000]);
    }
}
