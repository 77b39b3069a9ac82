//! One TLS connection, without input or output: of a server, or of one that connects to a server.
//!
//! What came from the wire is worked through where it lies; what the session does not use stays the
//! caller's to keep, and comes first in the next call: a session that is idle holds no buffer.

use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{ClientConfig, CommonState, ProtocolVersion, ServerConfig, SupportedCipherSuite};
use thiserror::Error;

use crate::{Outgoing, Peer};

/// See the module's text.
pub struct Session {
    end: End,
    /// It has ended with an error. The library is not asked again: it holds on to positions in
    /// bytes that are gone.
    broken: bool,
}

/// Which end of the connection it is.
enum End {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

/// One end, to the library: the two do the same under different types.
trait Records {
    type Data;

    fn process<'c, 'i>(&'c mut self, wire: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

/// How far a call came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes from the wire that are done with.
    pub used: usize,
    /// Bytes of the other end.
    pub plain: usize,
    /// The other end will send nothing more.
    pub closed: bool,
}

/// The end of a session before its time.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Broken {
    #[error("{}", describe(.0))]
    Tls(#[from] rustls::Error),
    /// More came out than there was room for.
    #[error("record too large")]
    NoRoom,
    #[error("tls: the session has ended")]
    Exhausted,
    /// An authority says that the client's certificate is not good, or says nothing of it.
    #[error("client not OCSP valid")]
    NotValid,
    /// The other end has gone in the midst of a handshake.
    #[error("EOF")]
    Eof,
}

/// The longest plain text of one record.
const RECORD: usize = 16 << 10;
/// What a record adds to its plain text, at most.
const OVERHEAD: usize = 64;
/// Room for an alert or a small answer, to begin with.
const ANSWER: usize = 256;
/// An error leaves one alert, and maybe what was to be sent before it.
const LAST_WORDS_MAX: usize = 8;

// === impl Broken ===

impl Broken {
    /// Whether the client does not speak TLS at all.
    #[must_use]
    pub fn is_no_tls(&self) -> bool {
        matches!(
            self,
            Self::Tls(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType))
        )
    }
}

// === impl Session ===

impl Session {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let connection = Box::new(UnbufferedServerConnection::new(config)?);
        Ok(Self { end: End::Server(connection), broken: false })
    }

    /// The end that connects, to a server of this name. It speaks first: [`Session::receive`] is
    /// to be called with nothing once.
    pub(crate) fn toward(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        let connection = Box::new(UnbufferedClientConnection::new(config, name)?);
        Ok(Self { end: End::Client(connection), broken: false })
    }

    fn state(&self) -> &CommonState {
        match &self.end {
            End::Server(connection) => connection,
            End::Client(connection) => connection,
        }
    }

    /// Whether data can travel.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.state().is_handshaking()
    }

    /// Works through `wire`. What the other end sent is put to the front of `plain`, which must be
    /// as long as `wire` at least; what has to be sent in answer goes to `answer`.
    ///
    /// # Errors
    /// When the other end breaks the rules of TLS. The alert that tells it so is in `answer`.
    pub fn receive(
        &mut self,
        wire: &mut [u8],
        plain: &mut [u8],
        answer: &mut Outgoing,
    ) -> Result<Progress, Broken> {
        if self.broken {
            return Err(Broken::Exhausted);
        }
        let outcome = match &mut self.end {
            End::Server(connection) => receive(&mut **connection, wire, plain, answer),
            End::Client(connection) => receive(&mut **connection, wire, plain, answer),
        };
        self.broken |= matches!(outcome, Err(Broken::Tls(_)));
        outcome
    }

    /// Encrypts `plain`; the outcome is added to `out`. `rest` is what the last
    /// [`receive`](Session::receive) did not use.
    ///
    /// # Errors
    /// When the session is not open, or its keys are used up.
    pub fn seal(
        &mut self,
        rest: &mut [u8],
        plain: &[u8],
        out: &mut Outgoing,
    ) -> Result<(), Broken> {
        if self.broken {
            return Err(Broken::Exhausted);
        }
        match &mut self.end {
            End::Server(connection) => seal(&mut **connection, rest, plain, out),
            End::Client(connection) => seal(&mut **connection, rest, plain, out),
        }
    }

    /// Says goodbye, so that the other end can tell the end from a cut connection.
    pub fn close(&mut self, rest: &mut [u8], out: &mut Outgoing) {
        if self.broken {
            return;
        }
        match &mut self.end {
            End::Server(connection) => close(&mut **connection, rest, out),
            End::Client(connection) => close(&mut **connection, rest, out),
        }
    }

    /// Known once the session is open.
    #[must_use]
    pub fn version(&self) -> Option<ProtocolVersion> {
        self.state().protocol_version()
    }

    /// Known once the session is open.
    #[must_use]
    pub fn suite(&self) -> Option<SupportedCipherSuite> {
        self.state().negotiated_cipher_suite()
    }

    /// What the other end showed of itself, if it did.
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        Peer::read(self.state().peer_certificates()?)
    }

    /// The certificates that the other end has shown, its own first.
    #[must_use]
    pub fn shown(&self) -> Vec<CertificateDer<'static>> {
        let shown = self.state().peer_certificates().unwrap_or_default();
        shown.iter().map(|one| one.clone().into_owned()).collect()
    }
}

