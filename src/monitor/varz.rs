//! `/varz`: the server, its limits, and what went through it.

mod gateway;
mod port;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde::Serialize;
use vagus_auth::GLOBAL_ACCOUNT;
use vagus_config::{Config, Port, Tls, WriteTimeout};
use vagus_telemetry::text::Uptime;

use self::gateway::GatewayPart;
use self::port::PortPart;
use super::context::{Context, now, time};
use super::jetstream::stats;
use super::reply::{self, Reply};
use super::router::Endpoint;

/// The page, in the order of nats-server.
#[derive(Serialize)]
struct Varz {
    #[serde(flatten)]
    about: About,
    #[serde(flatten)]
    limits: Limits,
    #[serde(flatten)]
    parts: Parts,
    tls_timeout: f64,
    write_deadline: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_timeout: Option<&'static str>,
    #[serde(flatten)]
    process: Process,
    #[serde(flatten)]
    traffic: Traffic,
    subscriptions: usize,
    http_req_stats: BTreeMap<&'static str, u64>,
    config_load_time: String,
    config_digest: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    feature_flags: BTreeMap<String, bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_account: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    pinned_account_fails: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ocsp_peer_cache: Option<OcspPeerCache>,
    slow_consumer_stats: ByKind,
    stale_connection_stats: ByKind,
    disk_io_wait_stats: DiskWaits,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert_not_after: Option<String>,
}

#[derive(Serialize)]
struct About {
    server_id: String,
    server_name: String,
    version: String,
    proto: u8,
    #[serde(skip_serializing_if = "String::is_empty")]
    git_commit: String,
    go: String,
    host: String,
    port: u16,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    auth_required: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_required: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_verify: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_ocsp_peer_verify: bool,
}

/// What is known of clients' certificates.
#[derive(Serialize)]
struct OcspPeerCache {
    cache_type: &'static str,
    #[serde(skip_serializing_if = "is_zero")]
    cache_hits: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_misses: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_responses: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_revoked_responses: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_good_responses: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_unknown_responses: u64,
}

#[derive(Serialize)]
struct Limits {
    max_connections: u64,
    #[serde(skip_serializing_if = "is_zero")]
    max_subscriptions: u64,
    /// Nanoseconds.
    ping_interval: u64,
    ping_max: u32,
    http_host: String,
    http_port: u16,
    http_base_path: String,
    https_port: u16,
    /// Seconds.
    auth_timeout: f64,
    max_control_line: u64,
    max_payload: u64,
    max_pending: u64,
}

/// Parts of a server that this one does not have.
#[derive(Serialize)]
struct Parts {
    cluster: ClusterPart,
    gateway: GatewayPart,
    leaf: LeafPart,
    mqtt: Nothing,
    websocket: Nothing,
    jetstream: JetStreamPart,
}

#[derive(Default, Serialize)]
struct ClusterPart {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    addr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_timeout: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_timeout: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_required: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_verify: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool_size: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_deadline: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_timeout: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert_not_after: Option<String>,
}

/// `{}` without leaf nodes.
#[derive(Default, Serialize)]
struct LeafPart {
    #[serde(flatten)]
    port: PortPart,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remotes: Vec<RemotePart>,
}

#[derive(Serialize)]
struct RemotePart {
    local_account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_timeout: Option<f64>,
    urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deny: Option<Denied>,
}

#[derive(Serialize)]
struct Denied {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exports: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    imports: Vec<String>,
}

/// `{}` while JetStream is off.
#[derive(Default, Serialize)]
struct JetStreamPart {
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<stats::Settings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<stats::Stats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<stats::Limits>,
}

/// `{}`
#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct Process {
    start: String,
    now: String,
    uptime: String,
    mem: u64,
    cores: usize,
    gomaxprocs: usize,
    cpu: f64,
}

#[derive(Serialize)]
struct Traffic {
    connections: u64,
    total_connections: u64,
    routes: u64,
    remotes: u64,
    leafnodes: u64,
    in_msgs: u64,
    in_bytes: u64,
    in_client_msgs: u64,
    in_client_bytes: u64,
    out_msgs: u64,
    out_bytes: u64,
    out_client_msgs: u64,
    out_client_bytes: u64,
    slow_consumers: u64,
    stale_connections: u64,
    stalled_clients: u64,
}

/// A count by the kind of connection.
#[derive(Serialize)]
struct ByKind {
    clients: u64,
    routes: u64,
    gateways: u64,
    leafs: u64,
}

/// Waits for the disk, to which this server writes nothing but its log.
#[derive(Serialize)]
struct DiskWaits {
    waiters: u64,
    waits: u64,
    wait_time: u64,
    max_wait_time: u64,
}

