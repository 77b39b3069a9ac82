//! Clients that prove who they are by a certificate. Rows 87, 88, 91.

use crate::harness::Server;
use crate::tls_kit::{Authority, TlsClient, server};

// Row 87.
#[test]
fn without_a_certificate_there_is_no_way_in() {
    let authority = Authority::new();
    let server = server(&authority, "verify: true", "");
    let own = authority.client("joe", "joe@example.com");
    let client = TlsClient::connect(&server, &authority.trusting(Some(&own))).unwrap().quiet();
    assert_eq!(client.info["tls_verify"], true);
    assert_eq!(server.json("/varz")["tls_verify"], true);

    let anonymous = TlsClient::connect(&server, &authority.trusting(None));
    assert!(anonymous.and_then(|mut client| client.login("")).is_err());
    server.log.wait_for("TLS handshake error: tls: client didn't provide a certificate");
    let closed =
        server.wait_json("/connz?state=closed", |page| page["connections"].get(0).cloned());
    assert_eq!(closed["reason"], "TLS Handshake Failure");
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = server(&authority, "verify: true", "");
    let forged = stranger.client("joe", "joe@example.com");
    let client = TlsClient::connect(&server, &authority.trusting(Some(&forged)));
    assert!(client.and_then(|mut client| client.login("")).is_err());
    server.log.wait_for("TLS handshake error: tls: ");
    server.wait_json("/connz", |page| (page["num_connections"] == 0).then_some(()));
    // One that is for servers is none for clients.
    let wrong = authority.server("wrong", "joe");
    let client = TlsClient::connect(&server, &authority.trusting(Some(&wrong)));
    assert!(client.and_then(|mut client| client.login("")).is_err());
}

#[test]
fn monitoring_shows_what_clients_showed() {
    let authority = Authority::new();
    let server = server(&authority, "verify: true", "");
    let own = authority.client("joe", "");
    let _client = TlsClient::connect(&server, &authority.trusting(Some(&own))).unwrap().quiet();
    assert!(server.json("/connz")["connections"][0].get("tls_peer_certs").is_none());
    let page = server.json("/connz?auth=1");
    let shown = &page["connections"][0]["tls_peer_certs"][0];
    assert_eq!(shown["subject"], "CN=joe,O=Users");
    assert_eq!(shown["spki_sha256"].as_str().unwrap().len(), 64);
    assert_eq!(shown["cert_sha256"].as_str().unwrap().len(), 64);
}

// Row 91.
#[test]
fn only_pinned_keys_are_accepted() {
    let authority = Authority::new();
    let (joe, zoe) = (authority.client("joe", ""), authority.client("zoe", ""));
    let looking = server(&authority, "verify: true", "");
    let config = authority.trusting(Some(&joe));
    let client = TlsClient::connect(&looking, &config).unwrap().quiet();
    let page = looking.json("/connz?auth=1");
    let digest = page["connections"][0]["tls_peer_certs"][0]["spki_sha256"].clone();
    drop(client);

    let server = server(&authority, &format!("verify: true, pinned_certs: [{digest}]"), "");
    TlsClient::connect(&server, &config).unwrap().quiet();
    let other = TlsClient::connect(&server, &authority.trusting(Some(&zoe)));
    assert!(other.and_then(|mut client| client.login("")).is_err());
    server.log.wait_for("Failed pinned cert test for key id: ");
    server.log.wait_for("TLS handshake error: certificate not pinned");
}

