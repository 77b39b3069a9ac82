//! Compression of links.

use std::time::Duration;

use super::{Builder, read};
use crate::config::Compression;
use crate::duration;
use crate::value::{Node, Value};

impl Builder {
    /// A switch, the name of a mode, or a block; `on` is what is meant by yes.
    pub(super) fn compression(&mut self, node: &Node, on: Compression) -> Option<Compression> {
        match &node.value {
            Value::Bool(true) => Some(on),
            Value::Bool(false) => Some(Compression::Off),
            Value::Text(mode) => self.compression_mode(node, mode, on),
            Value::Map(map) => {
                let (mut mode, mut times) = (None, Vec::new());
                for (name, node) in map.iter() {
                    match (name.to_lowercase().as_str(), &node.value) {
                        ("mode", Value::Text(text)) => {
                            mode = self.compression_mode(node, text, on.clone());
                        }
                        ("mode", _) => {}
                        (_, value) => times = self.thresholds(node, &read::texts(value)),
                    }
                }
                match mode {
                    Some(Compression::Auto(_)) if !times.is_empty() => {
                        Some(Compression::Auto(times))
                    }
                    mode => mode,
                }
            }
            _ => None,
        }
    }

    fn compression_mode(
        &mut self,
        node: &Node,
        text: &str,
        on: Compression,
    ) -> Option<Compression> {
        let mode = Compression::named(text, on);
        if mode.is_none() {
            self.error(node, format!("unsupported compression mode {text:?}"));
        }
        mode
    }

    fn thresholds(&mut self, node: &Node, texts: &[&str]) -> Vec<Duration> {
        let mut times = Vec::new();
        for text in texts {
            match duration::parse(text).ok().map(u64::try_from) {
                Some(Ok(nanos)) => times.push(Duration::from_nanos(nanos)),
                _ => self.error(node, format!("invalid round trip time {text:?}")),
            }
        }
        times
    }
}
