//! Links with TLS, after the first words and before them.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::kit::{Make, Pair, carries, leaf_port, links, nats_is_at_least, pairs, start_in};

/// An authority, and a certificate of it for 127.0.0.1.
pub(crate) struct Papers {
    ca: String,
    cert: String,
    key: String,
}

pub(crate) fn papers() -> Papers {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let cert = params.signed_by(&key, &ca).unwrap();
    Papers { ca: ca.pem(), cert: cert.pem(), key: key.serialize_pem() }
}

pub(crate) fn folder(papers: &Papers) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(papers, dir.path());
    dir
}

/// Puts them where those were that [`folder`] has put there.
pub(crate) fn write(papers: &Papers, dir: &Path) {
    for (name, text) in [("ca", &papers.ca), ("cert", &papers.cert), ("key", &papers.key)] {
        fs::write(dir.join(format!("{name}.pem")), text).unwrap();
    }
}

pub(crate) fn own(dir: &TempDir, more: &str) -> String {
    let file = |name: &str| dir.path().join(name).display().to_string();
    let (cert, key, ca) = (file("cert.pem"), file("key.pem"), file("ca.pem"));
    format!("tls {{ cert_file: \"{cert}\", key_file: \"{key}\", ca_file: \"{ca}\", {more} }}")
}

pub(crate) fn trust(dir: &TempDir, more: &str) -> String {
    format!("tls {{ ca_file: \"{}\", {more} }}", dir.path().join("ca.pem").display())
}

fn crosses(pairs: Vec<Pair>, hub_tls: &str, leaf_tls: fn(&TempDir) -> String) {
    for (hub_make, leaf_make) in pairs {
        let papers = papers();
        let (hub_dir, leaf_dir) = (folder(&papers), folder(&papers));
        let tls = own(&hub_dir, hub_tls);
        let hub = start_in(
            hub_dir,
            hub_make,
            &format!("server_name: hub\nleafnodes {{ listen: \"127.0.0.1:-1\", {tls} }}"),
        );
        let (port, tls) = (leaf_port(&hub), leaf_tls(&leaf_dir));
        let remote = format!("{{ url: \"tls://127.0.0.1:{port}\", {tls} }}");
        let leaf = start_in(
            leaf_dir,
            leaf_make,
            &format!("server_name: leaf\nleafnodes {{ remotes: [ {remote} ] }}"),
        );
        links(&hub, 1);
        carries(&hub, &leaf);
        carries(&leaf, &hub);
    }
}

// Row 163.
#[test]
fn a_link_with_tls_carries_messages_both_ways() {
    crosses(pairs(), "timeout: 5", |dir| trust(dir, "timeout: 5"));
}

// Row 163.
#[test]
fn both_ends_may_have_to_show_a_certificate() {
    crosses(pairs(), "verify: true, timeout: 5", |dir| own(dir, "timeout: 5"));
}

// Row 169.
#[test]
fn the_handshake_may_come_first() {
    // Older ones know nothing of it.
    let knows = nats_is_at_least(11);
    let all = pairs().into_iter().filter(|pair| knows || *pair == (Make::Ours, Make::Ours));
    crosses(all.collect(), "handshake_first: true, timeout: 5", |dir| {
        trust(dir, "handshake_first: true")
    });
}

#[test]
fn who_shows_no_certificate_or_a_wrong_one_is_not_linked() {
    for (hub_make, leaf_make) in pairs() {
        let (papers, others) = (papers(), papers());
        let (hub_dir, leaf_dir) = (folder(&papers), folder(&others));
        let tls = own(&hub_dir, "verify: true");
        let hub = start_in(
            hub_dir,
            hub_make,
            &format!("server_name: hub\nleafnodes {{ listen: \"127.0.0.1:-1\", {tls} }}"),
        );
        let (port, tls) = (leaf_port(&hub), own(&leaf_dir, "insecure: true"));
        let remote = format!("{{ url: \"tls://127.0.0.1:{port}\", {tls} }}");
        let leaf = start_in(
            leaf_dir,
            leaf_make,
            &format!("server_name: leaf\nleafnodes {{ remotes: [ {remote} ] }}"),
        );
        hub.log.wait_for("TLS leafnode handshake error");
        links(&hub, 0);
        drop(leaf);
    }
}
