//! A session against the client of the same library.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use vagus_config::{CipherSuite, Tls, TlsFiles, TlsVersion};

use super::*;
use crate::{LinkTls, ServerTls};

/// A certificate for localhost in files, and a client that trusts it.
struct Pair {
    _dir: tempfile::TempDir,
    tls: Tls,
    roots: RootCertStore,
}

impl Pair {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let files = TlsFiles {
            cert_file: dir.path().join("cert.pem"),
            key_file: dir.path().join("key.pem"),
        };
        std::fs::write(&files.cert_file, made.cert.pem()).unwrap();
        std::fs::write(&files.key_file, made.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let tls = Tls { certificates: vec![files], ..Tls::default() };
        Self { _dir: dir, tls, roots }
    }

    fn session(&self) -> Session {
        ServerTls::load(&self.tls, false).unwrap().session().unwrap()
    }

    fn client(&self) -> ClientConnection {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        ClientConnection::new(Arc::new(config), name).unwrap()
    }
}

/// What a client has written so far, handed to the session in pieces of at most `piece` bytes.
/// Returns the plain bytes that came out.
fn feed(client: &mut ClientConnection, session: &mut Session, piece: usize) -> Vec<u8> {
    let (mut wire, mut kept, mut got) = (Vec::new(), Vec::new(), Vec::new());
    while client.wants_write() {
        client.write_tls(&mut wire).unwrap();
    }
    for part in wire.chunks(piece) {
        kept.extend_from_slice(part);
        let mut plain = vec![0; kept.len()];
        let mut answer = Outgoing::default();
        let progress = session.receive(&mut kept, &mut plain, &mut answer).unwrap();
        got.extend_from_slice(&plain[..progress.plain]);
        kept.drain(..progress.used);
        hand(client, answer.bytes());
    }
    assert!(kept.is_empty());
    got
}

/// Gives the client bytes of the wire. Returns the plain bytes that came out.
fn hand(client: &mut ClientConnection, mut wire: &[u8]) -> Vec<u8> {
    let mut got = Vec::new();
    while !wire.is_empty() {
        client.read_tls(&mut wire).unwrap();
        let state = client.process_new_packets().unwrap();
        let start = got.len();
        got.resize(start + state.plaintext_bytes_to_read(), 0);
        client.reader().read_exact(&mut got[start..]).unwrap();
    }
    got
}

fn shake(client: &mut ClientConnection, session: &mut Session, piece: usize) {
    for _ in 0..4 {
        feed(client, session, piece);
    }
    assert!(session.is_open() && !client.is_handshaking());
}

#[test]
fn bytes_travel_both_ways_however_they_are_cut() {
    let pair = Pair::new();
    for piece in [1, 7, 4096, usize::MAX] {
        let (mut client, mut session) = (pair.client(), pair.session());
        shake(&mut client, &mut session, piece);
        let data: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let mut got = Vec::new();
        for part in data.chunks(50_000) {
            client.writer().write_all(part).unwrap();
            got.extend(feed(&mut client, &mut session, piece));
        }
        assert!(got == data, "cut in pieces of {piece}");

        let mut out = Outgoing::default();
        session.seal(&mut [], &data[..100], &mut out).unwrap();
        session.seal(&mut [], &data[100..60_000], &mut out).unwrap();
        assert!(hand(&mut client, out.bytes()) == data[..60_000]);
    }
}

/// Lets the two talk until neither has more to say. Returns what came out in the clear at each.
fn talk(one: &mut Session, other: &mut Session, mut wire: Vec<u8>) -> [Vec<u8>; 2] {
    let mut got = [Vec::new(), Vec::new()];
    for n in 0..12 {
        let mut plain = vec![0; wire.len()];
        let mut answer = Outgoing::default();
        let to = if n % 2 == 0 { &mut *one } else { &mut *other };
        let progress = to.receive(&mut wire, &mut plain, &mut answer).unwrap();
        assert_eq!(progress.used, wire.len());
        got[n % 2].extend_from_slice(&plain[..progress.plain]);
        wire = answer.bytes().to_vec();
    }
    got
}

