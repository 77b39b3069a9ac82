//! Fills a [`Config`] from a checked tree. Values of the wrong kind have been reported by the
//! check and are passed over here.

mod accounts;
mod auth;
mod cluster;
mod compression;
mod gateway;
pub(crate) mod jetstream;
mod leaf;
mod listen;
mod mappings;
mod ocsp;
mod permissions;
mod read;
mod tls;
mod trust;

use std::collections::{BTreeMap, HashSet};

use crate::config::{Config, LogFormat, WriteTimeout};
use crate::diagnostic::Diagnostic;
use crate::duration;
use crate::schema;
use crate::value::{Map, Node, Value};

/// What a file means, and what is wrong with single values of it.
pub(crate) fn convert(root: &Map) -> (Config, Vec<Diagnostic>) {
    let mut builder = Builder {
        config: Config::default(),
        found: Vec::new(),
        known_users: HashSet::new(),
        shared: Vec::new(),
    };
    for (name, node) in root.iter() {
        let Some(key) = schema::TOP.find(name) else { continue };
        let known = builder.block(key.name, node)
            || builder.flag(key.name, node)
            || builder.text(key.name, node)
            || builder.number(key.name, node)
            || builder.time(key.name, node)
            || builder.trust(key.name, node);
        debug_assert!(known || key.state != schema::State::Built, "{} is not read", key.name);
    }
    builder.finish_accounts();
    builder.finish_trust(root);
    (builder.config, builder.found)
}

struct Builder {
    config: Config,
    found: Vec<Diagnostic>,
    /// Names and keys of the users of all accounts.
    known_users: HashSet<String>,
    /// Of each account, in the order of the configuration.
    shared: Vec<accounts::Shared>,
}

impl Builder {
    fn error(&mut self, node: &Node, message: impl Into<String>) {
        self.found.push(Diagnostic::error(&node.at, message));
    }

    fn flag(&mut self, key: &str, node: &Node) -> bool {
        let config = &mut self.config;
        let place = match key {
            "debug" => &mut config.debug,
            "trace" => &mut config.trace,
            "trace_verbose" | "trace_headers" => return self.trace(key, node),
            "logtime" => &mut config.logtime,
            "logtime_utc" => &mut config.logtime_utc,
            "allow_non_tls" => &mut config.allow_non_tls,
            "proxy_protocol" => &mut config.proxy_protocol,
            "no_fast_producer_stall" => &mut config.no_fast_producer_stall,
            "disable_sublist_cache" => &mut config.disable_sublist_cache,
            "no_header_support" => &mut config.no_header_support,
            "no_system_account" => &mut config.no_system_account,
            _ => return false,
        };
        if let Value::Bool(flag) = node.value {
            *place = flag;
        }
        true
    }

    /// The two special traces switch tracing as a whole along with themselves.
    fn trace(&mut self, key: &str, node: &Node) -> bool {
        if let Value::Bool(flag) = node.value {
            self.config.trace = flag;
            match key {
                "trace_verbose" => self.config.trace_verbose = flag,
                _ => self.config.trace_headers = flag,
            }
        }
        true
    }

    fn text(&mut self, key: &str, node: &Node) -> bool {
        let text = match &node.value {
            Value::Text(text) => text.clone(),
            _ => String::new(),
        };
        let given = (!text.is_empty()).then(|| text.clone());
        let config = &mut self.config;
        match key {
            "host" => config.host = given.unwrap_or_else(|| Config::default().host),
            "client_advertise" => config.client_advertise = given,
            "server_name" => {
                if text.contains(' ') {
                    self.error(node, "server name cannot contain spaces");
                } else {
                    config.server_name = given;
                }
            }
            "log_file" => config.log_file = given.map(Into::into),
            "pid_file" => config.pid_file = given.map(Into::into),
            "ports_file_dir" => config.ports_file_dir = given.map(Into::into),
            "store_dir" if config.jetstream.store_dir.is_some() => {
                self.error(node, "Duplicate 'store_dir' configuration");
            }
            "store_dir" => config.jetstream.store_dir = given.map(Into::into),
            "http_base_path" => config.http_base_path = listen::base_path(&text),
            "no_auth_user" => config.no_auth_user = given,
            "system_account" => config.system_account = given,
            "write_timeout" => {
                if let Some(policy) = self.write_timeout(node, &text) {
                    self.config.write_timeout = policy;
                }
            }
            _ => return false,
        }
        true
    }

    fn number(&mut self, key: &str, node: &Node) -> bool {
        let standard = Config::default();
        let Value::Int(number) = node.value else { return read::is_number(key) };
        let large = i64::from(i32::MAX);
        // Where zero means "unset", it gives the default.
        let (default, max) = match key {
            "max_control_line" => (standard.max_control_line, large),
            "max_payload" => (standard.max_payload, large),
            "max_pending" => (standard.max_pending, i64::MAX),
            "max_closed_clients" => (standard.max_closed_clients, large),
            "connect_error_reports" => (standard.connect_error_reports, large),
            "reconnect_error_reports" => (standard.reconnect_error_reports, large),
            "ping_max" => (u64::from(standard.ping_max), large),
            _ => (0, i64::MAX),
        };
        let number = match (key, number) {
            // These read a negative number as "no limit", or as "none".
            ("max_connections" | "max_subscriptions" | "max_traced_msg_len", ..0) => 0,
            ("max_sub_tokens", ..=0) => {
                self.error(node, "max_sub_tokens value can not be negative");
                return true;
            }
            ("max_sub_tokens", 256..) => {
                self.error(node, "max_sub_tokens value is too big");
                return true;
            }
            _ if !read::is_number(key) => return false,
            _ if number > max => {
                self.error(node, format!("{key} value is too big"));
                return true;
            }
            _ => match u64::try_from(number) {
                Ok(0) => default,
                Ok(number) => number,
                Err(_) => {
                    self.error(node, format!("{key} value can not be negative"));
                    return true;
                }
            },
        };
        read::set_number(&mut self.config, key, number);
        true
    }

