//! Status of the server's own certificates, for clients that ask for it in their handshake.
//!
//! At the start and at a reload the status has to be had before the certificates are used; then a
//! thread of its own asks again, well before an answer ends. What was answered is kept in the store
//! directory, so that a restart needs no responder.

mod fetch;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use thiserror::Error;
use tracing::{error, info};
use vagus_actors::Broker;
use vagus_config::{Config, Ocsp, OcspMode};
use vagus_tls::{OwnCertificate, ServerTls, Staple, StatusError};

use super::InForce;

/// Why a certificate can't be used.
#[derive(Debug, Error)]
pub enum OcspError {
    #[error("bad OCSP status update for certificate at '{file}': {problem}")]
    Status { file: String, problem: String },
    #[error("found existing OCSP status for certificate at '{0}': revoked")]
    Revoked(String),
    #[error("can't start the thread that looks after OCSP: {0}")]
    Thread(#[source] std::io::Error),
}

/// Keeps the status of certificates fresh until dropped.
pub(super) struct Stapler {
    known: Arc<Known>,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Answers by the digest of their certificate.
#[derive(Default)]
struct Known(Mutex<HashMap<String, Staple>>);

/// Between two looks when there is nothing to do, or an answer has no end.
const IDLE: Duration = Duration::from_hours(1);
/// After a failure.
const RETRY: Duration = Duration::from_secs(60);
/// The shortest time between two questions.
const SOON: Duration = Duration::from_secs(1);

// === impl Stapler ===

impl Stapler {
    /// Nothing is asked yet.
    pub(super) fn new() -> Self {
        Self { known: Arc::default(), stop: None, thread: None }
    }

    /// Has the status of every certificate that needs one.
    ///
    /// # Errors
    /// When it can't be had, or is not good.
    pub(super) fn staple(&self, config: &Config, tls: Option<&ServerTls>) -> Result<(), OcspError> {
        tls.map_or(Ok(()), |tls| self.known.staple(config, tls, false).map(|_| ()))
    }

    /// Looks after it from now on.
    pub(super) fn watch(
        &mut self,
        broker: Arc<Broker>,
        in_force: Arc<ArcSwap<InForce>>,
    ) -> Result<(), OcspError> {
        let (stop, stopped) = mpsc::channel();
        let known = Arc::clone(&self.known);
        let work = move || known.run(&broker, &in_force, &stopped);
        let thread = std::thread::Builder::new().name("vagus-ocsp".to_owned());
        self.thread = Some(thread.spawn(work).map_err(OcspError::Thread)?);
        self.stop = Some(stop);
        Ok(())
    }
}

impl Drop for Stapler {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Its panic was told when it happened.
            let _ = thread.join();
        }
    }
}

// === impl Known ===

impl Known {
    fn run(&self, broker: &Broker, in_force: &ArcSwap<InForce>, stopped: &mpsc::Receiver<()>) {
        let mut wait = SOON;
        while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            let Some(tls) = broker.settings().tls.clone() else {
                wait = SOON;
                continue;
            };
            wait = match self.staple(&in_force.load().config, &tls, true) {
                Ok(next) => next.min(SOON * 10),
                Err(problem) => {
                    error!("{problem}");
                    RETRY
                }
            };
        }
    }

    /// Returns when to look again.
    fn staple(&self, config: &Config, tls: &ServerTls, renew: bool) -> Result<Duration, OcspError> {
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
        &self,
        config: &Config,
        tls: &ServerTls,
        own: &OwnCertificate,
        renew: bool,
    ) -> Result<Duration, (String, bool)> {
        let now = SystemTime::now();
        let subject = own.subject.as_ref().map_err(|problem| (problem.to_string(), false))?;
        let path = file(config, own);
        let kept = self.0.lock().get(&own.digest).cloned().or_else(|| {
            let der = std::fs::read(path.as_ref()?).ok()?;
            subject.check(&der, now).ok()
        });
        let kept = kept.filter(|kept| kept.next_update.is_none_or(|end| end > now));
        let due = kept.as_ref().is_none_or(|kept| renew && refresh_at(kept, now) <= now);
        let staple = match kept {
            Some(kept) if !due => kept,
            kept => match ask(config, own, now) {
                Ok(fresh) => {
                    info!("OCSP status of {} is good", own.file);
                    keep(path, &fresh.der);
                    fresh
                }
                // An older answer is good until it ends, unless there is a worse one.
                Err((problem, worse)) => match kept.filter(|_| !worse) {
                    Some(kept) => {
                        error!("OCSP status of {} can't be renewed: {problem}", own.file);
                        kept
                    }
                    None => {
                        self.0.lock().remove(&own.digest);
                        tls.staple(own, None);
                        return Err((problem, worse));
                    }
                },
            },
        };
        tls.staple(own, Some(staple.der.clone()));
        let at = refresh_at(&staple, now);
        self.0.lock().insert(own.digest.clone(), staple);
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
fn refresh_at(staple: &Staple, now: SystemTime) -> SystemTime {
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
fn ask(config: &Config, own: &OwnCertificate, now: SystemTime) -> Result<Staple, (String, bool)> {
    let subject = own.subject.as_ref().map_err(|problem| (problem.to_string(), false))?;
    let named = &config.ocsp.urls;
    let urls = if named.is_empty() { &subject.responders } else { named };
    let question = subject.request().map_err(|problem| (problem.to_string(), false))?;
    let mut last = ("no available ocsp servers".to_owned(), false);
    for url in urls {
        last = match fetch::post(url, &question) {
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
fn keep(path: Option<PathBuf>, der: &[u8]) {
    let Some(path) = path else { return };
    let write = || {
        std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, der)?;
        std::fs::rename(&fresh, &path)
    };
    if let Err(problem) = write() {
        error!("OCSP status can't be kept in {}: {problem}", path.display());
    }
}
