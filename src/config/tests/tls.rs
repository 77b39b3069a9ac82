//! The `tls` block of the client port.

use std::time::Duration;

use vagus_config::{CipherSuite, Config, Curve, HandshakeFirst, Tls, TlsVersion};

fn read(keys: &str) -> Tls {
    let text = format!("tls {{ cert_file: c.pem, key_file: k.pem, {keys} }}");
    let loaded = Config::parse(&text, "a.conf").unwrap_or_else(|found| panic!("{found:?}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    loaded.config.tls.unwrap_or_default()
}

fn refused(keys: &str, why: &str) {
    let text = format!("tls {{ cert_file: c.pem, key_file: k.pem, {keys} }}");
    let found = Config::parse(&text, "a.conf").err().unwrap_or_else(|| panic!("accepted: {keys}"));
    let errors: Vec<_> = found.iter().map(|found| found.message.as_str()).collect();
    assert!(errors.contains(&why), "{errors:#?}");
}

#[test]
fn keys_are_read() {
    let tls = read("");
    assert_eq!((tls.timeout, tls.certificates.len()), (Duration::from_secs(2), 1));
    assert!(!tls.asks_for_certificates());
    let tls = read("verify: true, ca_file: ca.pem, timeout: 0.5, connection_rate_limit: 7");
    assert!(tls.asks_for_certificates() && tls.ca_file.is_some());
    assert_eq!((tls.timeout, tls.connection_rate_limit), (Duration::from_millis(500), 7));
    assert_eq!(read("timeout: \"3s\"").timeout, Duration::from_secs(3));
    assert!(read("verify_and_map: true").asks_for_certificates());
    assert_eq!(read("min_version: \"1.3\"").min_version, TlsVersion::V1_3);
    assert_eq!(read("curve_preferences: [CurveP256, X25519]").curves, [Curve::P256, Curve::X25519]);
    let suites = read("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]").cipher_suites;
    assert_eq!(suites, [CipherSuite::EcdheRsaAes128]);
    let pin = "AB".repeat(32);
    let pinned = read(&format!("pinned_certs: [\"{pin}\"]")).pinned_certs;
    assert_eq!(pinned.into_iter().collect::<Vec<_>>(), ["ab".repeat(32)]);
}

#[test]
fn when_the_handshake_comes() {
    let first = |value: &str| read(&format!("handshake_first: {value}")).handshake_first;
    assert_eq!(read("").handshake_first, HandshakeFirst::Never);
    assert_eq!(first("false"), HandshakeFirst::Never);
    assert_eq!(first("true"), HandshakeFirst::Always);
    assert_eq!(first("auto"), HandshakeFirst::Within(Duration::from_millis(50)));
    assert_eq!(first("\"300ms\""), HandshakeFirst::Within(Duration::from_millis(300)));
    assert_eq!(read("first: true").handshake_first, HandshakeFirst::Always);
    refused("handshake_first: foo", "field \"handshake_first\"'s value \"foo\" is invalid");
}

#[test]
fn several_certificates() {
    let text = "tls { certs: [ { cert_file: a, key_file: b }, { cert_file: c, key_file: d } ] }";
    let loaded = Config::parse(text, "a.conf").expect("valid");
    assert_eq!(loaded.config.tls.expect("a tls block").certificates.len(), 2);
    refused(
        "certs: [ { cert_file: a, key_file: b } ]",
        "error parsing tls config, cannot combine 'cert_file' option with 'certs' option",
    );
    refused(
        "certs: [ { cert_file: a } ]",
        "error parsing certificates config: both 'cert_file' and 'cert_key' options are required",
    );
}

#[test]
fn what_makes_no_sense_is_refused_in_the_words_of_nats_server() {
    refused("cipher_suites: []", "error parsing tls config, 'cipher_suites' cannot be empty");
    refused("cipher_suites: [TLS_FOO]", "unrecognized cipher TLS_FOO");
    refused("curve_preferences: [P256]", "unrecognized curve preference P256");
    refused("min_version: \"1.1\"", "error parsing tls config: unsupported TLS version: TLS 1.1");
    refused("min_version: foo", "error parsing tls config: unknown version: foo");
    refused(
        "pinned_certs: [abc]",
        "error parsing tls config, 'pinned_certs' key abc does not look like hex-encoded sha256 \
         of DER encoded SubjectPublicKeyInfo",
    );
    refused(
        "verify_cert_and_check_known_urls: true",
        "verify_cert_and_check_known_urls not supported in this context",
    );
    refused(
        "cert_store: windowscurrentuser",
        "cert_store not compatible with current operating system",
    );
    for (text, why) in [
        ("tls { cert_file: c.pem }", "missing 'key_file' in TLS configuration"),
        ("tls { key_file: k.pem }", "missing 'cert_file' in TLS configuration"),
        ("tls { }", "missing 'cert_file' in TLS configuration"),
    ] {
        let found = Config::parse(text, "a.conf").expect_err("no certificate");
        assert_eq!(found[0].message, why);
    }
}

#[test]
fn what_this_server_does_not_have_is_refused() {
    refused(
        "cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]",
        "cipher TLS_RSA_WITH_AES_128_CBC_SHA is not supported by this server",
    );
    refused(
        "curve_preferences: [X25519MLKEM768]",
        "curve preference X25519MLKEM768 is not supported by this server",
    );
}

#[test]
fn authentication_has_a_second_more_than_tls() {
    let text = "tls { cert_file: c.pem, key_file: k.pem, timeout: 4 }";
    let config = Config::parse(text, "a.conf").expect("valid").config;
    assert_eq!(config.auth_timeout(), Duration::from_secs(5));
}
