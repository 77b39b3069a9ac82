//! `CalloutDesk`: asks a service who a client or a leaf node is, and takes its word.
//!
//! in:   [`Question`]s of those who take others in; [`Answered`]: what services say
//! out:  requests on `$SYS.REQ.USER.AUTH` in the account of the service; identities
//! dies: never by itself. A restart loses the open questions: their clients are refused.

mod about;
mod request;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nkeys::{KeyPair, XKey};
use serde_json::json;
use tokio::sync::oneshot;
use tracing::warn;
use vagus_auth::jwt::{ClientInfo, ClientTls, ConnectOptions};
use vagus_auth::{CALLOUT_SUBJECT, Callout, Identity};
use vagus_runtime::{Actor, Cx, Handler, MailboxLimits, Message};
use vagus_wire::frame::frames;

pub use self::about::{About, Encrypted};
use crate::broker::{Broker, unix_now};
use crate::delivery::feed::{Deliveries, Intake};
use crate::delivery::outlet;
use crate::delivery::{Feed, Post, Sub, Target};
use crate::jetstream::Caller;
use crate::realm::Realm;
use crate::shard::Roster;

/// See the module's text.
pub struct CalloutDesk {
    broker: Arc<Broker>,
    keys: Arc<ServerKeys>,
    /// Where answers are heard, by account.
    rosters: HashMap<Arc<str>, Roster>,
    /// By the subject of the answer.
    open: HashMap<String, Open>,
    next: u64,
    asked: u64,
    granted: u64,
}

/// The keys of a server. Never shown.
pub struct ServerKeys {
    pub signing: KeyPair,
    pub sealing: XKey,
}

/// Who is this client?
pub struct Question {
    pub callout: Arc<Callout>,
    pub client: ClientInfo,
    pub shown: ConnectOptions,
    /// Of a connection that is encrypted.
    pub tls: Option<ClientTls>,
    /// Dropped where the service knows nobody.
    pub done: oneshot::Sender<Identity>,
}

/// A question that waits for its answer.
struct Open {
    callout: Arc<Callout>,
    user_nkey: String,
    user: String,
    done: oneshot::Sender<Identity>,
}

/// What services say.
pub struct Answered {
    frames: Bytes,
}

impl Message for Question {}

impl Message for Answered {
    fn weight(&self) -> usize {
        self.frames.len()
    }
}

/// The way of answers.
struct Slot(vagus_runtime::Recipient<Answered>);

impl Intake for Slot {
    fn offer(&self, batch: Deliveries) -> bool {
        self.0.send(Answered { frames: batch.frames }).is_ok()
    }
}

// === impl ServerKeys ===

impl ServerKeys {
    #[must_use]
    pub fn new() -> Self {
        Self { signing: KeyPair::new_server(), sealing: XKey::new() }
    }
}

impl Default for ServerKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerKeys").finish_non_exhaustive()
    }
}

// === impl CalloutDesk ===

impl CalloutDesk {
    pub const MAILBOX: MailboxLimits = MailboxLimits { depth_max: 16 << 10, bytes_max: 32 << 20 };

    #[must_use]
    pub fn new(broker: Arc<Broker>, keys: Arc<ServerKeys>) -> Self {
        let (rosters, open) = (HashMap::new(), HashMap::new());
        Self { broker, keys, rosters, open, next: 0, asked: 0, granted: 0 }
    }

    /// Where answers to this server go.
    fn inbox(&self) -> String {
        format!("$SYS._INBOX.{}", self.keys.signing.public_key())
    }

