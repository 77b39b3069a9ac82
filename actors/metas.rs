//! `Metas`: the parent of the JetStream API of every account that has JetStream. Answers for those
//! that don't.
//!
//! in:   [`Chartered`]: other accounts are to have it, or other limits hold; [`Unserved`]: requests
//!       of accounts without JetStream
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
use vagus_runtime::{Actor, Budget, Cx, Handle, Handler, MailboxLimits, Placement, Restart, Spec};

use self::refuse::{Closed, Unserved};
use crate::jetstream::accounts::{Charter, Chartered};
use crate::jetstream::desk::Queue;
use crate::jetstream::{Accounts, JetStream};
use crate::meta::Meta;
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

    /// Puts the charter in force.
    fn apply(&mut self, cx: &mut Cx<'_, Self>) {
        let charter = self.accounts.charter();
        self.queue.max.store(self.accounts.settings().requests_max, Relaxed);
        self.end_those_without(&charter, cx);
        let realms = &self.accounts.broker.realms;
        charter.limits.keys().chain(&charter.system).for_each(|name| drop(realms.ensure(name)));
        let mut without = BTreeSet::new();
        for realm in self.accounts.broker.realms.all() {
            match charter.limits.get(&*realm.name) {
                Some(limits) => {
                    self.closed.remove(&realm.name);
                    self.begin(realm, limits, cx);
                }
                None => {
                    without.insert(Arc::clone(&realm.name));
                    self.close(realm, &charter, cx);
                }
            }
        }
        self.closed.retain(|name, _| without.contains(name));
        self.tell_of_kept(&charter);
    }

    /// Gives an account JetStream, if it has none yet. After one that leaves another is made when
    /// it is gone.
    fn begin(&mut self, realm: Arc<Realm>, limits: &Limits, cx: &mut Cx<'_, Self>) {
        if self.living.contains_key(&realm.name) {
            return;
        }
        let name = Arc::clone(&realm.name);
        let js = Arc::new(JetStream::new(Arc::clone(&self.accounts), realm, limits.clone()));
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
    fn end_those_without(&mut self, charter: &Charter, cx: &mut Cx<'_, Self>) {
        let realms = &self.accounts.broker.realms;
        for (name, living) in &mut self.living {
            let stays = charter.limits.contains_key(name) && realms.get(name).is_some();
            if stays || living.leaves {
                continue;
            }
            living.leaves = true;
            living.handle.stop();
            tracing::info!("JetStream of account '{name}' ends");
            let name = Arc::clone(name);
            cx.when(living.handle.ended(), move |me, _, cx| {
                me.living.remove(&name);
                me.accounts.leave(&name);
                // The account may have JetStream again by now.
                me.apply(cx);
            });
        }
    }

    /// Says which streams nobody serves.
    fn tell_of_kept(&mut self, charter: &Charter) {
        self.kept.retain(|name| !charter.limits.contains_key(name));
        let mut kept: BTreeMap<String, usize> = BTreeMap::new();
        for group in self.accounts.store.groups() {
            if !charter.limits.contains_key(group.account.as_str()) {
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
        self.accounts.set_keeper(cx.handle().recipient());
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

// === impl Handler<Chartered> ===

impl Handler<Chartered> for Metas {
    fn handle(&mut self, _: Chartered, cx: &mut Cx<'_, Self>) {
        self.apply(cx);
    }
}

// === impl Handler<Unserved> ===

impl Handler<Unserved> for Metas {
    fn handle(&mut self, unserved: Unserved, cx: &mut Cx<'_, Self>) {
        self.refuse(&unserved, cx);
    }
}
