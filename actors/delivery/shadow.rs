//! Shadows: what stands in the interest of another realm for a subscription that hears messages
//! from there.
//!
//! A message that reaches a shadow is delivered to the subscription that cast it, under the name
//! that it has in the realm of that. This is worked out when a match is made, so that an imported
//! message costs no more than any other.

use std::sync::Arc;

use vagus_subject::{Interested as _, matches};

use super::Sub;
use crate::realm::{Realm, StreamImport};

/// See the module's text.
pub struct Shadow {
    /// The subscription that hears.
    pub of: Sub,
    /// By which import, from the realm that the shadow is in.
    import: Arc<StreamImport>,
}

/// A shadow, and where it is to stand.
pub type Cast = (Arc<Realm>, Sub);

// === impl Shadow ===

impl Shadow {
    #[must_use]
    pub fn import(&self) -> &Arc<StreamImport> {
        &self.import
    }

    /// The name of a message under which the subscription hears it; `None` if it does not.
    #[must_use]
    pub fn local_name(&self, subject: &[u8]) -> Option<Vec<u8>> {
        let name = self.import.local_name(subject)?;
        let hears = matches(self.of.subject(), &name) && !self.of.denies(&name);
        hears.then_some(name)
    }
}

/// Whether two shadows stand for the same, by the same import.
#[must_use]
pub fn same_cast(a: &Cast, b: &Cast) -> bool {
    let of = |cast: &Cast| cast.1.stands_for().and_then(|shadow| shadow.of.identity());
    Arc::ptr_eq(&a.0, &b.0)
        && of(a) == of(b)
        && a.1.subject() == b.1.subject()
        && a.1.stands_for().map(Shadow::import) == b.1.stands_for().map(Shadow::import)
}

/// All shadows of a subscription in `realm`. What another realm imports itself is not passed on, as
/// in nats-server: who exports to one account has not exported to its neighbours.
#[must_use]
pub fn shadows(sub: &Sub, realm: &Realm) -> Vec<Cast> {
    let links = realm.links();
    let cast = |import: &Arc<StreamImport>| {
        let needed = import.needed_for(sub.subject())?;
        let shadow = Shadow { of: sub.clone(), import: Arc::clone(import) };
        Some((Arc::clone(&import.from), Sub::shadow(shadow, &needed)))
    };
    links.streams.iter().filter_map(cast).collect()
}
