//! Where the client belongs: the realm of its account, and what a reload makes of that.

use std::sync::Arc;

use tracing::{error, warn};
use vagus_auth::{ConnectionType, Identity, Removal};
use vagus_wire::text;

use super::Connection;
use super::hello::Standing;
use super::messages::Reload;
use super::rights::{Rights, subscription_violation};

use crate::broker::unix_now;
use crate::delivery::{Answers, Reason};
use crate::realm::Realm;

/// Why a client is not taken in: the last words to it.
pub(super) struct Refusal(pub &'static str, pub Reason);

impl Connection {
    /// From here on the client is who it has proved to be, in the realm of its account.
    pub(super) fn recognise(&mut self, identity: Identity) -> Result<(), Refusal> {
        let realm = self.broker.realms.ensure(&identity.account);
        self.client.identity = Some(identity);
        self.client.standing = Standing::Known;
        if !self.join(realm) {
            error!("{}maximum account active connections exceeded", self.prefix());
            return Err(Refusal(text::MAX_ACCOUNT_CONNECTIONS, Reason::MaxAccountConnections));
        }
        self.renew_rights();
        self.tell_joined();
        self.unsupported().map_or(Ok(()), Err)
    }

    /// Becomes one of the realm, instead of the one that it belonged to. False if that is full.
    pub(super) fn join(&mut self, realm: Arc<Realm>) -> bool {
        if self.member && Arc::ptr_eq(&self.realm, &realm) {
            return true;
        }
        if std::mem::take(&mut self.member) {
            self.realm.leave(&self.out);
        }
        self.member = realm.enter(&self.out);
        self.out.set_realm(&realm);
        self.rules = realm.rules();
        self.realm = realm;
        self.last = None;
        self.member
    }

    /// What the client may do, by what is in force now.
    fn renew_rights(&mut self) {
        self.last = None;
        self.rules = self.realm.rules();
        self.rights = match &self.client.identity {
            Some(identity) => Rights::of(identity, &self.settings, &self.rules),
            None => Rights::general(&self.settings, &self.rules),
        };
        let bounds = self.rights.permissions.as_ref().and_then(|all| all.responses());
        if self.out.answers().map(|known| known.bounds()) != bounds {
            self.out.set_answers(bounds.map(Answers::new));
        }
        let expires = self.client.identity.as_ref().and_then(|who| who.expires);
        self.set_expiry(expires);
    }

    /// What the client asks for and can't have.
    fn unsupported(&self) -> Option<Refusal> {
        let connect = &self.client.connect;
        if !(0..=1).contains(&connect.protocol) {
            return Some(Refusal(text::BAD_PROTOCOL, Reason::BadClientProtocolVersion));
        }
        if connect.no_responders && !connect.headers {
            return Some(Refusal(text::NO_RESPONDERS, Reason::NoRespondersRequiresHeaders));
        }
        None
    }

    /// Settings have changed: whoever is no longer allowed has to go.
    pub(super) fn apply_settings(&mut self, Reload(settings): Reload) {
        self.settings = settings;
        self.last = None;
        if let Err(removal) = self.is_still_allowed() {
            warn!("{}no longer authorized", self.prefix());
            let (text, reason) = Reason::of_removal(&removal);
            return self.refuse(text, reason);
        }
        let rules = &self.settings.authenticator;
        if self.client.identity.is_none() && rules.required() && !self.client.is_being_checked() {
            self.client.standing = Standing::Stranger;
            self.set_first_timer();
        }
        if self.follow_account() {
            self.renew_rights();
            self.limits_may_have_shrunk();
        }
    }

    /// Asks the rules in force for the client's identity, which may have changed with them.
    fn is_still_allowed(&mut self) -> Result<(), Removal> {
        let rules = &self.settings.authenticator;
        match &self.client.identity {
            Some(identity) => {
                self.client.identity =
                    Some(rules.review(identity, ConnectionType::Standard, unix_now())?);
                Ok(())
            }
            // Who was taken in without a word must not go on listening. Who has not said anything
            // yet is asked when it does.
            None if rules.required() && self.interest.len() > 0 => Err(Removal::NotAuthorized),
            None => Ok(()),
        }
    }

    /// The user may be one of another account now, or the account be too full. False when the
    /// connection ends by that: it has to come again.
    fn follow_account(&mut self) -> bool {
        let account = self.client.identity.as_ref().map(|who| Arc::clone(&who.account));
        if account.is_some_and(|account| account != self.realm.name) {
            warn!("{}moved to another account by a reload", self.prefix());
            self.end(Reason::ClientClosed);
            return false;
        }
        if self.realm.surplus().contains(&self.out.cid) {
            self.refuse(text::MAX_ACCOUNT_CONNECTIONS, Reason::MaxAccountConnections);
            return false;
        }
        true
    }

    /// Fewer subscriptions are allowed than the client has, or others.
    fn limits_may_have_shrunk(&mut self) {
        if self.rights.subscriptions_max.is_some_and(|max| self.interest.len() > max) {
            return self.refuse(text::MAX_SUBSCRIPTIONS, Reason::MaxSubscriptions);
        }
        for sub in self.resubscribe() {
            let sid = String::from_utf8_lossy(sub.sid());
            let violation = subscription_violation(sub.subject(), sub.queue());
            error!("{}{violation} (sid {sid:?})", self.prefix());
            self.out.send(&vagus_wire::encode::error(&format!("{violation} (sid {sid:?})")));
        }
    }
}
