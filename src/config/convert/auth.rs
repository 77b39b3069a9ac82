//! The `authorization` block.

use std::time::Duration;

use std::collections::HashSet;

use vagus_auth::keys::{is_account_key, is_curve_key, is_public_key, is_user_key};
use vagus_auth::{Callout, ConnectionTypes, GLOBAL_ACCOUNT};

use super::{Builder, read};
use crate::config::User;
use crate::diagnostic::Diagnostic;
use crate::schema;
use crate::secret::Secret;
use crate::validate::conflict;
use crate::value::{Map, Node, Value};

/// A longer time to authenticate is most likely a slip of the pen.
const TIMEOUT_ADVISED_MAX_SECONDS: f64 = 60.0;

impl Builder {
    pub(super) fn authorization(&mut self, block_node: &Node, map: &Map) {
        let Some(block) = block_of("authorization") else { return };
        for (name, node) in map.iter() {
            let Some(key) = block.find(name) else { continue };
            let auth = &mut self.config.authorization;
            match (key.name, &node.value) {
                ("user", Value::Text(text)) => auth.user = given(text).map(str::to_owned),
                ("password", Value::Text(text)) => auth.password = given(text).map(Secret::new),
                ("token", Value::Text(text)) => auth.token = given(text).map(Secret::new),
                ("timeout", _) => self.timeout(name, node),
                ("users", Value::List(items)) => {
                    self.config.authorization.users = self.users(items);
                }
                ("auth_callout", Value::Map(map)) => {
                    self.config.authorization.auth_callout = self.callout(node, map);
                }
                ("proxy_required", Value::Bool(flag)) => auth.proxy_required = *flag,
                ("default_permissions", Value::Map(map)) => {
                    self.config.authorization.default_permissions = Some(self.permissions(map));
                }
                _ => {}
            }
        }
        if let Some(why) = conflict(&self.config.authorization) {
            self.error(block_node, why);
        }
    }

    fn timeout(&mut self, name: &str, node: &Node) {
        let Some(seconds) = read::seconds(&node.value) else { return };
        let Ok(time) = Duration::try_from_secs_f64(seconds) else {
            return self.error(node, "invalid authorization timeout, needs to be positive");
        };
        if seconds > TIMEOUT_ADVISED_MAX_SECONDS {
            let text = format!(
                "invalid use of field {name:?}: timeout of {seconds} seconds is high, consider \
                 keeping it under 60 seconds. possibly caused by unquoted duration; use '1m' \
                 instead of 1m, for example"
            );
            self.found.push(Diagnostic::warning(&node.at, text));
        }
        self.config.authorization.timeout = (!time.is_zero()).then_some(time);
    }

    fn callout(&mut self, at: &Node, map: &Map) -> Option<Callout> {
        let mut callout = Callout {
            issuer: String::new(),
            account: GLOBAL_ACCOUNT.into(),
            auth_users: HashSet::new(),
            xkey: None,
            allowed_accounts: HashSet::new(),
        };
        let names = |value| read::texts(value).into_iter().map(str::to_owned).collect();
        for (name, node) in map.iter() {
            match (name.to_lowercase().as_str(), &node.value) {
                ("issuer", Value::Text(text)) if is_account_key(text) => {
                    callout.issuer.clone_from(text);
                }
                ("issuer", Value::Text(text)) => {
                    let why = "Expected callout user to be a valid public account nkey, got";
                    self.error(node, format!("{why} {text:?}"));
                    return None;
                }
                ("account" | "acc", Value::Text(text)) => callout.account = text.as_str().into(),
                ("auth_users" | "users", value) => callout.auth_users = names(value),
                ("xkey" | "key", Value::Text(text)) if is_curve_key(text) => {
                    callout.xkey = Some(text.clone());
                }
                ("xkey" | "key", Value::Text(text)) => {
                    let why = "Expected callout xkey to be a valid public xkey, got";
                    self.error(node, format!("{why} {text:?}"));
                    return None;
                }
                ("allowed_accounts", value) => callout.allowed_accounts = names(value),
                _ => {}
            }
        }
        if callout.issuer.is_empty() {
            self.error(at, "Authorization callouts require an issuer to be specified");
            return None;
        }
        if callout.auth_users.is_empty() {
            self.error(at, "Authorization callouts require authorized users to be specified");
            return None;
        }
        Some(callout)
    }

