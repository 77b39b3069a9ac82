//! The handshake of a link: which version is spoken, who is who, and that both know the password.
//!
//! ```text
//! solicitor                                       acceptor
//!   magic, version, kind, nonce, introduction  ->
//!                                              <-   the same of its own
//!   proof                                      ->
//!                                              <-   welcome and proof, or why not
//! ```
//!
//! Each end may think it over once it knows who the other one is: the solicitor before it sends
//! its proof, the acceptor before it answers.
//!
//! A proof is an HMAC over both introductions and nonces. The password itself never crosses, and
//! what an eavesdropper gets serves no second time. Everything is read in pieces of known size:
//! who sends something else is refused after a few bytes, and has cost as much.

use std::time::Duration;

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::sharing::{Share, Sharing};

/// Who speaks.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Introduction {
    /// Of this start of the server.
    pub id: String,
    pub name: String,
    pub cluster: String,
    /// The name of the cluster was made up.
    #[serde(default)]
    pub dynamic: bool,
    /// Where others can connect to, as far as that is known: `host:port`.
    pub address: String,
    /// Which accounts the link is for that the solicitor asks for.
    #[serde(default)]
    pub share: Share,
    /// How it wants accounts to be shared out among links.
    #[serde(default)]
    pub sharing: Sharing,
    /// What it wants of compression, by name. Servers that packed in another way said so under
    /// another name: with them, links are not compressed.
    #[serde(default, rename = "s2")]
    pub compression: String,
    /// The series of questions that it understands ([`super::speech::SERIES`]); 0: none.
    #[serde(default)]
    pub control: u16,
    /// It knows the leaf clusters that interest and messages come from.
    #[serde(default)]
    pub origins: bool,
    /// The cluster that is looked for, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// What the link is to be. Said in front of all that may change with the version.
    #[serde(skip)]
    pub kind: LinkKind,
}

/// What two servers are to each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LinkKind {
    /// Of one cluster.
    #[default]
    Route,
    /// Of two clusters.
    Gateway,
}

/// What both ends of a link must know. Without a password every server is welcome.
#[derive(Clone)]
pub struct LinkSecret {
    key: hmac::Key,
    required: bool,
}

/// Why two servers did not come together.
#[derive(Debug, Error)]
pub enum HelloError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the other end is no server of this kind")]
    Stranger,
    #[error("the other server speaks version {0}, this one {VERSION}")]
    Version(u16),
    #[error("Authorization Violation")]
    Unauthorized,
    #[error("the other server does not know the password")]
    Impostor,
    #[error("the other end is a port for links of another kind")]
    WrongPort,
    #[error("{0}")]
    Refused(String),
    #[error("TLS handshake error: {0}")]
    Tls(String),
    #[error("the other server takes too long")]
    Slow,
    /// Or are about to be.
    #[error("the two servers are linked already")]
    Linked,
}

/// A solicitor that knows who it has found, and has still to show that it belongs there.
pub struct Host<S> {
    pub introduction: Introduction,
    stream: S,
    /// What both have said so far, this end first.
    said: [Vec<u8>; 2],
}

/// An acceptor that knows who has come, and has still to answer.
pub struct Guest<S> {
    pub introduction: Introduction,
    stream: S,
    answer: hmac::Tag,
}

/// Servers of other versions of this number do not understand each other.
pub const VERSION: u16 = 1;
const MAGIC: &[u8; 8] = b"VAGUSLNK";
/// Magic, version, kind, nonce, length of the introduction.
const HEAD: usize = 8 + 2 + 1 + NONCE + 2;
const NONCE: usize = 32;
const PROOF: usize = 32;
const INTRODUCTION_MAX: usize = 32 << 10;
const REFUSAL_MAX: usize = 1 << 10;
/// What the proofs are about, so that one is never good for the other.
const SOLICITOR: &[u8] = b"vagus link solicitor";
const ACCEPTOR: &[u8] = b"vagus link acceptor";

// === impl LinkSecret ===

