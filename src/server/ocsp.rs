//! Status of certificates: of the server's own, for clients that ask for it in their handshake, and
//! of clients' ([`archive`]).
//!
//! The status of the server's own has to be had before they are used. A thread of its own asks for
//! it, while the rest of the server starts, and again well before an answer ends. What was answered
//! is kept in the store directory, so that a restart needs no responder.

pub(super) mod archive;
mod fetch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};
use tracing::{error, info};
use vagus_actors::Broker;
use vagus_config::{Config, Ocsp, OcspMode};
use vagus_tls::{Answer, OwnCertificate, ServerTls, StatusError};

use super::InForce;

/// Why a certificate can't be used.
#[derive(Debug, Error)]
pub enum OcspError {
    #[error("bad OCSP status update for certificate at '{file}': {problem}")]
    Status { file: String, problem: String },
    #[error("found existing OCSP status for certificate at '{0}': revoked")]
    Revoked(String),
    #[error("can't start the thread that looks after OCSP: {0}")]
    Thread(#[from] std::io::Error),
    #[error("the thread that looks after OCSP has ended")]
    Gone,
}

/// Keeps the status of certificates fresh until dropped.
pub(super) struct Stapler {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// What is being asked.
#[must_use]
pub(super) struct Stapling(mpsc::Receiver<Result<(), OcspError>>);

enum Order {
    /// These certificates are about to be used.
    Staple(Box<Config>, Arc<ServerTls>, mpsc::Sender<Result<(), OcspError>>),
    /// From now on, those that are in use are looked after.
    Watch(Arc<Broker>, Arc<ArcSwap<InForce>>),
}

/// The thread's.
struct Keeper {
    /// By the digest of their certificate.
    known: HashMap<String, Answer>,
    watched: Option<(Arc<Broker>, Arc<ArcSwap<InForce>>)>,
    runtime: Runtime,
}

/// Between two looks when there is nothing to do, or an answer has no end.
const IDLE: Duration = Duration::from_hours(1);
/// After a failure.
const RETRY: Duration = Duration::from_secs(60);
/// The shortest time between two questions.
const SOON: Duration = Duration::from_secs(1);
/// Time that a responder has.
const WITHIN: Duration = Duration::from_secs(5);

// === impl Stapler ===

impl Stapler {
    /// Nothing is asked yet.
    pub(super) fn new() -> Result<Self, OcspError> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let keeper = Keeper { known: HashMap::new(), watched: None, runtime };
        let (orders, given) = mpsc::channel();
        let thread = std::thread::Builder::new().name("vagus-ocsp".to_owned());
        let thread = thread.spawn(move || keeper.run(&given))?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Asks for the status of every certificate that needs one. `None`: none does.
    pub(super) fn staple(&self, config: &Config, tls: Option<&Arc<ServerTls>>) -> Option<Stapling> {
        let tls = tls?;
        tls.own_certificates().iter().find(|own| is_wanted(&config.ocsp, own))?;
        let (told, stapling) = mpsc::channel();
        self.order(Order::Staple(Box::new(config.clone()), Arc::clone(tls), told));
        Some(Stapling(stapling))
    }

    /// Looks after them from now on.
    pub(super) fn watch(&self, broker: Arc<Broker>, in_force: Arc<ArcSwap<InForce>>) {
        self.order(Order::Watch(broker, in_force));
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // Whoever waits is told by that nobody answers.
            let _ = orders.send(order);
        }
    }
}

impl Drop for Stapler {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // Its panic was told when it happened.
            let _ = thread.join();
        }
    }
}

// === impl Stapling ===

impl Stapling {
    /// Blocks until it is had, or not.
    ///
    /// # Errors
    /// When it can't be had, or is not good.
    pub(super) fn wait(self) -> Result<(), OcspError> {
        self.0.recv().unwrap_or(Err(OcspError::Gone))
    }
}

// === impl Keeper ===