// === impl Records ===

impl Records for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, wire: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(wire)
    }
}

impl Records for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, wire: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(wire)
    }
}

fn receive<R: Records>(
    end: &mut R,
    wire: &mut [u8],
    plain: &mut [u8],
    answer: &mut Outgoing,
) -> Result<Progress, Broken> {
    let mut progress = Progress::default();
    loop {
        let UnbufferedStatus { mut discard, state } = end.process(&mut wire[progress.used..]);
        let mut more = true;
        match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    let record = record?;
                    let end = progress.plain + record.payload.len();
                    let room = plain.get_mut(progress.plain..end).ok_or(Broken::NoRoom)?;
                    room.copy_from_slice(record.payload);
                    progress.plain = end;
                    discard += record.discard;
                }
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                append(answer, |room| data.encode(room))?;
            }
            Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
            Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                progress.closed = true;
                more = false;
            }
            Ok(_) => more = false,
            Err(problem) => {
                progress.used += discard;
                last_words(end, &mut wire[progress.used..], answer);
                return Err(problem.into());
            }
        }
        progress.used += discard;
        if !more {
            return Ok(progress);
        }
    }
}

/// Adds the alert that an error leaves behind.
fn last_words<R: Records>(end: &mut R, rest: &mut [u8], answer: &mut Outgoing) {
    for _ in 0..LAST_WORDS_MAX {
        match end.process(rest).state {
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                let start = answer.len();
                let added = append(answer, |room| data.encode(room));
                if added.is_err() || is_alert(&answer.bytes()[start..]) {
                    return;
                }
            }
            Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
            // The error once more, or another.
            _ => return,
        }
    }
}

fn seal<R: Records>(
    end: &mut R,
    rest: &mut [u8],
    plain: &[u8],
    out: &mut Outgoing,
) -> Result<(), Broken> {
    for _ in 0..LAST_WORDS_MAX {
        match end.process(rest).state? {
            ConnectionState::WriteTraffic(mut traffic) => {
                let records = plain.len().div_ceil(RECORD).max(1);
                let room = out.room(plain.len() + records * OVERHEAD);
                let wrote = traffic.encrypt(plain, room)?;
                out.wrote(wrote);
                return Ok(());
            }
            ConnectionState::EncodeTlsData(mut data) => append(out, |room| data.encode(room))?,
            ConnectionState::TransmitTlsData(data) => data.done(),
            // Said once only.
            ConnectionState::PeerClosed => {}
            _ => break,
        }
    }
    Err(Broken::Exhausted)
}

fn close<R: Records>(end: &mut R, rest: &mut [u8], out: &mut Outgoing) {
    for _ in 0..LAST_WORDS_MAX {
        match end.process(rest).state {
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                if let Ok(wrote) = traffic.queue_close_notify(out.room(ANSWER)) {
                    out.wrote(wrote);
                }
                return;
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                if append(out, |room| data.encode(room)).is_err() {
                    return;
                }
            }
            Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
            Ok(ConnectionState::PeerClosed) => {}
            _ => return,
        }
    }
}

impl From<EncryptError> for Broken {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(_) => Self::NoRoom,
            EncryptError::EncryptExhausted => Self::Exhausted,
        }
    }
}

/// Whether a record is an alert: the last that a session sends. When it is encrypted, it is known
/// by its length: nothing else that is sent during a handshake is as short.
fn is_alert(record: &[u8]) -> bool {
    const ALERT: u8 = 0x15;
    const ENCRYPTED: u8 = 0x17;
    const LENGTH_MAX: usize = 48;
    match record.first() {
        Some(&ALERT) => true,
        Some(&ENCRYPTED) => record.len() <= LENGTH_MAX,
        _ => false,
    }
}

/// Adds what `encode` writes, which says how much room it needs when there is not enough.
fn append(
    out: &mut Outgoing,
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<(), Broken> {
    let wrote = match encode(out.room(ANSWER)) {
        Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
            encode(out.room(required_size))
        }
        outcome => outcome,
    };
    out.wrote(wrote.map_err(|_| Broken::NoRoom)?);
    Ok(())
}

/// As operators of nats-server know the errors that they meet most.
fn describe(error: &rustls::Error) -> String {
    match error {
        rustls::Error::NoCertificatesPresented => {
            "tls: client didn't provide a certificate".to_owned()
        }
        rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
            "tls: first record does not look like a TLS handshake".to_owned()
        }
        error => format!("tls: {error}"),
    }
}

#[cfg(test)]
mod tests;
