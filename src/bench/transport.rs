//! What a connection writes to and reads from: a socket, or TLS over it.
//!
//! TLS reads large pieces from the socket, as the other does: the library would ask for four KiB
//! at a time.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::net::RecvFlags;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::args::TlsArgs;
use crate::error::BenchError;

/// See the module's text.
#[derive(Debug)]
pub enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

/// TLS over a socket.
pub struct TlsStream {
    session: ClientConnection,
    socket: TcpStream,
    /// Read from the socket; from `start` to `end` not given to the session yet.
    wire: Vec<u8>,
    start: usize,
    end: usize,
}

/// Whom to trust, and what to show; read once.
#[derive(Clone)]
pub struct TlsSetup(Arc<ClientConfig>);

/// Bytes of one read from the socket.
const WIRE: usize = 128 << 10;
/// Bytes that are encrypted in one piece.
const PIECE: usize = 64 << 10;

// === impl TlsSetup ===

impl TlsSetup {
    /// Reads the files. `None` where TLS is not asked for.
    ///
    /// # Errors
    /// When a file can't be read, or what is in it is of no use.
    pub fn from_args(args: &TlsArgs) -> Result<Option<Self>, BenchError> {
        if !args.is_on() {
            return Ok(None);
        }
        let bad = |problem: rustls::Error| BenchError::Options(format!("TLS: {problem}"));
        let mut roots = RootCertStore::empty();
        match &args.tlsca {
            Some(path) => {
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(bad)?;
                }
            }
            None => {
                let known = rustls_native_certs::load_native_certs().certs;
                roots.add_parsable_certificates(known);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(bad)?
            .with_root_certificates(roots);
        let mut config = match (&args.tlscert, &args.tlskey) {
            (Some(certificate), Some(key)) => {
                let key = PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(key, &e))?;
                builder.with_client_auth_cert(certificates(certificate)?, key).map_err(bad)?
            }
            _ => builder.with_no_client_auth(),
        };
        // Every handshake is a whole one, so that they cost the same.
        config.resumption = Resumption::disabled();
        Ok(Some(Self(Arc::new(config))))
    }
}

impl PartialEq for TlsSetup {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TlsSetup {}

impl fmt::Debug for TlsSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsSetup")
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BenchError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(unreadable(path, &"there is none in it")),
        Err(problem) => Err(unreadable(path, &problem)),
    }
}

fn unreadable(path: &Path, problem: &dyn fmt::Display) -> BenchError {
    BenchError::Options(format!("no certificate or key in {}: {problem}", path.display()))
}

// === impl Transport ===

impl Transport {
    /// Begins TLS on a socket that has said all in clear that it had to. The handshake goes on with
    /// the first write.
    ///
    /// # Errors
    /// When `host` is no name that a certificate could be for.
    pub fn secure(self, setup: &TlsSetup, host: &str) -> Result<Self, BenchError> {
        let Self::Plain(socket) = self else { return Ok(self) };
        let bad = |problem: &dyn fmt::Display| BenchError::Options(format!("TLS: {problem}"));
        let name = ServerName::try_from(host.to_owned()).map_err(|problem| bad(&problem))?;
        let session =
            ClientConnection::new(Arc::clone(&setup.0), name).map_err(|problem| bad(&problem))?;
        let (wire, start, end) = (Vec::new(), 0, 0);
        Ok(Self::Tls(Box::new(TlsStream { session, socket, wire, start, end })))
    }

    /// Reads what is there, without waiting.
    pub(crate) fn read_now(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => receive_now(socket, bytes),
            Self::Tls(tls) => tls.read_with(bytes, receive_now),
        }
    }

    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        let socket = match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &tls.socket,
        };
        socket.set_nonblocking(true)
    }

    /// Gives memory back that only a busy connection needs.
    pub(crate) fn release(&mut self) {
        if let Self::Tls(tls) = self
            && tls.start == tls.end
        {
            tls.wire = Vec::new();
        }
    }
}

impl Read for Transport {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(bytes),
            Self::Tls(tls) => tls.read_with(bytes, |mut socket, bytes| socket.read(bytes)),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Plain(socket) => socket.as_fd(),
            Self::Tls(tls) => tls.socket.as_fd(),
        }
    }
}

// === impl TlsStream ===

impl TlsStream {
    fn read_with(
        &mut self,
        bytes: &mut [u8],
        receive: impl Fn(&TcpStream, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            self.push()?;
            match self.session.reader().read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if self.start == self.end {
                if self.wire.is_empty() {
                    self.wire = vec![0; WIRE];
                }
                (self.start, self.end) = (0, receive(&self.socket, &mut self.wire)?);
            }
            let mut wire = &self.wire[self.start..self.end];
            if self.session.read_tls(&mut wire)? == 0 {
                return Ok(0);
            }
            self.start = self.end - wire.len();
            self.session.process_new_packets().map_err(io::Error::other)?;
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.session.is_handshaking() {
            self.session.complete_io(&mut self.socket)?;
        }
        self.push()?;
        let count = self.session.writer().write(&bytes[..bytes.len().min(PIECE)])?;
        match self.push() {
            // The rest goes with the next call, whether that reads or writes.
            Err(error) if crate::connection::is_idle(&error) => {}
            outcome => outcome?,
        }
        Ok(count)
    }

    /// Sends what was encrypted.
    fn push(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("socket", &self.socket).finish_non_exhaustive()
    }
}

fn receive_now(socket: &TcpStream, bytes: &mut [u8]) -> io::Result<usize> {
    let (count, _) = rustix::net::recv(socket, bytes, RecvFlags::DONTWAIT)?;
    Ok(count)
}
