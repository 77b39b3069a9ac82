//! What a line of the page says of TLS.

use serde::Serialize;
use vagus_actors::connection::messages::Description;

/// Nothing of a connection that is not encrypted.
#[derive(Default, Serialize)]
pub(super) struct Tls {
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cipher_suite: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tls_peer_certs: Vec<PeerCertificate>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_first: bool,
}

#[derive(Serialize)]
struct PeerCertificate {
    #[serde(skip_serializing_if = "String::is_empty")]
    subject: String,
    spki_sha256: String,
    cert_sha256: String,
}

impl Tls {
    /// `auth`: with what the client showed of itself.
    pub(super) fn of(one: &Description, auth: bool) -> Self {
        let Some(tls) = &one.tls else { return Self::default() };
        let certificates = tls.certificates.iter().filter(|_| auth);
        Self {
            tls_version: Some(tls.version),
            tls_cipher_suite: Some(tls.suite),
            tls_peer_certs: certificates
                .map(|one| PeerCertificate {
                    subject: one.subject.clone(),
                    spki_sha256: one.spki_sha256.clone(),
                    cert_sha256: one.cert_sha256.clone(),
                })
                .collect(),
            tls_first: tls.first,
        }
    }
}
