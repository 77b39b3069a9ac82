//! TLS, and the status of certificates.

use super::Shape::*;
use super::{Block, Key, Shape, key};

/// TLS of links and listeners that are not built yet.
pub(super) static TLS: Block =
    Block::new("tls", TLS_KEYS).unknown("error parsing tls config, unknown field {}");

#[rustfmt::skip]
static TLS_KEYS: &[Key] = &[
    CERT_FILE,
    KEY_FILE,
    CERTS.later(),
    CA_FILE.later(),
    VERIFY.later(),
    VERIFY_AND_MAP.later(),
    KNOWN_URLS.later(),
    PINNED.later(),
    CIPHERS.later(),
    INSECURE_CIPHERS.later(),
    CURVES.later(),
    MIN_VERSION.later(),
    INSECURE.later(),
    TIMEOUT.later(),
    RATE.later(),
    FIRST.later(),
    STORE.later(),
    MATCH_BY.later(),
    MATCH.later(),
    CA_MATCH.later(),
    SKIP_INVALID.later(),
    OCSP_PEER.later(),
];

/// TLS of the client port, of which the monitoring port uses the certificate.
pub(crate) static CLIENT: Block =
    Block::new("tls", CLIENT_KEYS).unknown("error parsing tls config, unknown field {}");

#[rustfmt::skip]
static CLIENT_KEYS: &[Key] = &[
    CERT_FILE,
    KEY_FILE,
    CERTS,
    CA_FILE,
    VERIFY,
    VERIFY_AND_MAP,
    KNOWN_URLS,
    PINNED,
    CIPHERS,
    INSECURE_CIPHERS,
    CURVES,
    MIN_VERSION,
    INSECURE,
    TIMEOUT,
    RATE,
    FIRST,
    STORE,
    MATCH_BY,
    MATCH,
    CA_MATCH,
    SKIP_INVALID,
    OCSP_PEER,
];

/// TLS of leaf nodes, as they are taken in.
pub(crate) static LEAF: Block =
    Block::new("tls", LEAF_KEYS).unknown("error parsing tls config, unknown field {}");

#[rustfmt::skip]
static LEAF_KEYS: &[Key] = &[
    CERT_FILE,
    KEY_FILE,
    CERTS,
    CA_FILE,
    VERIFY,
    VERIFY_AND_MAP.refused(),
    KNOWN_URLS.refused(),
    PINNED,
    CIPHERS,
    INSECURE_CIPHERS,
    CURVES,
    MIN_VERSION,
    INSECURE,
    TIMEOUT,
    RATE.later(),
    FIRST,
    STORE,
    MATCH_BY,
    MATCH,
    CA_MATCH,
    SKIP_INVALID,
    OCSP_PEER.refused(),
];

/// TLS towards the server whose leaf node this one is. It may do without a certificate.
pub(crate) static LEAF_REMOTE: Block =
    Block::new("tls", LEAF_KEYS).unknown("error parsing tls config, unknown field {}");

/// TLS of links between servers, of both ends. Both show a certificate, always.
pub(crate) static LINK: Block =
    Block::new("tls", LINK_KEYS).unknown("error parsing tls config, unknown field {}");

#[rustfmt::skip]
static LINK_KEYS: &[Key] = &[
    CERT_FILE,
    KEY_FILE,
    CERTS,
    CA_FILE,
    VERIFY,
    VERIFY_AND_MAP.refused(),
    KNOWN_URLS.refused(),
    PINNED,
    CIPHERS,
    INSECURE_CIPHERS,
    CURVES,
    MIN_VERSION,
    INSECURE,
    TIMEOUT,
    RATE.later(),
    FIRST.later(),
    STORE,
    MATCH_BY,
    MATCH,
    CA_MATCH,
    SKIP_INVALID,
    OCSP_PEER.refused(),
];

/// TLS of connections that this server makes and others accept.
pub(crate) static REMOTE: Block =
    Block::new("tls", REMOTE_KEYS).unknown("error parsing tls config, unknown field {}");

#[rustfmt::skip]
static REMOTE_KEYS: &[Key] = &[
    CERT_FILE,
    KEY_FILE,
    CERTS,
    CA_FILE,
    VERIFY,
    VERIFY_AND_MAP.refused(),
    KNOWN_URLS.refused(),
    PINNED.refused(),
    CIPHERS,
    INSECURE_CIPHERS,
    CURVES,
    MIN_VERSION,
    INSECURE,
    TIMEOUT,
    RATE.later(),
    FIRST.later(),
    STORE,
    MATCH_BY,
    MATCH,
    CA_MATCH,
    SKIP_INVALID,
    OCSP_PEER.refused(),
];

const fn tls_key(
    name: &'static str,
    shape: Shape,
    default: &'static str,
    doc: &'static str,
) -> Key {
    key(name, shape, default, doc).reloads()
}

const CERT_FILE: Key = tls_key("cert_file", Path, "", "Certificate chain, PEM.");
const KEY_FILE: Key = tls_key("key_file", Path, "", "Private key of the certificate, PEM.");
const CERTS: Key =
    tls_key("certs", Blocks(&PAIR), "", "Several certificates, chosen by server name.")
        .or(&["certificates"]);
