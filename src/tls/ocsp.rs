//! The status of a certificate, as its authority signs it (RFC 6960): the question as bytes, and
//! whether an answer may be shown to clients.

use std::time::{Duration, SystemTime};

use der::asn1::{Null, ObjectIdentifier, OctetString};
use der::{Any, Decode as _, Encode as _};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use thiserror::Error;
use webpki::{EndEntityCert, ring as algorithms};
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspRequest, OcspResponse, OcspResponseStatus, Request,
    SingleResponse, TbsRequest,
};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_OCSP;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A certificate, and the authority that answers for it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What an answer must be about.
    id: CertId,
    issuer: CertificateDer<'static>,
    /// Where the certificate says that its status is told.
    pub responders: Vec<String>,
    /// The certificate is only good together with its status.
    pub must_staple: bool,
}

/// An answer that may be shown to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staple {
    pub der: Vec<u8>,
    pub this_update: SystemTime,
    /// When it is not good any more, where it says so.
    pub next_update: Option<SystemTime>,
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

/// Every algorithm that an authority may sign with.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ED25519,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
];

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
            .filter_map(|der| read(der).ok().map(|certificate| (der, certificate)))
            .find(|(_, issuer)| issuer.subject() == own.issuer());
        let (issuer_der, issuer) = issuer.ok_or(StatusError::NoIssuer)?;
        Ok(Self {
            id: id(&own, &issuer).ok_or(StatusError::Certificate)?,
            issuer: issuer_der.clone().into_owned(),
            responders: responders(&own),
            must_staple: must_staple(&own),
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

    /// Whether an answer says that the certificate is good, is signed by who may say so, and is of
    /// this time.
    ///
    /// # Errors
    /// Why it may not be shown.
    pub fn check(&self, answer: &[u8], now: SystemTime) -> Result<Staple, StatusError> {
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
        let this_update = one.this_update.0.to_system_time();
        let next_update = one.next_update.map(|time| time.0.to_system_time());
        if this_update > now + SKEW || next_update.is_some_and(|end| end + SKEW < now) {
            return Err(StatusError::OutOfDate);
        }
        match one.cert_status {
            CertStatus::Good(_) => Ok(Staple { der: answer.to_vec(), this_update, next_update }),
            CertStatus::Revoked(_) => Err(StatusError::Revoked),
            CertStatus::Unknown(_) => Err(StatusError::Unknown),
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
        if is_signed(&self.issuer, &signed, signature) {
            return Ok(());
        }
        let helpers = basic.certs.iter().flatten().filter_map(|one| one.to_der().ok());
        let mut helpers = helpers.filter(|der| self.may_answer(der));
        match helpers.any(|der| is_signed(&der.into(), &signed, signature)) {
            true => Ok(()),
            false => Err(StatusError::Signature),
        }
    }

    fn may_answer(&self, der: &[u8]) -> bool {
        let Ok((_, helper)) = X509Certificate::from_der(der) else { return false };
        let usage = helper.extended_key_usage().ok().flatten();
        usage.is_some_and(|usage| usage.value.ocsp_signing)
            && helper.validity().is_valid()
            && is_signed(
                &self.issuer,
                helper.tbs_certificate.as_ref(),
                &helper.signature_value.data,
            )
    }
}

fn read<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, StatusError> {
    X509Certificate::from_der(der).map(|(_, one)| one).map_err(|_| StatusError::Certificate)
}

fn id(own: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> Option<CertId> {
    let sha1 =
        |bytes: &[u8]| OctetString::new(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref()).ok();
    Some(CertId {
        hash_algorithm: x509_cert::spki::AlgorithmIdentifierOwned {
            oid: SHA1,
            parameters: Some(Any::encode_from(&Null).ok()?),
        },
        issuer_name_hash: sha1(issuer.subject().as_raw())?,
        issuer_key_hash: sha1(&issuer.public_key().subject_public_key.data)?,
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

/// Whether the key of `who` made the signature.
fn is_signed(who: &CertificateDer<'_>, signed: &[u8], signature: &[u8]) -> bool {
    let Ok(who) = EndEntityCert::try_from(who) else { return false };
    ALGORITHMS.iter().any(|algorithm| who.verify_signature(*algorithm, signed, signature).is_ok())
}
