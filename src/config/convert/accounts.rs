//! The `accounts` block.

mod jetstream;
mod sharing;

use std::collections::HashSet;

use vagus_auth::account::{AccountLimits, AccountMapping, TraceDestination, check_imports};
use vagus_auth::keys::is_account_key;
use vagus_auth::{AccountRules, GLOBAL_ACCOUNT};
use vagus_subject::is_valid_literal;

use super::{Builder, read};
use crate::config::Account;
use crate::diagnostic::{Diagnostic, Position};
use crate::schema;
use crate::value::{Map, Node, Value};

/// Where the exports and imports of an account are written.
#[derive(Default)]
pub(super) struct Shared {
    exports: Vec<Position>,
    imports: Vec<Position>,
}

impl Builder {
    pub(super) fn accounts(&mut self, node: &Node) {
        match &node.value {
            Value::List(items) => {
                for item in items {
                    if let Value::Text(name) = &item.value {
                        self.account(name, item, &Map::new());
                    }
                }
            }
            Value::Map(map) => {
                for (name, node) in map.iter().filter(|(_, node)| !node.used) {
                    if let Value::Map(block) = &node.value {
                        self.account(name, node, block);
                    }
                }
            }
            _ => {}
        }
    }

    fn account(&mut self, name: &str, at: &Node, block: &Map) {
        if name == GLOBAL_ACCOUNT {
            return self.error(at, format!("{name:?} is a Reserved Account"));
        }
        if self.config.accounts.iter().any(|known| known.rules.name == name) {
            return self.error(at, format!("Duplicate Account Entry: {name}"));
        }
        let rules = AccountRules { name: name.to_owned(), ..AccountRules::default() };
        let mut account = Account { rules, users: Vec::new() };
        let mut shared = Shared::default();
        for (name, node) in block.iter() {
            let Some(key) = schema::accounts::ACCOUNT.find(name) else { continue };
            let rules = &mut account.rules;
            match (key.name, &node.value) {
                ("nkey", Value::Text(text)) if is_account_key(text) => {
                    rules.nkey = Some(text.clone());
                }
                ("nkey", Value::Text(text)) => {
                    self.error(node, format!("Not a valid public nkey for an account: {text:?}"));
                }
                ("users", Value::List(items)) => account.users = self.users(items),
                ("exports", Value::List(items)) => {
                    shared.exports = self.exports(rules, items);
                }
                ("imports", Value::List(items)) => shared.imports = self.imports(rules, items),
                ("jetstream", _) => rules.jetstream = self.account_jetstream(node),
                ("default_permissions", Value::Map(map)) => {
                    rules.default_permissions = Some(self.permissions(map));
                }
                ("mappings", Value::Map(map)) => {
                    rules.mappings =
                        self.mappings(node, map).into_iter().map(AccountMapping::from).collect();
                }
                ("limits", Value::Map(map)) => rules.limits = limits(map),
                ("msg_trace", _) => rules.trace = self.trace_destination(node),
                _ => {}
            }
        }
        self.config.accounts.push(account);
        self.shared.push(shared);
    }

    fn trace_destination(&mut self, node: &Node) -> Option<TraceDestination> {
        let (mut subject, mut sampling, mut subject_at) = (String::new(), None, node);
        match &node.value {
            Value::Text(text) => subject.clone_from(text),
            Value::Map(map) => {
                for (name, entry) in map.iter() {
                    match (name.to_lowercase().as_str(), &entry.value) {
                        ("dest", Value::Text(text)) => {
                            subject.clone_from(text);
                            subject_at = entry;
                        }
                        ("sampling", _) => sampling = Some(self.trace_sampling(entry)?),
                        _ => {}
                    }
                }
            }
            _ => return None,
        }
        if subject.is_empty() {
            if sampling.is_some() {
                let text = "Trace destination sampling ignored since no destination was set";
                self.found.push(Diagnostic::warning(&node.at, text));
            }
            return None;
        }
        if !is_valid_literal(subject.as_bytes()) {
            self.error(subject_at, format!("Trace destination {subject:?} is not valid"));
            return None;
        }
        Some(TraceDestination { subject, sampling: sampling.unwrap_or(100) })
    }

    fn trace_sampling(&mut self, node: &Node) -> Option<u8> {
        let number = match &node.value {
            Value::Int(number) => Some(*number),
            Value::Text(text) => text.strip_suffix('%').unwrap_or(text).trim().parse().ok(),
            _ => return None,
        };
        let why = match number {
            Some(number @ 1..=100) => return u8::try_from(number).ok(),
            Some(number) => format!(
                "Trace destination sampling value {number} is invalid, needs to be [1..100]"
            ),
            None => {
                let text = read::texts(&node.value).join("");
                format!("Invalid trace destination sampling value {text:?}")
            }
        };
        self.error(node, why);
        None
    }

    /// What can be said when all accounts are known: whether imports and exports fit.
    pub(super) fn finish_accounts(&mut self) {
        let mut rules: Vec<_> = self.config.accounts.iter().map(|a| a.rules.clone()).collect();
        // It exports nothing, so that imports from it are refused with the right words.
        rules.push(AccountRules { name: GLOBAL_ACCOUNT.to_owned(), ..AccountRules::default() });
        for (account, import, why) in check_imports(&rules) {
            if let Some(at) = self.shared.get(account).and_then(|known| known.imports.get(import)) {
                self.found.push(Diagnostic::error(at, why.to_string()));
            }
        }
        let names: HashSet<&str> = rules.iter().map(|account| account.name.as_str()).collect();
        for (account, shared) in rules.iter().zip(&self.shared) {
            for (export, at) in account.exports.iter().zip(&shared.exports) {
                let wanted = export.accounts.iter().flatten();
                for name in wanted.filter(|name| !names.contains(name.as_str())) {
                    let kind = sharing::kind_name(export.kind);
                    let why = format!("{name:?} account not defined for {kind} export");
                    self.found.push(Diagnostic::error(at, why));
                }
            }
        }
    }
}

/// A negative number means no limit.
fn limits(map: &Map) -> AccountLimits {
    let mut limits = AccountLimits::default();
    for (name, node) in map.iter() {
        let Value::Int(number) = node.value else { continue };
        let limit = u64::try_from(number).ok();
        match name.to_lowercase().as_str() {
            "max_connections" | "max_conn" => limits.connections = limit,
            "max_subscriptions" | "max_subs" => limits.subscriptions = limit,
            "max_payload" | "max_pay" => limits.payload = limit,
            "max_leafnodes" | "max_leafs" => limits.leafnodes = limit,
            _ => {}
        }
    }
    limits
}
