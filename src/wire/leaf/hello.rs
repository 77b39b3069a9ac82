//! The JSON documents by which the two ends of a leaf link get to know each other.

use serde::{Deserialize, Serialize};

/// What each end tells of itself; the one who has connected says it in its `CONNECT` instead.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LeafInfo {
    pub server_id: String,
    pub server_name: String,
    /// The nats-server release whose behaviour the server has.
    pub version: String,
    pub proto: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub git_commit: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub go: String,
    pub host: String,
    pub port: u16,
    pub headers: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub auth_required: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub tls_required: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub tls_verify: bool,
    pub max_payload: u64,
    #[serde(skip_serializing_if = "is_false")]
    pub jetstream: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub client_id: u64,
    /// What the other end may sign.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Of JetStream.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// What this end thinks of compression: a mode by name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub compression: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub api_lvl: u64,
    /// Another of these follows once the other end is known.
    #[serde(skip_serializing_if = "is_false")]
    pub info_on_connect: bool,
    /// This is the other.
    #[serde(skip_serializing_if = "is_false")]
    pub connect_info: bool,
    /// The account here that the link serves.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_account: String,
    #[serde(rename = "acc_is_sys", skip_serializing_if = "is_false")]
    pub is_system_account: bool,
    /// What the other end may subscribe to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<LinkPermission>,
    /// What the other end may publish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<LinkPermission>,
    /// Where else leaf nodes are taken in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leafnode_urls: Vec<String>,
    /// The same over WebSocket.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ws_connect_urls: Vec<String>,
}

/// Subjects that pass, and those that do not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkPermission {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<Vec<String>>,
}

/// The `CONNECT` of the one who has connected.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LeafConnect {
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nkey: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sig: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pass: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub auth_token: String,
    pub server_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Of the server.
    pub name: String,
    /// It takes the part of the hub.
    #[serde(rename = "is_hub", skip_serializing_if = "is_false")]
    pub hub: bool,
    /// Its cluster, or its own name where it is in none.
    pub cluster: String,
    pub headers: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub jetstream: bool,
    /// What it does not want to be sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny_pub: Vec<String>,
    /// It does not want to hear what other leaf nodes are interested in.
    #[serde(skip_serializing_if = "is_false")]
    pub isolate: bool,
    #[serde(rename = "compress_mode", skip_serializing_if = "String::is_empty")]
    pub compression: String,
    /// The account there that the link serves.
    pub remote_account: String,
    pub protocol: i64,
    /// Clients name their language, servers don't.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lang: String,
    /// A link between clusters says which.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway: String,
}

/// Never prints a secret.
impl std::fmt::Debug for LeafConnect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeafConnect")
            .field("name", &self.name)
            .field("cluster", &self.cluster)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

// A signature that serde asks for.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// `<word> {json}`, with its line end.
///
/// # Errors
/// None in practice: the documents hold nothing that JSON can't.
fn line<T: Serialize>(word: &[u8], document: &T) -> serde_json::Result<Vec<u8>> {
    let mut out = word.to_vec();
    out.push(b' ');
    serde_json::to_writer(&mut out, document)?;
    out.extend_from_slice(b"\r\n");
    Ok(out)
}

impl LeafInfo {
    /// The line as it goes over the wire.
    ///
    /// # Errors
    /// None in practice.
    pub fn line(&self) -> serde_json::Result<Vec<u8>> {
        line(b"INFO", self)
    }
}

impl LeafConnect {
    /// The line as it goes over the wire.
    ///
    /// # Errors
    /// None in practice.
    pub fn line(&self) -> serde_json::Result<Vec<u8>> {
        line(b"CONNECT", self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_of_nats_server_is_read_and_written_alike() {
        let text = [
            r#"{"version":"2.14.5","user":"u","pass":"p","server_id":"NB","name":"leafy","#,
            r#""cluster":"leafy","headers":true,"compress_mode":"not supported","#,
            r#""remote_account":"$G","protocol":3}"#,
        ]
        .concat();
        let connect: LeafConnect = serde_json::from_str(&text).unwrap();
        assert_eq!(connect.line().unwrap(), format!("CONNECT {text}\r\n").into_bytes());
        let text = r#"{"server_id":"NC","proto":3,"unknown":[1],"import":{"deny":["a.>"]}}"#;
        let info: LeafInfo = serde_json::from_str(text).unwrap();
        assert_eq!(info.import.unwrap().deny.unwrap(), ["a.>"]);
    }

    #[test]
    fn secrets_do_not_show() {
        let connect = LeafConnect { pass: "hunter2".to_owned(), ..LeafConnect::default() };
        assert!(!format!("{connect:?}").contains("hunter2"));
    }
}
