//! `tls` blocks: of the client port and https monitoring, and of links between servers.

use std::time::Duration;

use super::ocsp::peer_status;
use super::{Builder, read};
use crate::config::{CipherSuite, Curve, HandshakeFirst, Tls, TlsFiles, TlsVersion, tls};
use crate::diagnostic::Diagnostic;
use crate::schema::{self, Block};
use crate::value::{Map, Node, Value};

/// A longer time for a handshake is most likely a slip of the pen.
const TIMEOUT_ADVISED_MAX_SECONDS: f64 = 60.0;

impl Builder {
    /// Reads a `tls` block that has the keys of `known`.
    pub(super) fn tls(&mut self, known: &Block, block_node: &Node, map: &Map) -> Tls {
        let mut tls = Tls::default();
        let mut single = (None, None);
        for (name, node) in map.iter() {
            let Some(key) = known.find(name) else { continue };
            match (key.name, &node.value) {
                ("cert_file", Value::Text(text)) => single.0 = path(text),
                ("key_file", Value::Text(text)) => single.1 = path(text),
                ("certs", Value::List(items)) => self.certificates(items, &mut tls),
                ("ca_file", Value::Text(text)) => tls.ca_file = path(text),
                ("verify", Value::Bool(flag)) => tls.verify = *flag,
                ("verify_and_map", Value::Bool(flag)) => tls.verify_and_map = *flag,
                ("insecure", Value::Bool(flag)) => tls.insecure = *flag,
                ("timeout", _) => tls.timeout = self.tls_timeout(node).unwrap_or(tls.timeout),
                ("connection_rate_limit", Value::Int(limit)) => {
                    tls.connection_rate_limit = u64::try_from(*limit).unwrap_or(0);
                }
                ("handshake_first", _) => {
                    tls.handshake_first = self.handshake_first(name, node).unwrap_or_default();
                }
                ("ocsp_peer", value) => tls.ocsp_peer = peer_status(value),
                _ => self.tls_choice(key.name, node, &mut tls),
            }
        }
        let connects = [&schema::tls::REMOTE, &schema::tls::LEAF_REMOTE];
        let connects = connects.into_iter().any(|block| std::ptr::eq(known, block));
        let needs_none = connects && single == (None, None);
        if !needs_none {
            self.single_certificate(block_node, single, &mut tls);
        }
        tls
    }

    /// The `tls` block of connections that this server makes, which need no certificate of its own.
    pub(super) fn remote_tls(&mut self, block_node: &Node, map: &Map) -> Tls {
        self.tls(&schema::tls::REMOTE, block_node, map)
    }

    /// The `tls` block of the client port.
    pub(super) fn client_tls(&mut self, block_node: &Node, map: &Map) -> Tls {
        let tls = self.tls(&schema::tls::CLIENT, block_node, map);
        if tls.ocsp_peer.is_some() && !tls.asks_for_certificates() {
            let why = "OCSP peer verification for client connections requires TLS verify (mTLS) \
                       to be enabled";
            self.error(block_node, why);
        }
        tls
    }

    /// The `tls` block of these links between servers. Each end checks the other, always.
    pub(super) fn link_tls(&mut self, links: &str, block_node: &Node, map: &Map) -> Tls {
        let tls = self.tls(&schema::tls::LINK, block_node, map);
        if tls.insecure {
            let text = format!(
                "TLS certificate chain and hostname of solicited {links} will not be verified. \
                 DO NOT USE IN PRODUCTION!"
            );
            self.found.push(Diagnostic::warning(&block_node.at, text));
        }
        Tls { verify: true, ..tls }
    }

    /// Keys that choose among what the library of TLS can do.
    fn tls_choice(&mut self, key: &str, node: &Node, tls: &mut Tls) {
        let none = match &node.value {
            Value::List(items) => items.is_empty(),
            _ => false,
        };
        match (key, &node.value) {
            ("cipher_suites" | "curve_preferences", _) if none => {
                self.error(node, format!("error parsing tls config, '{key}' cannot be empty"));
            }
            ("cipher_suites", _) => self.cipher_suites(node, tls),
            ("curve_preferences", _) => self.curves(node, tls),
            ("pinned_certs", _) => self.pinned(node, tls),
            ("min_version", Value::Text(text)) => match text.as_str() {
                "1.2" => tls.min_version = TlsVersion::V1_2,
                "1.3" => tls.min_version = TlsVersion::V1_3,
                "1.0" | "1.1" => {
                    let why =
                        format!("error parsing tls config: unsupported TLS version: TLS {text}");
                    self.error(node, why);
                }
                _ => {
                    self.error(node, format!("error parsing tls config: unknown version: {text}"));
                }
            },
            ("cert_store", Value::Text(_)) => {
                self.error(node, "cert_store not compatible with current operating system");
            }
            ("verify_cert_and_check_known_urls", Value::Bool(true)) => {
                let why = "verify_cert_and_check_known_urls not supported in this context";
                self.error(node, why);
            }
            _ => {}
        }
    }

