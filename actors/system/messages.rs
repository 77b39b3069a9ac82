//! What the system takes, and the door through which it is told.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, mpsc};

use bytes::Bytes;
use vagus_runtime::{Handle, Message, Recipient};
use vagus_tls::Certificate;

use super::{ClientInfo, System, events};
use crate::broker::Broker;
use crate::delivery::Reason;
use crate::delivery::cache::Match;
use crate::delivery::feed::{Deliveries, Intake};
use crate::realm::Realm;

/// Requests of clients of one account.
pub struct Asked {
    pub(super) realm: Arc<Realm>,
    /// `MSG` and `HMSG` frames, back to back.
    pub(super) frames: Bytes,
}

/// What happened to a client.
pub enum News {
    Joined(Box<ClientInfo>),
    Left(Box<Parting>),
    /// A leaf node was not let in.
    Refused(Box<Parting>),
    /// Its certificate was found to be bad.
    PeerRefused(Box<Certificate>),
    LinkRefused(Box<LinkRefused>),
}

/// A certificate that was found to be bad, in a chain of a client's.
#[derive(Debug)]
pub struct LinkRefused {
    pub link: Certificate,
    pub peer: Certificate,
    pub why: String,
}

/// The end of a connection.
pub struct Parting {
    pub client: ClientInfo,
    /// Messages and bytes that the client sent.
    pub sent: (u64, u64),
    /// Messages and bytes that it got.
    pub received: (u64, u64),
    pub reason: Reason,
    /// Where it is told of that the client was not let in; `None`: it was one of its account.
    pub refused_in: Option<Arc<Realm>>,
}

/// What the whole server is about to do.
pub enum Announce {
    LameDuck,
    /// The end; whoever waits is told when it was said.
    Shutdown(mpsc::Sender<()>),
}

/// There may be accounts that were not there before.
pub struct Settle;

impl Message for Asked {
    fn weight(&self) -> usize {
        self.frames.len()
    }
}

impl Message for News {
    fn weight(&self) -> usize {
        NEWS
    }
}

impl Message for Announce {}
impl Message for Settle {}

/// About what one piece of news takes, in bytes.
const NEWS: usize = 512;

/// The way to the system's actor, for those who have news for it.
#[derive(Clone)]
pub struct Door {
    realm: Arc<Realm>,
    /// The server's.
    id: Arc<str>,
    handle: Handle<System>,
}

/// The way of requests in one account.
pub(super) struct Hatch {
    pub realm: Arc<Realm>,
    pub to: Recipient<Asked>,
}

// === impl Parting ===

impl Parting {
    /// Whether the client was one of its account before.
    pub(super) fn was_in(&self) -> bool {
        self.refused_in.is_none()
    }
}

// === impl Door ===

impl Door {
    pub(crate) fn new(realm: Arc<Realm>, id: &str, handle: Handle<System>) -> Self {
        Self { realm, id: id.into(), handle }
    }

    /// Whether this is the realm of the system's account.
    #[must_use]
    pub fn is_of(&self, realm: &Arc<Realm>) -> bool {
        Arc::ptr_eq(&self.realm, realm)
    }

    /// Tells of a client, if anybody listens to what would be said of it. `about`: its account, and
    /// where it is told of if it was refused. News for which there is no room is counted, and lost.
    pub(crate) fn tell(
        &self,
        broker: &Broker,
        about: (&str, Option<&Realm>),
        news: impl FnOnce() -> News,
    ) {
        let (account, refused_in) = about;
        let heard = refused_in.is_some_and(|realm| hears(realm, events::REFUSED));
        if heard || self.listens(account) {
            self.report(broker, news());
        }
    }

    /// Tells of what is rare, whoever listens.
    pub(crate) fn report(&self, broker: &Broker, news: News) {
        if self.handle.send(news).is_err() {
            broker.tally.events_dropped.fetch_add(1, Relaxed);
        }
    }

    /// Whether somebody hears of clients of the account.
    fn listens(&self, account: &str) -> bool {
        let subjects = events::about_clients(&self.id, account);
        subjects.iter().any(|subject| hears(&self.realm, subject))
    }

    /// Tells, whatever waits in the mailbox.
    pub fn announce(&self, what: Announce) {
        // A system that is gone has nobody to tell.
        let _ = self.handle.send_urgent(what);
    }

    /// Says that accounts may have come.
    pub fn settle(&self) {
        let _ = self.handle.send_urgent(Settle);
    }
}

fn hears(realm: &Realm, subject: &str) -> bool {
    let mut found = Match::default();
    realm.interest.collect(subject.as_bytes(), &mut found);
    !found.is_empty()
}

// === impl Intake ===

impl Intake for Hatch {
    fn offer(&self, batch: Deliveries) -> bool {
        let asked = Asked { realm: Arc::clone(&self.realm), frames: batch.frames };
        self.to.send(asked).is_ok()
    }
}
