//! [`Context`]: what every page can look at.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use arc_swap::{ArcSwap, Guard};
use vagus_actors::Broker;
use vagus_actors::jetstream::Accounts;
use vagus_config::Config;
use vagus_runtime::Registry;
use vagus_telemetry::Process;
use vagus_telemetry::text::GoTime;

use super::MonitorContext;
use super::router::Endpoint;
use crate::server::{Identity, InForce};

/// See the module's text.
pub(super) struct Context {
    pub(super) broker: Arc<Broker>,
    pub(super) actors: Registry,
    pub(super) identity: Arc<Identity>,
    in_force: Arc<ArcSwap<InForce>>,
    pub(super) jetstream: Option<Arc<Accounts>>,
    pub(super) process: Process,
    /// The port in use; 0 for the scheme that is not served.
    pub(super) http_port: u16,
    pub(super) https_port: u16,
    /// Empty, or a path that stands before all others. A reload can't change it.
    pub(super) base_path: String,
    requests: [AtomicU64; Endpoint::ALL.len()],
}

impl Context {
    pub(super) fn new(
        from: MonitorContext,
        config: &Config,
        address: Option<SocketAddr>,
        secure: bool,
    ) -> Self {
        let port = address.map_or(0, |address| address.port());
        let (http_port, https_port) = if secure { (0, port) } else { (port, 0) };
        Self {
            broker: from.broker,
            actors: from.actors,
            identity: from.identity,
            process: Process::new(),
            http_port,
            https_port,
            base_path: config.http_base_path.clone(),
            requests: std::array::from_fn(|_| AtomicU64::new(0)),
            in_force: from.in_force,
            jetstream: from.jetstream,
        }
    }

    /// The configuration that the server goes by.
    pub(super) fn in_force(&self) -> Guard<Arc<InForce>> {
        self.in_force.load()
    }

    /// The name of the system account, where there is one.
    pub(super) fn system_account(&self) -> Option<String> {
        self.in_force().config.system().map(str::to_owned)
    }

    /// Whether an account has JetStream.
    pub(super) fn has_jetstream(&self, account: &str) -> bool {
        self.jetstream.as_ref().is_some_and(|jetstream| jetstream.get(account).is_some())
    }

    /// Whether there is an account of this name.
    pub(super) fn has_account(&self, name: &str) -> bool {
        self.broker.realms.get(name).is_some()
    }

    pub(super) fn count(&self, endpoint: Endpoint) {
        self.requests[endpoint as usize].fetch_add(1, Relaxed);
    }

    /// Requests to an endpoint so far.
    pub(super) fn requests(&self, endpoint: Endpoint) -> u64 {
        self.requests[endpoint as usize].load(Relaxed)
    }

    pub(super) fn server_id(&self) -> String {
        self.identity.id.clone()
    }
}

/// The present moment as pages print it.
pub(super) fn now() -> String {
    time(SystemTime::now())
}

pub(super) fn time(at: SystemTime) -> String {
    GoTime(at).to_string()
}
