//! TLS of a link, which begins before anything is said: both ends know of it by configuration.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use vagus_runtime::cluster::hello::HelloError;
use vagus_tls::{LinkTls, Session, TlsError};

use crate::delivery::wire::Stream;

/// Of a server that has connected; as it comes where there is no TLS.
pub(super) async fn accept(
    socket: TcpStream,
    tls: Option<Arc<LinkTls>>,
) -> Result<Stream, HelloError> {
    let Some(tls) = tls else { return Ok(Stream::Clear(socket)) };
    let session = tls.accepted.session().map_err(TlsError::from);
    shake(socket, session, &tls).await
}

/// Of a server that this one has connected to under the name of `host`.
pub(super) async fn solicit(
    socket: TcpStream,
    host: &str,
    tls: Option<Arc<LinkTls>>,
) -> Result<Stream, HelloError> {
    let Some(tls) = tls else { return Ok(Stream::Clear(socket)) };
    let session = tls.solicited.session(host);
    shake(socket, session, &tls).await
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

/// The name that a server's certificate has to be for: that of the address, or where this is only
/// a number that others told of, the name by which the configuration knows one of the cluster.
pub(super) fn name<'a>(address: &'a str, known: Option<&'a str>) -> &'a str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let number = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if number { known.unwrap_or(host) } else { host }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn whom_a_certificate_has_to_be_for() {
        assert_eq!(name("b.example:6222", Some("a.example")), "b.example");
        assert_eq!(name("192.0.2.7:6222", Some("a.example")), "a.example");
        assert_eq!(name("192.0.2.7:6222", None), "192.0.2.7");
        assert_eq!(name("[::1]:6222", None), "[::1]");
    }
}
