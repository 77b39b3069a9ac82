//! [`Accounts`]: which accounts have JetStream, and what they have in common: the store, what the
//! server allows, what all take together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use arc_swap::{ArcSwap, ArcSwapOption};
use vagus_jetstream::api::Limits;
use vagus_runtime::{Message, Recipient};
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
    charter: ArcSwap<Charter>,
    /// Those that have it, by name.
    living: ArcSwap<BTreeMap<Arc<str>, Arc<JetStream>>>,
    /// Who puts another charter in force.
    keeper: ArcSwapOption<Recipient<Chartered>>,
}

/// Which accounts are to have JetStream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Charter {
    /// Their limits.
    pub limits: BTreeMap<Arc<str>, Limits>,
    /// The account that is told of what concerns the server. It never has JetStream.
    pub system: Option<Arc<str>>,
    /// What accounts without JetStream ask others for, as subjects: who answers there is not us.
    pub asked_elsewhere: BTreeMap<Arc<str>, BTreeSet<Box<[u8]>>>,
}

/// Batches of publishers that are open on the whole server.
#[derive(Debug, Default)]
pub struct OpenBatches {
    pub atomic: AtomicUsize,
    pub fast: AtomicUsize,
}

/// There is another charter, or there are other realms.
pub struct Chartered;

impl Message for Chartered {}

// === impl Accounts ===

impl Accounts {
    /// No account has JetStream before there are actors.
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        store: Store,
        server: Server,
        settings: Settings,
        charter: Charter,
    ) -> Self {
        Self {
            broker,
            store,
            server: Arc::new(server),
            total: Arc::default(),
            batches: OpenBatches::default(),
            domain: settings.domain.as_deref().map(Into::into),
            settings: ArcSwap::from_pointee(settings),
            charter: ArcSwap::from_pointee(charter),
            living: ArcSwap::default(),
            keeper: ArcSwapOption::empty(),
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

    #[must_use]
    pub fn charter(&self) -> Arc<Charter> {
        self.charter.load_full()
    }

    /// Puts another charter in force. Limits hold at once; accounts get JetStream, or lose it,
    /// soon. What they stored is kept.
    pub fn set_charter(&self, charter: Charter) {
        for js in self.living.load().values() {
            if let Some(limits) = charter.limits.get(js.account()) {
                js.set_limits(limits.clone());
            }
        }
        self.charter.store(Arc::new(charter));
        if let Some(keeper) = &*self.keeper.load() {
            // One that is between two lives reads the charter when it is back.
            let _ = keeper.send_urgent(Chartered);
        }
    }

    pub(crate) fn set_keeper(&self, keeper: Recipient<Chartered>) {
        self.keeper.store(Some(Arc::new(keeper)));
    }

    /// The system account's realm.
    #[must_use]
    pub fn system(&self) -> Option<Arc<Realm>> {
        self.broker.realms.get(self.charter.load().system.as_deref()?)
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
