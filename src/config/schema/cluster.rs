//! Routes between the servers of a cluster, and what other links share with them.

use super::Shape::*;
use super::{Block, Key, Shape, auth, key, tls};

pub(crate) static CLUSTER: Block = Block::new("cluster", CLUSTER_KEYS);

#[rustfmt::skip]
static CLUSTER_KEYS: &[Key] = &[
    key("name", Text, "",
        "Name of the cluster; also chooses among mapping destinations.").reloads(),
    key("listen", Listen, "", "Host and port for routes."),
    key("host", Text, "0.0.0.0", "Address for routes.").or(&["net"]),
    key("port", Int, "", "Port for routes; -1 for a random one."),
    key("advertise", Text, "",
        "Host, or host:port, told to other servers.").or(&["cluster_advertise"]),
    key("no_advertise", Bool, "false",
        "Do not tell clients about the other servers."),
    key("authorization", Block(&LINK_AUTH), "", "What other servers must send."),
    key("permissions", Block(&auth::PERMISSIONS), "",
        "Subjects that cross routes: what is imported from other servers, and exported to them.")
            .reloads(),
    key("routes", Texts, "", "URLs of other servers."),
    key("tls", Block(&tls::LINK), "", "TLS of routes.").reloads(),
    key("connect_retries", Int, "0", "Attempts to connect to a server heard of."),
    key("connect_backoff", Bool, "false", "Wait longer after each failed attempt."),
    key("pool_size", Int, "3",
        "Connections to each server that accounts are shared out among; -1 for one for all."),
    key("accounts", Texts, "", "Accounts with a connection of their own to each server."),
    key("compression", COMPRESSION, "accept", "Compression of routes."),
    key("ping_interval", Duration, "1s",
        "Time between two pings of a route; 30s at most."),
    key("ping_max", Int, "3", "Unanswered pings after which a route is closed."),
    WRITE_DEADLINE,
    WRITE_TIMEOUT,
];

pub(super) const WRITE_DEADLINE: Key =
    key("write_deadline", Duration, "10s", "Longest time one write may take.");
pub(super) const WRITE_TIMEOUT: Key = key(
    "write_timeout",
    Text,
    "default",
    "What happens after the write deadline: default, close or retry.",
);

/// User and password between servers.
pub(crate) static LINK_AUTH: Block = Block::new("cluster.authorization", LINK_AUTH_KEYS);

#[rustfmt::skip]
static LINK_AUTH_KEYS: &[Key] = &[
    key("user", Text, "", "Name that the other server must send.").or(&["username"]),
    key("password", Secret, "",
        "Password that the other server must send.").or(&["pass"]),
    key("token", Secret, "", "Not possible between servers."),
    key("timeout", Seconds, "2", "Time to authenticate."),
    key("users", Blocks(&auth::USER), "", "Not possible between servers."),
    key("default_permissions", Block(&auth::PERMISSIONS), "",
        "Subjects that cross the link.")
            .or(&["default_permission", "permissions"]).refused(),
    key("auth_callout", Free, "", "Not possible between servers.").or(&["auth_hook"]).later(),
    key("proxy_required", Bool, "false", "Not possible between servers.").later(),
];

pub(super) const COMPRESSION: Shape = OneOf(&[Bool, Text, Block(&COMPRESSION_BLOCK)]);

static COMPRESSION_BLOCK: Block = Block::new("compression", COMPRESSION_KEYS);

#[rustfmt::skip]
static COMPRESSION_KEYS: &[Key] = &[
    key("mode", Text, "",
        "off, accept, s2_auto, s2_uncompressed, s2_fast, s2_better or s2_best."),
    key("rtt_thresholds", Texts, "",
        "Round trip times that separate the levels of s2_auto.")
            .or(&["thresholds", "rtts", "rtt"]),
];