const CA_FILE: Key =
    tls_key("ca_file", Path, "", "Certificates of the authorities that sign the other side's.");
const VERIFY: Key = tls_key("verify", Bool, "false", "Require a certificate of the other side.");
const VERIFY_AND_MAP: Key =
    tls_key("verify_and_map", Bool, "false", "Require a certificate and take the user from it.");
const KNOWN_URLS: Key = tls_key(
    "verify_cert_and_check_known_urls",
    Bool,
    "false",
    "Require a certificate for one of the configured hosts.",
);
const PINNED: Key = tls_key("pinned_certs", Texts, "", "SHA-256 of the only public keys accepted.");
const CIPHERS: Key = tls_key("cipher_suites", Texts, "", "Cipher suites that may be used.");
const INSECURE_CIPHERS: Key = tls_key(
    "allow_insecure_cipher_suites",
    Bool,
    "false",
    "Accept cipher suites known to be weak.",
);
const CURVES: Key = tls_key("curve_preferences", Texts, "", "Key exchange groups, best first.");
const MIN_VERSION: Key = tls_key("min_version", Text, "1.2", "Lowest TLS version: 1.2 or 1.3.");
const INSECURE: Key =
    tls_key("insecure", Bool, "false", "Do not check the other side's certificate.");
const TIMEOUT: Key = tls_key("timeout", Seconds, "2", "Time a handshake may take.");
const RATE: Key =
    tls_key("connection_rate_limit", Int, "0", "Handshakes a second; 0 for no limit.");
const FIRST: Key = tls_key(
    "handshake_first",
    OneOf(&[Bool, Text]),
    "false",
    "TLS before the first INFO: a boolean, auto, or the time to wait before INFO.",
)
.or(&["first", "immediate"]);
const STORE: Key = tls_key("cert_store", Text, "", "Certificate store of Windows.");
const MATCH_BY: Key = tls_key(
    "cert_match_by",
    Text,
    "",
    "How a certificate of the store is chosen: subject, issuer or thumbprint.",
);
const MATCH: Key = tls_key("cert_match", Text, "", "What the certificate of the store must match.");
const CA_MATCH: Key = tls_key("ca_certs_match", Texts, "", "Authorities chosen from the store.");
const SKIP_INVALID: Key = tls_key(
    "cert_match_skip_invalid",
    Bool,
    "false",
    "Pass over certificates of the store that are not valid.",
);
const OCSP_PEER: Key = tls_key(
    "ocsp_peer",
    PEER_SHAPE,
    "false",
    "Check that the other side's certificate is not revoked.",
);

static PAIR: Block =
    Block::new("tls.certs", PAIR_KEYS).unknown("error parsing tls certs config, unknown field {}");

#[rustfmt::skip]
static PAIR_KEYS: &[Key] = &[CERT_FILE, KEY_FILE];

const PEER_SHAPE: Shape = OneOf(&[Bool, Block(&PEER)]);

static PEER: Block = Block::new("tls.ocsp_peer", PEER_KEYS)
    .unknown("error parsing tls peer config, unknown field [{}]");

#[rustfmt::skip]
static PEER_KEYS: &[Key] = &[
    tls_key("verify", Bool, "false", "Check the status of certificates."),
    tls_key("ca_timeout", Seconds, "2", "Time an authority has to answer."),
    tls_key("allowed_clockskew", Seconds, "30", "Accepted difference of clocks."),
    tls_key("warn_only", Bool, "false", "Log and accept when the check fails."),
    tls_key("unknown_is_good", Bool, "false", "Accept certificates the authority does not know."),
    tls_key(
        "allow_when_ca_unreachable",
        Bool,
        "false",
        "Accept when the authority does not answer.",
    ),
    tls_key(
        "cache_ttl_when_next_update_unset",
        Seconds,
        "3600",
        "How long an answer without an end counts.",
    ),
];

pub(super) static OCSP: Block =
    Block::new("ocsp", OCSP_KEYS).unknown("error parsing ocsp config: unsupported field {}");

#[rustfmt::skip]
static OCSP_KEYS: &[Key] = &[
    key("mode", Text, "auto", "When to staple: auto, always, must or never.").reloads(),
    key("url", Text, "", "Responder to ask.").reloads(),
    key("urls", Texts, "", "Responders to ask.").reloads(),
];

pub(super) static OCSP_CACHE: Block = Block::new("ocsp_cache", OCSP_CACHE_KEYS)
    .unknown("error parsing OCSP peer cache config, unknown field [{}]");

#[rustfmt::skip]
static OCSP_CACHE_KEYS: &[Key] = &[
    key("type", Text, "local", "Kind of cache: local or none."),
    key("local_store", Path, "_rc_", "Directory of the cache."),
    key("preserve_revoked", Bool, "false", "Keep revocations after they end."),
    // Answers are written when they come.
    key("save_interval", Seconds, "300", "Time between writes to disk.").later(),
];
