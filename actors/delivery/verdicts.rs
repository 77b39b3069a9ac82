//! What an arbiter remembers of permissions: whether a set of them allows to publish to a subject.
//!
//! One permission can be a long list of patterns, and a client asks for the same few subjects
//! again and again. Permissions never change; others have another number.

use smallvec::SmallVec;
use vagus_auth::Permissions;

/// See the module's text.
#[derive(Default)]
pub struct Verdicts(Box<[Option<Verdict>]>);

struct Verdict {
    /// The number of the permissions.
    of: u64,
    subject: SmallVec<[u8; 32]>,
    allowed: bool,
}

/// Verdicts remembered. Two that share a place take it from each other.
const PLACES: usize = 1 << 10;

impl Verdicts {
    /// Whether the permissions allow to publish to `subject`.
    pub fn may_publish(&mut self, permissions: &Permissions, subject: &[u8]) -> bool {
        if self.0.is_empty() {
            self.0 = (0..PLACES).map(|_| None).collect();
        }
        let of = permissions.id();
        let hash = vagus_subject::hash(subject) ^ of.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let place = &mut self.0[hash as usize & (PLACES - 1)];
        if let Some(known) = place
            && known.of == of
            && *known.subject == *subject
        {
            return known.allowed;
        }
        let allowed = permissions.may_publish(subject);
        *place = Some(Verdict { of, subject: SmallVec::from_slice(subject), allowed });
        allowed
    }
}

#[cfg(test)]
mod tests {
    use vagus_auth::{PermissionRules, SubjectRules};

    use super::*;

    #[test]
    fn what_is_remembered_is_what_the_permissions_say() {
        let only = |subject: &str| {
            let publish = SubjectRules::only([subject]);
            Permissions::new(PermissionRules { publish, ..PermissionRules::default() })
        };
        let all = [only("a.>"), only("b.*"), only("*.5")];
        let (mut verdicts, mut rng) = (Verdicts::default(), fastrand::Rng::with_seed(1));
        for _ in 0..20_000 {
            let permissions = &all[rng.usize(..all.len())];
            let subject = format!("{}.{}", rng.choice(["a", "b"]).unwrap(), rng.u16(..2000));
            let subject = subject.as_bytes();
            let allowed = permissions.may_publish(subject);
            assert_eq!(verdicts.may_publish(permissions, subject), allowed);
        }
    }
}