impl LinkSecret {
    /// Every server is welcome.
    #[must_use]
    pub fn none() -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, b""), required: false }
    }

    #[must_use]
    pub fn password(user: &str, password: &str) -> Self {
        let all = [user.as_bytes(), &[0], password.as_bytes()].concat();
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &all), required: true }
    }

    fn prove(&self, role: &[u8], both: &[&[u8]; 2]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(role);
        both.iter().for_each(|one| context.update(one));
        context.sign()
    }

    /// In constant time.
    fn accepts(&self, role: &[u8], both: &[&[u8]; 2], proof: &[u8]) -> bool {
        let said = [role, both[0], both[1]].concat();
        !self.required || hmac::verify(&self.key, &said, proof).is_ok()
    }
}

// === impl LinkKind ===

impl LinkKind {
    fn byte(self) -> u8 {
        match self {
            Self::Route => b'R',
            Self::Gateway => b'G',
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::Route, Self::Gateway].into_iter().find(|kind| kind.byte() == byte)
    }
}

// === the solicitor ===

/// Introduces this server over a fresh connection. The other end waits for [`Host::join`].
///
/// # Errors
/// When the other end is no server, or takes longer than `within`.
pub async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    me: &Introduction,
    within: Duration,
) -> Result<Host<S>, HelloError> {
    let talk = async {
        let mine = head(me)?;
        stream.write_all(&mine).await?;
        let (theirs, introduction) = read_head(&mut stream).await?;
        if introduction.kind != me.kind {
            return Err(HelloError::WrongPort);
        }
        Ok((introduction, [mine, theirs]))
    };
    let talk = tokio::time::timeout(within, talk).await.map_err(|_| HelloError::Slow)?;
    talk.map(|(introduction, said)| Host { introduction, stream, said })
}

impl<S: AsyncRead + AsyncWrite + Unpin> Host<S> {
    /// Shows that this server belongs there, and hears whether it is taken in.
    ///
    /// # Errors
    /// When the other server does not want this one, takes longer than `within`, or does not
    /// belong here.
    pub async fn join(mut self, secret: &LinkSecret, within: Duration) -> Result<S, HelloError> {
        let both = self.said.each_ref().map(Vec::as_slice);
        let talk = async {
            self.stream.write_all(secret.prove(SOLICITOR, &both).as_ref()).await?;
            let size = self.stream.read_u16_le().await?;
            if size > 0 {
                let mut text = vec![0; usize::from(size).min(REFUSAL_MAX)];
                self.stream.read_exact(&mut text).await?;
                let text = String::from_utf8_lossy(&text).into_owned();
                let linked = text == HelloError::Linked.to_string();
                return Err(if linked { HelloError::Linked } else { HelloError::Refused(text) });
            }
            let mut proof = [0; PROOF];
            self.stream.read_exact(&mut proof).await?;
            match secret.accepts(ACCEPTOR, &both, &proof) {
                true => Ok(()),
                false => Err(HelloError::Impostor),
            }
        };
        tokio::time::timeout(within, talk).await.map_err(|_| HelloError::Slow)??;
        Ok(self.stream)
    }
}

// === the acceptor ===

/// Hears who has connected. The other end waits for [`Guest::welcome`] or [`Guest::refuse`].
///
/// # Errors
/// When the other end is no server, does not know the password, or takes longer than `within`.
pub async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    me: &Introduction,
    secret: &LinkSecret,
    within: Duration,
) -> Result<Guest<S>, HelloError> {
    let talk = async {
        let (theirs, introduction) = read_head(&mut stream).await?;
        let mine = head(me)?;
        stream.write_all(&mine).await?;
        if introduction.kind != me.kind {
            return Err(HelloError::WrongPort);
        }
        let mut proof = [0; PROOF];
        stream.read_exact(&mut proof).await?;
        let both = [&theirs[..], &mine];
        if !secret.accepts(SOLICITOR, &both, &proof) {
            write_refusal(&mut stream, &HelloError::Unauthorized.to_string()).await?;
            return Err(HelloError::Unauthorized);
        }
        Ok((introduction, secret.prove(ACCEPTOR, &both)))
    };
    let talk = tokio::time::timeout(within, talk).await.map_err(|_| HelloError::Slow)?;
    talk.map(|(introduction, answer)| Guest { introduction, stream, answer })
}