// Row 88.
#[test]
fn the_certificate_names_the_user() {
    let authority = Authority::new();
    let users = "authorization { users: [ \
                 { user: \"joe@example.com\", permissions: { publish: \"joe.>\" } }, \
                 { user: \"O=Users, CN=zoe\", permissions: { publish: \"zoe.>\" } } ] }";
    let server = server(&authority, "verify_and_map: true", users);
    let who = |name: &str, email: &str| {
        let own = authority.client(name, email);
        let mut client = TlsClient::connect(&server, &authority.trusting(Some(&own))).unwrap();
        let answer = client.login(r#""verbose":false,"pedantic":false"#).unwrap();
        (client, answer)
    };
    for (name, email) in [("joe", "joe@example.com"), ("zoe", "")] {
        let (mut client, answer) = who(name, email);
        assert_eq!(answer, "PONG");
        client.send(&format!("PUB {name}.x 0\r\n\r\nPUB other 0\r\n\r\n"));
        let refused = client.reply().unwrap();
        assert_eq!(refused, "-ERR 'Permissions Violation for Publish to \"other\"'");
    }
    let (_client, answer) = who("eve", "eve@example.com");
    assert_eq!(answer, "-ERR 'Authorization Violation'");
    let page = server.json("/connz?auth=1&state=all&sort=cid");
    assert_eq!(page["connections"][0]["authorized_user"], "joe@example.com");
}

#[test]
fn a_name_in_connect_does_not_count() {
    let authority = Authority::new();
    let users =
        "authorization { users: [ { user: \"joe@example.com\" }, { user: zoe, password: x } ] }";
    let server = server(&authority, "verify_and_map: true", users);
    let own = authority.client("joe", "joe@example.com");
    let mut client = TlsClient::connect(&server, &authority.trusting(Some(&own))).unwrap();
    assert_eq!(client.login(r#""verbose":false,"user":"zoe""#).unwrap(), "PONG");
    server.log.wait_for("User \"zoe\" found in connect proto, but user required from cert");
    let page = server.json("/connz?auth=1");
    assert_eq!(page["connections"][0]["authorized_user"], "joe@example.com");
}

#[test]
fn a_password_counts_beside_the_certificate() {
    let authority = Authority::new();
    let users = "authorization { users: [ { user: \"joe@example.com\", password: s3cret } ] }";
    let server = server(&authority, "verify_and_map: true", users);
    let own = authority.client("joe", "joe@example.com");
    let config = authority.trusting(Some(&own));
    let login = |fields: &str| TlsClient::connect(&server, &config).unwrap().login(fields).unwrap();
    assert_eq!(login(r#""verbose":false"#), "-ERR 'Authorization Violation'");
    assert_eq!(login(r#""verbose":false,"pass":"wrong""#), "-ERR 'Authorization Violation'");
    assert_eq!(login(r#""verbose":false,"pass":"s3cret""#), "PONG");
}

#[test]
fn a_reload_changes_certificates_and_drops_nobody() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = old.keys(&old.server("server", "localhost"));
    let conf = format!("debug: true\ntls {{ {files} }}");
    let server = Server::start(&conf);
    let mut early = TlsClient::connect(&server, &old.trusting(None)).unwrap().quiet();
    early.send("SUB a 1\r\n");
    early.ping_pong();
    assert!(TlsClient::connect(&server, &new.trusting(None)).is_err());

    // The same files with another certificate in them.
    let other = new.server("server", "localhost");
    std::fs::copy(&other.cert, old.dir.path().join("server.pem")).unwrap();
    std::fs::copy(&other.key, old.dir.path().join("server.key")).unwrap();
    std::fs::copy(new.file(), old.file()).unwrap();
    server.signal("HUP");
    server.log.wait_for("Reloaded server configuration");
    let mut late = TlsClient::connect(&server, &new.trusting(None)).unwrap().quiet();
    late.send("PUB a 5\r\nhello\r\n");
    assert_eq!(early.payload(), "hello");
    assert!(TlsClient::connect(&server, &old.trusting(None)).is_err());

    // A file that is broken changes nothing.
    std::fs::write(old.dir.path().join("server.key"), "nothing of use").unwrap();
    server.signal("HUP");
    server.log.wait_for("Failed to reload server configuration");
    TlsClient::connect(&server, &new.trusting(None)).unwrap().quiet();
    early.ping_pong();
}
