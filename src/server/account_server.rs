//! [`AccountServer`]: an HTTP server that has the JWTs of accounts.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use vagus_actors::resolver::{Remote, Token};
use vagus_auth::jwt::TOKEN_BYTES_MAX;
use vagus_config::Tls;
use vagus_tls::ClientTls;

use super::web::exchange;

/// See the module's text.
#[derive(Debug, Clone)]
pub(super) struct AccountServer {
    /// `host:port`.
    authority: String,
    host: String,
    /// In front of the account's key.
    path: String,
    /// Of `https`.
    tls: Option<Arc<ClientTls>>,
}

/// Time that an answer may take.
const TIMEOUT: Duration = Duration::from_millis(1900);

// === impl AccountServer ===

impl AccountServer {
    /// Takes a URL apart, and reads the files of `tls`; without, `https` trusts whom the system
    /// does.
    pub(super) fn new(url: &str, tls: Option<&Tls>) -> Result<Self, String> {
        let refuse = |why: &str| format!("the URL of the account resolver {why}");
        let uri: hyper::Uri = url.parse().map_err(|why| refuse(&format!("is none: {why}")))?;
        let (port, tls) = match uri.scheme_str() {
            Some("http") => (80, None),
            Some("https") => {
                let loaded = ClientTls::load(tls.unwrap_or(&Tls::default()));
                (443, Some(Arc::new(loaded.map_err(|why| format!("resolver_tls: {why}"))?)))
            }
            _ => return Err(refuse("has to begin with http:// or https://")),
        };
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(refuse("names a user, but nobody logs in there"));
        }
        let host = uri.host().ok_or_else(|| refuse("names no host"))?.to_owned();
        let authority = format!("{host}:{}", uri.port_u16().unwrap_or(port));
        let slash = if uri.path().ends_with('/') { "" } else { "/" };
        Ok(Self { authority, host, path: format!("{}{slash}", uri.path()), tls })
    }

    /// Whether the server answers, before the start. Blocks.
    pub(super) fn probe(&self) -> Result<(), String> {
        let asked = self.fetch("");
        // A thread of its own, as whoever starts a server may be within a runtime.
        let probe = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|why| why.to_string())?.block_on(asked)
        });
        let answer = probe.join().unwrap_or_else(|_| Err("nobody could be asked".to_owned()));
        answer.map(drop).map_err(|why| format!("could not reach the account resolver: {why}"))
    }

    async fn get(self, account: String) -> Result<String, String> {
        let socket = TcpStream::connect(&self.authority).await.map_err(|why| why.to_string())?;
        let request = Request::get(format!("{}{account}", self.path))
            .header("Host", &self.authority)
            .header("Connection", "close")
            .body(Empty::<Bytes>::new())
            .map_err(|why| why.to_string())?;
        let body = match &self.tls {
            None => exchange(socket, request, TOKEN_BYTES_MAX).await?,
            Some(tls) => {
                let name = ClientTls::name(&self.host).map_err(|why| why.to_string())?;
                let connected = TlsConnector::from(tls.config()).connect(name, socket).await;
                let socket = connected.map_err(|why| why.to_string())?;
                exchange(socket, request, TOKEN_BYTES_MAX).await?
            }
        };
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
