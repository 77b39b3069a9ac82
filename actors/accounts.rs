//! `Accounts`: the parent of the actors of accounts.
//!
//! in:   [`Enforce`]: rules have changed
//! out:  an [`Account`] for each that shares something with others; [`Renew`] to those
//! dies: never by itself; a successor makes them anew from the rules in force

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};

use serde_json::json;
use vagus_runtime::{Actor, Cx, Handle, Handler, Message, Spec};

use crate::account::{Account, Renew};
use crate::broker::Broker;
use crate::realm::Realm;

/// See the module's text.
pub struct Accounts {
    broker: Arc<Broker>,
    by_name: BTreeMap<Arc<str>, Handle<Account>>,
    /// Whoever waits for the accounts to be ready holds the other end.
    ready: Option<mpsc::Sender<()>>,
}

/// Go by the rules that are in force now.
pub struct Enforce;

impl Message for Enforce {}

impl Accounts {
    #[must_use]
    pub fn new(broker: Arc<Broker>, ready: Option<mpsc::Sender<()>>) -> Self {
        Self { broker, by_name: BTreeMap::new(), ready }
    }

    fn enforce(&mut self, cx: &mut Cx<'_, Self>) {
        let mut ready = self.ready.take();
        for realm in self.broker.realms.all() {
            match self.by_name.get(&realm.name) {
                Some(account) => {
                    // One between two lives looks at the rules when it is back.
                    let _ = account.send_urgent(Renew);
                }
                None if shares(&realm) => self.spawn(realm, ready.clone(), cx),
                None => {}
            }
        }
        drop(ready.take());
    }

    fn spawn(
        &mut self,
        realm: Arc<Realm>,
        mut ready: Option<mpsc::Sender<()>>,
        cx: &mut Cx<'_, Self>,
    ) {
        let (broker, name) = (Arc::clone(&self.broker), Arc::clone(&realm.name));
        let factory = move || Account::new(Arc::clone(&broker), Arc::clone(&realm), ready.take());
        let account = cx.spawn(Spec::new(name.to_string(), factory));
        self.by_name.insert(name, account);
    }
}

/// Whether there is something for an actor to do.
fn shares(realm: &Realm) -> bool {
    let links = realm.links();
    links.serves || !links.services.is_empty() || !links.streams.is_empty()
}

// === impl Actor ===

impl Actor for Accounts {
    const KIND: &'static str = "accounts";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        self.enforce(cx);
    }

    fn observe(&self) -> serde_json::Value {
        json!({ "accounts": self.by_name.len() })
    }
}

// === impl Handler<Enforce> ===

impl Handler<Enforce> for Accounts {
    fn handle(&mut self, _: Enforce, cx: &mut Cx<'_, Self>) {
        self.enforce(cx);
    }
}
