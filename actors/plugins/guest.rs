//! [`Guest`]: a custom actor on its way into the tree; and how the server waits for all of them.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value;
use vagus_plugin::host::{Served, is_valid_name};
use vagus_plugin::{Error, Plugin, Service};
use vagus_runtime::{Cx, MailboxLimits, Placement, Spec};

use super::seat::{Home, Report, Seat, policy};
use super::{PluginError, Plugins};
use crate::broker::Broker;
use crate::plugins::host::Host;
use crate::root::Root;

/// See the module's text.
pub struct Guest {
    name: &'static str,
    /// Its block of the configuration.
    config: Arc<Option<Value>>,
    check: fn(&Option<Value>) -> Result<(), PluginError>,
    enter: Box<Entrance>,
}

type Entrance = dyn Fn(&Home, &Arc<Option<Value>>, &mut Cx<'_, Plugins>) + Send;

/// Batches that may wait for a plugin, besides the bound on their bytes.
const BATCHES_MAX: u32 = 64 << 10;

// === impl Guest ===

impl Guest {
    /// A plugin that `make` makes, again after each failure.
    pub fn plugin<P, F>(make: F) -> Self
    where
        P: Plugin,
        F: FnMut(P::Config) -> Result<P, Error> + Send + 'static,
    {
        let make = Arc::new(Mutex::new(make));
        let enter = move |home: &Home, config: &Arc<Option<Value>>, cx: &mut Cx<'_, Plugins>| {
            let (home, config, make) = (home.clone(), Arc::clone(config), Arc::clone(&make));
            let seat = Arc::new(Mutex::new(Seat::default()));
            let factory = move || {
                let make = || {
                    let config = read::<P>(&config).map_err(|error| error.to_string())?;
                    (make.lock())(config).map_err(|error| error.to_string())
                };
                Host::new(home.clone(), Arc::clone(&seat), make)
            };
            let limits = MailboxLimits { depth_max: BATCHES_MAX, bytes_max: P::PENDING_MAX as u64 };
            let spec = Spec::new(P::NAME, factory).mailbox(limits).restart(policy());
            cx.spawn(spec.arbiter(Placement::Least));
        };
        let check = |config: &Option<Value>| read::<P>(config).map(drop);
        Self { name: P::NAME, config: Arc::default(), check, enter: Box::new(enter) }
    }

    /// A service that `make` makes, again after each failure.
    pub fn service<S, F>(mut make: F) -> Self
    where
        S: Service,
        F: FnMut(S::Config) -> Result<S, Error> + Send + 'static,
    {
        // The instance stays the same over its restarts.
        let id = Served::<S>::new_id();
        Self::plugin(move |config| Served::new(make(config)?, id.clone()))
    }

    pub(super) fn move_in(&self, home: &Home, cx: &mut Cx<'_, Plugins>) {
        (self.enter)(home, &self.config, cx);
    }
}

/// The typed configuration of a plugin.
fn read<P: Plugin>(config: &Option<Value>) -> Result<P::Config, PluginError> {
    let Some(value) = config else { return Ok(P::Config::default()) };
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = error.path().to_string();
        PluginError::Config {
            name: P::NAME,
            field: (field != ".").then_some(field),
            cause: error.into_inner().to_string(),
        }
    })
}

/// All guests of a server, with their configuration.
pub struct Guests {
    list: Vec<Guest>,
    reports: mpsc::Sender<Report>,
}

/// Gives every guest its block of the configuration.
///
/// # Errors
/// When a block does not fit its plugin, or names are unfit.
pub fn admit(
    mut list: Vec<Guest>,
    blocks: &BTreeMap<String, Value>,
) -> Result<(Guests, Arrivals), PluginError> {
    for n in 0..list.len() {
        let name = list[n].name;
        if !is_valid_name(name) {
            return Err(PluginError::Name { name });
        }
        if list[..n].iter().any(|other| other.name == name) {
            return Err(PluginError::Twice { name });
        }
        let config = blocks.get(name).cloned();
        (list[n].check)(&config)?;
        list[n].config = Arc::new(config);
    }
    for name in blocks.keys().filter(|name| list.iter().all(|guest| guest.name != **name)) {
        tracing::warn!("configuration of plugin {name:?}, which this server does not have");
    }
    let (sender, reports) = mpsc::channel();
    let awaited = list.iter().map(|guest| guest.name).collect();
    Ok((Guests { list, reports: sender }, Arrivals { reports, awaited }))
}

// === impl Guests ===

impl Guests {
    /// Brings them to life, under a parent of their own.
    pub(crate) fn move_in(self, broker: &Arc<Broker>, cx: &mut Cx<'_, Root>) {
        if self.list.is_empty() {
            return;
        }
        let home = Home { broker: Arc::clone(broker), reports: self.reports };
        let list = Arc::new(Mutex::new(self.list));
        cx.spawn(Spec::new("plugins", move || Plugins::new(home.clone(), Arc::clone(&list))));
    }
}

/// The plugins that were sent in and did not report yet.
pub struct Arrivals {
    reports: mpsc::Receiver<Report>,
    awaited: Vec<&'static str>,
}

// === impl Arrivals ===

impl Arrivals {
    /// Blocks until all of them serve.
    ///
    /// # Errors
    /// When one can't be made, fails too often, or is not ready in time.
    pub fn wait(mut self, within: Duration) -> Result<(), PluginError> {
        let deadline = Instant::now() + within;
        while let Some(name) = self.awaited.last().copied() {
            let left = deadline.saturating_duration_since(Instant::now());
            let report =
                self.reports.recv_timeout(left).map_err(|_| PluginError::Late { name, within })?;
            if let Err(cause) = report.outcome {
                return Err(PluginError::Failed { name: report.name, cause });
            }
            self.awaited.retain(|name| *name != report.name);
        }
        Ok(())
    }
}
