//! The typed configuration: one field a key, with the key's name and its unit in the type.

mod accounts;
pub(crate) mod cluster;
mod compression;
mod debug;
mod gateway;
mod jetstream;
mod leaf;
pub(crate) mod tls;
mod trust;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use vagus_auth::GLOBAL_ACCOUNT;
use vagus_auth::account::AccountMapping;
use vagus_subject::transform::Destination;

pub use self::accounts::{Account, Authorization, SYSTEM_ACCOUNT, User};
pub use self::cluster::{Cluster, RouteUrl};
pub use self::compression::Compression;
pub use self::gateway::{Gateway, RemoteGateway};
pub use self::jetstream::{BatchLimits, Cipher, JetStream, JetStreamLimits, SyncInterval};
pub use self::leaf::{LeafNodes, LeafProxy, LeafRemote, LeafUrl, LeafUser};
pub use self::tls::{
    CipherSuite, Curve, HandshakeFirst, Ocsp, OcspCache, OcspMode, PeerStatus, Tls, TlsFiles,
    TlsVersion,
};
pub use self::trust::{Directory, Operator, Resolver, Trust};

/// Every setting that this server acts upon. `Config::default()` is what an empty file means.
#[derive(Clone, PartialEq)]
pub struct Config {
    // Where clients connect.
    pub host: String,
    pub port: Port,
    /// Told to clients in place of host and port: `host` or `host:port`.
    pub client_advertise: Option<String>,

    // Who the server is.
    pub server_name: Option<String>,
    /// In lower case.
    pub server_tags: Vec<String>,
    pub server_metadata: BTreeMap<String, String>,
    pub feature_flags: BTreeMap<String, bool>,

    // Logging.
    pub debug: bool,
    pub trace: bool,
    pub trace_verbose: bool,
    pub trace_headers: bool,
    pub logtime: bool,
    pub logtime_utc: bool,
    pub log_file: Option<PathBuf>,
    /// Bytes after which the log file is rotated; 0 for never.
    pub log_size_limit: u64,
    /// Files kept, the current one included; 0 for all.
    pub log_max_num: u64,
    /// Payload bytes shown in traces; 0 for all.
    pub max_traced_msg_len: u64,
    pub connect_error_reports: u64,
    pub reconnect_error_reports: u64,

    // Files.
    pub pid_file: Option<PathBuf>,
    pub ports_file_dir: Option<PathBuf>,

    // Monitoring.
    /// `None`: the host of the client port. See [`Config::monitor_host`].
    pub http_host: Option<String>,
    pub http_port: Option<Port>,
    pub https_port: Option<Port>,
    /// Empty, or with a leading slash and without a trailing one.
    pub http_base_path: String,
    /// TLS of the client port, and of https monitoring.
    pub tls: Option<Tls>,
    /// Clients may connect without TLS although there is a `tls` block.
    pub allow_non_tls: bool,
    pub ocsp: Ocsp,
    pub ocsp_cache: OcspCache,
    /// Clients come through a proxy that tells in a PROXY protocol header where from.
    pub proxy_protocol: bool,

    // Limits.
    /// Bytes of the arguments of a protocol line.
    pub max_control_line: u64,
    /// Bytes of one message, headers included.
    pub max_payload: u64,
    /// Bytes waiting for one client before it is cut off.
    pub max_pending: u64,
    /// 0: nobody may connect.
    pub max_connections: u64,
    /// Subscriptions a connection; 0 for no limit.
    pub max_subscriptions: u64,
    pub max_sub_tokens: Option<u8>,
    /// Closed connections remembered for monitoring.
    pub max_closed_clients: u64,

    // Time.
    pub ping_interval: Duration,
    /// Pings without an answer before a connection is stale.
    pub ping_max: u32,
    pub write_deadline: Duration,
    pub write_timeout: WriteTimeout,
    pub lame_duck_duration: Duration,
    pub lame_duck_grace_period: Duration,

    // Behaviour.
    pub no_fast_producer_stall: bool,
    pub disable_sublist_cache: bool,
    pub no_header_support: bool,
    /// Subject mappings of the global account, in the order written.
    pub mappings: Vec<Mapping>,

