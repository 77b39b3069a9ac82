//! The `authorization` block.

use std::time::Duration;

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
                    for item in items {
                        self.user(item);
                    }
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

    fn user(&mut self, item: &Node) {
        let Value::Map(map) = &item.value else { return };
        let mut user = User { user: String::new(), password: Secret::new("") };
        for (name, node) in map.iter() {
            match (name.to_lowercase().as_str(), &node.value) {
                ("user" | "username", Value::Text(text)) => user.user = text.clone(),
                ("pass" | "password", Value::Text(text)) => user.password = Secret::new(text),
                // Refused by the check.
                ("nkey", _) => return,
                _ => {}
            }
        }
        if user.user.is_empty() {
            return self.error(item, "User entry requires a user");
        }
        let users = &mut self.config.authorization.users;
        if users.iter().any(|known| known.user == user.user) {
            return self.error(item, format!("Duplicate user {:?} detected", user.user));
        }
        users.push(user);
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
