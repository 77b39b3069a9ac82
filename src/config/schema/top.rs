//! Keys at the top level.

use super::Shape::*;
use super::{Block, Key, accounts, auth, cluster, gateway, jetstream, key, leaf, mqtt, operator};
use super::{own, tls, websocket};

/// The whole language: the keys outside all braces.
pub static TOP: Block = Block::new("top level", KEYS);

#[rustfmt::skip]
static KEYS: &[Key] = &[
    // Where clients connect.
    key("listen", Listen, "0.0.0.0:4222", "Host and port of the client listener in one."),
    key("host", Text, "0.0.0.0", "Address on which clients are accepted.").or(&["net"]),
    key("port", Int, "4222", "Port on which clients are accepted; -1 for a random one."),
    key("client_advertise", Text, "",
        "Host, or host:port, told to clients instead of the listener's.").reloads(),
    key("proxy_protocol", Bool, "false",
        "Expect a PROXY protocol header on client connections."),
    key("proxies", Block(&own::PROXIES), "",
        "Proxies that may vouch for clients.").reloads(),
    // Who the server is.
    key("server_name", Text, "", "Name of the server, without spaces; the server id when unset."),
    key("server_tags", Texts, "",
        "Tags shown in monitoring and used for placement; kept in lower case.").reloads(),
    key("server_metadata", Each(&Text), "", "Names and values shown in monitoring.").reloads(),
    key("feature_flags", Each(&Bool), "", "Switches for single features, by name."),
    // Logging.
    key("debug", Bool, "false", "Log debug messages.").reloads(),
    key("trace", Bool, "false", "Log every protocol message.").reloads(),
    key("trace_verbose", Bool, "false",
        "Trace the system account as well; sets trace too.").reloads(),
    key("trace_headers", Bool, "false",
        "Trace headers without payloads; sets trace too.").reloads(),
    key("logtime", Bool, "true", "Begin log lines with the time.").reloads(),
    key("logtime_utc", Bool, "false", "Log times in UTC rather than local time.").reloads(),
    key("log_file", Path, "",
        "File to log to instead of standard error.").or(&["logfile"]).reloads(),
    key("log_size_limit", Bytes, "0",
        "Size at which the log file is rotated; 0 for never.").or(&["logfile_size_limit"]),
    key("log_max_num", Int, "0",
        "Log files kept, the current one included; 0 for all.").or(&["logfile_max_num"]),
    key("syslog", Bool, "false", "Log to the system log.").reloads().later(),
    key("remote_syslog", Text, "", "Address of a remote system log.").reloads().later(),
    key("max_traced_msg_len", Int, "0", "Payload bytes shown in traces; 0 for all.").reloads(),
    key("connect_error_reports", Int, "3600",
        "Log every n-th failed attempt of a first connection to another server.").reloads(),
    key("reconnect_error_reports", Int, "1",
        "Log every n-th failed attempt to connect again to another server.").reloads(),
    // Files.
    key("pid_file", Path, "", "File that holds the process id.").or(&["pidfile"]).reloads(),
    key("ports_file_dir", Path, "", "Directory for a file that lists the open ports.").reloads(),
    // Monitoring.
    key("http", Listen, "", "Host and port of the monitoring listener."),
    key("http_port", Int, "",
        "Port of the monitoring listener; -1 for a random one.").or(&["monitor_port"]),
    key("https", Listen, "", "Host and port of the monitoring listener, with TLS."),
    key("https_port", Int, "", "Port of the monitoring listener with TLS; -1 for a random one."),
    key("http_base_path", Text, "/", "Path below which the monitoring endpoints are found."),
    key("prof_port", Int, "", "Port of the profiling listener.").later(),
    key("prof_block_rate", Int, "0", "Sampling rate of the block profile.").reloads().later(),
    // Limits.
    key("max_control_line", Bytes, "4096",
        "Longest accepted line of arguments of a protocol message.").reloads(),
    key("max_payload", Bytes, "1MB", "Largest accepted message, headers included.").reloads(),
    key("max_pending", Bytes, "64MB",
        "Bytes that may wait for one client before it is disconnected."),
    key("max_connections", Int, "65536",
        "Clients connected at a time; 0 for none at all.").or(&["max_conn"]).reloads(),
    key("max_subscriptions", Int, "0",
        "Subscriptions of one connection; 0 for no limit.").or(&["max_subs"]),
    key("max_sub_tokens", Int, "",
        "Tokens of a subscription's subject, 1 to 255.").or(&["max_subscription_tokens"]),
    key("max_closed_clients", Int, "10000", "Closed connections remembered for monitoring."),
    // Time.
    key("ping_interval", Duration, "2m",
        "Time without a sign of life after which a client is pinged.").reloads(),
    key("ping_max", Int, "2", "Unanswered pings after which a connection is closed.").reloads(),
    key("write_deadline", Duration, "10s",
        "Longest time one write to a client may take.").reloads(),
    key("write_timeout", Text, "default",
        "What happens after the write deadline: default, close or retry."),
    key("lame_duck_duration", DurationText, "2m",
        "Time over which clients are disconnected in lame duck mode, at least 30s."),
    key("lame_duck_grace_period", DurationText, "10s",
        "Time before the first client is disconnected in lame duck mode."),
    // Behaviour.
    key("no_fast_producer_stall", Bool, "false",
        "Drop messages for slow clients rather than slow their producers.").reloads(),
    key("disable_sublist_cache", Bool, "false",
        "Match subjects without a cache.").or(&["no_sublist_cache"]),
    key("no_header_support", Bool, "false", "Refuse messages with headers."),
    key("mappings", super::auth::MAPPINGS, "",
        "Subject mappings of the global account.").or(&["maps"]).reloads(),
    // Identity.
    key("authorization", Block(&auth::AUTHORIZATION), "", "Who may connect.").reloads(),
    key("no_auth_user", Text, "", "User that clients without credentials are taken for."),
    key("accounts", OneOf(&[Named(&accounts::ACCOUNT), Texts]), "",
        "Separate subject spaces, with their users and what they share.")
            .reloads(),
    key("system_account", Text, "$SYS", "Account of system events and requests.").or(&["system"]),
    key("no_system_account", Bool, "false",
        "Do without a system account.").or(&["no_system", "no_sys_acc"]),
    key("operator", Texts, "",
        "Trusted operators, as JWT or as path of a file with one.")
            .or(&["operators", "roots", "root", "root_operators", "root_operator"]),
    key("trusted_keys", Texts, "", "Public keys of trusted operators.").or(&["trusted"]),
    key("resolver", OneOf(&[Text, Block(&operator::RESOLVER)]), "",
        "Where account JWTs come from.")
            .or(&["account_resolver", "accounts_resolver"]).reloads(),
    key("resolver_preload", Each(&Text), "", "Account JWTs by public key.").reloads(),
    key("resolver_pinned_accounts", Texts, "",
        "The only accounts whose users may connect."),
    key("resolver_tls", Block(&tls::REMOTE), "", "TLS towards a URL resolver.").reloads(),
    key("default_sentinel", Text, "", "User JWT of clients that send none.").reloads(),
    // TLS.
    key("tls", Block(&tls::CLIENT), "",
        "TLS of the client port and of the https monitoring port.")
            .reloads(),
    key("allow_non_tls", Bool, "false",
        "Accept clients without TLS although there is a tls block."),
    key("ocsp", OneOf(&[Bool, Block(&tls::OCSP)]), "",
        "Stapling of certificate status.").reloads(),
    key("ocsp_cache", OneOf(&[Bool, Block(&tls::OCSP_CACHE)]), "",
        "Cache of the status of the other sides' certificates."),
    // Other listeners and subsystems.
    key("cluster", Block(&cluster::CLUSTER), "",
        "Routes to the servers of the same cluster.").reloads(),
    key("gateway", Block(&gateway::GATEWAY), "", "Links to other clusters."),
    key("leafnodes", Block(&leaf::LEAFNODES), "",
        "Leaf nodes, accepted and solicited.").or(&["leaf"]).reloads(),
    key("websocket", Block(&websocket::WEBSOCKET), "",
        "Listener for WebSocket clients.").or(&["ws"]).later(),
    key("mqtt", Block(&mqtt::MQTT), "", "Listener for MQTT clients.").later(),
    key("jetstream", OneOf(&[Bool, Text, Block(&jetstream::JETSTREAM)]), "false",
        "Persistence: streams and consumers."),
    key("store_dir", Path, "", "Directory of stored streams.").or(&["storedir"]),
    key("default_js_domain", Each(&Text), "",
        "Domain that accounts without JetStream ask, by account."),
    // Not in nats-server.
    key("plugins", Each(&Free), "", "A free-form block for each plugin, by plugin name."),
    key("vagus", Block(&own::VAGUS), "", "Settings of this server that nats-server does not have."),
];
