//! TLS of a connection: when it begins, and what the client proves by it. How the bytes travel is
//! in [`Wire`].
//!
//! ```text
//!            (handshake_first)                                   INFO again
//! Silent --- first byte of TLS -----------------> Shaking -----> Open
//!    \                                              ^  \           ^
//!     \                                             |   +-> Asking +  (ocsp_peer)
//!     +- time is up, or other bytes --> Clear ------+
//!                                         \ (allow_non_tls, and not a byte of TLS)
//!                                          +---> a plain connection
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::ReadBuf;
use tokio::net::tcp::OwnedReadHalf;
use tokio::task::JoinHandle;
use tracing::{debug, error, warn};
use vagus_auth::{CertificateNames, distinguished};
use vagus_config::{HandshakeFirst, PeerStatus};
use vagus_tls::{
    Admission, Broken, CertificateDer, Peer, Rate, ServerTls, Session, suite_name, version_name,
};
use vagus_wire::text;

use super::Connection;
use super::messages::TlsDescription;
use crate::broker::{Broker, Settings};
use crate::callout::Encrypted;
use crate::delivery::{Outbound, Reason, Wire};
use crate::ocsp::Inquire;

/// What a connection has of TLS, until it turns out to do without.
pub(super) struct Tls {
    server: Arc<ServerTls>,
    stage: Stage,
    wire: Wire,
    /// TLS began before `INFO`.
    first: bool,
    proof: Option<Box<Proof>>,
    /// Resolves with true when the client's certificates are good.
    asking: Option<JoinHandle<bool>>,
}

/// What the client showed of itself.
struct Proof {
    peer: Peer,
    /// The forms of its subject that may be a user's name.
    subject: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The client may begin, for a while; it has been told nothing.
    Silent,
    /// What is sent now can be read by anybody.
    Clear,
    /// A handshake is under way.
    Shaking,
    /// The client's certificates are being asked about.
    Asking,
    Open,
}

/// The first byte of a handshake.
const HANDSHAKE: u8 = 0x16;

// === impl Tls ===

impl Tls {
    /// For a new connection. `None` where the configuration has no TLS.
    pub(super) fn new(settings: &Settings, out: &Outbound) -> Option<Box<Self>> {
        let server = settings.tls.clone()?;
        let wire = Wire::new(out.seal()?);
        Some(Box::new(Self {
            server,
            stage: Stage::Clear,
            wire,
            first: false,
            proof: None,
            asking: None,
        }))
    }

    /// What the client showed of itself.
    pub(super) fn peer(&self) -> Option<&Peer> {
        self.proof.as_ref().map(|proof| &proof.peer)
    }

    /// What the client may be called, where its certificate decides on that.
    pub(super) fn names(&self) -> Option<CertificateNames<'_>> {
        let names = self.proof.as_ref().filter(|_| self.server.map)?;
        let alternatives = &names.peer.alternative_names;
        Some(CertificateNames { alternatives, subject: &names.subject })
    }

    /// Reads more of an operation that is larger than most.
    pub(super) fn poll_read_more(
        &mut self,
        io: &mut OwnedReadHalf,
        task: &mut Context<'_>,
        tail: &mut Vec<u8>,
    ) -> Poll<std::io::Result<usize>> {
        self.wire.poll_read_more(io, task, tail)
    }

    fn session(&self) -> Option<&Session> {
        self.wire.session()
    }

    /// For a service that is asked who the client is.
    pub(super) fn encrypted(&self) -> Option<Encrypted> {
        let session = self.session().filter(|_| self.stage == Stage::Open)?;
        Encrypted::of(session, &self.server)
    }

    pub(super) fn describe(&self) -> Option<TlsDescription> {
        let session = self.session().filter(|_| self.stage == Stage::Open)?;
        Some(TlsDescription {
            version: version_name(session.version()?),
            suite: suite_name(session.suite()?),
            first: self.first,
            certificates: self.peer().map(|peer| peer.certificates.clone()).unwrap_or_default(),
        })
    }
}

// === impl Proof ===

impl Proof {
    fn new(peer: Peer) -> Self {
        let parts = &peer.subject;
        let mut subject = vec![distinguished::ordered(parts), distinguished::unordered(parts)];
        subject.extend(peer.with_domain.clone());
        subject.extend(peer.certificates.first().map(|own| own.subject.clone()));
        Self { peer, subject }
    }
}

// === impl Connection ===

