//! One question to a server that runs: to its monitoring port, over plain HTTP, or over NATS.

mod nats;

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use thiserror::Error;
use vagus_bench::TlsArgs;

use super::Exit;

/// Who is asked, and how the answer is shown.
#[derive(Debug, Args)]
pub(super) struct Whom {
    /// The server: its monitoring port, or nats://user:password@host:port (tls:// asks for TLS)
    #[arg(long, visible_alias = "url", global = true, default_value = "http://127.0.0.1:8222")]
    pub(super) server: String,
    /// A file with the credentials of a user, for servers that are asked over NATS
    #[arg(long, global = true)]
    creds: Option<PathBuf>,
    /// Over NATS alone.
    #[command(flatten)]
    tls: TlsArgs,
    /// Print the server's answer as it is
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// A question in both of its forms.
pub(super) struct Question {
    /// Of the page.
    pub(super) path: String,
    /// Of the request. `{id}` stands for the id of the server that is connected to.
    pub(super) subject: String,
    pub(super) body: Value,
}

/// What the server answered.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    status: u16,
    body: String,
}

#[derive(Debug, Error)]
enum AskError {
    #[error("{url:?} is not http://host:port[/base]")]
    Url { url: String },
    #[error("can't reach the monitoring port at {address}: {source}")]
    Io { address: String, source: io::Error },
    #[error("{address} does not speak HTTP")]
    NotHttp { address: String },
}

const PORT_DEFAULT: u16 = 8222;
const PATIENCE: Duration = Duration::from_secs(10);

// === impl Whom ===

impl Whom {
    /// Asks, and puts the answer into `words` where nobody wants it as it is.
    pub(super) fn ask(&self, question: &Question, words: impl FnOnce(&Value) -> String) -> Exit {
        let told = match nats::is_meant(&self.server) {
            true => nats::ask(&self.server, self.creds.as_deref(), &self.tls, question)
                .map_err(|problem| problem.to_string()),
            false => self.get(&question.path),
        };
        match told {
            Err(problem) => Exit::failure(&problem),
            Ok(told) if self.json => Exit::text(format!("{told:#}\n")),
            Ok(told) => Exit::text(words(&told)),
        }
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        let Page { status, body } = get(&self.server, path).map_err(|error| error.to_string())?;
        match status {
            200 => serde_json::from_str(&body)
                .map_err(|error| format!("the server's answer is not JSON: {error}")),
            404 if body.starts_with("404") => Err(format!(
                "this server has no {} (it is no vagus, or too old)",
                path.split('?').next().unwrap_or_default()
            )),
            404 => Err(body.trim().to_owned()),
            status => Err(format!("the server answered with {status}: {}", body.trim())),
        }
    }
}

/// Asks for `path` of the server at `url`.
fn get(url: &str, path: &str) -> Result<Page, AskError> {
    let (address, base) = read(url).ok_or_else(|| AskError::Url { url: url.to_owned() })?;
    let failed = |source| AskError::Io { address: address.clone(), source };
    let mut stream = connect(&address).map_err(failed)?;
    let request = format!(
        "GET {base}{path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(failed)?;
    page(&answer).ok_or_else(|| AskError::NotHttp { address: address.clone() })
}

/// The address with its port, and the path before all others.
fn read(url: &str) -> Option<(String, &str)> {
    let rest = match url.split_once("://") {
        Some(("http", rest)) => rest,
        Some(_) => return None,
        None => url,
    };
    let (host, base) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    if host.is_empty() || host.contains(['@', ' ']) {
        return None;
    }
    let after_name = host.rfind(']').map_or(host, |at| &host[at..]);
    let address = match after_name.rsplit_once(':') {
        Some((_, port)) => port.parse::<u16>().ok().map(|_| host.to_owned())?,
        None => format!("{host}:{PORT_DEFAULT}"),
    };
    Some((address, base.trim_end_matches('/')))
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn page(answer: &[u8]) -> Option<Page> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Page { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_port_and_may_have_a_base() {
        let is = |url: &str| read(url).map(|(address, base)| format!("{address} {base}"));
        assert_eq!(is("http://h:1").unwrap(), "h:1 ");
        assert_eq!(is("http://h").unwrap(), "h:8222 ");
        assert_eq!(is("h:9/mon/").unwrap(), "h:9 /mon");
        assert_eq!(is("http://[::1]").unwrap(), "[::1]:8222 ");
        assert_eq!(is("http://[::1]:7/a").unwrap(), "[::1]:7 /a");
        for wrong in ["https://h:1", "http://", "http://h:x", "http://u@h"] {
            assert_eq!(is(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno";
        assert_eq!(page(answer), Some(Page { status: 404, body: "no".to_owned() }));
        assert_eq!(page(b"INFO {}\r\n\r\n"), None);
        assert_eq!(page(b""), None);
    }
}
