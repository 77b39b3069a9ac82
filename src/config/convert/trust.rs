//! Operators, resolvers, and the JWTs that stand in a configuration.

use std::time::Duration;

use vagus_auth::jwt::{AccountClaims, Claims, OperatorClaims, UserClaims, UserTerms, decode};
use vagus_auth::keys::{is_account_key, is_operator_key};

use super::{Builder, read};
use crate::config::{Directory, Operator, Resolver};
use crate::duration;
use crate::parser::not_opened;
use crate::value::{Map, Node, Value};

/// How JWTs begin: a brace and a quotation mark in base64.
const JWT_PREFIX: &str = "eyJ";
/// JWTs that a cache keeps unless it is told otherwise.
const CACHE_LIMIT: usize = 1000;
const UNKNOWN_RESOLVER: &str = "error parsing account resolver, should be MEM or  URL(\"url\") or \
                                a map containing dir and type state=[FULL|CACHE])";
const LOOK_UP_TIMEOUT: Duration = Duration::from_millis(1900);
const SYNC_INTERVAL: Duration = Duration::from_secs(60);

impl Builder {
    /// False when the key is none of these.
    pub(super) fn trust(&mut self, key: &str, node: &Node) -> bool {
        match (key, &node.value) {
            ("operator", value) => {
                for text in read::texts(value) {
                    self.operator(node, text);
                }
            }
            ("trusted_keys", value) => {
                for text in read::texts(value) {
                    match is_operator_key(text) {
                        true => self.config.trust.trusted_keys.push(text.to_owned()),
                        false => self.error(
                            node,
                            format!(
                                "trust key {text:?} required to be a valid public operator nkey"
                            ),
                        ),
                    }
                }
            }
            ("resolver", Value::Text(text)) => self.resolver_by_name(node, text),
            ("resolver", Value::Map(map)) => self.resolver_block(node, map),
            ("resolver_tls", Value::Map(map)) => {
                self.config.trust.resolver_tls = Some(self.remote_tls(node, map));
            }
            ("resolver_preload", Value::Map(map)) => self.preload(map),
            ("resolver_pinned_accounts", value) => self.pinned_accounts(node, value),
            ("default_sentinel", Value::Text(text)) => {
                self.config.trust.default_sentinel = self.token_of(node, text);
            }
            ("resolver" | "resolver_tls" | "resolver_preload" | "default_sentinel", _) => {}
            _ => return false,
        }
        true
    }

    fn operator(&mut self, node: &Node, text: &str) {
        let Some(token) = self.token_of(node, text) else { return };
        let claims: Claims<OperatorClaims> = match decode(&token) {
            Ok(claims) => claims,
            Err(why) => {
                return self.error(node, format!("error parsing operator JWT: {why}"));
            }
        };
        match claims.validate().into_iter().next() {
            Some(why) => self.error(node, format!("error parsing operator JWT: {why}")),
            None => self.config.trust.operator.push(Operator { token, claims }),
        }
    }

    /// A token as it is written, or the one in a file of this name.
    fn token_of(&mut self, node: &Node, text: &str) -> Option<String> {
        if text.starts_with(JWT_PREFIX) {
            return Some(text.to_owned());
        }
        match std::fs::read_to_string(text) {
            Ok(content) => {
                let lines = content.lines().map(str::trim);
                let token = lines.clone().find(|line| line.starts_with(JWT_PREFIX));
                Some(token.unwrap_or(content.trim()).to_owned())
            }
            Err(why) => {
                let why = not_opened(text.as_ref(), &why);
                self.error(node, format!("error parsing operator JWT: {why}"));
                None
            }
        }
    }

    fn resolver_by_name(&mut self, node: &Node, text: &str) {
        let upper = text.trim().to_uppercase();
        if matches!(upper.as_str(), "MEM" | "MEMORY") {
            self.config.trust.resolver = Some(Resolver::Memory);
            return;
        }
        let trimmed = text.trim();
        let inside = trimmed
            .get(..4)
            .filter(|start| start.eq_ignore_ascii_case("url("))
            .and_then(|_| trimmed[4..].strip_suffix(')'));
        match inside {
            Some(url) => {
                let url = url.trim().trim_matches('"').to_owned();
                self.config.trust.resolver = Some(Resolver::Url(url));
            }
            None => self.error(node, UNKNOWN_RESOLVER),
        }
    }

