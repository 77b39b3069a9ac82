//! `Metas`: the parent of the JetStream API of every account that has JetStream. Answers for those
//! that don't.
//!
//! in:   [`Look`]: accounts have other rules; [`Unserved`]: requests of accounts without JetStream
//! out:  births and deaths of [`Meta`]s, one an account; errors to who asks in vain
//! dies: with the server. When it fails all streams end with it, and its successor makes them anew
//!       from the store, as its predecessor did.

mod purge;
mod refuse;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};

use serde_json::json;
use vagus_jetstream::api::Limits;
use vagus_runtime::{
    Actor, Budget, Cx, Handle, Handler, MailboxLimits, Message, Placement, Restart, Spec,
};

use self::refuse::{Closed, Unserved};
use crate::jetstream::desk::Queue;
use crate::jetstream::{Accounts, JetStream};
use crate::meta::{Leave, Meta};
use crate::realm::Realm;

/// See the module's text.
pub struct Metas {
    accounts: Arc<Accounts>,
    /// What has JetStream.
    living: BTreeMap<Arc<str>, Living>,
    /// What has none.
    closed: BTreeMap<Arc<str>, Closed>,
    /// Requests of those that wait to be refused.
    queue: Arc<Queue>,
    /// Accounts without JetStream whose streams were told to be kept.
    kept: BTreeSet<Arc<str>>,
    /// Dropped by everyone who comes to life at the start: whoever waits for the other end to close
    /// waits for all of them.
    ready: Option<mpsc::Sender<()>>,
    refused: u64,
}

/// The rules of accounts have changed: some may get JetStream, or lose it.
struct Look;

impl Message for Look {}

struct Living {
    handle: Handle<Meta>,
    /// It ends, and must have ended before there can be another.
    leaves: bool,
}

// === impl Metas ===

impl Metas {
    /// What waits are requests of those without JetStream: few as a rule, and bounded by a queue.
    pub const MAILBOX: MailboxLimits = MailboxLimits { depth_max: 64 << 10, bytes_max: 64 << 20 };

    #[must_use]
    pub fn new(accounts: Arc<Accounts>, ready: Option<mpsc::Sender<()>>) -> Self {
        Self {
            accounts,
            living: BTreeMap::new(),
            closed: BTreeMap::new(),
            queue: Arc::default(),
            kept: BTreeSet::new(),
            ready,
            refused: 0,
        }
    }

    /// Gives JetStream to the accounts whose rules say so, and takes it from all others.
    fn apply(&mut self, cx: &mut Cx<'_, Self>) {
        self.queue.max.store(self.accounts.settings().requests_max, Relaxed);
        self.end_those_without(cx);
        for realm in self.accounts.broker.realms.all() {
            match self.accounts.wanted(&realm) {
                Some(limits) => {
                    self.closed.remove(&realm.name);
                    self.begin(realm, limits, cx);
                }
                None => self.close(realm, cx),
            }
        }
        self.tell_of_kept();
    }

    fn has(&self, account: &str) -> bool {
        let realm = self.accounts.broker.realms.get(account);
        realm.is_some_and(|realm| self.accounts.wanted(&realm).is_some())
    }

    /// Gives an account JetStream, if it has none yet. After one that leaves another is made when
    /// it is gone.
    fn begin(&mut self, realm: Arc<Realm>, limits: Limits, cx: &mut Cx<'_, Self>) {
        if self.living.contains_key(&realm.name) {
            return;
        }
        let name = Arc::clone(&realm.name);
        let js = Arc::new(JetStream::new(Arc::clone(&self.accounts), realm, limits));
        self.accounts.enter(&js);
        let mut ready = self.ready.clone();
        let factory = move || Meta::new(Arc::clone(&js), ready.take());
        // An account that fails again and again takes no other along.
        let restart = Restart::OnFailure(Budget { restarts_max: u32::MAX, ..Budget::default() });
        let spec = Spec::new(name.to_string(), factory)
            .mailbox(Meta::MAILBOX)
            .restart(restart)
            .arbiter(Placement::Least);
        let handle = cx.spawn(spec);
        self.living.insert(name, Living { handle, leaves: false });
    }

    /// Takes JetStream from accounts. What they stored stays where it is.
    fn end_those_without(&mut self, cx: &mut Cx<'_, Self>) {
        let names = self.living.keys().filter(|name| !self.has(name));
        for name in names.cloned().collect::<Vec<_>>() {
            let Some(living) = self.living.get_mut(&name).filter(|living| !living.leaves) else {
                continue;
            };
            living.leaves = true;
            // One that can't even take this is stopped all the same.
            if living.handle.send_urgent(Leave).is_err() {
                living.handle.stop();
            }
            tracing::info!("JetStream of account '{name}' ends");
            cx.when(living.handle.ended(), move |me, _, cx| {
                me.living.remove(&name);
                me.accounts.leave(&name);
                // The account may have JetStream again by now.
                me.apply(cx);
            });
        }
    }

    /// Says which streams nobody serves.
    fn tell_of_kept(&mut self) {
        let told = std::mem::take(&mut self.kept).into_iter();
        self.kept = told.filter(|name| !self.has(name)).collect();
        let mut kept: BTreeMap<String, usize> = BTreeMap::new();
        for group in self.accounts.store.groups() {
            if !self.has(&group.account) {
                *kept.entry(group.account).or_default() += 1;
            }
        }
        for (name, streams) in kept {
            if self.kept.insert(name.as_str().into()) {
                tracing::warn!(
                    "JetStream is off for account '{name}'; streams kept in the store and not \
                     served: {streams}"
                );
            }
        }
    }
}

impl Drop for Metas {
    fn drop(&mut self) {
        for name in self.living.keys() {
            self.accounts.leave(name);
        }
    }
}

// === impl Actor ===

impl Actor for Metas {
    const KIND: &'static str = "metas";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        let (accounts, me) = (Arc::downgrade(&self.accounts), cx.handle());
        self.accounts.broker.realms.listen(move || {
            // Limits hold at once; who comes and goes takes a moment.
            if let Some(accounts) = accounts.upgrade() {
                accounts.follow();
            }
            // One that is between two lives looks when it is back.
            let _ = me.send_urgent(Look);
        });
        self.apply(cx);
        self.ready = None;
    }

    fn observe(&self) -> serde_json::Value {
        json!({
            "waiting": "for accounts to get or lose JetStream",
            "accounts": self.living.len(),
            "without": self.closed.len(),
            "refused": self.refused,
        })
    }
}

// === impl Handler<Look> ===

impl Handler<Look> for Metas {
    fn handle(&mut self, _: Look, cx: &mut Cx<'_, Self>) {
        self.apply(cx);
    }
}

// === impl Handler<Unserved> ===

impl Handler<Unserved> for Metas {
    fn handle(&mut self, unserved: Unserved, cx: &mut Cx<'_, Self>) {
        self.refuse(&unserved, cx);
    }
}