#[test]
fn the_two_ends_of_a_link_understand_each_other() {
    let mut pair = Pair::new();
    let cert = pair.tls.certificates[0].cert_file.clone();
    pair.tls = Tls { verify: true, ca_file: Some(cert), ..pair.tls };
    for min_version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let link = LinkTls::load(&Tls { min_version, ..pair.tls.clone() }).unwrap();
        let mut near = link.solicited.session("localhost").unwrap();
        let mut far = link.accepted.session().unwrap();
        talk(&mut near, &mut far, Vec::new());
        assert!(near.is_open() && far.is_open());
        assert_eq!(near.peer(), far.peer());
        assert!(near.peer().is_some());
        let mut out = Outgoing::default();
        near.seal(&mut [], b"there", &mut out).unwrap();
        assert_eq!(talk(&mut far, &mut near, out.bytes().to_vec())[0], b"there");
        let mut out = Outgoing::default();
        far.seal(&mut [], b"and back", &mut out).unwrap();
        assert_eq!(talk(&mut near, &mut far, out.bytes().to_vec())[0], b"and back");
    }
    let link = LinkTls::load(&pair.tls).unwrap();
    assert!(link.solicited.session("no host").is_err());
    let mut near = link.solicited.session("elsewhere").unwrap();
    let mut far = link.accepted.session().unwrap();
    let (mut hello, mut answer) = (Outgoing::default(), Outgoing::default());
    near.receive(&mut [], &mut [], &mut hello).unwrap();
    let mut wire = hello.bytes().to_vec();
    let mut plain = vec![0; wire.len()];
    far.receive(&mut wire, &mut plain, &mut answer).unwrap();
    let mut wire = answer.bytes().to_vec();
    let mut plain = vec![0; wire.len()];
    let broken = near.receive(&mut wire, &mut plain, &mut Outgoing::default()).unwrap_err();
    assert!(broken.to_string().contains("certificate"), "{broken}");
}

#[test]
fn versions_and_suites_are_as_configured() {
    let mut pair = Pair::new();
    pair.tls.cipher_suites = vec![CipherSuite::EcdheEcdsaChaCha];
    let (mut client, mut session) = (pair.client(), pair.session());
    shake(&mut client, &mut session, usize::MAX);
    assert_eq!(session.version().map(crate::version_name), Some("1.3"));
    assert_eq!(session.suite().map(crate::suite_name), Some("TLS_AES_128_GCM_SHA256"));
    pair.tls.min_version = TlsVersion::V1_3;
    assert!(ServerTls::load(&pair.tls, false).is_ok());
}

#[test]
fn a_goodbye_is_told_from_a_cut() {
    let pair = Pair::new();
    let (mut client, mut session) = (pair.client(), pair.session());
    shake(&mut client, &mut session, usize::MAX);
    let mut out = Outgoing::default();
    session.close(&mut [], &mut out);
    hand(&mut client, out.bytes());
    assert_eq!(client.reader().read(&mut [0; 8]).unwrap(), 0);

    client.send_close_notify();
    let mut wire = Vec::new();
    client.write_tls(&mut wire).unwrap();
    let mut plain = vec![0; wire.len()];
    let progress = session.receive(&mut wire, &mut plain, &mut out).unwrap();
    assert!(progress.closed && progress.plain == 0);
}

#[test]
fn what_is_no_tls_leaves_an_alert() {
    let pair = Pair::new();
    let mut session = pair.session();
    let mut wire = b"CONNECT {\"verbose\":false}\r\nPING\r\n".to_vec();
    let mut plain = vec![0; wire.len()];
    let mut out = Outgoing::default();
    let broken = session.receive(&mut wire, &mut plain, &mut out).unwrap_err();
    assert_eq!(broken.to_string(), "tls: first record does not look like a TLS handshake");
    assert_eq!(out.bytes()[0], 0x15);
    // And again, however often it is asked.
    assert!(session.receive(&mut wire, &mut plain, &mut out).is_err());
    assert!(session.seal(&mut wire, b"x", &mut out).is_err());
}

#[test]
fn a_key_update_is_answered() {
    let pair = Pair::new();
    let (mut client, mut session) = (pair.client(), pair.session());
    shake(&mut client, &mut session, usize::MAX);
    for _ in 0..3 {
        client.refresh_traffic_keys().unwrap();
        client.writer().write_all(b"after").unwrap();
        assert_eq!(feed(&mut client, &mut session, 3), b"after");
        let mut out = Outgoing::default();
        session.seal(&mut [], b"fine", &mut out).unwrap();
        assert_eq!(hand(&mut client, out.bytes()), b"fine");
    }
}
