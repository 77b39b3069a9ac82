//! Shadows: what stands in the interest of another realm for a subscription that hears messages
//! from there.
//!
//! A message that reaches a shadow is delivered to the subscription that cast it, under the name
//! that it has in the realm of that. This is worked out when a match is made, so that an imported
//! message costs no more than any other.

use std::sync::Arc;

use vagus_subject::matches;

use super::Sub;
use crate::realm::{Realm, StreamImport};

/// See the module's text.
pub struct Shadow {
    /// The subscription that hears.
    pub of: Sub,
    /// The way of a message to it, from the realm that the shadow is in.
    way: Box<[Arc<StreamImport>]>,
}

/// A shadow, and where it is to stand.
pub type Cast = (Arc<Realm>, Sub);

/// How many realms a message may pass.
const WAY_MAX: usize = 16;

// === impl Shadow ===

impl Shadow {
    #[must_use]
    pub fn way(&self) -> &[Arc<StreamImport>] {
        &self.way
    }

    /// The name of a message under which the subscription hears it; `None` if it does not.
    #[must_use]
    pub fn local_name(&self, subject: &[u8]) -> Option<Vec<u8>> {
        let mut name = subject.to_vec();
        for import in &self.way {
            name = import.local_name(&name)?;
        }
        let hears = matches(self.of.subject(), &name) && !self.of.denies(&name);
        hears.then_some(name)
    }
}

/// All shadows of a subscription in `realm`.
#[must_use]
pub fn shadows(sub: &Sub, realm: &Realm) -> Vec<Cast> {
    let mut all = Vec::new();
    if !realm.links().streams.is_empty() {
        cast(sub, sub.subject(), realm, &[], &mut all);
    }
    all
}

fn cast(sub: &Sub, wanted: &[u8], realm: &Realm, way: &[Arc<StreamImport>], all: &mut Vec<Cast>) {
    if way.len() >= WAY_MAX {
        return;
    }
    for import in &realm.links().streams {
        let Some(needed) = import.needed_for(wanted) else { continue };
        let way: Box<[_]> = std::iter::once(import).chain(way).cloned().collect();
        cast(sub, &needed, &import.from, &way, all);
        let shadow = Shadow { of: sub.clone(), way };
        all.push((Arc::clone(&import.from), Sub::shadow(shadow, &needed)));
    }
}