impl Connection {
    /// Whether nothing is said before the client may have begun TLS.
    pub(super) fn client_begins_with_tls(&self) -> bool {
        let first = self.tls.as_ref().map(|tls| tls.server.handshake_first);
        first.is_some_and(|first| first != HandshakeFirst::Never)
    }

    /// Says hello, unless the client has to begin with TLS.
    pub(super) fn begin_tls(&mut self) {
        if !self.counted {
            // One too many: told so in clear, without the cost of a handshake.
            return self.greet();
        }
        let within = match &mut self.tls {
            Some(tls) => match tls.server.handshake_first {
                HandshakeFirst::Never => None,
                HandshakeFirst::Always => {
                    tls.first = true;
                    return self.begin_handshake();
                }
                HandshakeFirst::Within(time) => {
                    tls.stage = Stage::Silent;
                    Some(time)
                }
            },
            None => None,
        };
        match within {
            Some(time) => self.set_timer(time),
            None => self.greet(),
        }
    }

    /// The time that the connection has for its next step, once it was greeted.
    pub(super) fn tls_patience(&self) -> Option<Duration> {
        let tls = self.tls.as_ref().filter(|tls| tls.stage != Stage::Open)?;
        Some(tls.server.timeout)
    }

    /// Whether the connection is not ready for protocol yet.
    pub(super) fn poll_tls(&mut self, task: &mut Context<'_>) -> bool {
        loop {
            let Some(tls) = &self.tls else { return false };
            let (stage, optional) = (tls.stage, tls.server.optional);
            match stage {
                Stage::Open => return false,
                Stage::Clear if self.out.pending() > 0 || self.draining => return true,
                Stage::Clear if !optional => self.begin_handshake(),
                Stage::Silent | Stage::Clear => match self.poll_first_byte(task) {
                    Poll::Pending => return true,
                    Poll::Ready(Some(HANDSHAKE)) => self.begin_handshake(),
                    Poll::Ready(_) if stage == Stage::Silent => self.begin_clear(),
                    Poll::Ready(_) => self.go_plain(),
                },
                Stage::Shaking => match self.poll_handshake(task) {
                    Poll::Pending => return true,
                    Poll::Ready(Ok(())) => self.handshake_done(),
                    Poll::Ready(Err(problem)) => self.handshake_failed(&problem),
                },
                Stage::Asking => match self.poll_asking(task) {
                    Poll::Pending => return true,
                    Poll::Ready(true) => self.open_session(),
                    Poll::Ready(false) => self.handshake_failed(&Broken::NotValid),
                },
            }
            if self.out.closed().is_some() {
                task.waker().wake_by_ref();
                return true;
            }
        }
    }