impl<S: AsyncWrite + Unpin> Guest<S> {
    /// The other server is taken in.
    ///
    /// # Errors
    /// When it has gone meanwhile.
    pub async fn welcome(mut self) -> Result<S, HelloError> {
        let answer = [&0u16.to_le_bytes()[..], self.answer.as_ref()].concat();
        self.stream.write_all(&answer).await?;
        Ok(self.stream)
    }

    /// The other server is told why it is not taken in.
    ///
    /// # Errors
    /// When it has gone meanwhile.
    pub async fn refuse(mut self, why: &str) -> Result<(), HelloError> {
        write_refusal(&mut self.stream, why).await
    }
}

async fn write_refusal(
    stream: &mut (impl AsyncWrite + Unpin),
    why: &str,
) -> Result<(), HelloError> {
    let text = &why.as_bytes()[..why.len().min(REFUSAL_MAX)];
    let size = (text.len() as u16).to_le_bytes();
    stream.write_all(&[&size, text].concat()).await?;
    Ok(())
}

fn head(me: &Introduction) -> Result<Vec<u8>, HelloError> {
    let text = serde_json::to_vec(me).map_err(std::io::Error::from)?;
    let mut nonce = [0; NONCE];
    let random = SystemRandom::new().fill(&mut nonce);
    random.map_err(|_| std::io::Error::other("the system has no randomness to give"))?;
    let mut out = Vec::with_capacity(HEAD + text.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.push(me.kind.byte());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(&text);
    Ok(out)
}

async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<(Vec<u8>, Introduction), HelloError> {
    // The magic first: who is no server sends less, and would be waited for.
    let mut all = vec![0; MAGIC.len()];
    stream.read_exact(&mut all).await?;
    if all != MAGIC {
        return Err(HelloError::Stranger);
    }
    all.resize(HEAD, 0);
    stream.read_exact(&mut all[MAGIC.len()..]).await?;
    let version = u16::from_le_bytes([all[8], all[9]]);
    let size = usize::from(u16::from_le_bytes([all[HEAD - 2], all[HEAD - 1]]));
    if version != VERSION {
        return Err(HelloError::Version(version));
    }
    let kind = LinkKind::of(all[10]).filter(|_| size <= INTRODUCTION_MAX);
    let kind = kind.ok_or(HelloError::Stranger)?;
    all.resize(HEAD + size, 0);
    stream.read_exact(&mut all[HEAD..]).await?;
    let introduction = serde_json::from_slice(&all[HEAD..]).map_err(|_| HelloError::Stranger)?;
    Ok((all, Introduction { kind, ..introduction }))
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn server(name: &str) -> Introduction {
        Introduction {
            id: name.to_uppercase(),
            name: name.to_owned(),
            cluster: "c".to_owned(),
            dynamic: false,
            address: "h:1".to_owned(),
            share: Share::MAIN,
            sharing: Sharing::default(),
            compression: String::new(),
            control: 1,
            origins: true,
            wanted: None,
            kind: LinkKind::Route,
        }
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }

    type Both = (Result<Introduction, HelloError>, Result<Introduction, HelloError>);

    fn meet(one: LinkSecret, other: LinkSecret, refusal: Option<&str>) -> Both {
        run(async {
            let (a, b) = duplex(64);
            let (me, you) = (server("a"), server("b"));
            let acceptor = async {
                let guest = receive(b, &you, &other, SOON).await?;
                let introduction = guest.introduction.clone();
                match refusal {
                    Some(why) => guest.refuse(why).await?,
                    None => drop(guest.welcome().await?),
                }
                Ok(introduction)
            };
            let solicitor = async {
                let host = greet(a, &me, SOON).await?;
                let introduction = host.introduction.clone();
                host.join(&one, SOON).await.map(|_| introduction)
            };
            tokio::join!(solicitor, acceptor)
        })
    }

    #[test]
    fn two_servers_get_to_know_each_other() {
        let password = || LinkSecret::password("u", "p");
        for (one, other) in [(LinkSecret::none(), LinkSecret::none()), (password(), password())] {
            let (theirs, ours) = meet(one, other, None);
            assert_eq!((theirs.unwrap(), ours.unwrap()), (server("b"), server("a")));
        }
        let (told, _) = meet(LinkSecret::none(), LinkSecret::none(), Some("no room"));
        assert_eq!(told.unwrap_err().to_string(), "no room");
        let linked = HelloError::Linked.to_string();
        let (told, _) = meet(LinkSecret::none(), LinkSecret::none(), Some(&linked));
        assert!(matches!(told, Err(HelloError::Linked)));
    }

    #[test]
    fn both_must_know_the_password() {
        let wrong =
            [LinkSecret::none(), LinkSecret::password("u", "q"), LinkSecret::password("v", "p")];
        for wrong in wrong {
            let (told, heard) = meet(wrong, LinkSecret::password("u", "p"), None);
            assert_eq!(told.unwrap_err().to_string(), "Authorization Violation");
            assert!(matches!(heard, Err(HelloError::Unauthorized)));
        }
        let (told, _) = meet(LinkSecret::password("u", "p"), LinkSecret::none(), None);
        assert!(matches!(told, Err(HelloError::Impostor)), "nobody is trusted for his word alone");
    }

    #[test]
    fn ports_for_the_two_kinds_of_links_are_told_apart() {
        run(async {
            let (a, b) = duplex(1024);
            let (me, you) = (Introduction { kind: LinkKind::Gateway, ..server("a") }, server("b"));
            let secret = LinkSecret::none();
            let (theirs, ours) = tokio::join!(greet(a, &me, SOON), receive(b, &you, &secret, SOON));
            assert!(matches!(theirs, Err(HelloError::WrongPort)));
            assert!(matches!(ours, Err(HelloError::WrongPort)));
        });
    }

    #[test]
    fn whoever_is_no_server_is_refused_at_once() {
        let long = [&MAGIC[..], &[1, 0, b'R'], &[0; NONCE], &[0xff, 0xff]].concat();
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"INFO {\"a\":1}\r\n", &[0; 100], &long] {
            run(async {
                let (mut a, b) = duplex(1024);
                a.write_all(bytes).await.unwrap();
                let heard = receive(b, &server("b"), &LinkSecret::none(), SOON).await;
                assert!(matches!(heard, Err(HelloError::Stranger)));
            });
        }
        let newer = [&MAGIC[..], &[2, 0, b'R'], &[0; NONCE], &[2, 0]].concat();
        run(async {
            let (mut a, b) = duplex(1024);
            a.write_all(&newer).await.unwrap();
            let heard = receive(b, &server("b"), &LinkSecret::none(), SOON).await;
            assert!(matches!(heard, Err(HelloError::Version(2))));
        });
        run(async {
            let (_silent, b) = duplex(1024);
            let soon = Duration::from_millis(10);
            let heard = receive(b, &server("b"), &LinkSecret::none(), soon).await;
            assert!(matches!(heard, Err(HelloError::Slow)));
        });
    }

    #[test]
    fn who_thinks_better_of_it_is_not_taken_in() {
        let (one, other) = run(async {
            let (a, b) = duplex(1 << 10);
            let (me, you, secret) = (server("a"), server("b"), LinkSecret::none());
            let solicitor = async { greet(a, &me, SOON).await.map(|host| host.introduction.id) };
            tokio::join!(solicitor, receive(b, &you, &secret, SOON))
        });
        assert_eq!(one.unwrap(), "B");
        assert!(matches!(other, Err(HelloError::Io(_))));
    }
}