pub(super) fn page(context: &Context) -> Reply {
    let in_force = context.in_force();
    let config = &in_force.config;
    let tally = &context.broker.tally;
    let clients = |clients| ByKind { clients, routes: 0, gateways: 0, leafs: 0 };
    reply::page(&Varz {
        about: about(context),
        limits: limits(context, config),
        parts: parts(context, config),
        tls_timeout: config.tls.as_ref().map_or(2.0, |tls| tls.timeout.as_secs_f64()),
        write_deadline: nanos(config.write_deadline),
        write_timeout: write_timeout(config.write_timeout),
        process: process(context),
        traffic: traffic(context),
        subscriptions: context.broker.realms.subscriptions(),
        http_req_stats: requests(context),
        config_load_time: time(in_force.since),
        config_digest: in_force.digest.clone(),
        tags: config.server_tags.clone(),
        metadata: config.server_metadata.clone(),
        feature_flags: config.features(),
        system_account: context.system_account(),
        pinned_account_fails: tally.pinned_account_fails.load(Relaxed),
        ocsp_peer_cache: ocsp_peer_cache(context, config),
        slow_consumer_stats: clients(tally.slow_consumers.load(Relaxed)),
        stale_connection_stats: clients(tally.stale_connections.load(Relaxed)),
        disk_io_wait_stats: DiskWaits { waiters: 0, waits: 0, wait_time: 0, max_wait_time: 0 },
        tls_cert_not_after: certificate_ends(context),
    })
}

fn about(context: &Context) -> About {
    // What clients are told, so that the two agree.
    let settings = context.broker.settings();
    let info = &settings.info;
    About {
        server_id: info.server_id.clone(),
        server_name: info.server_name.clone(),
        version: info.version.clone(),
        proto: info.proto,
        git_commit: info.git_commit.clone(),
        go: info.go.clone(),
        host: info.host.clone(),
        port: info.port,
        // Also where clients without credentials become a named user, of which they hear nothing.
        auth_required: settings.authenticator.required(),
        tls_required: info.tls_required,
        tls_verify: info.tls_verify,
        tls_ocsp_peer_verify: info.tls_required && asks_about_clients(context),
    }
}

fn asks_about_clients(context: &Context) -> bool {
    context.broker.settings().tls.as_ref().is_some_and(|tls| tls.ocsp_peer.is_some())
}

fn ocsp_peer_cache(context: &Context, config: &Config) -> Option<OcspPeerCache> {
    let of = &context.broker.tally.ocsp;
    let wanted = asks_about_clients(context) && !config.ocsp_cache.none;
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
    wanted.then(|| OcspPeerCache {
        cache_type: "local",
        cache_hits: count(&of.hits),
        cache_misses: count(&of.misses),
        cached_responses: count(&of.good) + count(&of.revoked) + count(&of.unknown),
        cached_revoked_responses: count(&of.revoked),
        cached_good_responses: count(&of.good),
        cached_unknown_responses: count(&of.unknown),
    })
}

/// When the server's certificate ends.
fn certificate_ends(context: &Context) -> Option<String> {
    context.broker.settings().tls.as_ref()?.not_after.map(time)
}

fn limits(context: &Context, config: &Config) -> Limits {
    Limits {
        max_connections: config.max_connections,
        max_subscriptions: config.max_subscriptions,
        ping_interval: nanos(config.ping_interval),
        ping_max: config.ping_max,
        http_host: config.monitor_host().to_owned(),
        http_port: context.http_port,
        http_base_path: context.base_path.clone(),
        https_port: context.https_port,
        auth_timeout: config.auth_timeout().as_secs_f64(),
        max_control_line: config.max_control_line,
        max_payload: config.max_payload,
        max_pending: config.max_pending,
    }
}

fn parts(context: &Context, config: &Config) -> Parts {
    let jetstream = context.jetstream.as_ref().map(|jetstream| JetStreamPart {
        config: Some(stats::Settings::of(jetstream, config)),
        stats: Some(stats::Stats::of_server(jetstream)),
        limits: Some(stats::Limits::of(config)),
    });
    Parts {
        cluster: cluster(context, config),
        gateway: GatewayPart::of(context, config).unwrap_or_default(),
        leaf: leaf(context, config),
        mqtt: Nothing {},
        websocket: Nothing {},
        jetstream: jetstream.unwrap_or_default(),
    }
}

