//! One [`Permissions`] for all users with equal rules, for as long as there are such users.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::permissions::{PermissionRules, Permissions};

#[derive(Debug, Default)]
pub(super) struct SharedPermissions(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_rules: HashMap<PermissionRules, Weak<Permissions>>,
    /// Size at which those without users are thrown out.
    sweep_at: usize,
}

const SWEEP_MIN: usize = 64;

impl SharedPermissions {
    /// Held for a look-up at the time of a connect: no place where anyone waits for long.
    pub(super) fn of(&self, rules: PermissionRules) -> Arc<Permissions> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = known.by_rules.get(&rules).and_then(Weak::upgrade) {
            return shared;
        }
        if known.by_rules.len() >= known.sweep_at {
            known.by_rules.retain(|_, shared| shared.strong_count() > 0);
            known.sweep_at = (known.by_rules.len() * 2).max(SWEEP_MIN);
        }
        let fresh = Arc::new(Permissions::new(rules.clone()));
        known.by_rules.insert(rules, Arc::downgrade(&fresh));
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::SubjectRules;

    #[test]
    fn equal_rules_share_and_dead_ones_go() {
        let rules = |n: usize| PermissionRules {
            publish: SubjectRules::only([format!("s.{n}")]),
            ..Default::default()
        };
        let shared = SharedPermissions::default();
        let kept = shared.of(rules(0));
        assert!(Arc::ptr_eq(&kept, &shared.of(rules(0))));
        for n in 1..10 * SWEEP_MIN {
            shared.of(rules(n));
        }
        assert!(shared.0.lock().unwrap().by_rules.len() <= 2 * SWEEP_MIN);
        assert!(Arc::ptr_eq(&kept, &shared.of(rules(0))));
    }
}
