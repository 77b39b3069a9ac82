//! Links between clusters.

use super::Shape::*;
use super::{Block, Key, cluster, key, tls};

pub(super) static GATEWAY: Block = Block::new("gateway", GATEWAY_KEYS);

#[rustfmt::skip]
static GATEWAY_KEYS: &[Key] = &[
    key("name", Text, "", "Name of this cluster."),
    key("listen", Listen, "", "Host and port for gateways."),
    key("host", Text, "0.0.0.0", "Address for gateways.").or(&["net"]),
    key("port", Int, "", "Port for gateways; -1 for a random one."),
    key("advertise", Text, "", "Host, or host:port, told to other clusters."),
    key("authorization", Block(&cluster::LINK_AUTH), "", "What other servers must send."),
    key("tls", Block(&tls::LINK), "", "TLS of gateways.").reloads(),
    key("connect_retries", Int, "0", "Attempts to connect to a cluster heard of."),
    key("connect_backoff", Bool, "false", "Wait longer after each failed attempt."),
    key("gateways", Blocks(&REMOTE), "", "Other clusters."),
    key("reject_unknown_cluster", Bool, "false",
        "Accept only the clusters listed.").or(&["reject_unknown"]),
    cluster::WRITE_DEADLINE,
    cluster::WRITE_TIMEOUT,
];

static REMOTE: Block = Block::new("gateway.gateways", REMOTE_KEYS);

#[rustfmt::skip]
static REMOTE_KEYS: &[Key] = &[
    key("name", Text, "", "Name of the other cluster."),
    key("url", Text, "", "URL of a server of it."),
    key("urls", Texts, "", "URLs of servers of it."),
    key("tls", Block(&tls::LINK), "", "TLS towards it.").reloads(),
];
