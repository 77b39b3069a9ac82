//! The rules of an account, made ready for those who go by them.

use vagus_auth::AccountRules;
use vagus_auth::account::{AccountMapping, Export, Import, ImportError, refuse_cycles};
use vagus_auth::jwt::{Holds, is_activated};
use vagus_subject::transform::{MappingError, Mappings};

use crate::broker::unix_now;

/// See the module's text.
#[derive(Clone, Default)]
pub struct RealmRules {
    /// As a configuration or a JWT says them.
    pub stated: AccountRules,
    pub mappings: Mappings,
}

// === impl RealmRules ===

impl RealmRules {
    /// Makes rules ready.
    ///
    /// # Errors
    /// When a mapping makes no sense.
    pub fn new(stated: AccountRules) -> Result<Self, MappingError> {
        let mut mappings = Mappings::default();
        for mapping in &stated.mappings {
            mappings.add(mapping.source.as_bytes(), &mapping.destinations)?;
        }
        Ok(Self { stated, mappings })
    }

    /// Makes rules of an account's JWT ready. What makes no sense is left out, as nobody is there
    /// to be told: mappings, and imports that form a cycle with those of others, of whom
    /// `imports_of` tells it. Of these the reasons are given.
    #[must_use]
    pub fn of_claims(
        mut stated: AccountRules,
        imports_of: impl Fn(&str) -> Option<Vec<Import>>,
    ) -> (Self, Vec<ImportError>) {
        let refused = refuse_cycles(&mut stated, imports_of);
        let good = |mapping: &AccountMapping| {
            let mut one = Mappings::default();
            one.add(mapping.source.as_bytes(), &mapping.destinations).is_ok()
        };
        stated.mappings.retain(good);
        let rules = Self::new(stated.clone());
        (rules.unwrap_or(Self { stated, mappings: Mappings::default() }), refused)
    }

    /// The offer that `import` of the account `importer` takes, and when that holds; one that holds
    /// now rather than one that will.
    #[must_use]
    pub fn export_for(&self, import: &Import, importer: &str) -> Option<(&Export, Holds)> {
        let now = unix_now();
        let exports = self.stated.exports.iter().filter(|export| export.kind == import.kind);
        let offers = exports.filter(|export| export.offers(&import.subject, importer));
        let taken = offers.filter_map(|export| {
            let holds = is_activated(export, &self.stated, import, importer, now)?;
            Some((export, holds))
        });
        taken.min_by_key(|(_, holds)| match holds {
            Holds::Until(_) => 0,
            Holds::From(begin) => *begin,
        })
    }

    /// Most connections.
    pub(super) fn connections_max(&self) -> usize {
        let max = self.stated.limits.connections;
        max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX))
    }
}
