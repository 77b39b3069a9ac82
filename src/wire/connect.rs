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
    pub user: Option<String>,
    pub pass: Option<String>,
    pub auth_token: Option<String>,
    pub nkey: Option<String>,
    pub jwt: Option<String>,
    pub sig: Option<String>,
    pub name: String,
    pub lang: String,
    pub version: String,
    /// 0, or 1 for a client that takes `INFO` at any time.
    pub protocol: i64,
    pub headers: bool,
    pub no_responders: bool,
    /// Set by clients that speak to an account server; refused here.
    pub account: Option<String>,
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
            user: None,
            pass: None,
            auth_token: None,
            nkey: None,
            jwt: None,
            sig: None,
            name: String::new(),
            lang: String::new(),
            version: String::new(),
            protocol: 0,
            headers: false,
            no_responders: false,
            account: None,
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
            .field("user", &self.user)
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

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ConnectError> {
        match name {
            "verbose" => self.verbose = boolean("verbose", value)?,
            "pedantic" => self.pedantic = boolean("pedantic", value)?,
            "echo" => self.echo = boolean("echo", value)?,
            "tls_required" => self.tls_required = boolean("tls_required", value)?,
            "headers" => self.headers = boolean("headers", value)?,
            "no_responders" => self.no_responders = boolean("no_responders", value)?,
            "user" => self.user = Some(string("user", value)?),
            "pass" => self.pass = Some(string("pass", value)?),
            "auth_token" => self.auth_token = Some(string("auth_token", value)?),
            "nkey" => self.nkey = Some(string("nkey", value)?),
            "jwt" => self.jwt = Some(string("jwt", value)?),
            "sig" => self.sig = Some(string("sig", value)?),
            "account" => self.account = Some(string("account", value)?),
            "name" => self.name = string("name", value)?,
            "lang" => self.lang = string("lang", value)?,
            "version" => self.version = string("version", value)?,
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
        assert_eq!((connect.name.as_str(), connect.protocol, connect.user), ("x", 1, None));
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