    /// Makes sure that answers in the realm are heard, then asks.
    fn prepare(&mut self, question: Question, cx: &mut Cx<'_, Self>) {
        let realm = self.broker.realms.ensure(&question.callout.account);
        if self.rosters.contains_key(&realm.name) {
            return self.ask(question, &realm, cx);
        }
        let slot = Slot(cx.handle().recipient());
        let feed = Arc::new(Feed::new(self.broker.slots.take(), Arc::new(slot)));
        let subject = format!("{}.*", self.inbox());
        let sub = Sub::new(Target::Actor(feed), subject.as_bytes(), None, b"1");
        let roster = Roster::new(Arc::clone(&self.broker), Arc::clone(&realm), vec![sub]);
        let registered = roster.register();
        self.rosters.insert(Arc::clone(&realm.name), roster);
        cx.when(registered, move |me, (), cx| me.ask(question, &realm, cx));
    }

    fn ask(&mut self, question: Question, realm: &Realm, cx: &mut Cx<'_, Self>) {
        self.next += 1;
        let user_nkey = KeyPair::new_user().public_key();
        // The key is random: nobody can guess where the answer is heard.
        let reply = format!("{}.{user_nkey}{}", self.inbox(), self.next);
        let Some(request) = self.request(&question, &user_nkey) else {
            return warn!("a request to authenticate a client could not be made");
        };
        let Question { callout, shown, done, .. } = question;
        let headers = callout.xkey.as_ref().map(|_| {
            format!("NATS/1.0\r\nNats-Server-Xkey: {}\r\n\r\n", self.keys.sealing.public_key())
        });
        let post = Post {
            subject: CALLOUT_SUBJECT.as_bytes(),
            reply: Some(reply.as_bytes()),
            headers: headers.as_deref().map(str::as_bytes),
            payload: &request,
        };
        let heard = outlet::turn(&self.broker, realm, cx.cell().arbiter(), |out| {
            out.publish(post);
            out.delivered > 0
        });
        if !heard {
            return;
        }
        self.asked += 1;
        // Leaf nodes show a token in both places.
        let is_token = !shown.user.is_empty() && shown.user == shown.auth_token;
        let user = if is_token { Identity::TOKEN.to_owned() } else { shown.user };
        self.open.insert(reply.clone(), Open { callout, user_nkey, user, done });
        cx.run_later(self.patience(), move |me, _| {
            me.open.remove(&reply);
        });
    }

    fn patience(&self) -> Duration {
        self.broker.settings().auth_timeout
    }

    fn answered(&mut self, caller: &Caller) {
        let subject = String::from_utf8_lossy(caller.subject()).into_owned();
        let Some(open) = self.open.remove(&subject) else { return };
        let Some(answer) = self.opened(&open, caller.body()) else { return };
        let id = self.keys.signing.public_key();
        let question = vagus_auth::Question {
            user_nkey: &open.user_nkey,
            server: &id,
            user: &open.user,
            now: unix_now(),
        };
        let settings = self.broker.settings();
        let operators = settings.authenticator.operators();
        let is_account = |name: &str| self.broker.realms.get(name).is_some();
        match open.callout.judge(&answer, question, operators, is_account) {
            Ok(identity) => {
                self.granted += 1;
                // A client that did not wait any longer.
                let _ = open.done.send(identity);
            }
            Err(why) => warn!("the answer of the authentication service is refused: {why}"),
        }
    }
}

// === impl Actor ===

impl Actor for CalloutDesk {
    const KIND: &'static str = "callout";

    fn observe(&self) -> serde_json::Value {
        json!({
            "waiting": "for a client to be known",
            "open": self.open.len(),
            "asked": self.asked,
            "granted": self.granted,
        })
    }
}

// === impl Handler<Question> ===

impl Handler<Question> for CalloutDesk {
    fn handle(&mut self, question: Question, cx: &mut Cx<'_, Self>) {
        self.prepare(question, cx);
    }
}

// === impl Handler<Answered> ===

impl Handler<Answered> for CalloutDesk {
    fn handle(&mut self, Answered { frames: bytes }: Answered, _: &mut Cx<'_, Self>) {
        for (_, frame) in frames(&bytes) {
            self.answered(&Caller::new(bytes.clone(), frame));
        }
    }
}
