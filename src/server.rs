//! A running server: its ports, its actor tree, and what an operator can ask of it.

mod account_server;
mod cluster;
mod gateway;
mod identity;
mod jetstream;
mod leafs;
mod ocsp;
mod ports;
mod realms;
mod settings;
mod system;
mod trust;
mod web;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::sync::mpsc;
use tracing::{info, warn};
use vagus_actors::accounts::Enforce;
use vagus_actors::broker::{Broker, Settings};
use vagus_actors::census::messages::{Disband, Tell};
use vagus_actors::connection::messages::{End, Inform, Reload};
use vagus_actors::control;
use vagus_actors::delivery::Reason;
use vagus_actors::jetstream::Accounts;
use vagus_actors::leafs::Follow;
use vagus_actors::plugins::{self, Guest, PluginError};
use vagus_actors::root::{Open, Retire, Root};
use vagus_actors::system::messages::{Announce, Door};
use vagus_auth::AccountBook;
use vagus_config::{Config, HandshakeFirst, Loaded};
use vagus_plugin::{Plugin, Service};
use vagus_runtime::{Handle, Registry, Runtime, RuntimeConfig, RuntimeError, Spec};
use vagus_telemetry::text::IoReason;

pub use self::identity::Identity;
pub use self::jetstream::JetStreamError;
pub use self::ocsp::OcspError;
use self::ocsp::Stapler;
use self::ocsp::archive::Archive;
use self::realms::Charter;
pub use self::settings::SettingsError;
use self::system::Orders;
pub use self::system::ReloadOrder;
pub use self::trust::TrustError;
use crate::monitor::{self, Monitor, MonitorContext, MonitorError};

/// A server in this process. Ends when dropped; [`Server::shutdown`] ends it in good order.
pub struct Server {
    in_force: Arc<ArcSwap<InForce>>,
    identity: Arc<Identity>,
    /// What is known of accounts by their JWTs.
    book: Arc<AccountBook>,
    broker: Arc<Broker>,
    jetstream: Option<Arc<Accounts>>,
    root: Handle<Root>,
    runtime: Runtime,
    address: Option<SocketAddr>,
    cluster_address: Option<SocketAddr>,
    leaf_address: Option<SocketAddr>,
    monitor: Monitor,
    orders: Arc<Orders>,
    stapler: Stapler,
}

