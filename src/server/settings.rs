//! From the configuration to what the actors go by.

use std::net::SocketAddr;
use std::sync::Arc;

use thiserror::Error;
use vagus_actors::Settings;
use vagus_actors::gateway::GatewayTls;
use vagus_actors::system::Profile;
use vagus_auth::{
    AccountBook, Authenticator, GLOBAL_ACCOUNT, PermissionRules, Rules, RulesError, Secret,
    UserRule,
};
use vagus_config::{Config, Tls, User, WriteTimeout};
use vagus_jetstream::ApiError;
use vagus_subject::transform::MappingError;
use vagus_tls::{LinkTls, ServerTls, TlsError};
use vagus_wire::{Info, Limits};

use super::identity::{COMPATIBLE, Identity};
use super::ocsp::OcspError;
use super::trust;

/// Why a configuration can't be put in force.
#[derive(Debug, Error)]
pub enum SettingsError {
    #[error(transparent)]
    Rules(#[from] RulesError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Trust(#[from] super::TrustError),
    #[error(transparent)]
    Ocsp(#[from] OcspError),
    #[error("{0}")]
    Mappings(#[from] MappingError),
    #[error(
        "Error enabling jetstream on configured accounts: {} ({})",
        .0.description, .0.err_code
    )]
    JetStream(#[from] ApiError),
}

/// Reads the settings of connections out of a configuration.
pub(super) fn from_config(
    config: &Config,
    identity: &Identity,
    address: Option<SocketAddr>,
    book: &Arc<AccountBook>,
) -> Result<Settings, SettingsError> {
    let authenticator = Authenticator::new(rules(config, identity))?;
    let authenticator = authenticator.with_callout(config.authorization.auth_callout.clone());
    let authenticator = trust::add_operators(authenticator, config, book);
    let tls = config.tls.as_ref().map(|tls| ServerTls::load(tls, config.allow_non_tls));
    let route_tls = config.cluster.tls.as_ref().map(LinkTls::load);
    Ok(Settings {
        profile: Arc::new(profile(config, identity)),
        info: info(config, identity, address, authenticator.announced()),
        limits: Limits {
            control_line_max: size(config.max_control_line),
            payload_max: size(config.max_payload),
        },
        connections_max: Some(config.max_connections),
        subscriptions_max: size(config.max_subscriptions),
        subscription_tokens_max: config.max_sub_tokens.map_or(0, usize::from),
        pending_max: size(config.max_pending),
        closed_clients_max: size(config.max_closed_clients),
        ping_interval: config.ping_interval,
        pings_out_max: config.ping_max,
        auth_timeout: config.auth_timeout(),
        write_deadline: config.write_deadline,
        write_retry: config.write_timeout == WriteTimeout::Retry,
        stall: !config.no_fast_producer_stall,
        headers: !config.no_header_support,
        authenticator: Arc::new(authenticator),
        proxy_protocol: config.proxy_protocol,
        tls: tls.transpose()?.map(Arc::new),
        cluster: config.cluster_name().map(str::to_owned),
        route_tls: route_tls.transpose()?.map(Arc::new),
        gateway_tls: gateway_tls(config)?,
        trace: config.trace,
        trace_headers: config.trace_headers,
        traced_len_max: size(config.max_traced_msg_len),
    })
}

pub(super) fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn info(
    config: &Config,
    identity: &Identity,
    address: Option<SocketAddr>,
    auth_required: bool,
) -> Info {
    let listening = address.map_or(0, |address| address.port());
    let (host, port) = match &config.client_advertise {
        None => (config.host.clone(), listening),
        Some(advertised) => split_host(advertised, listening),
    };
    Info {
        server_id: identity.id.clone(),
        server_name: identity.name.clone(),
        version: COMPATIBLE.to_owned(),
        proto: 1,
        git_commit: Identity::revision().to_owned(),
        go: Identity::language().to_owned(),
        host,
        port,
        headers: !config.no_header_support,
        auth_required,
        tls_required: config.tls.is_some() && !config.allow_non_tls,
        tls_verify: config.tls.as_ref().is_some_and(Tls::asks_for_certificates),
        tls_available: config.tls.is_some() && config.allow_non_tls,
        max_payload: config.max_payload,
        xkey: identity.xkey.clone(),
        api_lvl: vagus_jetstream::api::LEVEL,
        jetstream: config.jetstream.enabled,
        domain: config.jetstream.domain.clone().unwrap_or_default(),
        cluster: config.cluster_name().unwrap_or_default().to_owned(),
        vagus: env!("CARGO_PKG_VERSION").to_owned(),
        ..Info::default()
    }
}

fn gateway_tls(config: &Config) -> Result<GatewayTls, TlsError> {
    let Some(wanted) = &config.gateway else { return Ok(GatewayTls::default()) };
    let load =
        |tls: &Option<Tls>| tls.as_ref().map(|tls| LinkTls::load(tls).map(Arc::new)).transpose();
    let mut all = GatewayTls { own: load(&wanted.tls)?, ..GatewayTls::default() };
    for remote in &wanted.remotes {
        if let Some(tls) = load(&remote.tls)? {
            all.remotes.insert(remote.name.clone(), tls);
        }
    }
    Ok(all)
}

fn profile(config: &Config, identity: &Identity) -> Profile {
    Profile {
        name: identity.name.clone(),
        host: config.host.clone(),
        id: identity.id.clone(),
        cluster: config.cluster_name().map(str::to_owned),
        domain: config.jetstream.domain.clone().filter(|_| config.jetstream.enabled),
        version: COMPATIBLE.to_owned(),
        tags: config.server_tags.clone(),
        metadata: config.server_metadata.clone(),
        feature_flags: config.features(),
        jetstream: config.jetstream.enabled,
    }
}

/// `host` or `host:port`, the host possibly in brackets.
pub(super) fn split_host(advertised: &str, default: u16) -> (String, u16) {
    match advertised.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host.to_owned(), port.parse().unwrap_or(default))
        }
        _ => (advertised.to_owned(), default),
    }
}

