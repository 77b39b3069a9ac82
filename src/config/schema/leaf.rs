//! Leaf nodes, accepted and solicited.

use super::Shape::*;
use super::{Block, Key, cluster, key, tls};

pub(crate) static LEAFNODES: Block = Block::new("leafnodes", LEAFNODES_KEYS);

#[rustfmt::skip]
static LEAFNODES_KEYS: &[Key] = &[
    key("listen", Listen, "", "Host and port for leaf nodes."),
    key("host", Text, "0.0.0.0", "Address for leaf nodes.").or(&["net"]),
    key("port", Int, "7422", "Port for leaf nodes; -1 for a random one."),
    key("advertise", Text, "",
        "Host, or host:port, told to leaf nodes.").or(&["leafnode_advertise"]),
    key("no_advertise", Bool, "false", "Do not tell leaf nodes about the other servers."),
    key("authorization", Block(&AUTH), "", "What leaf nodes must send.").reloads(),
    key("tls", Block(&tls::LEAF), "", "TLS of leaf nodes.").reloads(),
    key("remotes", Blocks(&REMOTE), "", "Servers to connect to as a leaf node.").reloads(),
    key("reconnect", Duration, "1s",
        "Time between attempts to connect.")
            .or(&["reconnect_delay", "reconnect_interval"]).reloads(),
    key("dial_timeout", Duration, "1s", "Time an attempt to connect may take.").reloads(),
    key("min_version", Text, "",
        "Lowest version of a leaf node.").or(&["minimum_version"]).reloads(),
    key("compression", cluster::COMPRESSION, "s2_auto",
        "Compression of leaf node links.").reloads(),
    key("isolate_leafnode_interest", Bool, "false",
        "Do not tell leaf nodes about each other's interest.").or(&["isolate"]).reloads(),
    cluster::WRITE_DEADLINE.later(),
    cluster::WRITE_TIMEOUT.later(),
];

pub(crate) static AUTH: Block = Block::new("leafnodes.authorization", AUTH_KEYS);

#[rustfmt::skip]
static AUTH_KEYS: &[Key] = &[
    key("user", Text, "", "Name of the single user.").or(&["username"]).reloads(),
    key("password", Secret, "", "Password of the single user.").or(&["pass"]).reloads(),
    key("nkey", Text, "", "Public key of the single user.").reloads(),
    key("account", Text, "", "Account that leaf nodes are bound to.").reloads(),
    key("timeout", Seconds, "2", "Time to authenticate.").reloads(),
    key("users", Blocks(&USER), "", "Users, each with an account.").reloads(),
    key("proxy_required", Bool, "false", "Accept only through a trusted proxy.").refused(),
];

pub(crate) static USER: Block = Block::new("leafnodes.authorization.users", USER_KEYS);

#[rustfmt::skip]
static USER_KEYS: &[Key] = &[
    key("user", Text, "", "Name of the user.").or(&["username"]).reloads(),
    key("password", Secret, "", "Password of the user.").or(&["pass"]).reloads(),
    key("account", Text, "", "Account the leaf node is bound to.").reloads(),
    key("proxy_required", Bool, "false", "Accept only through a trusted proxy.").refused(),
];

pub(crate) static REMOTE: Block = Block::new("leafnodes.remotes", REMOTE_KEYS);

#[rustfmt::skip]
static REMOTE_KEYS: &[Key] = &[
    key("url", Texts, "", "URLs of the server, of which one is used at a time.").or(&["urls"]),
    key("account", Text, "$G", "Local account the link serves.").or(&["local"]),
    key("credentials", Path, "", "File with user JWT and seed.").or(&["creds"]),
    key("nkey", Secret, "", "Seed to authenticate with.").or(&["seed"]),
    key("tls", Block(&tls::LEAF_REMOTE), "", "TLS towards the server.").reloads(),
    key("no_randomize", Bool, "false",
        "Try the URLs in the order written.").or(&["dont_randomize"]),
    key("hub", Bool, "false", "Be the hub although this side connects."),
    key("deny_imports", Texts, "", "Subjects not taken from the other side.").or(&["deny_import"]),
    key("deny_exports", Texts, "", "Subjects not sent to the other side.").or(&["deny_export"]),
    key("compression", cluster::COMPRESSION, "s2_auto", "Compression of the link."),
    key("ws_compression", Bool, "false", "Compression of a WebSocket link.").or(&[
        "ws_compress",
        "websocket_compress",
        "websocket_compression",
    ]),
    key("ws_no_masking", Bool, "false",
        "Do not mask frames of a WebSocket link.").or(&["websocket_no_masking"]),
    key("jetstream_cluster_migrate", OneOf(&[Bool, Block(&MIGRATE)]), "false",
        "Move leaders away while the link is down.").or(&["js_cluster_migrate"]).later(),
    key("isolate_leafnode_interest", Bool, "false",
        "Do not pass on the interest of other leaf nodes.").or(&["isolate"]),
    key("request_isolation", Bool, "false", "Ask the other side not to pass on interest."),
    key("first_info_timeout", Duration, "1s", "Time the other side has to send its first INFO."),
    key("dial_timeout", Duration, "1s", "Time an attempt to connect may take."),
    key("disabled", Bool, "false", "Do not connect.").reloads(),
    key("proxy", Block(&PROXY), "", "HTTP proxy that the link goes through."),
    key("ignore_discovered_servers", Bool, "false", "Connect to the configured URLs alone."),
];

static MIGRATE: Block = Block::new("leafnodes.remotes.jetstream_cluster_migrate", MIGRATE_KEYS);

#[rustfmt::skip]
static MIGRATE_KEYS: &[Key] =
    &[key("leader_migrate_delay", Duration, "", "Time the link must be down first.")];

pub(crate) static PROXY: Block = Block::new("leafnodes.remotes.proxy", PROXY_KEYS);

#[rustfmt::skip]
static PROXY_KEYS: &[Key] = &[
    key("url", Text, "", "URL of the proxy: http://host:port."),
    key("username", Text, "", "Name to authenticate with."),
    key("password", Secret, "", "Password to authenticate with."),
    key("timeout", Duration, "", "Time the proxy has to connect; dial_timeout without it."),
];
