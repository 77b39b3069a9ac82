//! What `/varz` says of links to other clusters: how they are configured.

use serde::Serialize;
use vagus_config::Config;

use super::port::PortPart;
use crate::monitor::context::Context;

/// `{}` where the cluster is linked with no other.
#[derive(Default, Serialize)]
pub(super) struct GatewayPart {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(flatten)]
    port: PortPart,
    #[serde(skip_serializing_if = "Option::is_none")]
    advertise: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_retries: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gateways: Vec<RemotePart>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    reject_unknown: bool,
}

#[derive(Serialize)]
struct RemotePart {
    name: String,
    urls: Vec<String>,
}

// === impl GatewayPart ===

impl GatewayPart {
    pub(super) fn of(context: &Context, config: &Config) -> Option<Self> {
        let wanted = config.gateway.as_ref()?;
        let tls = wanted.tls.as_ref();
        let remotes = wanted.remotes.iter().map(|remote| RemotePart {
            name: remote.name.clone(),
            urls: remote.urls.iter().map(|url| url.address.clone()).collect(),
        });
        Some(Self {
            name: Some(wanted.name.clone()),
            port: PortPart {
                host: Some(wanted.host.clone()),
                port: Some(context.broker.gateways.port()),
                auth_timeout: Some(wanted.auth_timeout.as_secs_f64()),
                tls_timeout: tls.map(|tls| tls.timeout.as_secs_f64()),
                tls_required: tls.is_some(),
                tls_verify: tls.is_some(),
            },
            advertise: wanted.advertise.clone(),
            connect_retries: Some(wanted.connect_retries).filter(|retries| *retries > 0),
            gateways: remotes.collect(),
            reject_unknown: wanted.reject_unknown,
        })
    }
}
