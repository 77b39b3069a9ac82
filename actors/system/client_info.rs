//! [`ClientInfo`]: a client, as events and requests name it.

use serde::Serialize;

/// See the module's text. In the order of nats-server. No field holds what a client proves itself
/// with: not its password, not its token, and not its JWT.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ClientInfo {
    pub start: String,
    pub host: String,
    pub id: u64,
    /// Its account.
    pub acc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lang: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ver: String,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub rtt: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<String>,
    /// The key that issued the user's JWT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_tag: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    pub kind: &'static str,
    pub client_type: &'static str,
}

// serde passes references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(value: &u64) -> bool {
    *value == 0
}
