//! TLS of a listener, as configured.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// A `tls` block of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// One at least. Of several, the client's server name chooses.
    pub certificates: Vec<TlsFiles>,
    /// Authorities that sign the clients' certificates; `None`: those of the system.
    pub ca_file: Option<PathBuf>,
    /// Clients must show a certificate.
    pub verify: bool,
    /// Clients must show a certificate, and are the user whom it names.
    pub verify_and_map: bool,
    /// Time that a handshake may take.
    pub timeout: Duration,
    /// Handshakes a second; 0 for any number.
    pub connection_rate_limit: u64,
    /// Of TLS 1.2; empty for all. Those of TLS 1.3 are always allowed.
    pub cipher_suites: Vec<CipherSuite>,
    /// Best first; empty for all.
    pub curves: Vec<Curve>,
    pub min_version: TlsVersion,
    /// SHA-256 of the only public keys that clients may have, in lower-case hex; empty for any.
    pub pinned_certs: BTreeSet<String>,
    pub handshake_first: HandshakeFirst,
    /// Of one who connects: whoever answers is taken for who it should be.
    pub insecure: bool,
    /// Whether certificates of clients have been revoked is asked; `None`: it is not.
    pub ocsp_peer: Option<PeerStatus>,
}

/// How the status of a client's certificate is asked for, and what it is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Time that each responder has to answer.
    pub ca_timeout: Duration,
    /// Difference of clocks that is put up with.
    pub allowed_clockskew: Duration,
    /// Whatever comes of it, clients are let in.
    pub warn_only: bool,
    /// A certificate that its authority does not know is good.
    pub unknown_is_good: bool,
    /// A certificate whose authority does not answer is good, unless it was known to be revoked.
    pub allow_when_ca_unreachable: bool,
    /// How long an answer counts that does not say so.
    pub ttl_without_end: Duration,
}

/// The `ocsp_cache` key: where the status of clients' certificates is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcspCache {
    /// Nothing is kept, and asked at each connection.
    pub none: bool,
    pub local_store: PathBuf,
    /// A revocation is remembered after its answer has ended.
    pub preserve_revoked: bool,
}

/// Paths of a certificate chain and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
}

/// Whether TLS begins before the server has said a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HandshakeFirst {
    /// After `INFO`.
    #[default]
    Never,
    Always,
    /// For clients that begin with it in time; others are sent `INFO` then.
    Within(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    #[default]
    V1_2,
    V1_3,
}

/// When clients are shown the status of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OcspMode {
    /// Where the certificate demands it.
    #[default]
    Auto,
    Always,
    /// As `Auto`; the difference is what becomes of a certificate that is revoked.
    Must,
    Never,
}

/// The `ocsp` key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ocsp {
    pub mode: OcspMode,
    /// Responders to ask instead of those that the certificate names.
    pub urls: Vec<String>,
}

/// Names of things that Go's TLS library knows; of some, this server does too.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $text:literal,)* } others $others:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($variant,)*
        }

        impl $name {
            /// The name under which configurations know it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Reads a name. An error tells whether there is such a thing at all.
            pub(crate) fn named(name: &str) -> Result<Self, Unknown> {
                match name {
                    $($text => Ok(Self::$variant),)*
                    _ if $others.contains(&name) => Err(Unknown::Unsupported),
                    _ => Err(Unknown::Unheard),
                }
            }
        }
    };
}

/// Why a name stands for nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Known to nats-server, not to this server.
    Unsupported,
    /// Known to nobody.
    Unheard,
}

names! {
    /// A cipher suite. Those that begin with `TLS_ECDHE` are of TLS 1.2, the others of TLS 1.3.
    CipherSuite {
        EcdheEcdsaAes128 "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        EcdheEcdsaAes256 "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        EcdheEcdsaChaCha "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        EcdheRsaAes128 "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        EcdheRsaAes256 "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        EcdheRsaChaCha "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        Aes128 "TLS_AES_128_GCM_SHA256",
        Aes256 "TLS_AES_256_GCM_SHA384",
        ChaCha "TLS_CHACHA20_POLY1305_SHA256",
    }
    others LEGACY
}

/// Suites without forward secrecy or with block ciphers, which no part of this server implements.
const LEGACY: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_RC4_128_SHA",
];

names! {
    /// A group for the exchange of keys.
    Curve {
        X25519 "X25519",
        P256 "CurveP256",
        P384 "CurveP384",
    }
    others UNSUPPORTED_CURVES
}

const UNSUPPORTED_CURVES: &[&str] = &["X25519MLKEM768", "CurveP521"];

/// Where the file does not say.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);
/// How long `auto` waits for the client to begin.
pub(crate) const AUTO_WITHIN: Duration = Duration::from_millis(50);

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificates: Vec::new(),
            ca_file: None,
            verify: false,
            verify_and_map: false,
            timeout: TIMEOUT,
            connection_rate_limit: 0,
            cipher_suites: Vec::new(),
            curves: Vec::new(),
            min_version: TlsVersion::default(),
            pinned_certs: BTreeSet::new(),
            handshake_first: HandshakeFirst::default(),
            insecure: false,
            ocsp_peer: None,
        }
    }
}

impl Default for PeerStatus {
    fn default() -> Self {
        Self {
            ca_timeout: Duration::from_secs(2),
            allowed_clockskew: Duration::from_secs(30),
            warn_only: false,
            unknown_is_good: false,
            allow_when_ca_unreachable: false,
            ttl_without_end: Duration::from_hours(1),
        }
    }
}

impl Default for OcspCache {
    fn default() -> Self {
        Self { none: false, local_store: "_rc_".into(), preserve_revoked: false }
    }
}

impl Tls {
    /// Whether clients must show a certificate.
    pub fn asks_for_certificates(&self) -> bool {
        self.verify || self.verify_and_map
    }
}