    // Identity.
    pub authorization: Authorization,
    pub no_auth_user: Option<String>,
    /// In the order written; without the global one.
    pub accounts: Vec<Account>,
    pub trust: Trust,
    /// Public keys of proxies that may vouch for clients.
    pub proxies: Vec<String>,
    pub system_account: Option<String>,
    /// Do without system events and requests.
    pub no_system_account: bool,
    pub cluster: Cluster,
    /// `None`: the cluster is linked with no other.
    pub gateway: Option<Gateway>,
    pub leafnodes: LeafNodes,

    pub jetstream: JetStream,
    /// The domain that accounts without JetStream ask, by account; empty: leaf links keep nothing
    /// of such an account back.
    pub default_js_domain: BTreeMap<String, String>,

    // What nats-server does not have.
    /// The block of each plugin, by plugin name.
    pub plugins: BTreeMap<String, serde_json::Value>,
    pub vagus: Vagus,
}

/// A port to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    Fixed(u16),
    /// Written as -1: the system chooses.
    Random,
}

impl Port {
    /// What to bind: 0 lets the system choose.
    pub fn to_bind(self) -> u16 {
        match self {
            Port::Fixed(port) => port,
            Port::Random => 0,
        }
    }
}

/// As in the file: -1 for random.
impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Port::Fixed(port) => write!(f, "{port}"),
            Port::Random => f.write_str("-1"),
        }
    }
}

/// What happens to a connection that takes longer than `write_deadline` to accept bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteTimeout {
    /// As fits the kind of connection; clients are closed.
    #[default]
    Default,
    Close,
    Retry,
}

/// A source subject and where its messages go instead.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    pub source: String,
    pub destinations: Vec<MapDestination>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MapDestination {
    pub subject: String,
    /// Per cent, 0 to 100.
    pub weight: u8,
    /// Only in the cluster of this name.
    pub cluster: Option<String>,
}

impl From<Mapping> for AccountMapping {
    fn from(mapping: Mapping) -> Self {
        let destination = |to: MapDestination| Destination {
            subject: to.subject.into_bytes(),
            weight: to.weight,
            cluster: to.cluster,
        };
        Self {
            source: mapping.source,
            destinations: mapping.destinations.into_iter().map(destination).collect(),
        }
    }
}

/// The `vagus` block: settings of this server alone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vagus {
    /// Threads that run actors; `None` for one a core.
    pub arbiters: Option<usize>,
    /// Slices of the subject space; `None` for as many as arbiters.
    pub shards: Option<usize>,
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".to_owned(),
            port: Port::Fixed(4222),
            client_advertise: None,
            server_name: None,
            server_tags: Vec::new(),
            server_metadata: BTreeMap::new(),
            feature_flags: BTreeMap::new(),
            debug: false,
            trace: false,
            trace_verbose: false,
            trace_headers: false,
            logtime: true,
            logtime_utc: false,
            log_file: None,
            log_size_limit: 0,
            log_max_num: 0,
            max_traced_msg_len: 0,
            connect_error_reports: 3600,
            reconnect_error_reports: 1,
            pid_file: None,
            ports_file_dir: None,
            http_host: None,
            http_port: None,
            https_port: None,
            http_base_path: String::new(),
            tls: None,
            allow_non_tls: false,
            ocsp: Ocsp::default(),
            ocsp_cache: OcspCache::default(),
            proxy_protocol: false,
            max_control_line: 4096,
            max_payload: 1024 * 1024,
            max_pending: 64 * 1024 * 1024,
            max_connections: 65_536,
            max_subscriptions: 0,
            max_sub_tokens: None,
            max_closed_clients: 10_000,
            ping_interval: Duration::from_secs(120),
            ping_max: 2,
            write_deadline: Duration::from_secs(10),
            write_timeout: WriteTimeout::Default,
            lame_duck_duration: Duration::from_secs(120),
            lame_duck_grace_period: Duration::from_secs(10),
            no_fast_producer_stall: false,
            disable_sublist_cache: false,
            no_header_support: false,
            mappings: Vec::new(),
            authorization: Authorization::default(),
            no_auth_user: None,
            accounts: Vec::new(),
            trust: Trust::default(),
            proxies: Vec::new(),
            system_account: None,
            no_system_account: false,
            cluster: Cluster::default(),
            gateway: None,
            leafnodes: LeafNodes::default(),
            jetstream: JetStream::default(),
            default_js_domain: BTreeMap::new(),
            plugins: BTreeMap::new(),
            vagus: Vagus::default(),
        }
    }
}