    fn single_certificate(
        &mut self,
        block: &Node,
        (cert_file, key_file): (Option<std::path::PathBuf>, Option<std::path::PathBuf>),
        tls: &mut Tls,
    ) {
        match (cert_file, key_file) {
            (None, None) if !tls.certificates.is_empty() => {}
            (Some(_), _) if !tls.certificates.is_empty() => {
                let why = "error parsing tls config, cannot combine 'cert_file' option with \
                           'certs' option";
                self.error(block, why);
            }
            (Some(cert_file), Some(key_file)) => {
                tls.certificates.push(TlsFiles { cert_file, key_file });
            }
            (Some(_), None) => self.error(block, "missing 'key_file' in TLS configuration"),
            (None, _) => self.error(block, "missing 'cert_file' in TLS configuration"),
        }
    }

    fn certificates(&mut self, items: &[Node], tls: &mut Tls) {
        for item in items {
            let Value::Map(map) = &item.value else { continue };
            let file = |wanted: &str| {
                let found = map.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                match found.map(|(_, node)| &node.value) {
                    Some(Value::Text(text)) => path(text),
                    _ => None,
                }
            };
            match (file("cert_file"), file("key_file")) {
                (Some(cert_file), Some(key_file)) => {
                    tls.certificates.push(TlsFiles { cert_file, key_file });
                }
                _ => self.error(
                    item,
                    "error parsing certificates config: both 'cert_file' and 'cert_key' options \
                     are required",
                ),
            }
        }
    }

    fn tls_timeout(&mut self, node: &Node) -> Option<Duration> {
        let seconds = read::seconds(&node.value)?;
        let Ok(time) = Duration::try_from_secs_f64(seconds) else {
            self.error(node, "error parsing tls config, 'timeout' needs to be positive");
            return None;
        };
        if seconds > TIMEOUT_ADVISED_MAX_SECONDS {
            let text = format!(
                "timeout of {seconds} seconds is high, consider keeping it under 60 seconds. \
                 possibly caused by unquoted duration; use '1m' instead of 1m, for example"
            );
            self.found.push(Diagnostic::warning(&node.at, text));
        }
        (!time.is_zero()).then_some(time)
    }

    fn handshake_first(&mut self, name: &str, node: &Node) -> Option<HandshakeFirst> {
        match &node.value {
            Value::Bool(true) => Some(HandshakeFirst::Always),
            Value::Text(text) => match text.to_lowercase().as_str() {
                "true" | "on" => Some(HandshakeFirst::Always),
                "false" | "off" => Some(HandshakeFirst::Never),
                "auto" | "auto_fallback" => Some(HandshakeFirst::Within(tls::AUTO_WITHIN)),
                _ => match read::nanos(&node.value).map(u64::try_from) {
                    Some(Ok(nanos)) => Some(HandshakeFirst::Within(Duration::from_nanos(nanos))),
                    _ => {
                        self.error(node, format!("field {name:?}'s value {text:?} is invalid"));
                        None
                    }
                },
            },
            _ => None,
        }
    }

    fn cipher_suites(&mut self, node: &Node, tls: &mut Tls) {
        for name in read::texts(&node.value) {
            match CipherSuite::named(name) {
                Ok(suite) => tls.cipher_suites.push(suite),
                Err(tls::Unknown::Unsupported) => {
                    self.error(node, format!("cipher {name} is not supported by this server"));
                }
                Err(tls::Unknown::Unheard) => {
                    self.error(node, format!("unrecognized cipher {name}"));
                }
            }
        }
    }

    fn curves(&mut self, node: &Node, tls: &mut Tls) {
        for name in read::texts(&node.value) {
            match Curve::named(name) {
                Ok(curve) => tls.curves.push(curve),
                Err(tls::Unknown::Unsupported) => {
                    let why = format!("curve preference {name} is not supported by this server");
                    self.error(node, why);
                }
                Err(tls::Unknown::Unheard) => {
                    self.error(node, format!("unrecognized curve preference {name}"));
                }
            }
        }
    }

    fn pinned(&mut self, node: &Node, tls: &mut Tls) {
        for name in read::texts(&node.value) {
            let pin = name.to_lowercase();
            if pin.len() == 64 && pin.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                tls.pinned_certs.insert(pin);
            } else {
                let why = format!(
                    "error parsing tls config, 'pinned_certs' key {name} does not look like \
                     hex-encoded sha256 of DER encoded SubjectPublicKeyInfo"
                );
                self.error(node, why);
            }
        }
    }
}

fn path(text: &str) -> Option<std::path::PathBuf> {
    (!text.is_empty()).then(|| text.into())
}
