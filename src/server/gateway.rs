//! Links to other clusters as the configuration wants them: the port for them is opened.

use std::sync::Arc;
use std::time::Duration;

use vagus_actors::gateway::{GatewaySettings, RemoteCluster};
use vagus_actors::root::Frontier;
use vagus_actors::route::Times;
use vagus_config::{Config, WriteTimeout};
use vagus_runtime::cluster::hello::LinkSecret;

use super::cluster::{advertised, pending_max, place, secret};
use super::{Identity, StartError, ports};

/// A sign of life is asked for this often, and a link is given up that shows none after so many.
const PING_INTERVAL: Duration = Duration::from_secs(1);
const PINGS_OUT_MAX: u32 = 3;

/// Nothing where the cluster is linked with no other.
pub(super) fn open(config: &Config, identity: &Identity) -> Result<Option<Frontier>, StartError> {
    let Some(wanted) = &config.gateway else { return Ok(None) };
    let Some(port) = wanted.port else { return Ok(None) };
    let port = ports::open(&wanted.host, port)?;
    let address = port.local_addr().map_or(0, |address| address.port());
    let own = secret(wanted.user.as_deref(), wanted.password.as_ref());
    let remotes = wanted.remotes.iter().map(|remote| RemoteCluster {
        name: remote.name.clone(),
        places: remote.urls.iter().map(|url| place(url, own.as_ref())).collect(),
    });
    let settings = GatewaySettings {
        id: identity.id.clone(),
        server_name: identity.name.clone(),
        name: wanted.name.clone(),
        address: advertised(wanted.advertise.as_deref(), &wanted.host, address),
        remotes: remotes.collect(),
        secret: own.clone().unwrap_or_else(LinkSecret::none),
        auth_timeout: wanted.auth_timeout,
        connect_retries: wanted.connect_retries,
        connect_backoff: wanted.connect_backoff,
        reject_unknown: wanted.reject_unknown,
        times: Times {
            ping_interval: PING_INTERVAL,
            pings_out_max: PINGS_OUT_MAX,
            write_deadline: wanted.write_deadline.unwrap_or(config.write_deadline),
            write_retry: wanted.write_timeout != WriteTimeout::Close,
        },
        pending_max: pending_max(config),
    };
    Ok(Some(Frontier { settings: Arc::new(settings), port: Arc::new(port) }))
}
