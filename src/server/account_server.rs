//! [`AccountServer`]: an HTTP server that has the JWTs of accounts.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use vagus_actors::resolver::{Remote, Token};
use vagus_auth::jwt::TOKEN_BYTES_MAX;

use super::web::exchange;

/// See the module's text. Knows plain HTTP only.
#[derive(Debug, Clone)]
pub(super) struct AccountServer {
    /// `host:port`.
    authority: String,
    /// In front of the account's key.
    path: String,
}

/// Time that an answer may take.
const TIMEOUT: Duration = Duration::from_millis(1900);

// === impl AccountServer ===

impl AccountServer {
    /// Takes a URL apart.
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let refuse = |why| format!("the URL of the account resolver {why}");
        let uri: hyper::Uri = url.parse().map_err(|why| refuse(format!("is none: {why}")))?;
        if uri.scheme_str() != Some("http") {
            return Err(refuse("has to begin with http://: others are not implemented yet".into()));
        }
        let host = uri.host().ok_or_else(|| refuse("names no host".into()))?;
        let authority = format!("{host}:{}", uri.port_u16().unwrap_or(80));
        Ok(Self { authority, path: uri.path().to_owned() })
    }

    /// Whether the server answers, before the start. Blocks.
    pub(super) fn probe(&self) -> Result<(), String> {
        let failed = |why: std::io::Error| format!("could not reach the account resolver: {why}");
        let address = self.authority.to_socket_addrs().map_err(failed)?.next();
        let address = address.ok_or("the host of the account resolver has no address")?;
        let mut socket = TcpStream::connect_timeout(&address, TIMEOUT).map_err(failed)?;
        socket.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
        let (path, host) = (&self.path, &self.authority);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).map_err(failed)?;
        let mut status = [0; 12];
        socket.read_exact(&mut status).map_err(failed)?;
        match &status[8..] {
            b" 200" => Ok(()),
            other => Err(format!(
                "the account resolver answered{}, not 200",
                String::from_utf8_lossy(other)
            )),
        }
    }

    async fn get(self, account: String) -> Result<String, String> {
        let socket = tokio::net::TcpStream::connect(&self.authority).await;
        let socket = socket.map_err(|why| why.to_string())?;
        let request = Request::get(format!("{}{account}", self.path))
            .header("Host", &self.authority)
            .header("Connection", "close")
            .body(Empty::<Bytes>::new())
            .map_err(|why| why.to_string())?;
        let body = exchange(socket, request, TOKEN_BYTES_MAX).await?;
        String::from_utf8(body.to_vec()).map_err(|why| why.to_string())
    }
}

impl Remote for AccountServer {
    fn fetch(&self, account: &str) -> Token {
        let asked = self.clone().get(account.to_owned());
        Box::pin(async move {
            let answer = tokio::time::timeout(TIMEOUT, asked).await;
            answer.unwrap_or_else(|_| Err("the account server takes too long".to_owned()))
        })
    }
}
