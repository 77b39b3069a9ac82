//! The status of a certificate, as its authority signs it (RFC 6960): the question as bytes, and
//! what an answer says.

use std::time::{Duration, SystemTime};

use der::asn1::{Null, ObjectIdentifier, OctetString};
use der::{Any, Decode as _, Encode as _};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use thiserror::Error;
use webpki::RawPublicKeyEntity;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspRequest, OcspResponse, OcspResponseStatus, Request,
    SingleResponse, TbsRequest,
};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_OCSP;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::suites;

/// A certificate, and the authority that answers for it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What an answer must be about.
    id: CertId,
    /// The authority's public key, as certificates have it.
    key: SubjectPublicKeyInfoDer<'static>,
    /// Where the certificate says that its status is told.
    pub responders: Vec<String>,
    /// The certificate is only good together with its status.
    pub must_staple: bool,
}

/// What an authority says of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub der: Vec<u8>,
    pub status: Status,
    pub this_update: SystemTime,
    /// When it does not count any more, where it says so.
    pub next_update: Option<SystemTime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Good,
    Revoked,
    Unknown,
}

/// Why there is nothing to show.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StatusError {
    #[error("no issuer of the certificate is known")]
    NoIssuer,
    #[error("certificate can't be read")]
    Certificate,
    #[error("response can't be read")]
    Malformed,
    #[error("responder says {0}")]
    Refused(&'static str),
    #[error("response is about another certificate")]
    Another,
    #[error("response is not signed by the certificate's authority")]
    Signature,
    #[error("response is out of date")]
    OutOfDate,
    #[error("certificate has been revoked")]
    Revoked,
    #[error("status of the certificate is unknown")]
    Unknown,
}

/// Difference of clocks that is put up with.
const SKEW: Duration = Duration::from_secs(30);
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
/// The feature of TLS that a certificate may demand: status requests.
const STATUS_REQUEST: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x05];
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";

// === impl Status ===

impl Status {
    /// As logs and events have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
        }
    }
}

// === impl Answer ===

impl Answer {
    /// When it does not count any more; `ttl`: how long one counts that does not say so. `None`:
    /// never.
    #[must_use]
    pub fn end(&self, ttl: Duration) -> Option<SystemTime> {
        self.next_update.or_else(|| self.this_update.checked_add(ttl))
    }

    /// Whether it counts at `now`, clocks being as far apart as `skew`.
    #[must_use]
    pub fn is_current(&self, now: SystemTime, skew: Duration, ttl: Duration) -> bool {
        let latest = now.checked_add(skew);
        let ends = self.end(ttl).and_then(|end| end.checked_add(skew));
        latest.is_none_or(|latest| self.this_update <= latest) && ends.is_none_or(|end| end >= now)
    }
}

// === impl Subject ===

