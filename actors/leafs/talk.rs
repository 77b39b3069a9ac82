//! A conversation before there is a link: one line after the other.

use std::io;
use std::time::{Duration, SystemTime};

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vagus_tls::{ClientTls, ServerTls, Session, TlsError};
use vagus_wire::leaf::{Heard, Said, parse};
use vagus_wire::{Limits, Op, ParseError};

use super::web::Closed;
use crate::delivery::wire::{Codec, Stream};

/// See the module's text.
pub(super) struct Talk {
    pub(super) stream: Stream,
    /// What was read and not yet listened to.
    pub(super) heard: Vec<u8>,
}

/// What the other end says of itself.
pub(super) enum Line {
    Connect(Vec<u8>),
    Info(Vec<u8>),
    Fault(String),
}

/// One who may not be a leaf node, by what it says of itself.
#[derive(Debug)]
pub(super) struct Stranger {
    /// For the log.
    pub who: String,
    pub user: String,
    pub name: String,
    pub version: String,
    pub since: SystemTime,
}

/// Why there is no link.
#[derive(Debug, Error)]
pub(super) enum NoLink {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the other end says nothing")]
    Slow,
    #[error("{0}")]
    Protocol(#[from] ParseError),
    #[error("the other end says what does not belong here")]
    Nonsense,
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It was told that it may not be a leaf node.
    #[error("authentication error - {}", .0.who)]
    Stranger(Box<Stranger>),
    /// The other end was told so.
    #[error("{0}")]
    Refused(String),
    /// The other end has said so.
    #[error("Leafnode Error '{0}'")]
    Fault(String),
    #[error("TLS leafnode handshake error: {0}")]
    Tls(String),
    #[error("attempted to connect to wrong port")]
    WrongPort,
    #[error("{0}")]
    Secrets(String),
    #[error("failed to connect to proxy: {0}")]
    Proxy(io::Error),
    #[error("{0}")]
    Tunnel(Closed),
    #[error("Error soliciting websocket connection: {0}")]
    WebSocket(Closed),
}

/// A `CONNECT` may hold a JWT.
const LIMITS: Limits = Limits { control_line_max: 64 << 10, payload_max: 0 };
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

// === impl Talk ===

impl Talk {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, heard: Vec::new() }
    }

    pub(super) async fn say(&mut self, line: &[u8]) -> Result<(), NoLink> {
        self.stream.write_all(line).await?;
        Ok(self.stream.flush().await?)
    }

    /// The next thing that the other end says of itself, within a time.
    pub(super) async fn listen(&mut self, within: Duration) -> Result<Line, NoLink> {
        match tokio::time::timeout(within, self.next()).await {
            Ok(line) => line,
            Err(_) => Err(NoLink::Slow),
        }
    }

    async fn next(&mut self) -> Result<Line, NoLink> {
        loop {
            let (answer, used) = match parse(&self.heard, LIMITS)? {
                Heard::Partial { .. } => {
                    if self.stream.read_buf(&mut self.heard).await? == 0 {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                    }
                    continue;
                }
                Heard::Whole { said, used } => (Answer::to(said)?, used),
            };
            self.heard.drain(..used);
            match answer {
                Answer::Line(line) => return Ok(line),
                Answer::Pong => self.say(b"PONG\r\n").await?,
                Answer::None => {}
            }
        }
    }

    /// Goes on through `codec`, as the other end does.
    pub(super) fn through(self, codec: impl Codec + 'static) -> Result<Self, NoLink> {
        let stream = self.stream.through(codec, &self.heard)?;
        Ok(Self::new(stream))
    }

    /// Goes on with TLS, as the one who was connected to.
    pub(super) async fn secure(self, tls: &ServerTls) -> Result<Self, NoLink> {
        let session = tls.session().map_err(TlsError::from);
        let talk = self.shake(session, tls.timeout).await?;
        let checked = tls.check_pin(talk.stream.peer().as_ref());
        talk.pinned(checked)
    }

    /// Goes on with TLS, as the one who has connected under the name of `host`.
    pub(super) async fn secure_toward(self, host: &str, tls: &ClientTls) -> Result<Self, NoLink> {
        let talk = self.shake(tls.session(host), tls.timeout).await?;
        let checked = tls.check_pin(talk.stream.peer().as_ref());
        talk.pinned(checked)
    }

    async fn shake(
        self,
        session: Result<Session, TlsError>,
        within: Duration,
    ) -> Result<Self, NoLink> {
        let session = session.map_err(|problem| NoLink::Tls(problem.to_string()))?;
        let Stream::Clear(socket) = self.stream else { return Err(NoLink::Nonsense) };
        if !self.heard.is_empty() {
            // Whoever said that was not sure to be the one who shakes hands.
            return Err(NoLink::Nonsense);
        }
        let shake = tokio::time::timeout(within, Stream::secure(socket, session));
        let stream = shake.await.map_err(|_| NoLink::Tls("timeout".to_owned()))?;
        let stream = stream.map_err(|problem| NoLink::Tls(problem.to_string()))?;
        Ok(Self::new(stream))
    }

    fn pinned(self, checked: Result<(), String>) -> Result<Self, NoLink> {
        match checked {
            Ok(()) => Ok(self),
            Err(digest) => Err(NoLink::Tls(format!("certificate not pinned: key id {digest}"))),
        }
    }

    /// Tells the other end why there will be no link, and waits for it to close: an unread byte
    /// would turn the close into a reset, which can destroy the words on their way.
    pub(super) async fn refuse(mut self, text: &str) {
        let farewell = async {
            self.say(&vagus_wire::encode::error(text)).await?;
            self.stream.shutdown().await?;
            self.heard.clear();
            while self.stream.read_buf(&mut self.heard).await? > 0 {
                self.heard.clear();
            }
            Ok::<(), NoLink>(())
        };
        // Who does not listen is not told.
        let _ = tokio::time::timeout(LAST_WORDS, farewell).await;
    }
}

enum Answer {
    Line(Line),
    Pong,
    None,
}

impl Answer {
    fn to(said: Said<'_>) -> Result<Self, NoLink> {
        Ok(match said {
            Said::Op(Op::Connect(json)) => Self::Line(Line::Connect(json.to_vec())),
            Said::Op(Op::Info(json)) => Self::Line(Line::Info(json.to_vec())),
            Said::Fault(text) => {
                Self::Line(Line::Fault(String::from_utf8_lossy(text).into_owned()))
            }
            Said::Op(Op::Ping) => Self::Pong,
            Said::Op(Op::Pong | Op::Ignored) => Self::None,
            Said::Op(_) | Said::Want { .. } | Said::Message(_) => return Err(NoLink::Nonsense),
        })
    }
}