/// Ack and flow control subjects name domain and account.
pub const JS_ACK_FC_V2: &str = "js_ack_fc_v2";
/// Features with a switch; each is off unless it is turned on.
const FEATURES: [&str; 2] = [JS_ACK_FC_V2, "js_raft_delete_range"];

impl Config {
    /// The host of the monitoring port.
    pub fn monitor_host(&self) -> &str {
        self.http_host.as_deref().unwrap_or(&self.host)
    }

    /// Time a client has to authenticate: a second more than for a TLS handshake.
    pub fn auth_timeout(&self) -> Duration {
        self.authorization.timeout.unwrap_or_else(|| match &self.tls {
            Some(tls) => tls.timeout + Duration::from_secs(1),
            None => Duration::from_secs(2),
        })
    }

    /// Every user, with the name of its account.
    pub fn users(&self) -> impl Iterator<Item = (&str, &User)> {
        let global = self.authorization.users.iter().map(|user| (GLOBAL_ACCOUNT, user));
        let others = self.accounts.iter().flat_map(|account| {
            account.users.iter().map(|user| (account.rules.name.as_str(), user))
        });
        global.chain(others)
    }

    /// All features that have a switch, with where it stands. A name that nobody knows is none.
    pub fn features(&self) -> BTreeMap<String, bool> {
        let stated = |name: &str| self.feature_flags.get(name).copied().unwrap_or(false);
        FEATURES.map(|name| (name.to_owned(), stated(name))).into()
    }

    /// The cluster that the server is one of, by its own name or by that of its gateway.
    pub fn cluster_name(&self) -> Option<&str> {
        let gateway = self.gateway.as_ref().map(|gateway| gateway.name.as_str());
        self.cluster.name.as_deref().or(gateway)
    }

    /// The account of system events and requests; `None` where there is none.
    pub fn system(&self) -> Option<&str> {
        let stated = match self.trust.operator.as_slice() {
            [operator] => Some(operator.claims.nats.system_account.as_str()),
            _ => None,
        };
        let stated = stated.filter(|key| !key.is_empty());
        let named = self.system_account.as_deref().or(stated).unwrap_or(SYSTEM_ACCOUNT);
        (!self.no_system_account).then_some(named)
    }

    /// Whether a system account is configured, and nothing about users of the global account: then
    /// clients without credentials are let in there all the same.
    pub fn admits_without_users(&self) -> bool {
        let system =
            self.accounts.iter().all(|account| Some(account.rules.name.as_str()) == self.system());
        let auth = &self.authorization;
        let single = auth.user.is_some() || auth.token.is_some();
        system
            && !self.accounts.is_empty()
            && !single
            && auth.users.is_empty()
            && self.no_auth_user.is_none()
    }

    /// Whether clients must say who they are.
    pub fn auth_required(&self) -> bool {
        let auth = &self.authorization;
        let listed = auth.user.is_some() || auth.token.is_some() || self.users().next().is_some();
        listed || self.trust.is_given()
    }

    /// Whether a password is written in clear, which deserves a warning at the start. Tokens do
    /// not count, and a user without a password does, as in nats-server.
    pub fn has_plaintext_passwords(&self) -> bool {
        let single = self.authorization.password.as_ref().is_some_and(|secret| !secret.is_bcrypt());
        let plain = |(_, user): (&str, &User)| user.nkey.is_none() && !user.password.is_bcrypt();
        single || self.users().any(plain)
    }
}
