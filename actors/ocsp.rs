//! `OcspDesk`: asks authorities whether they have revoked what clients show.
//!
//! in:   [`Inquire`] of connections whose handshake is done
//! out:  verdicts; questions to responders, through an [`Archive`]; word to the system of whom is
//!       refused
//! dies: never by itself. A restart loses the open questions, whose clients are refused, and the
//!       answers that were only in memory.
//!
//! Connections that wait for the same certificate wait for the same question.

mod known;
mod look;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;
use tracing::{debug, warn};
use vagus_config::PeerStatus;
use vagus_runtime::{Actor, Cx, Handler, MailboxLimits, Message};
use vagus_tls::{Answer, Chains, Link, Subject};

use self::known::Known;
use self::look::{Missing, Question, is_current, judge, look_up};
use crate::broker::Broker;
use crate::system::messages::{LinkRefused, News};

/// See the module's text.
pub struct OcspDesk {
    broker: Arc<Broker>,
    archive: Arc<dyn Archive>,
    known: Known,
    /// Who waits for which certificate.
    waiting: HashMap<String, Vec<Case>>,
    /// How many they are.
    open: usize,
    asked: u64,
    refused: u64,
}

/// Where answers come from. Certificates are named by their digest.
pub trait Archive: Send + Sync {
    /// Whether answers are kept at all.
    fn keeps(&self) -> bool;
    /// Whether a revocation is kept when its answer has ended.
    fn keeps_revoked(&self) -> bool;
    /// What was answered in an earlier life.
    fn kept(&self, digest: &str) -> Kept;
    fn keep(&self, digest: &str, answer: Vec<u8>);
    fn forget(&self, digest: &str);
    /// Asks one responder after the other, each for as long as this.
    fn ask(&self, subject: &Subject, within: Duration) -> Told;
}

/// The future of what was kept.
pub type Kept = Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send>>;
/// The future of an answer, or of why there is none.
pub type Told = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>>;

/// Are these certificates good?
pub struct Inquire {
    pub chains: Chains,
    pub terms: PeerStatus,
    /// Dropped where no chain is good.
    pub done: oneshot::Sender<()>,
}

impl Message for Inquire {
    fn weight(&self) -> usize {
        self.chains.all.iter().flatten().map(|link| link.certificate.der.len()).sum()
    }
}

/// A client that waits, and how far its certificates have been looked at.
struct Case {
    chains: Chains,
    chain: usize,
    link: usize,
    terms: PeerStatus,
    done: oneshot::Sender<()>,
}

/// Clients that may wait at a time; who is more is refused.
const OPEN_MAX: usize = 16 << 10;

// === impl Case ===

impl Case {
    /// The certificate that is looked at. An error: of this chain, none is left.
    fn link(&self) -> Option<Result<&Link, ()>> {
        let chain = self.chains.all.get(self.chain)?;
        Some(chain.get(self.link).ok_or(()))
    }
}

// === impl OcspDesk ===

impl OcspDesk {
    pub const MAILBOX: MailboxLimits = MailboxLimits { depth_max: 16 << 10, bytes_max: 64 << 20 };

    #[must_use]
    pub fn new(broker: Arc<Broker>, archive: Arc<dyn Archive>) -> Self {
        let known = Known::default();
        Self { broker, archive, known, waiting: HashMap::new(), open: 0, asked: 0, refused: 0 }
    }

    /// Looks at one certificate after the other, until one has to be asked about. `found`: what is
    /// known of the first.
    fn go_on(
        &mut self,
        mut case: Case,
        mut found: Option<&Result<Answer, Missing>>,
        cx: &mut Cx<'_, Self>,
    ) {
        loop {
            let link = match case.link() {
                Some(Ok(link)) => link,
                Some(Err(())) => {
                    // The client may have gone.
                    let _ = case.done.send(());
                    return;
                }
                None => return self.refuse(case),
            };
            let name = &link.certificate.subject;
            let known = found.take().cloned().or_else(|| self.recall(link, &case.terms).map(Ok));
            let Some(known) = known else { return self.ask(case, cx) };
            match judge(&known, &case.terms, name) {
                Ok(()) => case.link += 1,
                Err(why) => {
                    debug!("{why}");
                    let link = link.certificate.clone();
                    let refused = LinkRefused { link, peer: case.chains.peer.clone(), why };
                    self.tell(News::LinkRefused(Box::new(refused)));
                    (case.chain, case.link) = (case.chain + 1, 0);
                }
            }
        }
    }

    /// An answer that still counts.
    fn recall(&mut self, link: &Link, terms: &PeerStatus) -> Option<Answer> {
        let known = self.known.get(&link.certificate.digest);
        let current = known.filter(|answer| is_current(answer, terms)).cloned();
        let ocsp = &self.broker.tally.ocsp;
        let counter = if current.is_some() { &ocsp.hits } else { &ocsp.misses };
        counter.fetch_add(1, Relaxed);
        current
    }

    fn ask(&mut self, case: Case, cx: &mut Cx<'_, Self>) {
        let Some(Ok(link)) = case.link() else { return };
        if self.open >= OPEN_MAX {
            return warn!("too many clients wait for the status of their certificates");
        }
        let digest = link.certificate.digest.clone();
        let question = Question {
            digest: digest.clone(),
            subject: link.subject.clone(),
            terms: case.terms.clone(),
            was_revoked: self.known.is_revoked(&digest),
        };
        self.open += 1;
        let waiting = self.waiting.entry(digest.clone()).or_default();
        waiting.push(case);
        if waiting.len() == 1 {
            self.asked += 1;
            let found = look_up(Arc::clone(&self.archive), question);
            cx.when(found, move |me, found, cx| me.found(&digest, &found, cx));
        }
    }

    /// Everybody who has waited goes on.
    fn found(&mut self, digest: &str, found: &Result<Answer, Missing>, cx: &mut Cx<'_, Self>) {
        if self.archive.keeps() {
            match found {
                Ok(answer) => self.known.put(digest, answer.clone()),
                // What was known of it had ended.
                Err(_) if self.archive.keeps_revoked() => self.known.forget_unless_revoked(digest),
                Err(_) => self.known.forget(digest),
            }
            self.known.count(&self.broker.tally.ocsp);
        }
        for case in self.waiting.remove(digest).unwrap_or_default() {
            self.open -= 1;
            self.go_on(case, Some(found), cx);
        }
    }

    /// The client is told by whoever waits for the verdict.
    fn refuse(&mut self, case: Case) {
        self.refused += 1;
        debug!("No OCSP valid chains, thus peer is invalid");
        self.tell(News::PeerRefused(Box::new(case.chains.peer)));
    }

    fn tell(&self, news: News) {
        if let Some(system) = self.broker.cast().and_then(|cast| cast.system.clone()) {
            system.report(&self.broker, news);
        }
    }
}

// === impl Actor ===

impl Actor for OcspDesk {
    const KIND: &'static str = "ocsp";

    fn observe(&self) -> serde_json::Value {
        json!({
            "waiting": "for a certificate to be looked at",
            "open": self.open,
            "asked": self.asked,
            "refused": self.refused,
            "remembered": self.known.len(),
        })
    }
}

// === impl Handler<Inquire> ===

impl Handler<Inquire> for OcspDesk {
    fn handle(&mut self, Inquire { chains, terms, done }: Inquire, cx: &mut Cx<'_, Self>) {
        self.go_on(Case { chains, chain: 0, link: 0, terms, done }, None, cx);
    }
}