fn rules(config: &Config, identity: &Identity) -> Rules {
    let auth = &config.authorization;
    let mut rules = Rules {
        user_pass: auth.user.as_ref().map(|user| {
            UserRule::new(user, auth.password.as_ref().map_or_else(|| Secret::from(""), secret))
        }),
        token: auth.token.as_ref().map(secret),
        users: users(GLOBAL_ACCOUNT, &auth.users, auth.default_permissions.as_ref()),
        no_auth_user: config.no_auth_user.clone(),
        proxies: config.proxies.clone(),
        proxy_required: auth.proxy_required,
        certificate_names: config.tls.as_ref().is_some_and(|tls| tls.verify_and_map),
        ..Rules::default()
    };
    for account in &config.accounts {
        let (known, standard) = (&account.rules, account.rules.default_permissions.as_ref());
        rules.users.extend(users(&known.name, &account.users, standard));
    }
    if config.admits_without_users() && rules.required() {
        // Always the same, so that a reload keeps who is in.
        let name = format!("nats-{}", &identity.id[..8.min(identity.id.len())]);
        rules.users.push(UserRule::new(&name, ""));
        rules.no_auth_user = Some(name);
        rules.no_auth_implied = true;
    }
    rules
}

/// The users of one account, those without permissions with `standard` ones.
fn users(account: &str, users: &[User], standard: Option<&PermissionRules>) -> Vec<UserRule> {
    let account: Arc<str> = account.into();
    let rule = |user: &User| UserRule {
        user: user.user.clone(),
        pass: secret(&user.password),
        nkey: user.nkey.clone(),
        account: Arc::clone(&account),
        permissions: user.permissions.as_ref().or(standard).cloned(),
        connection_types: user.connection_types,
        proxy_required: user.proxy_required,
    };
    users.iter().map(rule).collect()
}

pub(super) fn secret(secret: &vagus_config::Secret) -> Secret {
    Secret::from(secret.expose())
}