impl Subject {
    /// The first of a chain; its issuer is the next, or among `authorities`.
    ///
    /// # Errors
    /// When the issuer is not to be found, or a certificate can't be read.
    pub fn new(
        chain: &[CertificateDer<'_>],
        authorities: &[CertificateDer<'_>],
    ) -> Result<Self, StatusError> {
        let own = chain.first().ok_or(StatusError::Certificate)?;
        let own = read(own)?;
        let issuers = chain[1..].iter().chain(authorities);
        let issuer = issuers
            .filter_map(|der| read(der).ok())
            .find(|issuer| issuer.subject() == own.issuer());
        let issuer = issuer.ok_or(StatusError::NoIssuer)?;
        Self::under(&own, issuer.public_key().raw)
    }

    /// A certificate that was signed with this public key.
    pub(crate) fn under(own: &X509Certificate<'_>, key: &[u8]) -> Result<Self, StatusError> {
        Ok(Self {
            id: id(own, key).ok_or(StatusError::Certificate)?,
            key: SubjectPublicKeyInfoDer::from(key.to_vec()),
            responders: responders(own),
            must_staple: must_staple(own),
        })
    }

    /// What to send to a responder.
    ///
    /// # Errors
    /// None in practice: all parts have been encoded before.
    pub fn request(&self) -> Result<Vec<u8>, StatusError> {
        let one = Request { req_cert: self.id.clone(), single_request_extensions: None };
        let tbs_request = TbsRequest { request_list: vec![one], ..TbsRequest::default() };
        let request = OcspRequest { tbs_request, optional_signature: None };
        request.to_der().map_err(|_| StatusError::Certificate)
    }

    /// What an answer says of the certificate, where it is signed by who may say so.
    ///
    /// # Errors
    /// Why it says nothing.
    pub fn read(&self, answer: &[u8]) -> Result<Answer, StatusError> {
        let response = OcspResponse::from_der(answer).map_err(|_| StatusError::Malformed)?;
        refusal(response.response_status)?;
        let bytes = response.response_bytes.ok_or(StatusError::Malformed)?;
        if bytes.response_type != BASIC {
            return Err(StatusError::Malformed);
        }
        let basic = BasicOcspResponse::from_der(bytes.response.as_bytes())
            .map_err(|_| StatusError::Malformed)?;
        let one = basic.tbs_response_data.responses.iter().find(|one| self.is_about(one));
        let one = one.ok_or(StatusError::Another)?;
        self.check_signature(&basic)?;
        let status = match one.cert_status {
            CertStatus::Good(_) => Status::Good,
            CertStatus::Revoked(_) => Status::Revoked,
            CertStatus::Unknown(_) => Status::Unknown,
        };
        let this_update = one.this_update.0.to_system_time();
        let next_update = one.next_update.map(|time| time.0.to_system_time());
        Ok(Answer { der: answer.to_vec(), status, this_update, next_update })
    }

    /// An answer that says that the certificate is good, and is of this time.
    ///
    /// # Errors
    /// Why it may not be shown.
    pub fn check(&self, answer: &[u8], now: SystemTime) -> Result<Answer, StatusError> {
        let answer = self.read(answer)?;
        if !answer.is_current(now, SKEW, Duration::MAX) {
            return Err(StatusError::OutOfDate);
        }
        match answer.status {
            Status::Good => Ok(answer),
            Status::Revoked => Err(StatusError::Revoked),
            Status::Unknown => Err(StatusError::Unknown),
        }
    }

    /// Responders may leave out the parameters of the digest.
    fn is_about(&self, one: &SingleResponse) -> bool {
        let (own, theirs) = (&self.id, &one.cert_id);
        own.hash_algorithm.oid == theirs.hash_algorithm.oid
            && own.issuer_name_hash == theirs.issuer_name_hash
            && own.issuer_key_hash == theirs.issuer_key_hash
            && own.serial_number == theirs.serial_number
    }

    /// Signed by the authority, or by somebody whom it has signed for this.
    fn check_signature(&self, basic: &BasicOcspResponse) -> Result<(), StatusError> {
        let signed = basic.tbs_response_data.to_der().map_err(|_| StatusError::Malformed)?;
        let signature = basic.signature.raw_bytes();
        if is_signed(&self.key, &signed, signature) {
            return Ok(());
        }
        let helpers = basic.certs.iter().flatten().filter_map(|one| one.to_der().ok());
        let mut helpers = helpers.filter_map(|der| self.helper(&der));
        match helpers.any(|key| is_signed(&key, &signed, signature)) {
            true => Ok(()),
            false => Err(StatusError::Signature),
        }
    }

    /// The public key of somebody who may answer.
    fn helper(&self, der: &[u8]) -> Option<SubjectPublicKeyInfoDer<'static>> {
        let (_, helper) = X509Certificate::from_der(der).ok()?;
        let usage = helper.extended_key_usage().ok().flatten();
        let (signed, signature) = (helper.tbs_certificate.as_ref(), &helper.signature_value.data);
        let may = usage.is_some_and(|usage| usage.value.ocsp_signing)
            && helper.validity().is_valid()
            && is_signed(&self.key, signed, signature);
        may.then(|| SubjectPublicKeyInfoDer::from(helper.public_key().raw.to_vec()))
    }
}

pub(crate) fn read<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, StatusError> {
    X509Certificate::from_der(der).map(|(_, one)| one).map_err(|_| StatusError::Certificate)
}

fn id(own: &X509Certificate<'_>, key: &[u8]) -> Option<CertId> {
    let (_, key) = SubjectPublicKeyInfo::from_der(key).ok()?;
    let sha1 =
        |bytes: &[u8]| OctetString::new(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref()).ok();
    Some(CertId {
        hash_algorithm: x509_cert::spki::AlgorithmIdentifierOwned {
            oid: SHA1,
            parameters: Some(Any::encode_from(&Null).ok()?),
        },
        issuer_name_hash: sha1(own.issuer().as_raw())?,
        issuer_key_hash: sha1(&key.subject_public_key.data)?,
        serial_number: x509_cert::serial_number::SerialNumber::new(own.raw_serial()).ok()?,
    })
}

fn responders(own: &X509Certificate<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for extension in own.extensions() {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else {
            continue;
        };
        for one in &access.accessdescs {
            if let GeneralName::URI(uri) = one.access_location
                && one.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP
            {
                found.push(uri.to_owned());
            }
        }
    }
    found
}

fn must_staple(own: &X509Certificate<'_>) -> bool {
    let mut features = own.extensions().iter().filter(|one| one.oid.to_id_string() == TLS_FEATURE);
    features.any(|feature| feature.value == STATUS_REQUEST)
}

fn refusal(status: OcspResponseStatus) -> Result<(), StatusError> {
    Err(StatusError::Refused(match status {
        OcspResponseStatus::Successful => return Ok(()),
        OcspResponseStatus::MalformedRequest => "malformed request",
        OcspResponseStatus::InternalError => "internal error",
        OcspResponseStatus::TryLater => "try later",
        OcspResponseStatus::SigRequired => "signature required",
        OcspResponseStatus::Unauthorized => "unauthorized",
    }))
}

/// Whether this key made the signature.
fn is_signed(key: &SubjectPublicKeyInfoDer<'_>, signed: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = RawPublicKeyEntity::try_from(key) else { return false };
    let mut algorithms = suites::signatures().iter();
    algorithms.any(|algorithm| key.verify_signature(*algorithm, signed, signature).is_ok())
}
