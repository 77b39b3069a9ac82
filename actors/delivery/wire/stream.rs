//! A fresh socket, with TLS and codecs or without, as something to read from and to write to while
//! two servers get to know each other. Then whoever is to serve it takes it over on an arbiter of
//! its own.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use vagus_tls::{Broken, Peer, Session};

use super::{BLOCK, Codec, SHARED, Wire};

/// See the module's text.
pub enum Stream {
    Clear(TcpStream),
    Secured(Box<Secured>),
}

pub struct Secured {
    io: OwnedReadHalf,
    wire: Wire,
    /// What was opened and not read yet.
    plain: Vec<u8>,
}

/// What a stream is taken over as.
pub struct Parts {
    pub socket: std::net::TcpStream,
    /// To be given the write half of the socket.
    pub wire: Option<Wire>,
    /// What has come from the other end and was not read yet.
    pub unread: Vec<u8>,
}

/// Room for one read: more than the longest record.
const ROOM: usize = 32 << 10;

// === impl Stream ===

impl Stream {
    /// Shakes hands over a fresh socket. The caller limits the time.
    ///
    /// # Errors
    /// When the other end does not speak TLS, or does not take this end for who it is.
    pub async fn secure(socket: TcpStream, session: Session) -> Result<Self, Broken> {
        let (mut io, write) = socket.into_split();
        let (mut wire, mut plain) = (Wire::new(write), Vec::new());
        wire.begin(session)?;
        let shaken = poll_fn(|task| wire.poll_handshake(&mut io, task, &mut plain)).await;
        if shaken.is_err() {
            // The alert that says why, if the other end still listens.
            let _ = poll_fn(|task| wire.poll_flush(task)).await;
        }
        shaken?;
        Ok(Self::Secured(Box::new(Secured { io, wire, plain })))
    }

    /// Goes on through `codec`, as the other end does; `early` has come for it already.
    ///
    /// # Errors
    /// When something has come that the other end has written before, and not for it.
    pub fn through(self, codec: impl Codec + 'static, early: &[u8]) -> io::Result<Self> {
        let secured = match self {
            Self::Clear(socket) => {
                let (io, write) = socket.into_split();
                Secured { io, wire: Wire::new(write), plain: Vec::new() }
            }
            Self::Secured(secured) => *secured,
        };
        let Secured { io, wire, plain } = secured;
        let wire = wire.through(codec, &[early, &plain].concat());
        let wire = wire.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self::Secured(Box::new(Secured { io, wire, plain: Vec::new() })))
    }

    /// Where the other end is.
    ///
    /// # Errors
    /// When the socket is not connected any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Clear(socket) => socket.peer_addr(),
            Self::Secured(secured) => secured.io.peer_addr(),
        }
    }

    /// What the two ends have agreed on, where they have TLS.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match self {
            Self::Clear(_) => None,
            Self::Secured(secured) => secured.wire.session(),
        }
    }

    /// What the other end showed of itself.
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        self.session().and_then(Session::peer)
    }

    /// Takes the socket off this thread.
    ///
    /// # Errors
    /// When the socket can't be had back.
    pub fn into_parts(self) -> io::Result<Parts> {
        let secured = match self {
            Self::Clear(socket) => {
                let socket = socket.into_std()?;
                return Ok(Parts { socket, wire: None, unread: Vec::new() });
            }
            Self::Secured(secured) => *secured,
        };
        let Secured { io, mut wire, plain } = secured;
        let write = wire.write.take().ok_or(io::ErrorKind::NotConnected)?;
        let socket = io.reunite(write).map_err(io::Error::other)?.into_std()?;
        Ok(Parts { socket, wire: Some(wire), unread: plain })
    }
}

impl Secured {
    fn poll_read(
        &mut self,
        task: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.plain.is_empty() {
            // The task is woken when the socket takes more; what was said has to arrive some time.
            let _ = self.wire.poll_flush(task)?;
            let mut plain = vec![0; ROOM];
            let count = ready!(self.wire.poll_read(&mut self.io, task, &mut plain))?;
            plain.truncate(count);
            self.plain = plain;
        }
        let count = room.remaining().min(self.plain.len());
        room.put_slice(&self.plain[..count]);
        self.plain.drain(..count);
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.wire.poll_flush(task))?;
        let wrote = SHARED.with_borrow_mut(|shared| {
            shared.out.clear();
            for piece in bytes.chunks(BLOCK) {
                // How far away the other end is, is not known yet.
                self.wire.wrap(piece, Duration::ZERO, false, &mut shared.out)?;
            }
            self.wire.write_now(shared.out.bytes())
        });
        Poll::Ready(wrote.map(|()| bytes.len()))
    }
}

// === impl AsyncRead, AsyncWrite ===

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_read(task, room),
            Self::Secured(secured) => secured.poll_read(task, room),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_write(task, bytes),
            Self::Secured(secured) => secured.poll_write(task, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_flush(task),
            Self::Secured(secured) => secured.wire.poll_flush(task),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_shutdown(task),
            Self::Secured(secured) => secured.wire.poll_flush(task),
        }
    }
}
