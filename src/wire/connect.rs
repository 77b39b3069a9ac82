//! `CONNECT`: what a client tells of itself and asks for.

use serde_json::{Map, Value};
use thiserror::Error;

/// The options of a client. The defaults are in force before its first `CONNECT`.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    pub verbose: bool,
    pub pedantic: bool,
    /// Whether a client's own publishes come back on its own subscriptions.
    pub echo: bool,
    pub tls_required: bool,
    /// What it shows to be let in; few clients show anything.
    pub shown: Option<Box<Shown>>,
    pub name: Box<str>,
    pub lang: Box<str>,
    pub version: Box<str>,
    /// 0, or 1 for a client that takes `INFO` at any time.
    pub protocol: i64,
    pub headers: bool,
    pub no_responders: bool,
}

/// Credentials, as a client shows them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Shown {
    pub user: String,
    pub pass: String,
    pub auth_token: String,
    pub nkey: String,
    pub jwt: String,
    pub sig: String,
    /// Signature of the nonce by a proxy.
    pub proxy_sig: String,
    /// Set by clients that speak to an account server; refused here.
    pub account: String,
}

/// Why the JSON of a `CONNECT` was refused.
#[derive(Debug, Error)]
pub enum ConnectError {
    #[error("not a JSON object: {0}")]
    Json(#[from] serde_json::Error),
    #[error("field {0:?} has a value of another type")]
    Type(&'static str),
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            verbose: true,
            pedantic: true,
            echo: true,
            tls_required: false,
            shown: None,
            name: Box::default(),
            lang: Box::default(),
            version: Box::default(),
            protocol: 0,
            headers: false,
            no_responders: false,
        }
    }
}

/// Never prints a secret.
impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("name", &self.name)
            .field("lang", &self.lang)
            .field("version", &self.version)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl Connect {
    /// Lays the fields of `json` over what is known already. Field names match in any case,
    /// unknown ones are ignored, `null` leaves a field as it is.
    ///
    /// # Errors
    /// [`ConnectError`] when `json` is not an object or a known field has another type.
    pub fn update(&mut self, json: &[u8]) -> Result<(), ConnectError> {
        // Names from all over the world come in all kinds of encodings.
        let json = String::from_utf8_lossy(json);
        let fields: Option<Map<String, Value>> = serde_json::from_str(&json)?;
        for (name, value) in fields.iter().flatten() {
            if !value.is_null() {
                self.set(&name.to_ascii_lowercase(), value)?;
            }
        }
        Ok(())
    }

    fn shown(&mut self) -> &mut Shown {
        self.shown.get_or_insert_default()
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ConnectError> {
        match name {
            "verbose" => self.verbose = boolean("verbose", value)?,
            "pedantic" => self.pedantic = boolean("pedantic", value)?,
            "echo" => self.echo = boolean("echo", value)?,
            "tls_required" => self.tls_required = boolean("tls_required", value)?,
            "headers" => self.headers = boolean("headers", value)?,
            "no_responders" => self.no_responders = boolean("no_responders", value)?,
            "user" => self.shown().user = string("user", value)?,
            "pass" => self.shown().pass = string("pass", value)?,
            "auth_token" => self.shown().auth_token = string("auth_token", value)?,
            "nkey" => self.shown().nkey = string("nkey", value)?,
            "jwt" => self.shown().jwt = string("jwt", value)?,
            "sig" => self.shown().sig = string("sig", value)?,
            "proxy_sig" => self.shown().proxy_sig = string("proxy_sig", value)?,
            "account" => self.shown().account = string("account", value)?,
            "name" => self.name = string("name", value)?.into(),
            "lang" => self.lang = string("lang", value)?.into(),
            "version" => self.version = string("version", value)?.into(),
            "protocol" => {
                self.protocol = value.as_i64().ok_or(ConnectError::Type("protocol"))?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn boolean(name: &'static str, value: &Value) -> Result<bool, ConnectError> {
    value.as_bool().ok_or(ConnectError::Type(name))
}

fn string(name: &'static str, value: &Value) -> Result<String, ConnectError> {
    value.as_str().map(str::to_owned).ok_or(ConnectError::Type(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lays_fields_over_the_defaults() {
        let mut connect = Connect::default();
        connect
            .update(br#"{"verbose":false,"Name":"x","protocol":1,"new":[1],"user":null}"#)
            .unwrap();
        assert!(!connect.verbose && connect.pedantic && connect.echo);
        assert_eq!((&*connect.name, connect.protocol), ("x", 1));
        assert!(connect.shown.is_none());
    }

    #[test]
    fn refuses_other_types_and_hides_secrets() {
        let mut connect = Connect::default();
        assert!(connect.update(br#"{"verbose":"yes"}"#).is_err());
        assert!(connect.update(b"{").is_err());
        assert!(connect.update(b"[]").is_err());
        connect.update(br#"{"pass":"hunter2","auth_token":"t0ken"}"#).unwrap();
        let printed = format!("{connect:?}");
        assert!(!printed.contains("hunter2") && !printed.contains("t0ken"));
    }
}