/// The configuration that a server goes by, since when, and what it was read from.
#[derive(Debug, Clone)]
pub struct InForce {
    pub config: Config,
    /// `sha256:<hex>` of the file; empty without one.
    pub digest: String,
    pub since: SystemTime,
}

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("{address}, \"listen tcp {address}: bind: {}\"", IoReason(source))]
    Listen { address: String, source: std::io::Error },
    #[error("Can't start monitoring: {0}")]
    Monitor(#[from] MonitorError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    JetStream(#[from] JetStreamError),
    #[error(transparent)]
    Plugin(#[from] PluginError),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// What goes into a server before it starts.
#[derive(Default)]
pub struct Builder {
    config: Config,
    digest: String,
    identity: Option<Identity>,
    guests: Vec<Guest>,
}

/// Slices of the interest, where the configuration does not say.
const SHARDS: usize = 64;
/// How long the start waits for plugins to be ready.
const PLUGINS_READY_WITHIN: Duration = Duration::from_secs(10);
/// How long the start waits for the system to hear.
const SYSTEM_READY_WITHIN: Duration = Duration::from_secs(1);
/// How long the start waits for streams to be read. Those that take longer serve when they are.
const STREAMS_READY_WITHIN: Duration = Duration::from_secs(5);
/// How long the system and consumers may take to tell who waits that the server ends.
const FAREWELL: Duration = Duration::from_millis(250);

// === impl Builder ===

impl Builder {
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// A configuration with the digest of the file that it was read from.
    #[must_use]
    pub fn loaded(mut self, loaded: Loaded) -> Self {
        self.config = loaded.config;
        self.digest = loaded.digest;
        self
    }

    /// Who the server is to be, where that is known already.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Adds a plugin, made by `make` from its block of the configuration. See
    /// [`Plugin`].
    #[must_use]
    pub fn plugin<P, F>(mut self, make: F) -> Self
    where
        P: Plugin,
        F: FnMut(P::Config) -> Result<P, vagus_plugin::Error> + Send + 'static,
    {
        self.guests.push(Guest::plugin(make));
        self
    }

    /// Adds a service, made by `make` from its block of the configuration. See
    /// [`Service`].
    #[must_use]
    pub fn service<S, F>(mut self, make: F) -> Self
    where
        S: Service,
        F: FnMut(S::Config) -> Result<S, vagus_plugin::Error> + Send + 'static,
    {
        self.guests.push(Guest::service(make));
        self
    }

    /// Opens the port and brings the actors to life. Plugins are ready when this returns.
    ///
    /// # Errors
    /// When the port can't be opened, the configuration contradicts itself, threads can't be
    /// started, or a plugin refuses to start.
    pub fn start(self) -> Result<Server, StartError> {
        let config = self.config;
        let (guests, arrivals) = plugins::admit(self.guests, &config.plugins)?;
        let port = Arc::new(ports::open(&config.host, config.port)?);
        let address = port.local_addr().ok();
        let identity = Arc::new(self.identity.unwrap_or_else(|| Identity::new(&config)));
        let book = Arc::new(AccountBook::default());
        trust::preload(&config, &book)?;
        let settings = settings::from_config(&config, &identity, address, &book)?;
        let neighbours = cluster::open(&config, &identity, &settings.info)?;
        let frontier = gateway::open(&config, &identity)?;
        let leaf_port = leafs::open(&config)?;
        let leaf_address = leaf_port.as_ref().and_then(|port| port.local_addr().ok());
        let leafs_at = ports::number_of(leaf_address);
        let leaf_settings = leafs::settings(&config, &identity, &settings, leafs_at)?;
        let stapler = Stapler::new().map_err(SettingsError::from)?;
        let stapling = stapler.staple(&config, settings.tls.as_ref());
        let charter = Charter::from_config(&config, &book).map_err(SettingsError::from)?;
        let mut layout = RuntimeConfig::default();
        if let Some(arbiters) = config.vagus.arbiters {
            layout.arbiters = arbiters;
        }
        let shards = config.vagus.shards.unwrap_or(SHARDS);
        let broker = Arc::new(Broker::new(settings, layout.arbiters, shards));
        if neighbours.is_some() {
            broker.realms.mates.want();
            broker.realms.mates.permit(cluster::permissions(&config));
        }
        if frontier.is_some() {
            broker.realms.gateways.want();
        }
        if neighbours.is_some() || frontier.is_some() {
            control::start(&broker).map_err(RuntimeError::from)?;
        }
        broker.leaf_remotes.store(Arc::new(leafs::remotes(&config)?));
        broker.leaf_settings.store(Some(leaf_settings));
        broker.leaf_port.store(leafs_at, Relaxed);
        let cluster_address = neighbours.as_ref().and_then(|open| open.port.local_addr().ok());
        charter.apply(&broker.realms);
        let jetstream = jetstream::open(&config, &identity, &broker)?;
        let runtime = Runtime::start(layout)?;
        let in_force = InForce { config, digest: self.digest, since: SystemTime::now() };
        let in_force = Arc::new(ArcSwap::from_pointee(in_force));
        let mut monitor = Monitor::start(MonitorContext {
            broker: Arc::clone(&broker),
            actors: runtime.registry(),
            identity: Arc::clone(&identity),
            in_force: Arc::clone(&in_force),
            jetstream: jetstream.clone(),
        })?;
        let (orders, (heard, hears)) = (Arc::default(), std::sync::mpsc::channel());
        let config = &in_force.load().config;
        let office = system::open(config, &broker, monitor.pages(), &orders);
        let office = office.map(|office| (office, heard));
        let keys = Arc::clone(&identity.keys);
        let resolver = trust::resolver(config, &broker, &book)?;
        let (top, (api_ready, api)) = (Arc::clone(&broker), std::sync::mpsc::channel());
        let (accounts_ready, accounts) = std::sync::mpsc::channel();
        let js = jetstream.clone().map(|js| (js, api_ready));
        let archive = Archive::new(&config.ocsp_cache);
        // Nobody is shown a certificate that lacks its status.
        let (now, later) = match &stapling {
            Some(_) => (None, Some(port)),
            None => (Some(port), None),
        };
        let spec = Spec::once("server", move || {
            let root = Root::new(top, now, Some(guests), js, office, accounts_ready);
            let root = root.with_resolver(resolver).with_keys(keys).with_ocsp(archive);
            root.beside(neighbours).bordering(frontier).with_leafs(leaf_port)
        });
        let root = runtime.spawn(spec.arbiter(runtime.control()));
        if let Some(js) = &jetstream
            && api.recv_timeout(STREAMS_READY_WITHIN) == Err(RecvTimeoutError::Timeout)
        {
            info!(
                "JetStream is still recovering: its store {}; what is published to a stream waits \
                 until the stream is read",
                monitor::in_words(&js.store.health())
            );
        }
        // Closed once every account is ready.
        let _ = accounts.recv_timeout(STREAMS_READY_WITHIN);
        arrivals.wait(PLUGINS_READY_WITHIN)?;
        // Without a system nobody is there to say so, and this returns at once.
        let _ = hears.recv_timeout(SYSTEM_READY_WITHIN);
        if let Some(stapling) = stapling {
            stapling.wait().map_err(SettingsError::from)?;
        }
        if let Some(port) = later {
            let _ = root.send_urgent(Open(port));
        }
        monitor.serve();
        if let Some(address) = address {
            info!("Listening for client connections on {address}");
            announce(&broker.settings());
        }
        stapler.watch(Arc::clone(&broker), Arc::clone(&in_force));
        Ok(Server {
            in_force,
            identity,
            book,
            broker,
            jetstream,
            root,
            runtime,
            address,
            cluster_address,
            leaf_address,
            monitor,
            orders,
            stapler,
        })
    }
}

/// What clients have to know of the port.
fn announce(settings: &Settings) {
    if settings.proxy_protocol {
        info!("PROXY protocol enabled for client connections");
    }
    let Some(tls) = &settings.tls else { return };
    match tls.optional {
        true => info!("TLS available for client connections"),
        false => info!("TLS required for client connections"),
    }
    if tls.handshake_first == HandshakeFirst::Always {
        warn!("Clients that are not using \"TLS Handshake First\" option will fail to connect");
    }
}

// === impl Server ===

impl Server {
    /// A server to be.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Where other servers connect, if the configuration asks for them.
    #[must_use]
    pub fn cluster_address(&self) -> Option<SocketAddr> {
        self.cluster_address
    }

    /// Where leaf nodes connect, if the configuration asks for them.
    #[must_use]
    pub fn leaf_address(&self) -> Option<SocketAddr> {
        self.leaf_address
    }

    /// Where the monitoring pages are, if the configuration asks for them.
    #[must_use]
    pub fn monitor_address(&self) -> Option<SocketAddr> {
        self.monitor.address()
    }

    #[must_use]
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    #[must_use]
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Config {
        self.in_force.load().config.clone()
    }

    /// Every living actor.
    #[must_use]
    pub fn actors(&self) -> Registry {
        self.runtime.registry()
    }

    /// Resolves with the cause when the server can't go on.
    pub fn failed(&self) -> impl Future<Output = Arc<str>> + Send + 'static + use<> {
        self.runtime.failed()
    }

    /// Puts another configuration in force, as far as it can change without a restart: the caller
    /// has compared the two.
    ///
    /// # Errors
    /// When the new configuration contradicts itself. Then nothing has changed.
    pub fn reload(&self, loaded: Loaded) -> Result<(), SettingsError> {
        let Loaded { config, digest, .. } = loaded;
        let settings = settings::from_config(&config, &self.identity, self.address, &self.book)?;
        if let Some(stapling) = self.stapler.staple(&config, settings.tls.as_ref()) {
            stapling.wait()?;
        }
        let of_jetstream = jetstream::settings(&config);
        if self.jetstream.is_some() {
            jetstream::check(&config, &of_jetstream)?;
        }
        let moved = trust::moved(&self.in_force.load().config, &config)?;
        let remotes = leafs::remotes(&config)?;
        let leafs_at = ports::number_of(self.leaf_address);
        let leaf_settings = leafs::settings(&config, &self.identity, &settings, leafs_at)?;
        trust::preload(&config, &self.book)?;
        let charter = Charter::from_config(&config, &self.book)?;
        if let Some(js) = &self.jetstream {
            js.set_settings(of_jetstream);
            js.set_system(config.system());
        }
        charter.apply(&self.broker.realms);
        self.broker.set_settings(settings);
        self.broker.realms.mates.permit(cluster::permissions(&config));
        self.broker.leaf_remotes.store(Arc::new(remotes));
        self.broker.leaf_settings.store(Some(leaf_settings));
        // A root that is gone has no use for them.
        let _ = self.root.send_urgent(Follow);
        self.in_force.store(Arc::new(InForce { config, digest, since: SystemTime::now() }));
        if let Some(cast) = self.broker.cast() {
            // Accounts between two lives look at the rules when they are back.
            let _ = cast.accounts.send_urgent(Enforce);
            if let (Some(moved), Some(resolver)) = (moved, &cast.resolver) {
                // One between two lives has it when it is back.
                let _ = resolver.send_urgent(moved);
            }
        }
        self.tell(Tell::Reload(Reload(self.broker.settings())));
        if let Some(system) = self.system() {
            system.settle();
        }
        Ok(())
    }

    /// Orders, given over NATS, to read the configuration again; for whoever asks first.
    #[must_use]
    pub fn reload_orders(&self) -> mpsc::Receiver<ReloadOrder> {
        self.orders.take()
    }

    fn system(&self) -> Option<Door> {
        self.broker.cast()?.system.clone()
    }

    fn tell(&self, order: Tell) {
        if let Some(cast) = self.broker.cast() {
            // A census between two lives gets it when it is back.
            let _ = cast.census.send_urgent(order);
        }
    }

    /// Takes no new clients, tells those there are to look for another server, and after a grace
    /// period ends their connections one by one. Returns at once; [`Server::clients`] tells how
    /// many are left.
    pub fn lame_duck(&self) {
        self.broker.leaving.store(true, Relaxed);
        if let Some(system) = self.system() {
            system.announce(Announce::LameDuck);
        }
        // A root that is gone takes no clients either.
        let _ = self.root.send_urgent(Retire);
        self.tell(Tell::Inform(Inform));
    }

    /// Ends all connections within about this time.
    pub fn disband(&self, over: Duration) {
        if let Some(cast) = self.broker.cast() {
            let _ = cast.census.send_urgent(Disband { over });
        }
    }

    /// Clients connected now.
    #[must_use]
    pub fn clients(&self) -> u64 {
        self.broker.tally.clients.load(Relaxed)
    }

    /// Ends the server: no new clients, what is queued for those there are is sent, then every
    /// actor stops. Blocks for `within` at most, twice.
    ///
    /// # Errors
    /// When some actor did not stop in time.
    pub fn shutdown(self, within: Duration) -> Result<(), RuntimeError> {
        let _ = self.root.send_urgent(Retire);
        if let Some(system) = self.system() {
            let (tell, told) = std::sync::mpsc::channel();
            system.announce(Announce::Shutdown(tell));
            // Its time is over as well.
            let _ = told.recv_timeout(FAREWELL);
        }
        if let Some(js) = &self.jetstream {
            let until = Instant::now() + FAREWELL;
            let told: Vec<_> = js.all().iter().map(|js| js.directory.farewell()).collect();
            let waits = || told.iter().any(|told| Arc::strong_count(told) > 1);
            while waits() && Instant::now() < until {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
        self.tell(Tell::End(End(Reason::ServerShutdown)));
        let deadline = Instant::now() + within;
        while self.clients() > 0 && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let stopped = self.runtime.shutdown(within);
        if let Some(js) = &self.jetstream {
            info!("Initiating JetStream Shutdown...");
            js.store.shutdown();
            info!("JetStream Shutdown");
        }
        stopped
    }
}
