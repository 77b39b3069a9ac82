//! HTTP before there is a link: a proxy that leads to the other end, and the way to WebSocket.

use data_encoding::BASE64;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION,
    SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use vagus_config::{LeafProxy, LeafRemote, LeafUrl};
use vagus_wire::websocket::Terms;

/// A socket past an answer, and what has come right behind that.
pub(super) struct Open<S> {
    pub socket: S,
    pub early: Vec<u8>,
}

/// Why a socket leads nowhere.
#[derive(Debug, Error)]
pub(super) enum Closed {
    #[error("proxy CONNECT failed: {0}")]
    Proxy(StatusCode),
    #[error("failed to read proxy response: {0}")]
    NoProxy(hyper::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("invalid websocket connection")]
    NoWebSocket,
    #[error("compression negotiation error")]
    Deflate,
    #[error("the URL can't be asked for")]
    Url,
}

/// Bytes of the head of an answer, at most.
const HEAD_MAX: usize = 16 << 10;
const NO_MASKING: HeaderName = HeaderName::from_static("nats-no-masking");
const DEFLATE: &str = "permessage-deflate";
/// Every message is packed by itself.
const BY_ITSELF: [&str; 2] = ["server_no_context_takeover", "client_no_context_takeover"];
/// What a key is hashed with, by RFC 6455.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Has a proxy connect to `target`, which is `host:port`.
pub(super) async fn tunnel<S>(socket: S, proxy: &LeafProxy, target: &str) -> Result<Open<S>, Closed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut request = Request::builder().method(Method::CONNECT).uri(target).header(HOST, target);
    if let Some((user, password)) = &proxy.user {
        let shown = BASE64.encode(format!("{user}:{}", password.expose()).as_bytes());
        let value = HeaderValue::from_str(&format!("Basic {shown}")).map_err(|_| Closed::Url)?;
        request = request.header(PROXY_AUTHORIZATION, value);
    }
    let request = request.body(Empty::new()).map_err(|_| Closed::Url)?;
    let (head, open) = ask(socket, request, StatusCode::OK).await.map_err(|why| match why {
        Answer::None(why) => Closed::NoProxy(why),
        Answer::Other(status) => Closed::Proxy(status),
    })?;
    drop(head);
    Ok(open)
}

/// Goes on with WebSocket, on the terms of the other end.
pub(super) async fn upgrade<S>(
    socket: S,
    url: &LeafUrl,
    remote: &LeafRemote,
) -> Result<(Open<S>, Terms), Closed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let path = url.websocket.as_deref().unwrap_or("/");
    let key = key();
    let mut request = Request::builder()
        .uri(path)
        .header(HOST, &url.place.address)
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "Upgrade")
        .header(SEC_WEBSOCKET_KEY, &key)
        .header(SEC_WEBSOCKET_VERSION, "13");
    if remote.ws_compression {
        let wanted = format!("{DEFLATE}; {}", BY_ITSELF.join("; "));
        request = request.header(SEC_WEBSOCKET_EXTENSIONS, wanted);
    }
    if remote.ws_no_masking {
        request = request.header(NO_MASKING, "true");
    }
    let request = request.body(Empty::new()).map_err(|_| Closed::Url)?;
    let asked = ask(socket, request, StatusCode::SWITCHING_PROTOCOLS).await;
    let (head, open) = asked.map_err(|why| match why {
        Answer::None(why) => Closed::Http(why),
        Answer::Other(_) => Closed::NoWebSocket,
    })?;
    let is =
        |name, value: &str| text(&head, name).is_some_and(|text| text.eq_ignore_ascii_case(value));
    let accepted = text(&head, SEC_WEBSOCKET_ACCEPT).is_some_and(|text| text == accept(&key));
    if !is(UPGRADE, "websocket") || !is(CONNECTION, "upgrade") || !accepted {
        return Err(Closed::NoWebSocket);
    }
    let deflate = match text(&head, SEC_WEBSOCKET_EXTENSIONS) {
        Some(_) if !remote.ws_compression => return Err(Closed::NoWebSocket),
        Some(extensions) => deflates(extensions)?,
        None => false,
    };
    let masks = !(remote.ws_no_masking && is(NO_MASKING, "true"));
    Ok((open, Terms { masks, masked: false, deflate }))
}

fn text(head: &HeaderMap, name: HeaderName) -> Option<&str> {
    head.get(name).and_then(|value| value.to_str().ok())
}

/// Whether messages are packed, as the other end answers.
fn deflates(extensions: &str) -> Result<bool, Closed> {
    let mut offers = extensions.split(',').map(|one| one.split(';').map(str::trim));
    let Some(mut known) =
        offers.find_map(|mut one| one.next()?.eq_ignore_ascii_case(DEFLATE).then_some(one))
    else {
        return Ok(false);
    };
    let params: Vec<_> = known.by_ref().map(str::to_ascii_lowercase).collect();
    match BY_ITSELF.iter().all(|name| params.iter().any(|param| param == name)) {
        true => Ok(true),
        false => Err(Closed::Deflate),
    }
}

/// What the other end is to prove by that it knows what it is asked for.
fn key() -> String {
    let mut bytes = [0; 16];
    // It is no secret: an answer to the request is told from one to another request by it.
    let _ = SystemRandom::new().fill(&mut bytes);
    BASE64.encode(&bytes)
}

fn accept(key: &str) -> String {
    let bytes = [key.as_bytes(), GUID].concat();
    BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes).as_ref())
}

enum Answer {
    None(hyper::Error),
    Other(StatusCode),
}

impl From<hyper::Error> for Answer {
    fn from(why: hyper::Error) -> Self {
        Self::None(why)
    }
}

/// One request, behind the good answer to which the socket speaks something else.
async fn ask<S>(
    socket: S,
    request: Request<Empty<Bytes>>,
    good: StatusCode,
) -> Result<(HeaderMap, Open<S>), Answer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.max_buf_size(HEAD_MAX).title_case_headers(true);
    let (mut sender, connection) = http.handshake(TokioIo::new(socket)).await?;
    let connection = connection.with_upgrades();
    let answer = async {
        let mut response = sender.send_request(request).await?;
        if response.status() != good {
            return Err(Answer::Other(response.status()));
        }
        let upgraded = hyper::upgrade::on(&mut response).await?;
        Ok((response.into_parts().0.headers, upgraded))
    };
    // The connection moves bytes only while it is polled, too.
    tokio::pin!(connection, answer);
    let (head, upgraded): (HeaderMap, Upgraded) = tokio::select! {
        done = &mut answer => done?,
        ended = &mut connection => {
            ended?;
            answer.await?
        }
    };
    match upgraded.downcast::<TokioIo<S>>() {
        Ok(parts) => {
            let open = Open { socket: parts.io.into_inner(), early: parts.read_buf.to_vec() };
            Ok((head, open))
        }
        // It is the socket that was handed over.
        Err(_) => Err(Answer::Other(good)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_end_proves_that_it_knows_websocket() {
        // The example of RFC 6455.
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_ne!(key(), key());
    }

    #[test]
    fn messages_are_packed_by_themselves_or_not_at_all() {
        let both = "x, Permessage-Deflate; client_no_context_takeover;server_no_context_takeover";
        assert!(deflates(both).unwrap());
        assert!(!deflates("x; server_no_context_takeover").unwrap());
        assert!(deflates("permessage-deflate; server_no_context_takeover").is_err());
    }
}
