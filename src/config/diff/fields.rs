//! The table of settings: key, name in nats-server's errors, part of the server, how to show it.
//! The macro takes a `Config` apart by name, so that a field missing here does not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use vagus_auth::PermissionRules;

use super::{Field, Kind};
use crate::config::WriteTimeout;
use crate::config::{
    Account, Authorization, BatchLimits, Cluster, Compression, Config, Gateway, JetStream,
    JetStreamLimits, LeafNodes, LeafRemote, LeafUser, LogFormat, Mapping, Ocsp, OcspCache,
    Operator, Resolver, RouteUrl, Tls, Trust, User, Vagus,
};
use crate::duration;
use crate::secret::Secret;

pub(super) fn all() -> impl Iterator<Item = &'static Field> {
    TOP.iter()
        .chain(JETSTREAM)
        .chain(LIMITS)
        .chain(AUTHORIZATION)
        .chain(CLUSTER)
        .chain(LEAFNODES)
        .chain(TRUST)
        .chain(VAGUS)
}

macro_rules! fields {
    ($table:ident, $whole:ident, $part:ident, $prefix:literal; besides $($beside:ident)*;
     $($name:ident $field:literal $kind:ident $show:ident,)*) => {
        static $table: &[Field] = &[$(Field {
            key: concat!($prefix, stringify!($name)),
            field: $field,
            kind: Kind::$kind,
            same: |a, b| $part(a).$name == $part(b).$name,
            show: |config| $show(&$part(config).$name),
        }),*];

        const _: fn($whole) = |whole| {
            let $whole { $($name: _,)* $($beside: _,)* } = whole;
        };
    };
}

fields! { TOP, Config, whole, ""; besides authorization cluster jetstream leafnodes trust vagus;
    host "Host" Info plain,
    port "Port" Info plain,
    client_advertise "ClientAdvertise" Info optional,
    server_name "ServerName" Info optional,
    server_tags "Tags" Info list,
    server_metadata "Metadata" Info map,
    feature_flags "FeatureFlags" Info map,
    debug "Debug" Logging plain,
    trace "Trace" Logging plain,
    trace_verbose "TraceVerbose" Logging plain,
    trace_headers "TraceHeaders" Logging plain,
    logtime "Logtime" Logging plain,
    logtime_utc "LogtimeUTC" Logging plain,
    log_file "LogFile" Logging path,
    log_size_limit "LogSizeLimit" Logging plain,
    log_max_num "LogMaxFiles" Logging plain,
    max_traced_msg_len "MaxTracedMsgLen" Logging plain,
    connect_error_reports "ConnectErrorReports" Logging plain,
    reconnect_error_reports "ReconnectErrorReports" Logging plain,
    pid_file "PidFile" Files path,
    ports_file_dir "PortsFileDir" Files path,
    http_host "HTTPHost" Info optional,
    http_port "HTTPPort" Info optional,
    https_port "HTTPSPort" Info optional,
    http_base_path "HTTPBasePath" Info plain,
    tls "TLSConfig" Tls certificate,
    allow_non_tls "AllowNonTLS" Tls plain,
    ocsp "OCSPConfig" Tls ocsp,
    ocsp_cache "OCSPCacheConfig" Tls ocsp_cache,
    proxy_protocol "ProxyProtocol" Info plain,
    max_control_line "MaxControlLine" Limits plain,
    max_payload "MaxPayload" Limits plain,
    max_pending "MaxPending" Limits plain,
    max_connections "MaxConn" Limits plain,
    max_subscriptions "MaxSubs" Limits plain,
    max_sub_tokens "MaxSubTokens" Limits optional,
    max_closed_clients "MaxClosedClients" Limits plain,
    ping_interval "PingInterval" Limits time,
    ping_max "MaxPingsOut" Limits plain,
    write_deadline "WriteDeadline" Limits time,
    write_timeout "WriteTimeout" Limits write_timeout,
    lame_duck_duration "LameDuckDuration" Limits time,
    lame_duck_grace_period "LameDuckGracePeriod" Limits time,
    no_fast_producer_stall "NoFastProducerStall" Limits plain,
    disable_sublist_cache "NoSublistCache" Limits plain,
    no_header_support "NoHeaderSupport" Limits plain,
    mappings "Accounts" Mappings mappings,
    no_auth_user "NoAuthUser" Auth optional,
    accounts "Accounts" Auth accounts,
    proxies "ProxiesTrustedKeys" Auth list,
    system_account "SystemAccount" Auth optional,
    no_system_account "NoSystemAccount" Auth plain,
    gateway "Gateway" Info gateway,
    default_js_domain "JsAccDefaultDomain" Info map,
    plugins "Plugins" Info names,
}

