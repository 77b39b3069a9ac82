//! Hosts and ports.

use super::Builder;
use crate::config::{Config, Port};
use crate::value::{Node, Value};

impl Builder {
    pub(super) fn listener(&mut self, key: &str, node: &Node) {
        if key.ends_with("port") && matches!(node.value, Value::Text(_)) {
            return;
        }
        let (host, port) = match port(&node.value) {
            Ok(address) => address,
            Err(why) => return self.error(node, why),
        };
        let config = &mut self.config;
        if matches!(key, "http" | "https") {
            config.http_host = host.clone();
        }
        match key {
            "listen" => {
                let standard = Config::default();
                config.host = host.unwrap_or(standard.host);
                config.port = port.unwrap_or(standard.port);
            }
            "port" => config.port = port.unwrap_or(Config::default().port),
            "http" | "http_port" => config.http_port = port,
            _ => config.https_port = port,
        }
    }
}

/// Host, when one is written, and port, which is none when it is 0.
pub(super) fn port(value: &Value) -> Result<(Option<String>, Option<Port>), String> {
    let (host, port) = address(value)?;
    let port = match port {
        0 => None,
        -1 => Some(Port::Random),
        port => match u16::try_from(port) {
            Ok(port) => Some(Port::Fixed(port)),
            Err(_) => return Err(format!("{port} is not a port")),
        },
    };
    Ok((host.filter(|host| !host.is_empty()), port))
}

/// Host, when one is written, and port.
fn address(value: &Value) -> Result<(Option<String>, i64), String> {
    match value {
        Value::Int(port) => Ok((None, *port)),
        Value::Text(text) => {
            let (host, port) =
                split(text).ok_or_else(|| format!("could not parse address string {text:?}"))?;
            let port = port.parse().map_err(|_| format!("could not parse port {port:?}"))?;
            Ok((Some(host.to_owned()), port))
        }
        // Reported by the check.
        _ => Ok((None, 0)),
    }
}

/// `host:port`, where a host with colons stands in brackets.
fn split(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return Some((host, port.strip_prefix(':')?));
    }
    text.split_once(':').filter(|(_, port)| !port.contains(':'))
}

/// With a leading slash, without a trailing one, and empty for the root.
pub(super) fn base_path(text: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.iter().map(|part| format!("/{part}")).collect()
}
