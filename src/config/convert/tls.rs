//! The top-level `tls` block. nats-server uses it for clients and for https monitoring alike. Here
//! only the latter is built, so the block is accepted when the file itself says that clients may
//! do without TLS, and refused when it would promise them a protection that is not there.

use super::Builder;
use crate::config::TlsFiles;
use crate::diagnostic::Diagnostic;
use crate::value::{Map, Node, Value};

impl Builder {
    pub(super) fn tls(&mut self, root: &Map) {
        let block = root.iter().filter(|(name, _)| name.eq_ignore_ascii_case("tls")).last();
        let Some((_, node)) = block else { return };
        let Value::Map(map) = &node.value else { return };
        if self.config.https_port.is_none() || !self.config.allow_non_tls {
            return self.error(
                node,
                "\"tls\" on the client port is not implemented yet; refusing to start less \
                 protected than the configuration says (for the https monitoring port alone, \
                 set https_port and allow_non_tls: true)",
            );
        }
        let why = "\"tls\" is not implemented yet on the client port: clients connect without \
                   TLS, which allow_non_tls permits; the https monitoring port uses it";
        self.found.push(Diagnostic::warning(&node.at, why));
        let cert_file = path(map, "cert_file");
        let key_file = path(map, "key_file");
        match (cert_file, key_file) {
            (Some(cert_file), Some(key_file)) => {
                self.config.tls = Some(TlsFiles { cert_file, key_file });
            }
            (None, _) => self.missing(node, "cert_file"),
            (_, None) => self.missing(node, "key_file"),
        }
    }

    fn missing(&mut self, node: &Node, key: &str) {
        self.error(node, format!("missing '{key}' in TLS configuration"));
    }
}

fn path(map: &Map, key: &str) -> Option<std::path::PathBuf> {
    let found = map.iter().filter(|(name, _)| name.eq_ignore_ascii_case(key)).last();
    match found.map(|(_, node)| &node.value) {
        Some(Value::Text(text)) if !text.is_empty() => Some(text.into()),
        _ => None,
    }
}
