//! JetStream of one account: a switch, or a block with limits.

use vagus_auth::account::JetStreamLimits;

use super::super::Builder;
use crate::convert::jetstream::storage;
use crate::schema;
use crate::value::{Map, Node, Value};

impl Builder {
    /// `None`: the account has none.
    pub(super) fn account_jetstream(&mut self, node: &Node) -> Option<JetStreamLimits> {
        match &node.value {
            Value::Bool(flag) => flag.then(JetStreamLimits::default),
            Value::Text(text) => match text.to_lowercase().as_str() {
                "enabled" | "enable" => Some(JetStreamLimits::default()),
                "disabled" | "disable" => None,
                _ => {
                    let why =
                        format!("Expected 'enabled' or 'disabled' for string value, got '{text}'");
                    self.error(node, why);
                    None
                }
            },
            Value::Map(map) => self.account_jetstream_block(map),
            _ => None,
        }
    }

    fn account_jetstream_block(&mut self, map: &Map) -> Option<JetStreamLimits> {
        let block = schema::accounts::ACCOUNT.find("jetstream")?.shape.blocks().pop()?;
        let (mut limits, mut enabled) = (JetStreamLimits::default(), true);
        for (name, node) in map.iter() {
            let Some(key) = block.find(name) else { continue };
            match (key.name, &node.value) {
                ("enabled", Value::Bool(flag)) => enabled = *flag,
                ("disabled", Value::Bool(flag)) => enabled = !flag,
                ("max_bytes_required", Value::Bool(flag)) => limits.max_bytes_required = *flag,
                ("cluster_traffic", Value::Text(text)) => match text.as_str() {
                    "" | "system" => limits.owner_traffic = false,
                    "owner" => limits.owner_traffic = true,
                    _ => self.error(
                        node,
                        format!(
                            "Expected 'system' or 'owner' string value for {name:?}, got {text}"
                        ),
                    ),
                },
                (key, _) => self.jetstream_limit(&mut limits, key, name, node),
            }
        }
        enabled.then_some(limits)
    }

    fn jetstream_limit(
        &mut self,
        limits: &mut JetStreamLimits,
        key: &str,
        name: &str,
        node: &Node,
    ) {
        let number = match &node.value {
            Value::Int(number) => *number,
            Value::Text(text) => match storage(text) {
                Some(number) => number,
                None => {
                    let why = format!("Expected a parseable size for {name:?}, got {text}");
                    return self.error(node, why);
                }
            },
            _ => return,
        };
        let place = match key {
            "max_memory" => &mut limits.memory,
            "max_store" => &mut limits.store,
            "max_streams" => &mut limits.streams,
            "max_consumers" => &mut limits.consumers,
            "mem_max_stream_bytes" => &mut limits.memory_stream,
            "disk_max_stream_bytes" => &mut limits.store_stream,
            "max_ack_pending" => &mut limits.ack_pending,
            _ => return,
        };
        *place = u64::try_from(number).ok();
    }
}
