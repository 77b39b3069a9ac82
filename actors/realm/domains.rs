//! [`Domains`]: whose JetStream accounts ask that have none here, where nobody names a domain.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use vagus_auth::account::AccountMapping;
use vagus_subject::transform::Destination;

use super::{GLOBAL_ACCOUNT, RealmRules};

/// See the module's text. Never changes while the server runs.
#[derive(Default)]
pub struct Domains(OnceLock<BTreeMap<String, String>>);

/// What is asked, behind `$JS.API.`
const ASKED: [&str; 7] =
    ["INFO", "STREAM.>", "CONSUMER.>", "DIRECT.>", "META.>", "SERVER.>", "ACCOUNT.>"];
/// Subjects of buckets, which the domain's prefix is put before.
const BUCKETS: [&str; 2] = ["$KV.>", "$OBJ.>"];

// === impl Domains ===

impl Domains {
    /// By account. The first call counts.
    pub fn set(&self, by_account: BTreeMap<String, String>) {
        // A server is made once.
        let _ = self.0.set(by_account);
    }

    /// The domain of an account. Empty: it is that of any server that answers, and leaf links keep
    /// nothing back.
    #[must_use]
    pub fn of(&self, account: &str) -> Option<&str> {
        self.0.get()?.get(account).map(String::as_str)
    }

    /// The same rules, and what an account without JetStream asks leads into its domain.
    pub(super) fn lead(&self, rules: RealmRules) -> RealmRules {
        let domain = self.of(&rules.stated.name).filter(|domain| !domain.is_empty());
        // The global account's is not asked about: it has one wherever the server does.
        let global = rules.stated.name == GLOBAL_ACCOUNT;
        let Some(domain) = domain.filter(|_| global || rules.stated.jetstream.is_none()) else {
            return rules;
        };
        let mut stated = rules.stated.clone();
        let asked = ASKED.map(|tail| (format!("$JS.API.{tail}"), tail));
        let buckets = BUCKETS.map(|bucket| (bucket.to_owned(), bucket));
        stated.mappings.extend(asked.into_iter().chain(buckets).map(|(source, tail)| {
            let to = Destination::new(format!("$JS.{domain}.API.{tail}"));
            AccountMapping { source, destinations: vec![to] }
        }));
        RealmRules::new(stated).unwrap_or(rules)
    }
}

#[cfg(test)]
mod tests {
    use vagus_auth::AccountRules;
    use vagus_auth::account::JetStreamLimits;
    use vagus_subject::transform::Resolved;

    use super::*;

    #[test]
    fn what_an_account_asks_leads_into_its_domain() {
        let domains = Domains::default();
        domains.set([("A", "hub"), ("B", "")].map(|(a, d)| (a.to_owned(), d.to_owned())).into());
        let led = |name: &str, jetstream| {
            let stated = AccountRules { name: name.into(), jetstream, ..AccountRules::default() };
            domains.lead(RealmRules::new(stated).unwrap())
        };
        let mut rng = fastrand::Rng::new();
        let rules = led("A", None);
        for (from, to) in [
            ("$JS.API.INFO", "$JS.hub.API.INFO"),
            ("$JS.API.STREAM.INFO.S", "$JS.hub.API.STREAM.INFO.S"),
            ("$KV.B.k.l", "$JS.hub.API.$KV.B.k.l"),
        ] {
            let Resolved::To(found) = rules.mappings.resolve(from.as_bytes(), None, &mut rng)
            else {
                panic!("{from} is not mapped");
            };
            assert_eq!(&found[..], to.as_bytes());
        }
        for rules in [led("A", Some(JetStreamLimits::default())), led("B", None), led("C", None)] {
            assert!(rules.mappings.is_empty());
        }
    }
}
