//! TLS of a link, which begins before anything is said: both ends know of it by configuration.

use std::sync::Arc;

use tokio::net::TcpStream;
use vagus_runtime::cluster::hello::HelloError;
use vagus_tls::{LinkTls, Session, TlsError};

use super::Stream;

// === impl Stream ===

impl Stream {
    /// Of a server that has connected; as it comes where there is no TLS.
    ///
    /// # Errors
    /// When the two do not agree on TLS.
    pub async fn accepted(
        socket: TcpStream,
        tls: Option<Arc<LinkTls>>,
    ) -> Result<Self, HelloError> {
        let Some(tls) = tls else { return Ok(Self::Clear(socket)) };
        let session = tls.accepted.session().map_err(TlsError::from);
        shake(socket, session, &tls).await
    }

    /// Of a server that this one has connected to under the name of `host`.
    ///
    /// # Errors
    /// When the two do not agree on TLS.
    pub async fn solicited(
        socket: TcpStream,
        host: &str,
        tls: Option<Arc<LinkTls>>,
    ) -> Result<Self, HelloError> {
        let Some(tls) = tls else { return Ok(Self::Clear(socket)) };
        let session = tls.solicited.session(host);
        shake(socket, session, &tls).await
    }
}

async fn shake(
    socket: TcpStream,
    session: Result<Session, TlsError>,
    tls: &LinkTls,
) -> Result<Stream, HelloError> {
    let session = session.map_err(|problem| HelloError::Tls(problem.to_string()))?;
    let shake = tokio::time::timeout(tls.accepted.timeout, Stream::secure(socket, session));
    let stream = shake.await.map_err(|_| HelloError::Tls("timeout".to_owned()))?;
    let stream = stream.map_err(|problem| HelloError::Tls(problem.to_string()))?;
    match tls.check_pin(stream.peer().as_ref()) {
        Ok(()) => Ok(stream),
        Err(digest) => Err(HelloError::Tls(format!("certificate not pinned: key id {digest}"))),
    }
}
