//! What a reload would change: which settings differ, whether a running server can take them up,
//! and what the log says about it.

mod effects;
mod fields;

pub use self::effects::{Effect, Verdict, effects};
use crate::config::Config;
use crate::schema;

/// The difference of two configurations. A server takes up all of it or, if anything is refused,
/// nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    pub changes: Vec<Change>,
    pub refused: Vec<Refusal>,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.refused.is_empty()
    }
}

/// A setting that a running server takes up. Prints as the log says it: `Reloaded: debug = true`.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub key: &'static str,
    pub kind: Kind,
    /// As they were, and as they become; without secrets.
    pub old: String,
    pub new: String,
    what: String,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reloaded: {}", self.what)
    }
}

/// Which part of the server a change concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What is logged, how and where.
    Logging,
    /// Limits and times of connections.
    Limits,
    /// Who may connect: connections have to be looked at again.
    Auth,
    Mappings,
    /// What INFO and monitoring tell.
    Info,
    /// The pid file and the ports file.
    Files,
    Tls,
}

/// A setting that needs a restart. Prints as the error of the reload.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub key: &'static str,
    /// The name under which nats-server's error texts know the setting.
    pub field: &'static str,
    pub old: String,
    pub new: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { field, old, new, .. } = self;
        write!(f, "config reload not supported for {field}: old={old}, new={new}")
    }
}

/// One setting, and how to compare and show it.
struct Field {
    /// Path of the key, as in the schema.
    key: &'static str,
    field: &'static str,
    kind: Kind,
    same: fn(&Config, &Config) -> bool,
    show: fn(&Config) -> String,
}

/// Compares the running configuration with the one just read (command-line values applied to
/// both).
pub fn plan(old: &Config, new: &Config) -> Plan {
    let mut plan = Plan::default();
    for field in fields::all().filter(|field| !(field.same)(old, new)) {
        // Written or not, the host is the same.
        if field.key == "http_host" && old.monitor_host() == new.monitor_host() {
            continue;
        }
        let allowed = match field.key {
            // The server has taken some port, and keeps it.
            "port" => new.port == crate::Port::Random,
            "no_auth_user" => no_auth_user_removed(old, new),
            "system_account" => {
                old.system_account.as_deref() == Some("$SYS") && new.system_account.is_none()
            }
            "leafnodes.users" | "leafnodes.auth_timeout" => {
                schema::reloadable("leafnodes.authorization")
            }
            "leafnodes.isolate" => schema::reloadable("leafnodes.isolate_leafnode_interest"),
            key => schema::reloadable(key),
        };
        if !allowed {
            plan.refused.push(Refusal {
                key: field.key,
                field: field.field,
                old: (field.show)(old),
                new: (field.show)(new),
            });
        } else if !matches!(field.key, "port" | "system_account") {
            plan.changes.push(Change {
                key: field.key,
                kind: field.kind,
                old: (field.show)(old),
                new: (field.show)(new),
                what: what(field, new),
            });
        }
    }
    plan
}

/// The user may go together with its name here, not otherwise.
fn no_auth_user_removed(old: &Config, new: &Config) -> bool {
    let user = old.no_auth_user.as_deref();
    new.no_auth_user.is_none() && !new.users().any(|(_, known)| Some(known.id()) == user)
}

fn what(field: &Field, new: &Config) -> String {
    match field.key {
        "authorization.user" => "authorization username".to_owned(),
        "authorization.password" => "authorization password".to_owned(),
        "authorization.token" => "authorization token".to_owned(),
        "authorization.users" => "authorization users".to_owned(),
        "authorization.timeout" => {
            format!("authorization timeout = {}", new.auth_timeout().as_secs_f64())
        }
        "server_tags" => "tags".to_owned(),
        "server_metadata" => "metadata".to_owned(),
        "mappings" => "accounts".to_owned(),
        "cluster.name" | "cluster.tls" | "cluster.permissions" => "cluster".to_owned(),
        "leafnodes.users" | "leafnodes.auth_timeout" => "leafnodes authorization".to_owned(),
        "tls" => {
            format!("tls = {}", if new.tls.is_some() { "enabled" } else { "disabled" })
        }
        "no_fast_producer_stall" => {
            let not = if new.no_fast_producer_stall { "not " } else { "" };
            format!("fast producers will {not}be stalled")
        }
        key => format!("{key} = {}", (field.show)(new)),
    }
}

/// The settings that differ, by key, as they are in `new`, without secrets.
pub(crate) fn differences(old: &Config, new: &Config) -> Vec<(&'static str, String)> {
    let changed = fields::all().filter(|field| !(field.same)(old, new));
    changed.map(|field| (field.key, (field.show)(new))).collect()
}
