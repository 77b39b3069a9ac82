//! The chains of signatures by which a client's certificate is trusted, as far as somebody can be
//! asked about their links.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use der::asn1::AnyRef;
use der::{Encode as _, Tag};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};
use x509_parser::prelude::X509Certificate;

use crate::files::Authorities;
use crate::peer::sha256;
use crate::{Subject, name, ocsp, suites};

/// See the module's text.
#[derive(Debug)]
pub struct Chains {
    /// The client's own certificate.
    pub peer: Certificate,
    /// Each of them is enough for trust. Of each, the links whose authority can be asked, the
    /// client's own certificate first.
    pub all: Vec<Vec<Link>>,
}

/// A certificate in a chain, below its authority.
#[derive(Debug)]
pub struct Link {
    pub certificate: Certificate,
    pub subject: Subject,
}

/// A certificate as events show it.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// As RFC 2253 writes it.
    pub subject: String,
    /// As RFC 2253 writes it.
    pub issuer: String,
    /// SHA-256 in lower-case hex.
    pub digest: String,
    pub der: Vec<u8>,
}

/// Chains that are looked at: a client can show many certificates that sign each other.
const CHAINS_MAX: usize = 8;

impl Chains {
    /// Of what a client has shown, its own certificate first. `None` where nothing of it is trusted
    /// at `now`.
    pub(crate) fn find(
        shown: &[CertificateDer<'_>],
        roots: &RootCertStore,
        now: SystemTime,
    ) -> Option<Self> {
        let all = paths(shown, roots, now, links)?;
        Some(Self { peer: Certificate::read(shown.first()?)?, all })
    }
}

/// Those chains with their authorities, as PEM.
pub(crate) fn verified(
    shown: &[CertificateDer<'_>],
    roots: &Authorities,
    now: SystemTime,
) -> Vec<Vec<String>> {
    let whole = |path: &VerifiedPath<'_>| {
        let root = roots.certificates.iter().find(|root| is_anchor(root, path.anchor()));
        let chain = certificates(path).into_iter().chain(root.cloned());
        Some(chain.map(|der| pem(&der)).collect())
    };
    paths(shown, &roots.store, now, whole).unwrap_or_default()
}

/// What `take` makes of each way to an authority. `None` where there is none.
fn paths<T>(
    shown: &[CertificateDer<'_>],
    roots: &RootCertStore,
    now: SystemTime,
    take: impl Fn(&VerifiedPath<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let (own, others) = shown.split_first()?;
    let leaf = EndEntityCert::try_from(own).ok()?;
    let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).ok()?);
    let all = RefCell::new(Vec::new());
    let next = |path: &VerifiedPath<'_>| {
        let mut all = all.borrow_mut();
        let mut above = path.intermediate_certificates();
        // Some clients show the authority as well.
        let detour = above.any(|one| is_anchor(&one.der(), path.anchor()));
        if !detour && all.len() < CHAINS_MAX {
            all.extend(take(path));
        }
        // Is there another one?
        Err(webpki::Error::UnknownIssuer)
    };
    let (by, usage) = (suites::signatures(), KeyUsage::client_auth());
    let _ = leaf.verify_for_usage(by, &roots.roots, others, now, usage, None, Some(&next));
    Some(all.into_inner()).filter(|all| !all.is_empty())
}

fn is_anchor(root: &CertificateDer<'_>, anchor: &TrustAnchor<'_>) -> bool {
    let own = webpki::anchor_from_trusted_cert(root);
    own.is_ok_and(|own| {
        own.subject == anchor.subject
            && own.subject_public_key_info == anchor.subject_public_key_info
    })
}

fn pem(der: &[u8]) -> String {
    const COLUMNS: usize = 64;
    let text = BASE64.encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(COLUMNS) {
        out.extend(line.iter().map(|byte| char::from(*byte)));
        out.push('\n');
    }
    out + "-----END CERTIFICATE-----\n"
}

impl Certificate {
    fn read(der: &CertificateDer<'_>) -> Option<Self> {
        Some(Self::of(&ocsp::read(der).ok()?, der))
    }

    fn of(certificate: &X509Certificate<'_>, der: &[u8]) -> Self {
        Self {
            subject: name::text(certificate.subject()),
            issuer: name::text(certificate.issuer()),
            digest: sha256(der),
            der: der.to_vec(),
        }
    }
}

/// All but the authority's.
fn certificates(path: &VerifiedPath<'_>) -> Vec<CertificateDer<'static>> {
    let above = path.intermediate_certificates().map(|one| one.der());
    std::iter::once(path.end_entity().der()).chain(above).map(CertificateDer::into_owned).collect()
}

/// From the client's own certificate to the one below the authority that is trusted.
fn links(path: &VerifiedPath<'_>) -> Option<Vec<Link>> {
    let above = path.intermediate_certificates().map(|one| one.subject_public_key_info().to_vec());
    let anchor = AnyRef::new(Tag::Sequence, &path.anchor().subject_public_key_info).ok()?;
    let keys = above.chain([anchor.to_der().ok()?]);
    let mut links = Vec::new();
    for (der, key) in certificates(path).iter().zip(keys) {
        let certificate = ocsp::read(der).ok()?;
        let subject = Subject::under(&certificate, &key).ok()?;
        if subject.responders.iter().any(|url| url.starts_with("http")) {
            links.push(Link { certificate: Certificate::of(&certificate, der), subject });
        }
    }
    Some(links)
}
