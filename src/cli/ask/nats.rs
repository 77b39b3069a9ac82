//! One request over NATS, as the user that the URL or a file with credentials names.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use vagus_auth::read_credentials;
use vagus_bench::{BenchError, TlsArgs, TlsSetup, Transport};

use super::{Question, connect};

#[derive(Debug, Error)]
pub(super) enum NatsError {
    #[error("{url:?} is not nats://[user:password@]host:port, or tls://")]
    Url { url: String },
    #[error("can't reach the server at {address}: {source}")]
    Io { address: String, source: io::Error },
    #[error("the server at {address} wants TLS: --tls, or --tlsca with its authority")]
    TlsWanted { address: String },
    #[error("the server at {address} speaks no TLS")]
    NoTls { address: String },
    #[error("{0}")]
    Tls(#[from] BenchError),
    #[error("{address} does not speak NATS")]
    NotNats { address: String },
    #[error("the server refuses: {0}")]
    Refused(String),
    #[error(
        "nobody answers: the server does not know the question (it is no vagus, or too old, or \
         this is no user of its system's account), or there is no such account"
    )]
    Nobody,
    #[error("can't read the credentials in {path}: {why}")]
    Credentials { path: String, why: String },
    #[error("{0}")]
    Failed(String),
}

/// Whom to ask, as whom.
struct Target {
    address: String,
    encrypted: bool,
    user: String,
    password: Option<String>,
}

/// What a file with credentials holds.
struct Credentials {
    jwt: String,
    key: KeyPair,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    server_id: String,
    nonce: String,
    tls_required: bool,
    tls_available: bool,
}

#[derive(Deserialize)]
struct Answer {
    data: Option<Value>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    description: String,
}

const ENCRYPTED: &str = "tls://";
const SCHEMES: [&str; 2] = ["nats://", ENCRYPTED];
const PORT_DEFAULT: u16 = 4222;
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer that is believed.
const ANSWER_MAX: usize = 256 << 20;

/// Whether a server is to be asked over NATS.
pub(super) fn is_meant(url: &str) -> bool {
    SCHEMES.iter().any(|scheme| url.starts_with(scheme))
}

/// The data of the answer to a question.
pub(super) fn ask(
    url: &str,
    credentials: Option<&Path>,
    tls: &TlsArgs,
    question: &Question,
) -> Result<Value, NatsError> {
    let target = read(url).ok_or_else(|| NatsError::Url { url: url.to_owned() })?;
    let credentials = credentials.map(load).transpose()?;
    let failed = |source| NatsError::Io { address: target.address.clone(), source };
    let tls = TlsArgs { tls: tls.tls || target.encrypted, ..tls.clone() };
    let setup = TlsSetup::from_args(&tls)?;
    let stream = connect(&target.address).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut server = BufReader::new(Transport::Plain(stream));
    let line = line(&mut server).map_err(failed)?;
    let info: Info = line
        .strip_prefix("INFO ")
        .and_then(|json| serde_json::from_str(json).ok())
        .ok_or_else(|| NatsError::NotNats { address: target.address.clone() })?;
    match &setup {
        None if info.tls_required => {
            return Err(NatsError::TlsWanted { address: target.address });
        }
        Some(_) if !info.tls_required && !info.tls_available => {
            return Err(NatsError::NoTls { address: target.address });
        }
        // What has come in clear besides is not believed.
        Some(setup) => {
            server = BufReader::new(server.into_inner().secure(setup, target.host())?);
        }
        None => {}
    }
    let connect = hello(&target, credentials.as_ref(), &info.nonce)?;
    let (inbox, body) = (format!("_INBOX.{}", inbox()), question.body.to_string());
    let subject = question.subject.replace("{id}", &info.server_id);
    let size = body.len();
    let request =
        format!("CONNECT {connect}\r\nSUB {inbox} 1\r\nPUB {subject} {inbox} {size}\r\n{body}\r\n");
    server.get_mut().write_all(request.as_bytes()).map_err(failed)?;
    let payload = answer(&mut server, &failed)?;
    let answer: Answer = serde_json::from_slice(&payload)
        .map_err(|error| NatsError::Failed(format!("the server's answer is not JSON: {error}")))?;
    match (answer.data, answer.error) {
        (_, Some(error)) => Err(NatsError::Failed(error.description)),
        (Some(data), None) => Ok(data),
        (None, None) => Err(NatsError::Failed("the server's answer is empty".to_owned())),
    }
}

