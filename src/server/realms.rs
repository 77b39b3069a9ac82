//! From the configuration to the realms of accounts and their rules.

use std::collections::{BTreeMap, HashMap};

use tracing::warn;
use vagus_actors::realm::{GLOBAL_ACCOUNT, RealmRules, Realms};
use vagus_auth::account::{AccountMapping, Import, JetStreamLimits};
use vagus_auth::{AccountBook, AccountRules};
use vagus_config::Config;
use vagus_subject::transform::MappingError;

/// The rules of every account that the configuration knows.
pub(super) struct Charter {
    rules: Vec<RealmRules>,
    /// The domain that accounts without JetStream ask, by account.
    domains: BTreeMap<String, String>,
}

// === impl Charter ===

impl Charter {
    /// Reads the rules out of a configuration.
    pub(super) fn from_config(config: &Config, book: &AccountBook) -> Result<Self, MappingError> {
        let system = config.system();
        let mut others = config.accounts.iter().map(|account| account.rules.name.as_str());
        // Where nobody has an account of their own, the one of everybody has JetStream.
        let alone = !config.trust.is_given() && others.all(|name| Some(name) == system);
        let global = AccountRules {
            name: GLOBAL_ACCOUNT.to_owned(),
            jetstream: alone.then(JetStreamLimits::default),
            mappings: config.mappings.iter().cloned().map(AccountMapping::from).collect(),
            ..AccountRules::default()
        };
        let mut all = vec![global];
        all.extend(config.accounts.iter().map(|account| account.rules.clone()));
        if let Some(system) = config.system()
            && all.iter().all(|rules| rules.name != system)
        {
            all.push(AccountRules { name: system.to_owned(), ..AccountRules::default() });
        }
        let mut all = all.into_iter().map(RealmRules::new).collect::<Result<Vec<_>, _>>()?;
        all.retain(|rules| book.get(&rules.stated.name).is_none());
        all.extend(of_book(book));
        let mut domains = config.default_js_domain.clone();
        if alone && config.jetstream.enabled {
            // It has one here.
            domains.remove(GLOBAL_ACCOUNT);
        }
        Ok(Self { rules: all, domains })
    }

    /// Puts the rules in force. An account that is gone has none any more.
    pub(super) fn apply(mut self, realms: &Realms) {
        realms.domains.set(self.domains);
        for realm in realms.all() {
            if self.rules.iter().all(|rules| *rules.stated.name != *realm.name) {
                let stated =
                    AccountRules { name: realm.name.to_string(), ..AccountRules::default() };
                self.rules.push(RealmRules { stated, ..RealmRules::default() });
            }
        }
        realms.enforce(self.rules);
    }
}

/// The rules of all accounts that are known by their claims. Of imports that form a cycle, that of
/// the account is refused whose claims were issued last.
fn of_book(book: &AccountBook) -> Vec<RealmRules> {
    let mut accounts = book.all();
    accounts.sort_by(|a, b| (a.claims.iat, a.key()).cmp(&(b.claims.iat, b.key())));
    let mut imports: HashMap<String, Vec<Import>> = HashMap::new();
    let rules = accounts.iter().map(|account| {
        let imports_of = |name: &str| imports.get(name).cloned();
        let (rules, refused) = RealmRules::of_claims(account.rules(), imports_of);
        refused.iter().for_each(|why| warn!("account {}: {why}", account.key()));
        imports.insert(account.key().to_owned(), rules.stated.imports.clone());
        rules
    });
    rules.collect()
}
