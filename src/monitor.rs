//! The monitoring port: what operators and their tools read, over HTTP.
//!
//! ```text
//! serve (accepts, one task a connection) -> router (path -> endpoint) -> one file an endpoint
//! maker (for those who ask over NATS)    ----------------^            -> reply (JSON, text, HTML)
//! ```
//!
//! It lives on a thread of its own, so that a page that takes long to make, or a tool that asks too
//! often, costs no arbiter anything. Pages read atomics and the interest; what only actors know
//! they are asked for by message, with a time limit. A panic while a page is made ends that answer
//! with status 500 and nothing else.
//!
//! The pages of nats-server have its fields in its order. Three are our own: `/metrics`,
//! `/actorz` and `/explain`.

mod context;
mod maker;
mod query;
mod reply;
mod router;
mod serve;

mod accountz;
mod accstatz;
mod actorz;
mod clusterz;
mod connz;
mod explain;
mod expvar;
mod gatewayz;
mod healthz;
mod index;
mod ipqueuesz;
mod jetstream;
mod jsz;
mod leafz;
mod metrics;
mod raftz;
mod routez;
mod stacksz;
mod statsz;
mod subsz;
mod varz;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::sync::{oneshot, watch};
use tracing::info;
use vagus_actors::Broker;
use vagus_actors::jetstream::Accounts;
use vagus_actors::system::Pages;
use vagus_config::{Config, Port};
use vagus_runtime::Registry;
use vagus_telemetry::text::IoReason;

use self::context::Context;
pub(crate) use self::jetstream::health::in_words;
use self::maker::PageMaker;
use crate::server::{Identity, InForce};

/// What the pages are made from.
pub struct MonitorContext {
    pub broker: Arc<Broker>,
    pub actors: Registry,
    pub identity: Arc<Identity>,
    pub in_force: Arc<ArcSwap<InForce>>,
    /// `None`: JetStream is off.
    pub jetstream: Option<Arc<Accounts>>,
}

/// The pages of a server and, if the configuration asks for one, the port that serves them; until
/// it is stopped or dropped.
pub struct Monitor {
    address: Option<SocketAddr>,
    secure: bool,
    /// Who comes to the port before this is used waits.
    begin: Option<oneshot::Sender<()>>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    pages: Arc<PageMaker>,
}

/// Why the monitoring port could not be opened.
#[derive(Debug, Error)]
pub enum MonitorError {
    #[error("can't specify both HTTP ({http}) and HTTPs ({https}) ports")]
    BothPorts { http: Port, https: Port },
    #[error("TLS cert and key required for HTTPS")]
    NoCertificate,
    #[error("can't listen to the monitor port: listen tcp {address}: bind: {}", IoReason(source))]
    Listen { address: String, source: io::Error },
    #[error("can't start the monitor's thread: {0}")]
    Thread(#[source] io::Error),
}

// === impl Monitor ===

impl Monitor {
    /// Starts the thread that makes pages, and opens the port that the configuration names: it is
    /// served from [`Monitor::serve`] on.
    ///
    /// # Errors
    /// When the port is taken, or there is no certificate for it.
    pub fn start(context: MonitorContext) -> Result<Self, MonitorError> {
        let in_force = context.in_force.load_full();
        let config = &in_force.config;
        let (port, secure) = match (config.http_port, config.https_port) {
            (None, None) => (None, false),
            (Some(http), Some(https)) => return Err(MonitorError::BothPorts { http, https }),
            (Some(port), None) => (Some(port), false),
            (None, Some(_)) if config.tls.is_none() => return Err(MonitorError::NoCertificate),
            (None, Some(port)) => (Some(port), true),
        };
        let listener = port.map(|port| open(config, port)).transpose()?;
        let address = listener.as_ref().map(std::net::TcpListener::local_addr).transpose();
        let address = address.map_err(MonitorError::Thread)?;
        if let Some(address) = address {
            let scheme = if secure { "https" } else { "http" };
            info!("Starting {scheme} monitor on {}", joined(config.monitor_host(), address.port()));
        }
        let (stop, stopped) = watch::channel(false);
        let (begin, begun) = oneshot::channel();
        let context = Arc::new(Context::new(context, config, address, secure));
        let (thread, runtime) =
            run(listener, Arc::clone(&context), begun, stopped).map_err(MonitorError::Thread)?;
        let pages = Arc::new(PageMaker::new(context, runtime));
        Ok(Self { address, secure, begin: Some(begin), stop, thread: Some(thread), pages })
    }

    /// Serves the port from here on.
    pub fn serve(&mut self) {
        if let Some(begin) = self.begin.take() {
            // A thread that is gone serves nothing.
            let _ = begin.send(());
        }
    }

    /// Where it listens, if it does.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The pages, for others than those who ask over the port.
    #[must_use]
    pub fn pages(&self) -> Arc<dyn Pages> {
        Arc::clone(&self.pages) as Arc<dyn Pages>
    }

    /// Whether it speaks HTTPS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Closes the port, after answers under way were sent or a second has passed.
    pub fn stop(mut self) {
        self.close();
    }

    fn close(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // Its panic was told when it happened.
            let _ = thread.join();
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.close();
    }
}

/// The life of the monitor's thread: pages are made while it runs, the port is served once that has
/// begun.
fn run(
    listener: Option<std::net::TcpListener>,
    context: Arc<Context>,
    begun: oneshot::Receiver<()>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<(JoinHandle<()>, tokio::runtime::Handle)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let listener = {
        let _entered = runtime.enter();
        listener.map(tokio::net::TcpListener::from_std).transpose()?
    };
    let life = async move {
        let begun = tokio::select! {
            begun = begun => begun.is_ok(),
            _ = stop.wait_for(|stop| *stop) => false,
        };
        match listener.filter(|_| begun) {
            Some(listener) => serve::serve(listener, context, stop).await,
            // An error means that the monitor is gone.
            None => drop(stop.wait_for(|stop| *stop).await),
        }
    };
    let thread = std::thread::Builder::new().name("vagus-monitor".to_owned()).spawn(move || {
        runtime.block_on(life);
        // What is left now had its time.
        runtime.shutdown_background();
    })?;
    Ok((thread, handle))
}

fn open(config: &Config, port: Port) -> Result<std::net::TcpListener, MonitorError> {
    let host = config.monitor_host();
    let failed = |source| MonitorError::Listen { address: joined(host, port.to_bind()), source };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses = (bare, port.to_bind()).to_socket_addrs().map_err(failed)?;
    let address =
        addresses.next().ok_or_else(|| failed(io::Error::other("the host has no address")))?;
    vagus_actors::listener::open(address).map_err(failed)
}

/// `host:port`, with brackets where the host has colons.
fn joined(host: &str, port: u16) -> String {
    match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_operators_know_them() {
        let source = io::Error::from_raw_os_error(98);
        let error = MonitorError::Listen { address: joined("::1", 8222), source };
        assert_eq!(
            error.to_string(),
            "can't listen to the monitor port: listen tcp [::1]:8222: bind: address already in use"
        );
        let error = MonitorError::BothPorts { http: Port::Fixed(1), https: Port::Random };
        assert_eq!(error.to_string(), "can't specify both HTTP (1) and HTTPs (-1) ports");
    }
}
