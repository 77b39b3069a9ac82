//! The rules of an account, made ready for those who go by them.

use vagus_auth::AccountRules;
use vagus_auth::account::{AccountMapping, Export, Import};
use vagus_auth::jwt::is_activated;
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

    /// Makes rules of an account's JWT ready: a mapping that makes no sense is left out, as nobody
    /// is there to be told.
    #[must_use]
    pub fn of_claims(mut stated: AccountRules) -> Self {
        let good = |mapping: &AccountMapping| {
            let mut one = Mappings::default();
            one.add(mapping.source.as_bytes(), &mapping.destinations).is_ok()
        };
        stated.mappings.retain(good);
        Self::new(stated.clone()).unwrap_or(Self { stated, mappings: Mappings::default() })
    }

    /// The offer that `import` of the account `importer` takes.
    #[must_use]
    pub fn export_for(&self, import: &Import, importer: &str) -> Option<&Export> {
        let mut exports = self.stated.exports.iter().filter(|export| export.kind == import.kind);
        exports.find(|export| {
            export.offers(&import.subject, importer)
                && is_activated(export, &self.stated, import, importer, unix_now()).is_some()
        })
    }

    /// Most connections.
    pub(super) fn connections_max(&self) -> usize {
        let max = self.stated.limits.connections;
        max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX))
    }
}