    fn time(&mut self, key: &str, node: &Node) -> bool {
        let standard = Config::default();
        let default = match key {
            "ping_interval" => standard.ping_interval,
            "write_deadline" => standard.write_deadline,
            "lame_duck_duration" => standard.lame_duck_duration,
            "lame_duck_grace_period" => standard.lame_duck_grace_period,
            _ => return false,
        };
        let Some(time) = self.duration(key, node) else { return true };
        if key == "lame_duck_duration" && time.as_secs() < 30 {
            let written = duration::format(time);
            let why = format!("invalid lame_duck_duration of {written}, minimum is 30 seconds");
            self.error(node, why);
            return true;
        }
        let time = if time.is_zero() { default } else { time };
        let config = &mut self.config;
        match key {
            "ping_interval" => config.ping_interval = time,
            "write_deadline" => config.write_deadline = time,
            "lame_duck_duration" => config.lame_duck_duration = time,
            _ => config.lame_duck_grace_period = time,
        }
        true
    }

    fn write_timeout(&mut self, node: &Node, text: &str) -> Option<WriteTimeout> {
        match text {
            "default" => Some(WriteTimeout::Default),
            "close" => Some(WriteTimeout::Close),
            "retry" => Some(WriteTimeout::Retry),
            _ => {
                self.error(node, "write_timeout must be 'default', 'close' or 'retry'");
                None
            }
        }
    }

    /// A duration that is not negative; a bare integer counts seconds.
    fn duration(&mut self, key: &str, node: &Node) -> Option<std::time::Duration> {
        let nanos = read::nanos(&node.value)?;
        let time = u64::try_from(nanos).ok().map(std::time::Duration::from_nanos);
        if time.is_none() {
            self.error(node, format!("invalid {key}, needs to be positive"));
        }
        time
    }

    fn block(&mut self, key: &str, node: &Node) -> bool {
        match (key, &node.value) {
            ("listen" | "port" | "http" | "http_port" | "https" | "https_port", _) => {
                self.listener(key, node);
            }
            ("server_tags", value) => self.config.server_tags = read::tags(value),
            ("server_metadata", value) => self.config.server_metadata = read::text_map(value),
            ("default_js_domain", value) => {
                self.config.default_js_domain = read::text_map(value);
            }
            ("feature_flags", value) => self.config.feature_flags = read::flag_map(value),
            ("mappings", Value::Map(map)) => self.config.mappings = self.mappings(node, map),
            ("accounts", _) => self.accounts(node),
            ("proxies", Value::Map(map)) => self.proxies(map),
            ("authorization", Value::Map(map)) => self.authorization(node, map),
            ("cluster", Value::Map(map)) => self.cluster(node, map),
            ("gateway", Value::Map(map)) => self.gateway(node, map),
            ("leafnodes", Value::Map(map)) => self.leafnodes(map),
            ("jetstream", _) => self.jetstream(node),
            ("plugins", Value::Map(map)) => {
                let blocks = map.iter().map(|(name, node)| (name.to_owned(), node.value.to_json()));
                self.config.plugins = blocks.collect::<BTreeMap<_, _>>();
            }
            ("vagus", Value::Map(map)) => self.vagus(map),
            ("tls", Value::Map(map)) => {
                self.config.tls = Some(self.client_tls(node, map));
            }
            ("ocsp", _) => self.ocsp(node),
            ("ocsp_cache", _) => self.ocsp_cache(node),
            (
                "mappings" | "authorization" | "cluster" | "gateway" | "leafnodes" | "plugins"
                | "proxies" | "tls" | "vagus",
                _,
            ) => {}
            _ => return false,
        }
        true
    }

    fn vagus(&mut self, map: &Map) {
        for (name, node) in map.iter() {
            let name = name.to_lowercase();
            match (name.as_str(), &node.value) {
                ("arbiters", Value::Int(_)) => {
                    self.config.vagus.arbiters = self.count(&name, node, 1024);
                }
                ("shards", Value::Int(_)) => {
                    self.config.vagus.shards = self.count(&name, node, 65_536);
                }
                ("log_format", Value::Text(text)) => match text.as_str() {
                    "text" => self.config.vagus.log_format = LogFormat::Text,
                    "json" => self.config.vagus.log_format = LogFormat::Json,
                    _ => self.error(node, "log_format must be 'text' or 'json'"),
                },
                _ => {}
            }
        }
    }

    fn count(&mut self, key: &str, node: &Node, max: usize) -> Option<usize> {
        let Value::Int(number) = node.value else { return None };
        let count = usize::try_from(number).ok().filter(|count| (1..=max).contains(count));
        if count.is_none() {
            self.error(node, format!("{key} must be from 1 to {max}"));
        }
        count
    }
}
