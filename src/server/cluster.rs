//! The cluster as the configuration wants it: the port for other servers is opened.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use tracing::warn;
use vagus_actors::cluster::{ClusterSettings, Place};
use vagus_actors::root::Neighbours;
use vagus_actors::route::Times;
use vagus_auth::Permissions;
use vagus_config::{Config, RouteUrl, WriteTimeout};
use vagus_runtime::cluster::hello::LinkSecret;
use vagus_runtime::cluster::sharing::{POOL_MAX, Sharing};
use vagus_wire::Info;

use super::{Identity, StartError, ports};

/// The least that may wait for another server, in bytes: it stands for many clients.
const PENDING_LEAST: u64 = 64 << 20;

/// What crosses the routes, where that is not everything.
pub(super) fn permissions(config: &Config) -> Option<Permissions> {
    config.cluster.permissions.clone().map(Permissions::new)
}

/// Nothing where the server is none of a cluster. `info` is what clients are told.
pub(super) fn open(
    config: &Config,
    identity: &Identity,
    info: &Info,
) -> Result<Option<Neighbours>, StartError> {
    let wanted = &config.cluster;
    let Some(port) = wanted.port else { return Ok(None) };
    let port = ports::open(&wanted.host, port)?;
    let address = port.local_addr().map_or(0, |address| address.port());
    let own = secret(wanted.user.as_deref(), wanted.password.as_ref());
    let name = config.cluster_name();
    if name.is_none() {
        warn!("Cluster name was dynamically generated, consider setting one");
    }
    let settings = ClusterSettings {
        id: identity.id.clone(),
        server_name: identity.name.clone(),
        dynamic: name.is_none(),
        name: name.map_or_else(|| made_up_name(identity), str::to_owned),
        address: advertised(wanted.advertise.as_deref(), &wanted.host, address),
        client_urls: vec![reached_at(&info.host, info.port)],
        no_advertise: wanted.no_advertise,
        places: wanted.routes.iter().map(|url| place(url, own.as_ref())).collect(),
        sharing: sharing(config),
        compression: wanted.compression.clone(),
        secret: own.unwrap_or_else(LinkSecret::none),
        auth_timeout: wanted.auth_timeout,
        connect_retries: wanted.connect_retries,
        connect_backoff: wanted.connect_backoff,
        times: Times {
            ping_interval: wanted.ping_interval,
            pings_out_max: wanted.ping_max,
            write_deadline: wanted.write_deadline.unwrap_or(config.write_deadline),
            write_retry: wanted.write_timeout != WriteTimeout::Close,
        },
        pending_max: pending_max(config),
    };
    Ok(Some(Neighbours { settings: Arc::new(settings), port: Arc::new(port) }))
}

/// The system's account always has a link of its own, where accounts are shared out at all.
fn sharing(config: &Config) -> Sharing {
    let Some(pool) = config.cluster.pool_size else { return Sharing::default() };
    let mut accounts = config.cluster.accounts.clone();
    accounts.extend(config.system().map(str::to_owned));
    Sharing { pool: pool.min(POOL_MAX), accounts }
}

/// Most bytes that may wait for another server.
pub(super) fn pending_max(config: &Config) -> usize {
    usize::try_from(config.max_pending.max(PENDING_LEAST)).unwrap_or(usize::MAX)
}

/// A key is as random as a name can be.
fn made_up_name(identity: &Identity) -> String {
    let id = &identity.id;
    id[id.len().saturating_sub(22)..].to_owned()
}

pub(super) fn secret(
    user: Option<&str>,
    password: Option<&vagus_config::Secret>,
) -> Option<LinkSecret> {
    let password = password.map_or("", |password| password.expose());
    user.map(|user| LinkSecret::password(user, password))
}

/// A URL without a password is shown what this server asks of others.
pub(super) fn place(url: &RouteUrl, own: Option<&LinkSecret>) -> Place {
    let secret = secret(url.user.as_deref(), url.password.as_ref());
    Place {
        address: url.address.clone(),
        secret: secret.or_else(|| own.cloned()).unwrap_or_else(LinkSecret::none),
    }
}

/// Where other servers reach this one.
pub(super) fn advertised(told: Option<&str>, host: &str, port: u16) -> String {
    match told {
        Some(address) if address.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty()) => {
            address.to_owned()
        }
        Some(host) => format!("{host}:{port}"),
        None => format!("{host}:{port}"),
    }
}

/// Where others reach a port of this server: of all addresses, the one that leads out of this
/// machine.
pub(super) fn reached_at(host: &str, port: u16) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = match host.parse::<std::net::IpAddr>() {
        Ok(ip) if ip.is_unspecified() => outward_address().unwrap_or(ip.to_string()),
        _ => host.to_owned(),
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    format!("{host}:{port}")
}

fn outward_address() -> Option<String> {
    // Nothing is sent: the system only chooses a way.
    let socket = UdpSocket::bind(SocketAddr::from(([0, 0, 0, 0], 0))).ok()?;
    socket.connect(SocketAddr::from(([192, 0, 2, 1], 9))).ok()?;
    Some(socket.local_addr().ok()?.ip().to_string())
}
