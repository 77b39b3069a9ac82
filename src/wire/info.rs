//! `INFO`: what the server tells a client of itself.

use serde::Serialize;

/// The fields of `INFO`, in the order in which they are written.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Info {
    pub server_id: String,
    pub server_name: String,
    /// The nats-server release whose behaviour this server has: clients choose features by it.
    pub version: String,
    pub proto: u8,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub git_commit: String,
    /// Language and version of the implementation.
    pub go: String,
    pub host: String,
    pub port: u16,
    pub headers: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub auth_required: bool,
    /// The client has to begin TLS.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tls_required: bool,
    /// And has to show a certificate of its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tls_verify: bool,
    /// The client may begin TLS.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tls_available: bool,
    pub max_payload: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub jetstream: bool,
    pub client_id: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_ip: String,
    /// What the client may sign, where there are users with keys.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Of JetStream.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_urls: Vec<String>,
    /// True once the server is in lame duck mode.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ldm: bool,
    /// True in the `INFO` that follows the first `PONG`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub connect_info: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_account: String,
    /// Whether that is the system's.
    #[serde(rename = "acc_is_sys", skip_serializing_if = "std::ops::Not::not")]
    pub is_system_account: bool,
    pub api_lvl: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub xkey: String,
    /// Release of this server.
    pub vagus: String,
}

impl Info {
    /// The line as it goes over the wire.
    ///
    /// # Errors
    /// None in practice: the struct holds nothing that JSON can't.
    pub fn line(&self) -> serde_json::Result<Vec<u8>> {
        let mut out = b"INFO ".to_vec();
        serde_json::to_writer(&mut out, self)?;
        out.extend_from_slice(b" \r\n");
        Ok(out)
    }
}