    /// The keys of trusted proxies.
    pub(super) fn proxies(&mut self, map: &Map) {
        let trusted = map.iter().find(|(name, _)| name.eq_ignore_ascii_case("trusted"));
        let Some((_, Node { value: Value::List(items), .. })) = trusted else { return };
        for item in items {
            let Value::Map(proxy) = &item.value else { continue };
            let key = proxy.iter().find_map(|(name, node)| match &node.value {
                Value::Text(text) => Some((text.as_str(), node))
                    .filter(|_| matches!(name.to_lowercase().as_str(), "key" | "public_key")),
                _ => None,
            });
            let (key, node) = key.unwrap_or(("", item));
            match is_public_key(key) {
                true => self.config.proxies.push(key.to_owned()),
                false => self.error(node, format!("invalid proxy key {key:?}")),
            }
        }
    }

    /// The users of one account. Their names are unique among all accounts.
    pub(super) fn users(&mut self, items: &[Node]) -> Vec<User> {
        let mut users = Vec::new();
        for item in items {
            let Some(user) = self.user(item) else { continue };
            match self.known_users.insert(user.id().to_owned()) {
                true => users.push(user),
                false => {
                    let kind = if user.nkey.is_some() { "nkey" } else { "user" };
                    self.error(item, format!("Duplicate {kind} {:?} detected", user.id()));
                }
            }
        }
        users
    }

    fn user(&mut self, item: &Node) -> Option<User> {
        let Value::Map(map) = &item.value else { return None };
        let mut user = User {
            user: String::new(),
            password: Secret::new(""),
            nkey: None,
            permissions: None,
            connection_types: ConnectionTypes::default(),
            proxy_required: false,
        };
        for (name, node) in map.iter() {
            let Some(key) = schema::auth::USER.find(name) else { continue };
            match (key.name, &node.value) {
                ("user", Value::Text(text)) => user.user = text.clone(),
                ("password", Value::Text(text)) => user.password = Secret::new(text),
                ("proxy_required", Value::Bool(flag)) => user.proxy_required = *flag,
                ("nkey", Value::Text(text)) if is_user_key(text) => user.nkey = Some(text.clone()),
                ("nkey", Value::Text(_)) => {
                    self.error(node, "Not a valid public nkey for a user");
                    return None;
                }
                ("permissions", Value::Map(map)) => user.permissions = Some(self.permissions(map)),
                ("allowed_connection_types", value) => {
                    let (types, unknown) = ConnectionTypes::parse(read::texts(value));
                    user.connection_types = types;
                    if !unknown.is_empty() {
                        let unknown: Vec<_> =
                            unknown.iter().map(|name| name.to_uppercase()).collect();
                        self.error(node, format!("invalid connection types {unknown:?}"));
                    }
                }
                _ => {}
            }
        }
        self.is_whole(item, &user).then_some(user)
    }

    fn is_whole(&mut self, item: &Node, user: &User) -> bool {
        match (&user.nkey, user.user.is_empty() && user.password.is_empty()) {
            (Some(_), false) => self.error(item, "Nkey users do not take usernames or passwords"),
            (None, _) if user.user.is_empty() => self.error(item, "User entry requires a user"),
            _ => return true,
        }
        false
    }
}

fn given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn block_of(name: &str) -> Option<&'static schema::Block> {
    match schema::TOP.find(name)?.shape {
        schema::Shape::Block(block) => Some(block),
        _ => None,
    }
}
