//! The rules of an account, made ready for those who go by them.

use vagus_auth::AccountRules;
use vagus_auth::account::{Export, Import};
use vagus_subject::transform::{MappingError, Mappings};

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

    /// The offer that `import` of the account `importer` takes.
    #[must_use]
    pub fn export_for(&self, import: &Import, importer: &str) -> Option<&Export> {
        let mut exports = self.stated.exports.iter().filter(|export| export.kind == import.kind);
        exports.find(|export| export.offers(&import.subject, importer))
    }

    /// Most connections.
    pub(super) fn connections_max(&self) -> usize {
        let max = self.stated.limits.connections;
        max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX))
    }
}