    fn resolver_block(&mut self, node: &Node, map: &Map) {
        let mut directory = Directory {
            dir: std::path::PathBuf::new(),
            allow_delete: false,
            hard_delete: false,
            limit: None,
            ttl: None,
            interval: SYNC_INTERVAL,
            timeout: LOOK_UP_TIMEOUT,
        };
        let (mut kind, mut synced, mut hard) = (String::new(), false, false);
        for (name, entry) in map.iter() {
            match (name.to_lowercase().as_str(), &entry.value) {
                ("type", Value::Text(text)) => kind = text.to_uppercase(),
                ("dir", Value::Text(text)) => directory.dir = text.into(),
                ("allow_delete", Value::Bool(flag)) => directory.allow_delete = *flag,
                ("hard_delete", Value::Bool(flag)) => {
                    hard = true;
                    directory.hard_delete = *flag;
                }
                ("limit", Value::Int(number)) => {
                    directory.limit = usize::try_from(*number).ok().filter(|limit| *limit > 0);
                }
                ("ttl", Value::Text(text)) => directory.ttl = span(text),
                ("interval", Value::Text(text)) => {
                    synced = true;
                    directory.interval = span(text).unwrap_or(SYNC_INTERVAL);
                }
                ("timeout", Value::Text(text)) => {
                    directory.timeout = span(text).unwrap_or(LOOK_UP_TIMEOUT);
                }
                _ => {}
            }
        }
        let wrong = match kind.as_str() {
            "MEM" | "MEMORY" => {
                self.config.trust.resolver = Some(Resolver::Memory);
                return;
            }
            "FULL" | "CACHE" if directory.dir.as_os_str().is_empty() => {
                Some("dir has no value and needs to point to a directory")
            }
            "FULL" | "CACHE" if directory.dir.exists() && !directory.dir.is_dir() => {
                Some("dir needs to point to an accessible directory")
            }
            "CACHE" if synced => Some("CACHE does not accept sync"),
            "CACHE" if directory.allow_delete => Some("CACHE does not accept allow_delete"),
            "CACHE" if hard => Some("CACHE does not accept hard_delete"),
            "FULL" if directory.ttl.is_some() => Some("FULL does not accept ttl"),
            "FULL" if hard && !directory.allow_delete => {
                Some("hard_delete has no effect without delete")
            }
            "FULL" | "CACHE" => None,
            _ => Some(UNKNOWN_RESOLVER),
        };
        if let Some(why) = wrong {
            return self.error(node, why);
        }
        self.config.trust.resolver = Some(match kind.as_str() {
            "FULL" => Resolver::Full(directory),
            _ => {
                directory.limit = directory.limit.or(Some(CACHE_LIMIT));
                Resolver::Cache(directory)
            }
        });
    }

    fn preload(&mut self, map: &Map) {
        for (key, node) in map.iter() {
            let Value::Text(token) = &node.value else { continue };
            if !is_account_key(key) {
                self.error(node, format!("preload account keys must be valid: {key:?}"));
                continue;
            }
            match decode::<AccountClaims>(token) {
                Ok(claims) if claims.sub == *key => {
                    self.config.trust.resolver_preload.insert(key.to_owned(), token.clone());
                }
                Ok(_) => self.error(node, format!("preload account JWT is not of account {key:?}")),
                Err(_) => self.error(node, "invalid account JWT"),
            }
        }
    }

    fn pinned_accounts(&mut self, node: &Node, value: &Value) {
        for text in read::texts(value) {
            match is_account_key(text) {
                true => self.config.trust.resolver_pinned_accounts.push(text.to_owned()),
                false => {
                    let why = "is not a valid public account nkey";
                    self.error(node, format!("pinned account key {text:?} {why}"));
                }
            }
        }
    }

    /// What can be said of the sentinel when all keys are read.
    pub(super) fn finish_trust(&mut self, root: &Map) {
        let trust = &self.config.trust;
        let Some(token) = &trust.default_sentinel else { return };
        let why = match decode::<UserClaims>(token) {
            _ if !trust.is_given() => "default sentinel requires operators and accounts",
            Err(_) => "default sentinel JWT not valid",
            Ok(claims) if claims.nats.terms.bearer_token => return,
            // What a scoped key grants shows when its account is known.
            Ok(claims)
                if claims.nats.terms == UserTerms::default()
                    && !claims.nats.issuer_account.is_empty() =>
            {
                return;
            }
            Ok(_) => "default sentinel must be a bearer token",
        };
        if let Some((_, node)) =
            root.iter().find(|(name, _)| name.eq_ignore_ascii_case("default_sentinel"))
        {
            self.error(node, why);
        }
    }
}

fn span(text: &str) -> Option<Duration> {
    let nanos = duration::parse(text).ok()?;
    u64::try_from(nanos).ok().filter(|nanos| *nanos > 0).map(Duration::from_nanos)
}
