//! Where a server is and how to log in there.

use serde_json::{Map, Value};

use crate::args::CommonArgs;
use crate::error::BenchError;
use crate::transport::TlsSetup;

const PORT_DEFAULT: u16 = 4222;

/// One server, with the credentials for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// `host:port`, as the resolver takes it.
    pub(crate) address: String,
    user: Option<String>,
    password: Option<String>,
    token: Option<String>,
    pub(crate) tls: Option<TlsSetup>,
}

/// The servers of a run: often the same one twice.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    pub(crate) publish: Target,
    pub(crate) subscribe: Target,
}

impl Targets {
    /// Whether publishers and subscribers are on one server, as far as the addresses tell.
    pub(crate) fn are_one(&self) -> bool {
        self.publish.address == self.subscribe.address
    }

    pub(crate) fn from_args(args: &CommonArgs) -> Result<Self, BenchError> {
        let tls = TlsSetup::from_args(&args.tls)?;
        let parse = |url: &Option<String>| {
            let target = Target::parse(url.as_ref().unwrap_or(&args.url), args)?;
            Ok::<_, BenchError>(Target { tls: tls.clone(), ..target })
        };
        Ok(Self { publish: parse(&args.pub_url)?, subscribe: parse(&args.sub_url)? })
    }
}

impl Target {
    /// Credentials in the URL win over those in `args`.
    fn parse(url: &str, args: &CommonArgs) -> Result<Self, BenchError> {
        let bad = |reason| BenchError::Url { url: url.to_owned(), reason };
        let rest = match url.split_once("://") {
            Some(("nats" | "tls", rest)) => rest,
            Some(_) => return Err(bad("only nats:// and tls:// are spoken")),
            None => url,
        };
        let rest = rest.trim_end_matches('/');
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, rest),
        };
        if address.is_empty() {
            return Err(bad("no host"));
        }
        let mut target = Self {
            address: with_port(address).ok_or_else(|| bad("the port is not a number"))?,
            user: args.user.clone(),
            password: args.pass.clone(),
            token: args.token.clone(),
            tls: None,
        };
        if let Some(login) = login {
            let decode = |text| percent_decode(text).ok_or_else(|| bad("bad percent encoding"));
            (target.user, target.password, target.token) = match login.split_once(':') {
                Some((user, password)) => (Some(decode(user)?), Some(decode(password)?), None),
                None => (None, None, Some(decode(login)?)),
            };
        }
        Ok(target)
    }

    /// The name that the server's certificate is to be for.
    pub(crate) fn host(&self) -> &str {
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The `CONNECT` line of a client with these credentials.
    pub(crate) fn connect_line(&self) -> Vec<u8> {
        let mut options = Map::new();
        for (name, value) in
            [("user", &self.user), ("pass", &self.password), ("auth_token", &self.token)]
        {
            if let Some(value) = value {
                options.insert(name.to_owned(), Value::from(value.as_str()));
            }
        }
        options.insert("tls_required".to_owned(), Value::from(self.tls.is_some()));
        for name in ["verbose", "pedantic"] {
            options.insert(name.to_owned(), Value::from(false));
        }
        for name in ["headers", "no_responders", "echo"] {
            options.insert(name.to_owned(), Value::from(true));
        }
        options.insert("protocol".to_owned(), Value::from(1));
        options.insert("lang".to_owned(), Value::from("rust"));
        options.insert("version".to_owned(), Value::from(env!("CARGO_PKG_VERSION")));
        options.insert("name".to_owned(), Value::from("vagus-bench"));
        format!("CONNECT {}\r\n", Value::Object(options)).into_bytes()
    }
}

/// Adds the default port where there is none; `None` if what follows the last colon is no port.
fn with_port(address: &str) -> Option<String> {
    let after_host = if address.starts_with('[') {
        &address[address.find(']')? + 1..]
    } else {
        address.find(':').map_or("", |at| &address[at..])
    };
    match after_host.strip_prefix(':') {
        Some(port) => port.parse::<u16>().ok().map(|_| address.to_owned()),
        None if after_host.is_empty() => Some(format!("{address}:{PORT_DEFAULT}")),
        None => None,
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(user: Option<&str>) -> CommonArgs {
        CommonArgs {
            url: String::new(),
            pub_url: None,
            sub_url: None,
            user: user.map(str::to_owned),
            pass: user.map(|_| "p".to_owned()),
            token: None,
            tls: crate::args::TlsArgs::default(),
            pid: Vec::new(),
            json: false,
            runs: 1,
            stall_timeout_seconds: 1,
        }
    }

    fn target(url: &str) -> Target {
        Target::parse(url, &common(None)).unwrap()
    }

    #[test]
    fn ports_default_and_ipv6_stays_whole() {
        assert_eq!(target("nats://localhost").address, "localhost:4222");
        assert_eq!(target("127.0.0.1:1").address, "127.0.0.1:1");
        assert_eq!(target("nats://[::1]").address, "[::1]:4222");
        assert_eq!(target("nats://[::1]:9/").address, "[::1]:9");
        for bad in
            ["nats://", "nats://h:x", "nats://[::1", "nats://[::1]x", "http://h", "nats://a%@h"]
        {
            assert!(Target::parse(bad, &common(None)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_login_in_the_url_wins() {
        let both = Target::parse("nats://a:b%40c@h", &common(Some("u"))).unwrap();
        assert_eq!((both.user.as_deref(), both.password.as_deref()), (Some("a"), Some("b@c")));
        let token = Target::parse("nats://s3cret@h", &common(Some("u"))).unwrap();
        assert_eq!((token.user, token.token.as_deref()), (None, Some("s3cret")));
        let args = Target::parse("nats://h", &common(Some("u"))).unwrap();
        assert_eq!(args.user.as_deref(), Some("u"));
    }

    #[test]
    fn the_connect_line_is_json_with_the_login() {
        let line = target("nats://a:b\"@h").connect_line();
        let text = std::str::from_utf8(&line).unwrap();
        let json = text.strip_prefix("CONNECT ").unwrap().strip_suffix("\r\n").unwrap();
        let value: Value = serde_json::from_str(json).unwrap();
        assert_eq!(value["user"], "a");
        assert_eq!(value["pass"], "b\"");
        assert_eq!(value["verbose"], false);
    }
}
