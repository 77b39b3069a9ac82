//! One attempt to become a leaf node of another server: from the first byte until both ends know
//! each other.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use tokio::net::TcpStream;
use vagus_auth::read_credentials;
use vagus_config::{Compression, HandshakeFirst, LeafUrl, Secret, Tls};
use vagus_tls::ClientTls;
use vagus_wire::leaf::{LeafConnect, LeafInfo};

use super::talk::{Line, NoLink, Talk};
use super::{Remote, compress, web};
use crate::delivery::wire::{Stream, WebSocket};

/// The other end of a link to be.
pub(super) struct Host {
    pub talk: Talk,
    pub peer: SocketAddr,
    pub info: LeafInfo,
    /// As agreed on; `None`: the other end knows nothing of it.
    pub compression: Option<Compression>,
}

/// To come to terms, once the first word is said.
const FINISH: Duration = Duration::from_secs(2);

/// Connects, and hears what the other end says of itself. `own` is what this one does.
pub(super) async fn dial(
    url: &LeafUrl,
    remote: &Remote,
    within: Duration,
    own: &LeafInfo,
) -> Result<Host, NoLink> {
    let mut talk = connect(url, remote, within).await?;
    let peer = talk.stream.peer_addr()?;
    let secure = url.secure || remote.tls.is_some();
    let (mut sealed, mut deflated) = (false, false);
    if url.websocket.is_some() {
        if secure {
            talk = seal(talk, url, remote).await?;
        }
        (talk, deflated) = upgrade(talk, url, remote).await?;
        // Whatever the other end says of its port without WebSocket.
        sealed = true;
    } else if remote.tls.is_some() && handshake_first(remote) {
        talk = seal(talk, url, remote).await?;
        sealed = true;
    }
    let mut info = first_info(&mut talk, remote).await?;
    if !sealed && (info.tls_required || secure) {
        talk = seal(talk, url, remote).await?;
    }
    let mine = if deflated { &Compression::Off } else { &remote.wanted.compression };
    let compression = compress::agreed(mine, &info.compression);
    if let Some(agreed) = compression.as_ref().filter(|one| **one != Compression::Off) {
        talk = compress::ask(talk, mine, agreed, own).await?;
        // It says all of it once more.
        info = first_info(&mut talk, remote).await?;
    }
    Ok(Host { talk, peer, info, compression })
}

/// Through a proxy where there is one, whatever the URL.
async fn connect(url: &LeafUrl, remote: &Remote, within: Duration) -> Result<Talk, NoLink> {
    let target = &url.place.address;
    let Some(proxy) = &remote.wanted.proxy else {
        let stream = tokio::time::timeout(within, TcpStream::connect(target)).await;
        let stream = stream.map_err(|_| NoLink::Slow)??;
        stream.set_nodelay(true)?;
        return Ok(Talk::new(Stream::Clear(stream)));
    };
    let open = async {
        let stream = TcpStream::connect(&proxy.address).await.map_err(NoLink::Proxy)?;
        stream.set_nodelay(true)?;
        web::tunnel(stream, proxy, target).await.map_err(NoLink::Tunnel)
    };
    let open = tokio::time::timeout(proxy.timeout.unwrap_or(within), open).await;
    let slow = || NoLink::Proxy(io::ErrorKind::TimedOut.into());
    let open = open.map_err(|_| slow())??;
    // The other end may have spoken already.
    Ok(Talk { stream: Stream::Clear(open.socket), heard: open.early })
}

/// The second answer is whether messages are packed.
async fn upgrade(talk: Talk, url: &LeafUrl, remote: &Remote) -> Result<(Talk, bool), NoLink> {
    let Talk { stream, heard } = talk;
    if !heard.is_empty() {
        // Whoever waits for a request says nothing before.
        return Err(NoLink::Nonsense);
    }
    let asked = web::upgrade(stream, url, &remote.wanted);
    let asked = tokio::time::timeout(remote.wanted.first_info_timeout, asked).await;
    let (open, terms) = asked.map_err(|_| NoLink::Slow)?.map_err(NoLink::WebSocket)?;
    let stream = open.socket.through(WebSocket::new(terms), &open.early)?;
    Ok((Talk::new(stream), terms.deflate))
}

fn handshake_first(remote: &Remote) -> bool {
    let tls = remote.wanted.tls.as_ref();
    tls.is_some_and(|tls| tls.handshake_first != HandshakeFirst::Never)
}