fn cluster(context: &Context, config: &Config) -> ClusterPart {
    let Some((name, _)) = context.broker.cluster.seen() else {
        return ClusterPart {
            name: config.cluster_name().map(str::to_owned),
            ..ClusterPart::default()
        };
    };
    let (wanted, tls) = (&config.cluster, &context.broker.settings().route_tls);
    ClusterPart {
        name: Some(name),
        addr: Some(wanted.host.clone()),
        cluster_port: wanted.port.map(Port::to_bind),
        auth_timeout: Some(wanted.auth_timeout.as_secs_f64()),
        urls: wanted.routes.iter().map(|url| url.address.clone()).collect(),
        tls_timeout: Some(wanted.tls.as_ref().map_or(2.0, |tls| tls.timeout.as_secs_f64())),
        tls_required: wanted.tls.is_some(),
        tls_verify: wanted.tls.is_some(),
        pool_size: Some(wanted.pool_size.map_or(-1, i32::from)),
        write_deadline: wanted.write_deadline.map(nanos),
        write_timeout: write_timeout(wanted.write_timeout),
        tls_cert_not_after: tls.as_ref().and_then(|tls| tls.accepted.not_after).map(time),
    }
}

fn leaf(context: &Context, config: &Config) -> LeafPart {
    let wanted = &config.leafnodes;
    let port = context.broker.leaf_port.load(Relaxed);
    let remotes = wanted.remotes.iter().map(|remote| {
        let (exports, imports) = (remote.deny_exports.clone(), remote.deny_imports.clone());
        let denied = !exports.is_empty() || !imports.is_empty();
        RemotePart {
            local_account: remote.account.clone().unwrap_or_else(|| GLOBAL_ACCOUNT.to_owned()),
            tls_timeout: remote.tls.as_ref().map(|tls| tls.timeout.as_secs_f64()),
            urls: remote.urls.iter().map(|url| url.place.address.clone()).collect(),
            deny: denied.then_some(Denied { exports, imports }),
        }
    });
    let part = LeafPart { remotes: remotes.collect(), ..LeafPart::default() };
    if port == 0 {
        return part;
    }
    let tls = wanted.tls.as_ref();
    let port = PortPart {
        host: Some(wanted.host.clone()),
        port: Some(port),
        auth_timeout: Some(wanted.auth_timeout.as_secs_f64()),
        tls_timeout: Some(tls.map_or(2.0, |tls| tls.timeout.as_secs_f64())),
        tls_required: tls.is_some(),
        tls_verify: tls.is_some_and(Tls::asks_for_certificates),
    };
    LeafPart { port, ..part }
}

fn process(context: &Context) -> Process {
    let broker = &context.broker;
    let usage = context.process.usage();
    Process {
        start: time(broker.started_at),
        now: now(),
        uptime: Uptime(broker.started.elapsed()).to_string(),
        mem: usage.rss_bytes,
        cores: context.process.cores(),
        gomaxprocs: broker.counters.len(),
        cpu: usage.cpu_percent,
    }
}

fn traffic(context: &Context) -> Traffic {
    let (totals, tally) = (context.broker.totals(), &context.broker.tally);
    let of_clients = context.broker.totals_of_clients();
    let routes = context.broker.realms.mates.all();
    let remotes: BTreeSet<&str> = routes.iter().map(|route| &*route.about.id).collect();
    Traffic {
        connections: tally.clients.load(Relaxed),
        total_connections: tally.connections.load(Relaxed),
        routes: routes.len() as u64,
        remotes: remotes.len() as u64,
        leafnodes: context.broker.realms.leafs.all().len() as u64,
        in_msgs: totals.in_msgs,
        in_bytes: totals.in_bytes,
        // All traffic is that of clients.
        in_client_msgs: of_clients.in_msgs,
        in_client_bytes: of_clients.in_bytes,
        out_msgs: totals.out_msgs,
        out_bytes: totals.out_bytes,
        out_client_msgs: of_clients.out_msgs,
        out_client_bytes: of_clients.out_bytes,
        slow_consumers: tally.slow_consumers.load(Relaxed),
        stale_connections: tally.stale_connections.load(Relaxed),
        stalled_clients: tally.stalled_clients.load(Relaxed),
    }
}

/// Endpoints that were asked for.
fn requests(context: &Context) -> BTreeMap<&'static str, u64> {
    let shown = Endpoint::ALL.into_iter().filter(|endpoint| endpoint.is_in_varz());
    let counted = shown.map(|endpoint| (endpoint.path(), context.requests(endpoint)));
    counted.filter(|(_, count)| *count > 0).collect()
}

fn write_timeout(policy: WriteTimeout) -> Option<&'static str> {
    match policy {
        WriteTimeout::Default => None,
        WriteTimeout::Close => Some("close"),
        WriteTimeout::Retry => Some("retry"),
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

// serde passes references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
