//! From the configuration to the realms of accounts and their rules.

use vagus_actors::realm::{GLOBAL_ACCOUNT, RealmRules, Realms};
use vagus_config::{Config, Mapping};
use vagus_subject::transform::{Destination, MappingError, Mappings};

/// The rules of every account that the configuration knows.
pub(super) struct Charter(Vec<(String, RealmRules)>);

// === impl Charter ===

impl Charter {
    /// Reads the rules out of a configuration.
    pub(super) fn from_config(config: &Config) -> Result<Self, MappingError> {
        let global = RealmRules { mappings: mappings(&config.mappings)?, ..RealmRules::default() };
        Ok(Self(vec![(GLOBAL_ACCOUNT.to_owned(), global)]))
    }

    /// Puts the rules in force.
    pub(super) fn apply(self, realms: &Realms) {
        for (name, rules) in self.0 {
            realms.ensure(&name).set_rules(rules);
        }
    }
}

fn mappings(of: &[Mapping]) -> Result<Mappings, MappingError> {
    let mut mappings = Mappings::default();
    for mapping in of {
        let destinations: Vec<Destination> = mapping
            .destinations
            .iter()
            .map(|to| Destination {
                subject: to.subject.clone().into_bytes(),
                weight: to.weight,
                cluster: to.cluster.clone(),
            })
            .collect();
        mappings.add(mapping.source.as_bytes(), &destinations)?;
    }
    Ok(mappings)
}
