//! Rules across keys, which hold for the file and the command line together.

use vagus_auth::GLOBAL_ACCOUNT;
use vagus_auth::keys::is_account_key;

use crate::config::{Authorization, Config, Resolver, SYSTEM_ACCOUNT};
use crate::diagnostic::{Diagnostic, Severity};
use crate::duration;

/// The release of nats-server that operators hold this server for.
pub(crate) const COMPATIBLE: &str = "2.14.5";

/// Above this size of a message memory use becomes hard to foresee.
const PAYLOAD_ADVISED_MAX: u64 = 8 * 1024 * 1024;

impl Config {
    /// Findings about the configuration as a whole. To be asked again once command-line values
    /// are applied.
    pub fn validate(&self) -> Vec<Diagnostic> {
        validate(self)
    }
}

pub(crate) fn validate(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut error = |message: String| found.push(Diagnostic::general(message));
    let (grace, duration) = (config.lame_duck_grace_period, config.lame_duck_duration);
    if grace >= duration {
        error(format!(
            "lame duck grace period ({}) should be strictly lower than lame duck duration ({})",
            duration::format(grace),
            duration::format(duration)
        ));
    }
    let (payload, pending) = (config.max_payload, config.max_pending);
    if payload > pending {
        error(format!("max_payload ({payload}) cannot be higher than max_pending ({pending})"));
    }
    if config.server_name.as_deref().is_some_and(|name| name.contains(' ')) {
        error("server name cannot contain spaces".to_owned());
    }
    if config.cluster.name.as_deref().is_some_and(|name| name.contains(' ')) {
        error("cluster name cannot contain spaces".to_owned());
    }
    if !config.cluster.routes.is_empty() && config.cluster.port.is_none() {
        error("solicited routes require cluster capabilities, e.g. --cluster".to_owned());
    }
    gateway(config, &mut error);
    monitoring(config, &mut error);
    certificates(config, &mut error);
    users(config, &mut error);
    trust(config, &mut error);
    default_domains(config, &mut error);
    leafnodes(config, &mut error);
    if let Some(name) = config.system().filter(|name| *name != SYSTEM_ACCOUNT)
        && !config.trust.is_given()
        && !config.accounts.iter().any(|account| account.rules.name == name)
    {
        error("error resolving system account: account missing".to_owned());
    }
    if payload > PAYLOAD_ADVISED_MAX {
        found.push(Diagnostic {
            severity: Severity::Warning,
            at: None,
            message: "Maximum payloads over 8.00 MB are generally discouraged and could lead to \
                      poor performance"
                .to_owned(),
        });
    }
    found
}

fn gateway(config: &Config, error: &mut impl FnMut(String)) {
    let Some(gateway) = &config.gateway else { return };
    let name = &gateway.name;
    if name.is_empty() {
        return error("gateway has no name".to_owned());
    }
    if gateway.port.is_none() {
        error(format!("gateway {name:?} has no port specified (select -1 for random port)"));
    }
    if config.cluster.name.as_ref().is_some_and(|cluster| cluster != name) {
        error("cluster name conflicts between cluster and gateway definitions".to_owned());
    }
    for (n, remote) in gateway.remotes.iter().enumerate() {
        if remote.name.is_empty() {
            error(format!("gateway in the list {n} has no name"));
        } else if remote.urls.is_empty() {
            error(format!("gateway {:?} has no URL", remote.name));
        }
    }
}

fn monitoring(config: &Config, error: &mut impl FnMut(String)) {
    if let (Some(http), Some(https)) = (config.http_port, config.https_port) {
        error(format!("can't specify both HTTP ({http}) and HTTPs ({https}) ports"));
    }
    if config.https_port.is_some() && config.tls.is_none() {
        error("TLS cert and key required for HTTPS".to_owned());
    }
}

/// Of the command line; in a file the missing key is found where it should stand.
fn certificates(config: &Config, error: &mut impl FnMut(String)) {
    for pair in config.tls.iter().flat_map(|tls| &tls.certificates) {
        if pair.cert_file.as_os_str().is_empty() {
            error("TLS Server certificate must be present and valid".to_owned());
        } else if pair.key_file.as_os_str().is_empty() {
            error("TLS Server private key must be present and valid".to_owned());
        }
    }
}

fn users(config: &Config, error: &mut impl FnMut(String)) {
    let auth = &config.authorization;
    if let Some(why) = conflict(auth) {
        error(why.to_owned());
    }
    if config.accounts.iter().any(|account| !account.users.is_empty()) {
        if auth.user.is_some() || auth.password.is_some() {
            error("Can not have a single user/pass and accounts".to_owned());
        }
        if auth.token.is_some() {
            error("Can not have a token and accounts".to_owned());
        }
    }
    if let Some(callout) = &auth.auth_callout {
        if config.trust.is_given() {
            let why = "operators do not allow authorization callouts to be configured directly";
            error(why.to_owned());
        }
        let known = |name: &str| {
            name == GLOBAL_ACCOUNT
                || config.accounts.iter().any(|account| account.rules.name == name)
        };
        for name in callout.allowed_accounts.iter().filter(|name| !known(name)) {
            error(format!(
                "auth_callout allowed account {name:?} not found in configured accounts"
            ));
        }
    }
    let Some(name) = config.no_auth_user.as_deref() else { return };
    if config.users().next().is_none() {
        error(format!("no_auth_user: {name:?} present, but users/nkeys are not defined"));
    } else if !config.users().any(|(_, user)| user.id() == name) {
        error(format!(
            "no_auth_user: {name:?} not present as user or nkey in authorization block \
             or account configuration"
        ));
    }
}

