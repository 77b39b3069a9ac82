//! What a match does not tell of those who subscribe to a subject: whom it is kept back from, and
//! who hears it in another account.

use std::sync::Arc;

use super::super::cache::Want;
use super::super::{Interest, Sub};
use crate::realm::StreamImport;

/// See the module's text.
#[derive(Default)]
pub(super) struct Sight {
    /// From these it is kept back.
    pub denied: Vec<Sub>,
    /// Subscriptions of other accounts, and what the message is called there.
    imported: Vec<Imported>,
}

pub(super) struct Imported {
    sub: Sub,
    /// What stands for it in the account where the message is published.
    pub shadow: Sub,
    pub name: Vec<u8>,
    pub import: Arc<StreamImport>,
}

impl Sight {
    pub(super) fn of(interest: &Interest, subject: &[u8]) -> Self {
        let mut seen = Self::default();
        interest.visit(subject, &mut |sub| match sub.stands_for() {
            _ if !sub.is_open() => {}
            None if sub.denies(subject) => seen.denied.push(sub.clone()),
            None => {}
            Some(shadow) => {
                if let Some(name) = shadow.local_name(subject) {
                    let import = Arc::clone(shadow.import());
                    let of = shadow.of.clone();
                    seen.imported.push(Imported { sub: of, shadow: sub.clone(), name, import });
                }
            }
        });
        seen
    }

    /// By which import the subscription hears the message that it is shown as `shown`.
    pub(super) fn import_of(&self, want: &Want, shown: &[u8]) -> Option<&Imported> {
        use vagus_subject::Interested as _;
        self.imported.iter().find(|one| one.sub.same(&want.sub) && one.name == shown)
    }
}
