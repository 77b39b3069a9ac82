//! Leaf nodes as the configuration wants them: the port for them is opened, and how they are dealt
//! with is made ready.

use std::net::TcpListener;
use std::sync::Arc;

use vagus_actors::leafs::{LeafSettings, Remote};
use vagus_auth::{Authenticator, GLOBAL_ACCOUNT, Rules, RulesError, UserRule};
use vagus_config::{Config, LeafNodes, LeafRemote, LeafUser, Tls};
use vagus_tls::{ClientTls, ServerTls};
use vagus_wire::leaf::LeafInfo;

use super::cluster::reached_at;
use super::settings::{SettingsError, secret, size, split_host};
use super::{Identity, Settings, StartError, ports};

/// Level of the protocol between servers.
const PROTOCOL: i64 = 3;

/// The open port for leaf nodes, where some are taken in.
///
/// # Errors
/// When it can't be opened.
pub(super) fn open(config: &Config) -> Result<Option<Arc<TcpListener>>, StartError> {
    let wanted = &config.leafnodes;
    let port = wanted.port.map(|port| ports::open(&wanted.host, port)).transpose()?;
    Ok(port.map(Arc::new))
}

/// How leaf nodes are dealt with that connect to `port`; 0: none do. `clients` are the settings for
/// those.
///
/// # Errors
/// When a file can't be read, or users contradict each other.
pub(super) fn settings(
    config: &Config,
    identity: &Identity,
    clients: &Settings,
    port: u16,
) -> Result<Arc<LeafSettings>, SettingsError> {
    let wanted = &config.leafnodes;
    let authenticator = authenticator(wanted)?;
    let tls = wanted.tls.as_ref().map(|tls| ServerTls::load(tls, false)).transpose()?;
    let info = info(config, identity, clients, port);
    Ok(Arc::new(LeafSettings {
        tls: tls.map(Arc::new),
        advertised: match wanted.no_advertise {
            true => Vec::new(),
            false => info.leafnode_urls.clone(),
        },
        info,
        authenticator: authenticator.map(Arc::new),
        auth_timeout: wanted.auth_timeout,
        reconnect: wanted.reconnect,
        dial_timeout: wanted.dial_timeout,
        min_version: wanted.min_version.as_ref().map(|named| (named.clone(), numbers(named))),
        isolate: wanted.isolate,
        compression: wanted.compression.clone(),
        ping_interval: config.ping_interval,
        ping_max: config.ping_max,
        pending_max: size(config.max_pending),
    }))
}

fn numbers(release: &str) -> [u64; 3] {
    let mut numbers = [0; 3];
    for (place, part) in numbers.iter_mut().zip(release.trim_start_matches('v').split('.')) {
        *place = part.parse().unwrap_or(0);
    }
    numbers
}

fn info(config: &Config, identity: &Identity, settings: &Settings, port: u16) -> LeafInfo {
    let wanted = &config.leafnodes;
    let (host, port) = match &wanted.advertise {
        None => (wanted.host.clone(), port),
        Some(advertised) => split_host(advertised, port),
    };
    LeafInfo {
        server_id: identity.id.clone(),
        server_name: identity.name.clone(),
        version: settings.info.version.clone(),
        proto: PROTOCOL,
        git_commit: settings.info.git_commit.clone(),
        go: settings.info.go.clone(),
        leafnode_urls: vec![reached_at(&host, port)],
        host,
        port,
        headers: settings.headers,
        auth_required: true,
        tls_required: wanted.tls.is_some(),
        tls_verify: wanted.tls.as_ref().is_some_and(Tls::asks_for_certificates),
        max_payload: config.max_payload,
        jetstream: config.jetstream.enabled,
        domain: settings.info.domain.clone(),
        compression: wanted.compression.name().to_owned(),
        api_lvl: settings.info.api_lvl,
        info_on_connect: true,
        ..LeafInfo::default()
    }
}

/// Nothing where leaf nodes are users as clients are.
fn authenticator(wanted: &LeafNodes) -> Result<Option<Authenticator>, RulesError> {
    if wanted.users.is_empty() {
        return Ok(None);
    }
    let rule = |user: &LeafUser| {
        let made = match &user.nkey {
            Some(key) => UserRule::with_key(key),
            None => UserRule::new(&user.user, secret(&user.password)),
        };
        UserRule { account: user.account.as_deref().unwrap_or(GLOBAL_ACCOUNT).into(), ..made }
    };
    let users = wanted.users.iter().map(rule).collect();
    Authenticator::new(Rules { users, ..Rules::default() }).map(Some)
}

/// The servers whose leaf node this one is to be.
///
/// # Errors
/// When a file can't be read.
pub(super) fn remotes(config: &Config) -> Result<Vec<Arc<Remote>>, SettingsError> {
    let wanted = config.leafnodes.remotes.iter().filter(|remote| !remote.disabled);
    let remote = |wanted: &LeafRemote| {
        let tls = wanted.tls.as_ref().map(ClientTls::load).transpose()?;
        Ok(Arc::new(Remote { wanted: wanted.clone(), tls: tls.map(Arc::new) }))
    };
    wanted.map(remote).collect()
}