impl Keeper {
    fn run(mut self, orders: &mpsc::Receiver<Order>) {
        let mut wait = IDLE;
        loop {
            match orders.recv_timeout(wait) {
                Ok(Order::Staple(config, tls, told)) => {
                    // Who asked may have given up.
                    let _ = told.send(self.staple(&config, &tls, false).map(|_| ()));
                    wait = SOON;
                }
                Ok(Order::Watch(broker, in_force)) => {
                    self.watched = Some((broker, in_force));
                    wait = SOON;
                }
                Err(RecvTimeoutError::Timeout) => wait = self.renew(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Looks at what is in use. Returns when to look again.
    fn renew(&mut self) -> Duration {
        let Some((broker, in_force)) = &self.watched else { return IDLE };
        let Some(tls) = broker.settings().tls.clone() else { return IDLE };
        let config = in_force.load().config.clone();
        match self.staple(&config, &tls, true) {
            // What is in use may be exchanged meanwhile.
            Ok(next) => next.min(SOON * 10),
            Err(problem) => {
                error!("{problem}");
                RETRY
            }
        }
    }

    /// Returns when to look again.
    fn staple(
        &mut self,
        config: &Config,
        tls: &ServerTls,
        renew: bool,
    ) -> Result<Duration, OcspError> {
        let mut next = IDLE;
        for own in tls.own_certificates() {
            if is_wanted(&config.ocsp, own) {
                let file = own.file.clone();
                let failed = |(problem, revoked)| match revoked {
                    true => OcspError::Revoked(file),
                    false => OcspError::Status { file, problem },
                };
                next = next.min(self.staple_one(config, tls, own, renew).map_err(failed)?);
            }
        }
        Ok(next)
    }

    fn staple_one(
        &mut self,
        config: &Config,
        tls: &ServerTls,
        own: &OwnCertificate,
        renew: bool,
    ) -> Result<Duration, (String, bool)> {
        let now = SystemTime::now();
        let subject = own.subject.as_ref().map_err(|problem| (problem.to_string(), false))?;
        let path = file(config, own);
        let kept = self.known.get(&own.digest).cloned().or_else(|| {
            let der = std::fs::read(path.as_ref()?).ok()?;
            subject.check(&der, now).ok()
        });
        let kept = kept.filter(|kept| kept.next_update.is_none_or(|end| end > now));
        let due = kept.as_ref().is_none_or(|kept| renew && refresh_at(kept, now) <= now);
        let staple = match kept {
            Some(kept) if !due => kept,
            kept => match self.runtime.block_on(ask(config, own, now)) {
                Ok(fresh) => {
                    info!("OCSP status of {} is good", own.file);
                    if let Some(path) = path {
                        keep(&path, &fresh.der);
                    }
                    fresh
                }
                // An older answer is good until it ends, unless there is a worse one.
                Err((problem, worse)) => match kept.filter(|_| !worse) {
                    Some(kept) => {
                        error!("OCSP status of {} can't be renewed: {problem}", own.file);
                        kept
                    }
                    None => {
                        self.known.remove(&own.digest);
                        tls.staple(own, None);
                        return Err((problem, worse));
                    }
                },
            },
        };
        tls.staple(own, Some(staple.der.clone()));
        let at = refresh_at(&staple, now);
        self.known.insert(own.digest.clone(), staple);
        Ok(at.duration_since(now).unwrap_or(RETRY).max(SOON))
    }
}

/// Whether clients are to be shown the status of this certificate.
fn is_wanted(ocsp: &Ocsp, own: &OwnCertificate) -> bool {
    match ocsp.mode {
        OcspMode::Never => false,
        OcspMode::Always => true,
        OcspMode::Auto | OcspMode::Must => {
            own.subject.as_ref().is_ok_and(|subject| subject.must_staple)
        }
    }
}

/// Half-way through the time for which an answer is good.
fn refresh_at(staple: &Answer, now: SystemTime) -> SystemTime {
    match staple.next_update {
        Some(end) => {
            let whole = end.duration_since(staple.this_update).unwrap_or_default();
            staple.this_update + whole / 2
        }
        None => now + IDLE,
    }
}

/// Asks one responder after the other: those of the configuration, else those that the certificate
/// names. With an error goes whether it is the certificate that is bad.
async fn ask(
    config: &Config,
    own: &OwnCertificate,
    now: SystemTime,
) -> Result<Answer, (String, bool)> {
    let subject = own.subject.as_ref().map_err(|problem| (problem.to_string(), false))?;
    let named = &config.ocsp.urls;
    let urls = if named.is_empty() { &subject.responders } else { named };
    let question = subject.request().map_err(|problem| (problem.to_string(), false))?;
    let mut last = ("no available ocsp servers".to_owned(), false);
    for url in urls {
        last = match fetch::post(url, question.clone(), WITHIN).await {
            Err(problem) => (format!("failed to get remote status: {problem}"), false),
            Ok(answer) => match subject.check(&answer, now) {
                Ok(staple) => return Ok(staple),
                Err(problem) => (problem.to_string(), problem == StatusError::Revoked),
            },
        };
    }
    Err(last)
}

/// Where an answer is kept; `None` without a store directory.
fn file(config: &Config, own: &OwnCertificate) -> Option<PathBuf> {
    let dir = config.jetstream.store_dir.as_ref()?;
    Some(dir.join("ocsp").join(format!("{}.der", own.digest)))
}

/// A copy that can't be written is no loss while the server runs.
fn keep(path: &Path, der: &[u8]) {
    let write = || {
        std::fs::create_dir_all(path.parent().unwrap_or(path))?;
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, der)?;
        std::fs::rename(&fresh, path)
    };
    if let Err(problem) = write() {
        error!("OCSP status can't be kept in {}: {problem}", path.display());
    }
}
