//! What `/varz` says of a port for links, to leaf nodes or to other clusters.

use serde::Serialize;

/// Nothing where there is no such port.
#[derive(Default, Serialize)]
pub(super) struct PortPart {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth_timeout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_timeout: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) tls_required: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) tls_verify: bool,
}
