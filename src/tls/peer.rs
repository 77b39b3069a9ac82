//! What the certificates of the other end say of it.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::name;

/// See the module's text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// As monitoring shows them: its own first.
    pub certificates: Vec<PeerCertificate>,
    /// Other names of the subject of the first: e-mail addresses, then hosts, then URIs.
    pub alternative_names: Vec<String>,
    /// The subject of the first, part by part from the most special one on: `("CN", "joe")`.
    pub subject: Vec<(String, String)>,
    /// The subject of the first with its domain components written out behind the rest; where it
    /// has none, nothing.
    pub with_domain: Option<String>,
}

/// One certificate as monitoring shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// As RFC 2253 writes it.
    pub subject: String,
    /// Of the public key, in lower-case hex.
    pub spki_sha256: String,
    /// Of the certificate, in lower-case hex.
    pub cert_sha256: String,
}

impl Peer {
    /// `None` where the first certificate can't be read, which whoever checked it has done.
    pub(crate) fn read(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let (_, first) = X509Certificate::from_der(chain.first()?).ok()?;
        let read = chain.iter().filter_map(|der| {
            let (_, certificate) = X509Certificate::from_der(der).ok()?;
            Some(PeerCertificate {
                subject: name::text(certificate.subject()),
                spki_sha256: sha256(certificate.public_key().raw),
                cert_sha256: sha256(der),
            })
        });
        Some(Self {
            certificates: read.collect(),
            alternative_names: alternative_names(&first),
            subject: name::parts(first.subject()),
            with_domain: name::with_domain(first.subject()),
        })
    }
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = &names.value.general_names;
    let of = |pick: fn(&GeneralName<'_>) -> Option<String>| names.iter().filter_map(pick);
    let emails = of(|name| match name {
        GeneralName::RFC822Name(text) => Some((*text).to_owned()),
        _ => None,
    });
    let hosts = of(|name| match name {
        GeneralName::DNSName(text) => Some((*text).to_owned()),
        _ => None,
    });
    let uris = of(|name| match name {
        GeneralName::URI(text) => Some((*text).to_owned()),
        _ => None,
    });
    emails.chain(hosts).chain(uris).collect()
}

/// Whether a public key is among those that are accepted, which all are where none is named. Else
/// its digest; empty where no certificate was shown.
pub(crate) fn is_pinned(pinned: &BTreeSet<String>, peer: Option<&Peer>) -> Result<(), String> {
    if pinned.is_empty() {
        return Ok(());
    }
    let own = peer.and_then(|peer| peer.certificates.first());
    match own.map(|certificate| &certificate.spki_sha256) {
        Some(digest) if pinned.contains(digest) => Ok(()),
        digest => Err(digest.cloned().unwrap_or_default()),
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}