fields! { JETSTREAM, JetStream, jetstream, "jetstream."; besides limits;
    enabled "JetStream" Limits plain,
    store_dir "StoreDir" Files path,
    max_memory_store "JetStreamMaxMemory" Limits optional,
    max_file_store "JetStreamMaxStore" Limits optional,
    domain "JetStreamDomain" Info optional,
    sync_interval "SyncInterval" Limits plain,
    encryption_key "JetStreamKey" Files secret,
    prev_encryption_key "JetStreamOldKey" Files secret,
    cipher "JetStreamCipher" Files plain,
    strict "JetStreamStrict" Limits plain,
    max_buffered_msgs "StreamMaxBufferedMsgs" Limits plain,
    max_buffered_size "StreamMaxBufferedSize" Limits plain,
    request_queue_limit "JetStreamRequestQueueLimit" Limits plain,
    info_queue_limit "JetStreamInfoQueueLimit" Limits optional,
}

fields! { LIMITS, JetStreamLimits, limits, "jetstream.limits."; besides;
    max_ack_pending "JetStreamLimits" Limits optional,
    max_request_batch "JetStreamLimits" Limits optional,
    duplicate_window "JetStreamLimits" Limits optional_time,
    batch "JetStreamLimits" Limits batch_limits,
}

fields! { AUTHORIZATION, Authorization, authorization, "authorization."; besides;
    user "Username" Auth optional,
    password "Password" Auth secret,
    token "Authorization" Auth secret,
    timeout "AuthTimeout" Auth optional_time,
    users "Users" Auth users,
    default_permissions "Permissions" Auth permissions,
    auth_callout "AuthCallout" Auth callout,
    proxy_required "ProxyRequired" Auth plain,
}

fields! { TRUST, Trust, trust, ""; besides;
    operator "TrustedOperators" Auth operators,
    trusted_keys "TrustedKeys" Auth list,
    resolver "AccountResolver" Auth resolver,
    resolver_tls "AccountResolverTLSConfig" Auth certificate,
    resolver_preload "AccountResolver" Auth names,
    resolver_pinned_accounts "resolverPinnedAccounts" Auth list,
    default_sentinel "DefaultSentinel" Auth given,
}

fields! { CLUSTER, Cluster, cluster, "cluster."; besides;
    name "Cluster" Mappings optional,
    host "Cluster" Info plain,
    port "Cluster" Info optional,
    advertise "Cluster" Info optional,
    no_advertise "Cluster" Info plain,
    user "Cluster" Auth optional,
    password "Cluster" Auth secret,
    auth_timeout "Cluster" Limits time,
    tls "Cluster" Tls certificate,
    permissions "Cluster" Auth permissions,
    compression "Cluster" Info compression,
    write_deadline "Cluster" Limits optional_time,
    write_timeout "Cluster" Limits write_timeout,
    pool_size "Cluster" Info optional,
    accounts "Cluster" Info set,
    routes "Routes" Info routes,
    connect_retries "Cluster" Limits plain,
    connect_backoff "Cluster" Limits plain,
    ping_interval "Cluster" Limits time,
    ping_max "Cluster" Limits plain,
}

fields! { LEAFNODES, LeafNodes, leafnodes, "leafnodes."; besides;
    host "LeafNode" Info plain,
    port "LeafNode" Info optional,
    advertise "LeafNode" Info optional,
    no_advertise "LeafNode" Info plain,
    users "LeafNode" Auth leaf_users,
    auth_timeout "LeafNode" Info time,
    tls "LeafNode" Tls certificate,
    remotes "LeafNode" Info remotes,
    reconnect "LeafNode" Info time,
    dial_timeout "LeafNode" Info time,
    min_version "LeafNode" Info optional,
    isolate "LeafNode" Info plain,
    compression "LeafNode" Info compression,
}

fields! { VAGUS, Vagus, vagus, "vagus."; besides;
    arbiters "Arbiters" Limits optional,
    shards "Shards" Limits optional,
    log_format "LogFormat" Logging log_format,
}

fn whole(config: &Config) -> &Config {
    config
}

fn authorization(config: &Config) -> &Authorization {
    &config.authorization
}

fn jetstream(config: &Config) -> &JetStream {
    &config.jetstream
}

fn limits(config: &Config) -> &JetStreamLimits {
    &config.jetstream.limits
}