/// Goes on with TLS, as configured or as usual.
async fn seal(talk: Talk, url: &LeafUrl, remote: &Remote) -> Result<Talk, NoLink> {
    let host = url.place.address.rsplit_once(':').map_or("", |(host, _)| host);
    match &remote.tls {
        Some(tls) => talk.secure_toward(host, tls).await,
        None => {
            let tls = tokio::task::spawn_blocking(|| ClientTls::load(&Tls::default()));
            let tls = tls.await.map_err(io::Error::other)?;
            let tls = tls.map_err(|problem| NoLink::Tls(problem.to_string()))?;
            talk.secure_toward(host, &tls).await
        }
    }
}

async fn first_info(talk: &mut Talk, remote: &Remote) -> Result<LeafInfo, NoLink> {
    let info = match talk.listen(remote.wanted.first_info_timeout).await? {
        Line::Info(json) => serde_json::from_slice::<LeafInfo>(&json)?,
        Line::Fault(text) => return Err(NoLink::Fault(text)),
        Line::Connect(_) => return Err(NoLink::Nonsense),
    };
    match info.client_id == 0 || info.leafnode_urls.is_empty() {
        true => Err(NoLink::WrongPort),
        false => Ok(info),
    }
}

/// Waits for the other end to say that it takes this server in.
pub(super) async fn agree(host: &mut Host) -> Result<(), NoLink> {
    if !host.info.info_on_connect {
        return Ok(());
    }
    loop {
        match host.talk.listen(FINISH).await? {
            Line::Info(json) => {
                let info: LeafInfo = serde_json::from_slice(&json)?;
                if info.connect_info {
                    host.info.remote_account = info.remote_account;
                    (host.info.import, host.info.export) = (info.import, info.export);
                    return Ok(());
                }
            }
            Line::Fault(text) => return Err(NoLink::Fault(text)),
            Line::Connect(_) => return Err(NoLink::Nonsense),
        }
    }
}

/// What this server says of itself to the one that it has connected to.
pub(super) async fn hello(
    host: &Host,
    url: &LeafUrl,
    remote: &Remote,
    own: &LeafInfo,
    cluster: String,
) -> Result<LeafConnect, NoLink> {
    let mut hello = LeafConnect {
        version: own.version.clone(),
        server_id: own.server_id.clone(),
        domain: own.domain.clone(),
        name: own.server_name.clone(),
        hub: remote.wanted.hub,
        cluster,
        headers: own.headers,
        jetstream: own.jetstream,
        deny_pub: remote.wanted.deny_imports.clone(),
        isolate: remote.wanted.request_isolation,
        compression: now(host.compression.as_ref()).to_owned(),
        remote_account: remote.account().to_owned(),
        protocol: own.proto,
        ..LeafConnect::default()
    };
    match (&remote.wanted.credentials, &remote.wanted.nkey) {
        (None, None) => {
            let password = url.place.password.as_ref().map(Secret::expose).unwrap_or_default();
            hello.user = url.place.user.clone().unwrap_or_default();
            password.clone_into(&mut hello.pass);
            if password.is_empty() {
                hello.auth_token.clone_from(&hello.user);
            }
        }
        (Some(path), _) => {
            let path = path.clone();
            let reading = tokio::task::spawn_blocking(move || std::fs::read_to_string(path));
            let text = reading.await.map_err(std::io::Error::other)??;
            let (jwt, seed) = read_credentials(&text)
                .ok_or_else(|| NoLink::Secrets("no JWT and seed are in the file".to_owned()))?;
            let key = key_of(&seed)?;
            hello.jwt = jwt;
            hello.sig = signature(&key, &host.info.nonce)?;
        }
        (None, Some(seed)) => {
            let key = key_of(seed.expose())?;
            hello.nkey = key.public_key();
            hello.sig = signature(&key, &host.info.nonce)?;
        }
    }
    Ok(hello)
}

/// How far away the other end is, is not known yet.
fn now(agreed: Option<&Compression>) -> &'static str {
    agreed.map_or("not supported", |mode| mode.at(Duration::ZERO).name())
}

fn key_of(seed: &str) -> Result<KeyPair, NoLink> {
    // What is wrong with a seed is not told: the text could show a part of it.
    KeyPair::from_seed(seed).map_err(|_| NoLink::Secrets("the seed is none".to_owned()))
}

fn signature(key: &KeyPair, nonce: &str) -> Result<String, NoLink> {
    let signed = key.sign(nonce.as_bytes());
    let signed = signed.map_err(|_| NoLink::Secrets("the seed can't sign".to_owned()))?;
    Ok(BASE64URL_NOPAD.encode(&signed))
}