/// What does not go together with operators.
fn trust(config: &Config, error: &mut impl FnMut(String)) {
    let trust = &config.trust;
    if !trust.is_given() {
        return;
    }
    let auth = &config.authorization;
    let mut refuse = |wrong: bool, why: &str| {
        if wrong {
            error(why.to_owned());
        }
    };
    refuse(
        !trust.operator.is_empty() && !trust.trusted_keys.is_empty(),
        "conflicting options for 'TrustedKeys' and 'TrustedOperators'",
    );
    let served =
        trust.operator.iter().any(|known| !known.claims.nats.account_server_url.is_empty());
    refuse(
        trust.resolver.is_none() && !served,
        "operators require an account resolver to be configured",
    );
    refuse(
        !config.accounts.is_empty(),
        "operators do not allow Accounts to be configured directly",
    );
    let users = !auth.users.is_empty() || auth.user.is_some() || auth.token.is_some();
    refuse(users, "operators do not allow users to be configured directly");
    refuse(config.no_auth_user.is_some(), "no_auth_user not compatible with Trusted Operator");
    let stated = trust.operator.iter().map(|known| known.claims.nats.system_account.as_str());
    let mut stated = stated.filter(|key| !key.is_empty());
    let named = config.system_account.as_deref();
    let other = named.is_some_and(|named| stated.clone().any(|key| key != named));
    refuse(other, "system_account in config and operator JWT must be identical");
    let files = matches!(trust.resolver, Some(Resolver::Full(_) | Resolver::Cache(_)));
    refuse(
        files && named.is_none() && stated.next().is_none(),
        "using nats based account resolver - the system account needs to be specified in \
         configuration or the operator jwt",
    );
    refuse(
        matches!(trust.resolver, Some(Resolver::Url(_))) && !trust.resolver_preload.is_empty(),
        "resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR",
    );
    for operator in &trust.operator {
        if let Err(why) = operator.claims.check_server(COMPATIBLE) {
            error(format!("operator {} {why}", operator.claims.sub));
        }
    }
}

/// Leaf nodes belong to accounts that there are.
fn leafnodes(config: &Config, error: &mut impl FnMut(String)) {
    let leaf = &config.leafnodes;
    let users = leaf.users.iter().filter_map(|user| user.account.as_deref());
    let remotes = leaf.remotes.iter().map(|remote| remote.account.as_deref());
    if config.trust.is_given() {
        if !leaf.users.is_empty() {
            error("operator mode does not allow specifying users in leafnode config".to_owned());
        }
        let mut remotes = remotes.map(Option::unwrap_or_default);
        if !remotes.all(is_account_key) {
            error("operator mode requires account nkeys in remotes".to_owned());
        }
        return;
    }
    let known = |name: &str| {
        name == GLOBAL_ACCOUNT
            || config.system() == Some(name)
            || config.accounts.iter().any(|account| account.rules.name == name)
    };
    let all = users.map(|name| (name, "authorization"));
    for (name, place) in all.chain(remotes.flatten().map(|name| (name, "remote"))) {
        if !known(name) {
            error(format!("cannot find local account {name:?} specified in leafnode {place}"));
        }
    }
}

/// Accounts that ask the JetStream of another server have to be known, and have none here.
fn default_domains(config: &Config, error: &mut impl FnMut(String)) {
    let system = config.system();
    for (name, domain) in &config.default_js_domain {
        let mut refuse = |why: String| error(format!("default_js_domain {why}"));
        if config.trust.is_given() {
            if !is_account_key(name) {
                refuse(format!(
                    "contains account name {name:?}, which is not a valid public account nkey"
                ));
            }
        } else if name != GLOBAL_ACCOUNT {
            let known = config.accounts.iter().find(|account| account.rules.name == *name);
            match known {
                None => {
                    refuse(format!("references non existing account {name:?} in non operator mode"))
                }
                Some(account) if account.rules.jetstream.is_some() && !domain.is_empty() => {
                    refuse(format!("contains account name {name:?} with enabled JetStream"));
                }
                Some(_) => {}
            }
        }
        if system.unwrap_or(SYSTEM_ACCOUNT) == name {
            error(format!("system account {name:?} can not be in default_js_domain"));
        } else if !domain.is_empty() && domain.contains([' ', '.', '*', '>', '\t', '\r', '\n']) {
            refuse(format!("contains account {name:?} with invalid domain name {domain:?}"));
        }
    }
}

/// Why the ways to authenticate do not go together.
pub(crate) fn conflict(auth: &Authorization) -> Option<&'static str> {
    let single = auth.user.is_some() || auth.password.is_some();
    match (single, auth.token.is_some(), !auth.users.is_empty()) {
        (true, true, _) => Some("Cannot have a user/pass and token"),
        (true, _, true) => Some("Can not have a single user/pass and a users array"),
        (_, true, true) => Some("Can not have a token and a users array"),
        _ => None,
    }
}
