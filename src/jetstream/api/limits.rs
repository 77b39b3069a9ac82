//! What an account may use: as a whole, or with each number of replicas.

use std::collections::BTreeMap;

use super::AccountLimits;
use crate::error::{ApiError, codes};

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limits {
    /// Of all streams together, whatever their replicas.
    Flat(AccountLimits),
    /// By the name of the tier: `R1` for one replica, and so on. There is none without a tier.
    Tiered(BTreeMap<String, AccountLimits>),
}

// === impl Limits ===

impl Limits {
    /// What holds for a stream with so many replicas.
    ///
    /// # Errors
    /// When there is no tier for it.
    pub fn of(&self, replicas: i64) -> Result<AccountLimits, ApiError> {
        match self {
            Limits::Flat(limits) => Ok(*limits),
            Limits::Tiered(tiers) => {
                let tier = tiers.get(&Self::tier(replicas));
                tier.copied().ok_or_else(|| codes::NO_LIMITS.into())
            }
        }
    }

    /// The name of a tier.
    #[must_use]
    pub fn tier(replicas: i64) -> String {
        format!("R{}", replicas.max(1))
    }

    /// Bytes of all tiers together; `None` when one of them is not limited.
    #[must_use]
    pub fn bytes(&self, in_memory: bool) -> Option<i64> {
        let of = |limits: &AccountLimits| {
            let bytes = if in_memory { limits.max_memory } else { limits.max_store };
            (bytes >= 0).then_some(bytes)
        };
        match self {
            Limits::Flat(limits) => of(limits),
            Limits::Tiered(tiers) => {
                tiers.values().try_fold(0_i64, |sum, limits| Some(sum.saturating_add(of(limits)?)))
            }
        }
    }
}

impl Default for Limits {
    /// None.
    fn default() -> Self {
        Limits::Flat(AccountLimits::UNLIMITED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_for_its_replicas_alone() {
        let limits = |max_store| AccountLimits { max_store, ..AccountLimits::UNLIMITED };
        let tiers = [("R1".to_owned(), limits(10)), ("R3".to_owned(), limits(5))];
        let tiered = Limits::Tiered(tiers.into());
        assert_eq!(tiered.of(3).unwrap().max_store, 5);
        assert_eq!(tiered.of(0).unwrap().max_store, 10);
        assert_eq!(tiered.of(5), Err(codes::NO_LIMITS.into()));
        assert_eq!((tiered.bytes(false), tiered.bytes(true)), (Some(15), None));
        let flat = Limits::Flat(limits(7));
        assert_eq!((flat.of(5).unwrap().max_store, flat.bytes(false)), (7, Some(7)));
        assert_eq!(Limits::default().bytes(false), None);
    }
}
