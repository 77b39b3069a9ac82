//! The `jetstream` key: a switch, or a block.

use std::time::Duration;

use super::{Builder, read};
use crate::config::{Cipher, SyncInterval};
use crate::duration;
use crate::schema::{self, Block};
use crate::secret::Secret;
use crate::value::{Map, Node, Value};

impl Builder {
    pub(super) fn jetstream(&mut self, node: &Node) {
        let enabled = match &node.value {
            Value::Bool(flag) => *flag,
            Value::Text(text) => match text.to_lowercase().as_str() {
                "enabled" | "enable" => true,
                "disabled" | "disable" => false,
                _ => {
                    return self
                        .error(node, format!("expected 'enabled' or 'disabled', got {text:?}"));
                }
            },
            Value::Map(map) => return self.jetstream_block(map),
            _ => return,
        };
        self.config.jetstream.enabled = enabled;
    }

    fn jetstream_block(&mut self, map: &Map) {
        let Some(block) = block() else { return };
        self.config.jetstream.enabled = true;
        for (name, node) in map.iter() {
            let Some(key) = block.find(name) else { continue };
            match (key.name, &node.value) {
                ("enabled", Value::Bool(flag)) => self.config.jetstream.enabled = *flag,
                ("disabled", Value::Bool(flag)) => self.config.jetstream.enabled = !flag,
                ("strict", Value::Bool(flag)) => self.config.jetstream.strict = *flag,
                ("sync_interval", _) => self.sync_interval(node),
                ("limits", Value::Map(limits)) => self.jetstream_limits(key.shape.blocks(), limits),
                (name, Value::Text(text)) if self.jetstream_text(name, node, text) => {}
                (name, _) => self.jetstream_number(name, node),
            }
        }
    }

    /// False when the key is none of those that are texts.
    fn jetstream_text(&mut self, key: &str, node: &Node, text: &str) -> bool {
        let given = (!text.is_empty()).then(|| text.to_owned());
        let config = &mut self.config.jetstream;
        match key {
            "store_dir" if config.store_dir.is_some() => {
                self.error(node, "Duplicate 'store_dir' configuration");
            }
            "store_dir" => config.store_dir = given.map(Into::into),
            "domain" if text.contains([' ', '.', '*', '>', '\t', '\r', '\n']) => {
                self.error(node, format!("invalid domain name: {text:?} is not a valid token"));
            }
            "domain" => config.domain = given,
            "extension_hint" => match text.to_lowercase().as_str() {
                "" | "no_extend" => {}
                "will_extend" => {
                    let why = "JetStream of several servers in one domain is not built yet";
                    self.error(node, why);
                }
                _ => self.error(node, format!("expected 'no_extend', got {text:?}")),
            },
            "encryption_key" => config.encryption_key = given.as_deref().map(Secret::new),
            "prev_encryption_key" => config.prev_encryption_key = given.as_deref().map(Secret::new),
            "cipher" => match text.to_lowercase().as_str() {
                "chacha" | "chachapoly" => config.cipher = Cipher::ChaCha,
                "aes" => config.cipher = Cipher::Aes,
                _ => self.error(node, format!("unknown cipher type: {text:?}")),
            },
            _ => return false,
        }
        true
    }

    fn sync_interval(&mut self, node: &Node) {
        let always =
            matches!(&node.value, Value::Text(text) if text.eq_ignore_ascii_case("always"));
        let time = match always {
            true => None,
            false => self.duration("sync_interval", node).filter(|time| !time.is_zero()),
        };
        let sync = time.map_or(SyncInterval::Always, SyncInterval::Every);
        self.config.jetstream.sync_interval = sync;
    }

    fn jetstream_number(&mut self, key: &str, node: &Node) {
        let Some(number) = self.quantity(key, node) else { return };
        let config = &mut self.config.jetstream;
        match key {
            // A negative number means: whatever there is room for.
            "max_memory_store" => config.max_memory_store = number,
            "max_file_store" => config.max_file_store = number,
            "max_buffered_msgs" => config.max_buffered_msgs = number.unwrap_or(u64::MAX),
            "max_buffered_size" => config.max_buffered_size = number.unwrap_or(u64::MAX),
            "request_queue_limit" => set(&mut config.request_queue_limit, number),
            "info_queue_limit" => config.info_queue_limit = number,
            _ => {}
        }
    }

    /// A number, possibly with a unit behind it; `Some(None)` when it is negative.
    fn quantity(&mut self, key: &str, node: &Node) -> Option<Option<u64>> {
        let number = match &node.value {
            Value::Int(number) => *number,
            Value::Text(text) => match storage(text) {
                Some(number) => number,
                None => {
                    self.error(node, format!("invalid {key}: {text:?} is not a size"));
                    return None;
                }
            },
            _ => return None,
        };
        Some(u64::try_from(number).ok())
    }

    fn jetstream_limits(&mut self, blocks: Vec<&'static Block>, map: &Map) {
        for (name, node) in map.iter() {
            let Some(key) = blocks.iter().find_map(|block| block.find(name)) else { continue };
            let limits = &mut self.config.jetstream.limits;
            match (key.name, &node.value) {
                ("max_ack_pending", Value::Int(number)) => limits.max_ack_pending = limit(*number),
                ("max_request_batch", Value::Int(number)) => {
                    limits.max_request_batch = limit(*number);
                }
                ("duplicate_window", value) => limits.duplicate_window = span(value),
                ("batch", Value::Map(batch)) => self.batch_limits(batch),
                _ => {}
            }
        }
    }

    fn batch_limits(&mut self, map: &Map) {
        let batch = &mut self.config.jetstream.limits.batch;
        for (name, node) in map.iter() {
            match (name.to_lowercase().as_str(), &node.value) {
                ("max_inflight_per_stream", Value::Int(n)) => {
                    batch.max_inflight_per_stream = limit(*n);
                }
                ("max_inflight_total", Value::Int(n)) => batch.max_inflight_total = limit(*n),
                ("max_msgs", Value::Int(n)) => batch.max_msgs = limit(*n),
                ("timeout", value) => batch.timeout = span(value),
                _ => {}
            }
        }
    }
}

fn block() -> Option<&'static Block> {
    schema::TOP.find("jetstream")?.shape.blocks().first().copied()
}

fn set(place: &mut u64, number: Option<u64>) {
    if let Some(number) = number.filter(|number| *number > 0) {
        *place = number;
    }
}

/// A limit; zero and less: none.
fn limit(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

fn span(value: &Value) -> Option<Duration> {
    let nanos = match value {
        Value::Text(text) => duration::parse(text).ok()?,
        value => read::nanos(value)?,
    };
    u64::try_from(nanos).ok().filter(|nanos| *nanos > 0).map(Duration::from_nanos)
}

/// Bytes of a text such as `10G` or `-1`.
pub(crate) fn storage(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor: i64 = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1 << 30,
        "T" | "TB" | "TIB" => 1 << 40,
        _ => return None,
    };
    digits.trim().parse::<i64>().ok()?.checked_mul(factor)
}
