//! [`Office`]: what outlives an incarnation of the system, and what other threads need to finish an
//! answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::account_stat::AccountStat;
use super::answer::{Body, envelope};
use super::pages::{Pages, Reload};
use super::server_info::Profile;
use crate::broker::Broker;
use crate::realm::Realm;

/// See the module's text.
pub struct Office {
    pub(super) broker: Arc<Broker>,
    /// Of the system's account.
    pub(super) realm: Arc<Realm>,
    pub(super) pages: Arc<dyn Pages>,
    pub(super) reload: Reload,
    /// Pages that are being made.
    making: AtomicUsize,
    /// Requests that were dropped, since too many pages were being made.
    pub(super) refused: AtomicU64,
}

/// Room for one page that is being made.
pub(super) struct Seat(Arc<Office>);

/// Pages that may be asked for at a time. More are not answered.
const PAGES_MAX: usize = 1024;

// === impl Office ===

impl Office {
    /// `realm` is that of the system's account.
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        realm: Arc<Realm>,
        pages: Arc<dyn Pages>,
        reload: Reload,
    ) -> Self {
        Self {
            broker,
            realm,
            pages,
            reload,
            making: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// The system's account.
    #[must_use]
    pub fn realm(&self) -> &Arc<Realm> {
        &self.realm
    }

    pub(super) fn profile(&self) -> Arc<Profile> {
        Arc::clone(&self.broker.settings().profile)
    }

    pub(super) fn envelope(&self, body: &Body<'_>) -> Vec<u8> {
        envelope(&self.profile().info(self.broker.next_event()), body)
    }

    /// A subject of this server.
    pub(super) fn about_server(&self, what: &str) -> String {
        format!("$SYS.SERVER.{}.{what}", self.profile().id)
    }

    /// Room for one more page, if there is.
    pub(super) fn seat(self: &Arc<Self>) -> Option<Seat> {
        let more = |making| (making < PAGES_MAX).then_some(making + 1);
        if self.making.fetch_update(Relaxed, Relaxed, more).is_err() {
            self.refused.fetch_add(1, Relaxed);
            return None;
        }
        Some(Seat(Arc::clone(self)))
    }

    pub(super) fn making(&self) -> usize {
        self.making.load(Relaxed)
    }

    pub(super) fn stat_of(&self, account: &str) -> Option<AccountStat> {
        let realm = self.broker.realms.get(account)?;
        Some(AccountStat::of(&realm, self.leafs_of(&realm)))
    }

    /// Leaf links that serve an account.
    pub(super) fn leafs_of(&self, realm: &Realm) -> usize {
        self.broker.realms.leafs.count_of(&realm.name)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.making.fetch_sub(1, Relaxed);
    }
}
