//! What the one provider of cryptography can do, by the names that configurations use.

use std::sync::Arc;

use rustls::crypto::ring::{self, cipher_suite as suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::SignatureVerificationAlgorithm;
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedCipherSuite, SupportedProtocolVersion};
use vagus_config::{CipherSuite, Curve, Tls, TlsVersion};

/// Every suite, the cheapest of those that are safe first.
const ALL: [CipherSuite; 9] = [
    CipherSuite::Aes128,
    CipherSuite::Aes256,
    CipherSuite::ChaCha,
    CipherSuite::EcdheEcdsaAes128,
    CipherSuite::EcdheRsaAes128,
    CipherSuite::EcdheEcdsaAes256,
    CipherSuite::EcdheRsaAes256,
    CipherSuite::EcdheEcdsaChaCha,
    CipherSuite::EcdheRsaChaCha,
];

const ALL_CURVES: [Curve; 3] = [Curve::X25519, Curve::P256, Curve::P384];

/// The provider, with the suites and groups that the configuration allows.
pub(crate) fn provider(tls: &Tls) -> Arc<CryptoProvider> {
    let is_wanted = |suite: &CipherSuite| {
        tls.cipher_suites.is_empty() || is_1_3(*suite) || tls.cipher_suites.contains(suite)
    };
    let wanted = ALL.into_iter().filter(is_wanted);
    let curves = if tls.curves.is_empty() { &ALL_CURVES[..] } else { &tls.curves };
    Arc::new(CryptoProvider {
        cipher_suites: wanted.map(by_name).collect(),
        kx_groups: curves.iter().map(|curve| group(*curve)).collect(),
        ..ring::default_provider()
    })
}

/// Every algorithm with which an authority may sign.
pub(crate) fn signatures() -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    ring::default_provider().signature_verification_algorithms.all
}

pub(crate) fn versions(min: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static FROM_1_2: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    static FROM_1_3: &[&SupportedProtocolVersion] = &[&TLS13];
    match min {
        TlsVersion::V1_2 => FROM_1_2,
        TlsVersion::V1_3 => FROM_1_3,
    }
}

fn is_1_3(suite: CipherSuite) -> bool {
    matches!(suite, CipherSuite::Aes128 | CipherSuite::Aes256 | CipherSuite::ChaCha)
}

fn by_name(name: CipherSuite) -> SupportedCipherSuite {
    match name {
        CipherSuite::EcdheEcdsaAes128 => suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::EcdheEcdsaAes256 => suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::EcdheEcdsaChaCha => suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::EcdheRsaAes128 => suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::EcdheRsaAes256 => suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::EcdheRsaChaCha => suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::Aes128 => suite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::Aes256 => suite::TLS13_AES_256_GCM_SHA384,
        CipherSuite::ChaCha => suite::TLS13_CHACHA20_POLY1305_SHA256,
    }
}

fn group(curve: Curve) -> &'static dyn SupportedKxGroup {
    match curve {
        Curve::X25519 => kx_group::X25519,
        Curve::P256 => kx_group::SECP256R1,
        Curve::P384 => kx_group::SECP384R1,
    }
}

/// The name of a suite as monitoring shows it.
#[must_use]
pub fn suite_name(negotiated: SupportedCipherSuite) -> &'static str {
    ALL.into_iter()
        .find(|known| by_name(*known).suite() == negotiated.suite())
        .map_or("unknown", CipherSuite::name)
}

/// The version as monitoring shows it: `1.2` or `1.3`.
#[must_use]
pub fn version_name(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLSv1_2 => "1.2",
        ProtocolVersion::TLSv1_3 => "1.3",
        _ => "unknown",
    }
}
