//! [`Accounts`]: which accounts have JetStream, and what they have in common: the store, what the
//! server allows, what all take together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use arc_swap::{ArcSwap, ArcSwapOption};
use vagus_auth::AccountRules;
use vagus_auth::account::JetStreamLimits;
use vagus_jetstream::api::{AccountLimits, Limits};
use vagus_store::Store;

use super::usage::Counts;
use super::{JetStream, Server, Settings};
use crate::broker::Broker;
use crate::realm::Realm;

/// See the module's text. One a server.
pub struct Accounts {
    pub broker: Arc<Broker>,
    pub store: Store,
    pub server: Arc<Server>,
    /// What all accounts take.
    pub total: Arc<Counts>,
    pub batches: OpenBatches,
    domain: Option<Box<str>>,
    settings: ArcSwap<Settings>,
    /// The account that is told of what concerns the server. It never has JetStream.
    system: ArcSwapOption<Box<str>>,
    /// Those that have it, by name.
    living: ArcSwap<BTreeMap<Arc<str>, Arc<JetStream>>>,
}

/// Batches of publishers that are open on the whole server.
#[derive(Debug, Default)]
pub struct OpenBatches {
    pub atomic: AtomicUsize,
    pub fast: AtomicUsize,
}

// === impl Accounts ===

impl Accounts {
    /// No account has JetStream before there are actors.
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        store: Store,
        server: Server,
        settings: Settings,
        system: Option<&str>,
    ) -> Self {
        Self {
            broker,
            store,
            server: Arc::new(server),
            total: Arc::default(),
            batches: OpenBatches::default(),
            domain: settings.domain.as_deref().map(Into::into),
            settings: ArcSwap::from_pointee(settings),
            system: ArcSwapOption::new(system.map(|name| Arc::new(name.into()))),
            living: ArcSwap::default(),
        }
    }

    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    pub fn set_settings(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// The domain; it never changes while the server runs.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// Which account is the system's. Its rules have to be put in force after that.
    pub fn set_system(&self, name: Option<&str>) {
        self.system.store(name.map(|name| Arc::new(name.into())));
    }

    /// The system account's realm.
    #[must_use]
    pub fn system(&self) -> Option<Arc<Realm>> {
        self.broker.realms.get(self.system.load().as_deref()?)
    }

    /// Whether an account is the system's.
    #[must_use]
    pub fn is_system(&self, realm: &Realm) -> bool {
        self.system.load().as_deref().is_some_and(|name| **name == *realm.name)
    }

    /// The limits that an account is to have; `None`: no JetStream.
    #[must_use]
    pub fn wanted(&self, realm: &Realm) -> Option<Limits> {
        if self.is_system(realm) { None } else { limits_of(&realm.rules().stated) }
    }

    /// Puts limits in force that the rules of accounts say by now.
    pub(crate) fn follow(&self) {
        for js in self.living.load().values() {
            if let Some(limits) = self.wanted(&js.realm) {
                js.set_limits(limits);
            }
        }
    }

    /// JetStream of an account that has it.
    #[must_use]
    pub fn get(&self, account: &str) -> Option<Arc<JetStream>> {
        self.living.load().get(account).cloned()
    }

    /// Of all accounts that have it, in the order of their names.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<JetStream>> {
        self.living.load().values().cloned().collect()
    }

    /// How many have it.
    #[must_use]
    pub fn count(&self) -> usize {
        self.living.load().len()
    }

    pub(crate) fn enter(&self, js: &Arc<JetStream>) {
        self.living.rcu(|living| {
            let mut living = BTreeMap::clone(living);
            living.insert(Arc::clone(&js.realm.name), Arc::clone(js));
            living
        });
    }

    pub(crate) fn leave(&self, account: &str) {
        self.living.rcu(|living| {
            let mut living = BTreeMap::clone(living);
            living.remove(account);
            living
        });
    }
}

/// The limits of JetStream that the rules of an account say; `None`: it has none.
#[must_use]
pub fn limits_of(stated: &AccountRules) -> Option<Limits> {
    let flat = stated.jetstream.as_ref()?;
    let tiers = &stated.jetstream_tiers;
    if tiers.is_empty() {
        return Some(Limits::Flat(in_numbers(flat)));
    }
    let tiers = tiers.iter().map(|(name, tier)| (name.clone(), in_numbers(tier)));
    Some(Limits::Tiered(tiers.collect()))
}

fn in_numbers(wanted: &JetStreamLimits) -> AccountLimits {
    let most = |max: Option<u64>| max.map_or(-1, |max| i64::try_from(max).unwrap_or(i64::MAX));
    AccountLimits {
        max_memory: most(wanted.memory),
        max_store: most(wanted.store),
        max_streams: most(wanted.streams),
        max_consumers: most(wanted.consumers),
        max_ack_pending: most(wanted.ack_pending),
        memory_max_stream_bytes: most(wanted.memory_stream),
        store_max_stream_bytes: most(wanted.store_stream),
        max_bytes_required: wanted.max_bytes_required,
    }
}
