//! The listener for MQTT clients.

use super::Shape::*;
use super::{Block, Key, key, tls, websocket};

pub(super) static MQTT: Block = Block::new("mqtt", MQTT_KEYS);

#[rustfmt::skip]
static MQTT_KEYS: &[Key] = &[
    key("listen", Listen, "", "Host and port for MQTT clients."),
    key("host", Text, "0.0.0.0", "Address for MQTT clients.").or(&["net"]),
    key("port", Int, "", "Port for MQTT clients; -1 for a random one."),
    key("tls", Block(&tls::TLS), "", "TLS of the listener.").reloads(),
    key("authorization", Block(&websocket::SIMPLE_AUTH), "",
        "What clients of this listener must send.").or(&["authentication"]),
    key("no_auth_user", Text, "", "User that clients without credentials are taken for."),
    key("ack_wait", Duration, "30s",
        "Time after which a message is delivered again.").or(&["ackwait"]).reloads(),
    key("js_api_timeout", Duration, "5s",
        "Time a JetStream request may take.").or(&["api_timeout"]),
    key("max_ack_pending", Int, "1024",
        "Messages under way to one subscription, up to 65535.")
            .or(&["max_pending", "max_inflight"]).reloads(),
    key("js_domain", Text, "", "JetStream domain of the sessions."),
    key("stream_replicas", Int, "", "Replicas of the session streams.").reloads(),
    key("consumer_replicas", Free, "", "Without effect.").reloads(),
    key("consumer_memory_storage", Bool, "false", "Keep consumers in memory.").reloads(),
    key("consumer_inactive_threshold", Duration, "",
        "Time after which an unused consumer is removed.").or(&["consumer_auto_cleanup"]).reloads(),
    key("reject_qos2_publish", Bool, "false", "Disconnect clients that publish with QoS 2."),
    key("downgrade_qos2_subscribe", Bool, "false", "Grant QoS 1 where QoS 2 is asked for."),
];