/// Reads until the answer is there.
fn answer(
    server: &mut BufReader<Transport>,
    failed: &impl Fn(io::Error) -> NatsError,
) -> Result<Vec<u8>, NatsError> {
    loop {
        let line = line(server).map_err(failed)?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.first() {
            Some(&"PING") => server.get_mut().write_all(b"PONG\r\n").map_err(failed)?,
            Some(&"-ERR") => {
                return Err(NatsError::Refused(line[4..].trim().trim_matches('\'').to_owned()));
            }
            // The server's own word that nobody is there is the only message with headers.
            Some(&"HMSG") => return Err(NatsError::Nobody),
            Some(&"MSG") => {
                let size = words.last().and_then(|size| size.parse().ok());
                let size = size.filter(|size| *size <= ANSWER_MAX).unwrap_or_default();
                let mut payload = vec![0; size];
                server.read_exact(&mut payload).map_err(failed)?;
                return Ok(payload);
            }
            _ => {}
        }
    }
}

fn line(lines: &mut BufReader<Transport>) -> io::Result<String> {
    let mut line = String::new();
    match lines.read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

fn hello(
    target: &Target,
    credentials: Option<&Credentials>,
    nonce: &str,
) -> Result<Value, NatsError> {
    let mut hello = json!({
        "verbose": false, "pedantic": false, "headers": true, "no_responders": true,
        "name": "vagus", "lang": "rust", "version": env!("CARGO_PKG_VERSION"),
    });
    match (credentials, &target.password) {
        (Some(Credentials { jwt, key }), _) => {
            let signature = key
                .sign(nonce.as_bytes())
                .map_err(|error| NatsError::Failed(format!("can't sign: {error}")))?;
            hello["jwt"] = json!(jwt);
            hello["sig"] = json!(BASE64URL_NOPAD.encode(&signature));
        }
        (None, Some(password)) => {
            hello["user"] = json!(target.user);
            hello["pass"] = json!(password);
        }
        (None, None) if !target.user.is_empty() => hello["auth_token"] = json!(target.user),
        (None, None) => {}
    }
    Ok(hello)
}

/// The JWT and the key in a file.
fn load(path: &Path) -> Result<Credentials, NatsError> {
    let wrong = |why: &str| NatsError::Credentials {
        path: path.display().to_string(),
        why: why.to_owned(),
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
    let (jwt, seed) =
        read_credentials(&text).ok_or_else(|| wrong("a JWT and a seed are expected"))?;
    // What is wrong with a seed is not told: the text could show a part of it.
    let key = KeyPair::from_seed(&seed).map_err(|_| wrong("the seed is none"))?;
    Ok(Credentials { jwt, key })
}

fn read(url: &str) -> Option<Target> {
    let rest = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme))?.trim_end_matches('/');
    let (login, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    if host.is_empty() || host.contains(['/', ' ']) {
        return None;
    }
    let after_name = host.rfind(']').map_or(host, |at| &host[at..]);
    let address = match after_name.rsplit_once(':') {
        Some((_, port)) => port.parse::<u16>().ok().map(|_| host.to_owned())?,
        None => format!("{host}:{PORT_DEFAULT}"),
    };
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(password.to_owned())),
        None => (login, None),
    };
    let encrypted = url.starts_with(ENCRYPTED);
    Some(Target { address, encrypted, user: user.to_owned(), password })
}

impl Target {
    /// The name that the server's certificate is to be for.
    fn host(&self) -> &str {
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// A name that nobody else has.
fn inbox() -> String {
    KeyPair::new_user().public_key()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_may_name_a_user_or_a_token() {
        let is = |url: &str| {
            let target = read(url)?;
            Some((target.address, target.user, target.password))
        };
        let owned = |a: &str, b: &str, c: Option<&str>| {
            Some((a.to_owned(), b.to_owned(), c.map(str::to_owned)))
        };
        assert_eq!(is("nats://h:1"), owned("h:1", "", None));
        assert_eq!(is("nats://u:p@h"), owned("h:4222", "u", Some("p")));
        assert_eq!(is("tls://h:1"), owned("h:1", "", None));
        assert_eq!(is("nats://t@[::1]:7/"), owned("[::1]:7", "t", None));
        for wrong in ["http://h", "nats://", "nats://h:x", "nats://h/x"] {
            assert_eq!(is(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn credentials_are_read_and_their_faults_tell_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.creds");
        let seed = KeyPair::new_user().seed().unwrap();
        let write = |seed: &str| {
            let text = format!(
                "-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n\n\
                 *****\n-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
            );
            std::fs::write(&file, text).unwrap();
        };
        write(&seed);
        assert_eq!(load(&file).unwrap().jwt, "a.b.c");
        write("SUsecret");
        let told = load(&file).err().unwrap().to_string();
        assert!(told.contains("seed") && !told.contains("SUsecret"), "{told}");
    }
}