fn batch_limits(value: &BatchLimits) -> String {
    format!("{value:?}")
}

fn trust(config: &Config) -> &Trust {
    &config.trust
}

fn operators(value: &[Operator]) -> String {
    list(&value.iter().map(|operator| operator.claims.sub.clone()).collect::<Vec<_>>())
}

/// Its kind alone: an address may hold a password.
fn resolver(value: &Option<Resolver>) -> String {
    match value {
        None => "",
        Some(Resolver::Memory) => "memory",
        Some(Resolver::Url(_)) => "URL",
        Some(Resolver::Full(_)) => "full",
        Some(Resolver::Cache(_)) => "cache",
    }
    .to_owned()
}

fn callout(value: &Option<vagus_auth::Callout>) -> String {
    value.as_ref().map(|callout| callout.issuer.clone()).unwrap_or_default()
}

fn given(value: &Option<String>) -> String {
    if value.is_some() { "set" } else { "" }.to_owned()
}

fn cluster(config: &Config) -> &Cluster {
    &config.cluster
}

fn leafnodes(config: &Config) -> &LeafNodes {
    &config.leafnodes
}

fn leaf_users(value: &[LeafUser]) -> String {
    let name = |user: &LeafUser| user.nkey.clone().unwrap_or_else(|| user.user.clone());
    list(&value.iter().map(name).collect::<Vec<_>>())
}

fn remotes(value: &[LeafRemote]) -> String {
    let urls = value.iter().flat_map(|remote| &remote.urls);
    list(&urls.map(|url| url.place.address.clone()).collect::<Vec<_>>())
}

fn vagus(config: &Config) -> &Vagus {
    &config.vagus
}

fn plain(value: &impl Display) -> String {
    value.to_string()
}

fn optional<T: Display>(value: &Option<T>) -> String {
    value.as_ref().map(T::to_string).unwrap_or_default()
}

fn path(value: &Option<PathBuf>) -> String {
    value.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
}

fn time(value: &Duration) -> String {
    duration::format(*value)
}

fn optional_time(value: &Option<Duration>) -> String {
    value.map(duration::format).unwrap_or_default()
}

fn list(value: &[String]) -> String {
    format!("[{}]", value.join(" "))
}

fn set(value: &BTreeSet<String>) -> String {
    list(&value.iter().cloned().collect::<Vec<_>>())
}

fn map<T: Display>(value: &BTreeMap<String, T>) -> String {
    let entries: Vec<_> = value.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("map[{}]", entries.join(" "))
}

/// Names alone: what stands under them may be secret.
fn names<T>(value: &BTreeMap<String, T>) -> String {
    list(&value.keys().cloned().collect::<Vec<_>>())
}

fn users(value: &[User]) -> String {
    list(&value.iter().map(|user| user.id().to_owned()).collect::<Vec<_>>())
}

fn accounts(value: &[Account]) -> String {
    list(&value.iter().map(|account| account.rules.name.clone()).collect::<Vec<_>>())
}

fn permissions(value: &Option<PermissionRules>) -> String {
    if value.is_some() { "set" } else { "" }.to_owned()
}

fn mappings(value: &[Mapping]) -> String {
    list(&value.iter().map(|mapping| mapping.source.clone()).collect::<Vec<_>>())
}

fn gateway(value: &Option<Gateway>) -> String {
    value.as_ref().map(|gateway| gateway.name.clone()).unwrap_or_default()
}

fn routes(value: &[RouteUrl]) -> String {
    list(&value.iter().map(|url| url.address.clone()).collect::<Vec<_>>())
}

fn secret(value: &Option<Secret>) -> String {
    optional(value)
}

fn ocsp(value: &Ocsp) -> String {
    format!("{:?}", value.mode).to_lowercase()
}

fn ocsp_cache(value: &OcspCache) -> String {
    match value.none {
        true => "none".to_owned(),
        false => path(&Some(value.local_store.clone())),
    }
}

fn certificate(value: &Option<Tls>) -> String {
    let first = value.as_ref().and_then(|tls| tls.certificates.first());
    first.map(|files| files.cert_file.display().to_string()).unwrap_or_default()
}

fn write_timeout(value: &WriteTimeout) -> String {
    match value {
        WriteTimeout::Default => "default",
        WriteTimeout::Close => "close",
        WriteTimeout::Retry => "retry",
    }
    .to_owned()
}

fn compression(value: &Compression) -> String {
    value.name().to_owned()
}

fn log_format(value: &LogFormat) -> String {
    match value {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    }
    .to_owned()
}