    /// Looks at the first byte without taking it. `None`: there will be none.
    fn poll_first_byte(&mut self, task: &mut Context<'_>) -> Poll<Option<u8>> {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        match self.io.poll_peek(task, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(1..)) => Poll::Ready(Some(byte[0])),
            Poll::Ready(_) => Poll::Ready(None),
        }
    }

    /// The client did not begin: it may not know that it should.
    fn begin_clear(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.stage = Stage::Clear;
        }
        self.greet();
    }

    fn go_plain(&mut self) {
        let Some(tls) = self.tls.take() else { return };
        if let Some(write) = tls.wire.into_write_half() {
            self.out.unseal(write);
        }
        self.set_first_timer();
    }

    fn begin_handshake(&mut self) {
        let Some(tls) = &mut self.tls else { return };
        tls.first |= tls.stage == Stage::Silent;
        let admission = tls.server.rate.admit(Instant::now());
        if admission != Admission::Granted {
            tls.stage = Stage::Clear;
            if admission == Admission::RefusedFirst {
                tell_refusals_later(Arc::clone(&tls.server));
            }
            return self.refuse(text::THROTTLED, Reason::MaxConnections);
        }
        let begun = tls.server.session().map_err(Broken::from);
        if let Err(problem) = begun.and_then(|session| tls.wire.begin(session)) {
            return self.handshake_failed(&problem);
        }
        tls.stage = Stage::Shaking;
        let timeout = tls.server.timeout;
        debug!("{}Starting TLS client connection handshake", self.prefix());
        self.set_timer(timeout);
    }

    fn poll_handshake(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let Some(tls) = &mut self.tls else { return Poll::Ready(Ok(())) };
        tls.wire.poll_handshake(&mut self.io, task, self.input.tail())
    }

    fn handshake_done(&mut self) {
        let Some(tls) = &mut self.tls else { return };
        tls.proof = tls.session().and_then(Session::peer).map(|peer| Box::new(Proof::new(peer)));
        if let Err(digest) = tls.server.check_pin(tls.peer()) {
            let prefix = self.prefix();
            debug!("{prefix}Failed pinned cert test for key id: {digest}");
            error!("{prefix}TLS handshake error: certificate not pinned");
            return self.end(Reason::TlsHandshake);
        }
        if let Some(terms) = tls.server.ocsp_peer.clone() {
            tls.stage = Stage::Asking;
            let shown = tls.session().map(Session::shown).unwrap_or_default();
            let (broker, server) = (Arc::clone(&self.broker), Arc::clone(&tls.server));
            tls.asking = Some(tokio::spawn(ask(broker, server, shown, terms)));
            return;
        }
        self.open_session();
    }

    /// Whether the client's certificates are good, by the word of their authorities.
    fn poll_asking(&mut self, task: &mut Context<'_>) -> Poll<bool> {
        let asking = self.tls.as_mut().and_then(|tls| tls.asking.as_mut());
        let Some(asking) = asking else { return Poll::Ready(false) };
        Pin::new(asking).poll(task).map(|good| good.unwrap_or(false))
    }

    fn open_session(&mut self) {
        let Some(tls) = &mut self.tls else { return };
        (tls.stage, tls.asking) = (Stage::Open, None);
        let (first, shown) = (tls.first, tls.describe());
        let prefix = self.prefix();
        self.input.take_up();
        debug!("{prefix}TLS handshake complete");
        if let Some(TlsDescription { version, suite, .. }) = shown {
            debug!("{prefix}TLS version {version}, cipher suite {suite}");
        }
        if first {
            self.greet();
        } else {
            self.set_first_timer();
        }
    }

    fn handshake_failed(&mut self, problem: &Broken) {
        let prefix = self.prefix();
        if problem.is_no_tls() {
            debug!("{prefix}TLS handshake error: {problem}");
        } else {
            error!("{prefix}TLS handshake error: {problem}");
        }
        self.end(Reason::TlsHandshake);
    }

    /// A timer has run out. False when it was none of TLS.
    pub(super) fn tls_timer_is_over(&mut self) -> bool {
        let Some(tls) = &self.tls else { return false };
        match tls.stage {
            Stage::Open => return false,
            Stage::Silent => self.begin_clear(),
            Stage::Clear if tls.server.optional => self.go_plain(),
            Stage::Clear | Stage::Shaking | Stage::Asking => {
                self.clear_timer();
                debug!("{}TLS handshake timeout", self.prefix());
                self.end(Reason::TlsHandshake);
            }
        }
        true
    }

    /// Sends what is queued. Ready when nothing is left, or when nothing can be sent for now.
    pub(super) fn poll_send(&mut self, task: &mut Context<'_>) -> Poll<()> {
        match &mut self.tls {
            None => self.out.poll_drain(task),
            Some(tls) => {
                let clear = tls.stage == Stage::Clear;
                tls.wire.poll_drain(&self.out, clear, task)
            }
        }
    }

    /// Whether bytes of TLS itself wait to be sent.
    pub(super) fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wire.has_unsent())
    }

    /// Reads what the client sent, decrypted if need be. Ready with 0 at the end.
    pub(super) fn poll_receive(
        &mut self,
        task: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        if let Some(tls) = &mut self.tls {
            return tls.wire.poll_read(&mut self.io, task, room);
        }
        let mut buffer = ReadBuf::new(room);
        let read = tokio::io::AsyncRead::poll_read(Pin::new(&mut self.io), task, &mut buffer);
        read.map_ok(|()| buffer.filled().len())
    }
}

/// Whether the certificates that a client has shown are good.
async fn ask(
    broker: Arc<Broker>,
    server: Arc<ServerTls>,
    shown: Vec<CertificateDer<'static>>,
    terms: PeerStatus,
) -> bool {
    // Signatures are checked: not on a thread that serves connections.
    let chains = tokio::task::spawn_blocking(move || server.chains(&shown)).await;
    let Some(chains) = chains.ok().flatten() else { return false };
    let desk = broker.cast().and_then(|cast| cast.ocsp.clone());
    let (done, told) = tokio::sync::oneshot::channel();
    let asked = desk.is_some_and(|desk| desk.send(Inquire { chains, terms, done }).is_ok());
    asked && told.await.is_ok()
}

/// One line for all that were refused about now.
fn tell_refusals_later(server: Arc<ServerTls>) {
    tokio::spawn(async move {
        tokio::time::sleep(Rate::TOLD_AFTER).await;
        let refused = server.rate.take_refused();
        warn!("Rejected {refused} connections due to TLS rate limiting");
    });
}
