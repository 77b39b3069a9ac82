//! TLS on the client port. Rows 86, 89, 90, 93, and the pages of monitoring.

use std::io::Read;
use std::time::{Duration, Instant};

use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::harness::{Client, DEADLINE, Server, eventually};
use crate::tls_kit::{Authority, TlsClient, server};

// Row 86.
#[test]
fn clients_are_told_to_use_tls_and_do() {
    let authority = Authority::new();
    let server = server(&authority, "", "");
    for version in [TLS12.version, TLS13.version] {
        let config = authority.trusting_with(None, version);
        let mut one = TlsClient::connect(&server, &config).unwrap().quiet();
        let mut two = TlsClient::connect(&server, &config).unwrap().quiet();
        assert_eq!(one.info["tls_required"], true);
        assert!(one.info.get("tls_verify").is_none() && one.info.get("tls_available").is_none());
        one.send("SUB a 1\r\n");
        one.ping_pong();
        two.send("PUB a 5\r\nhello\r\n");
        assert_eq!(one.payload(), "hello");
    }
    server.log.wait_for("TLS required for client connections");
    server.log.wait_for("TLS version 1.2, cipher suite TLS_ECDHE_ECDSA_WITH_");
    server.log.wait_for("TLS version 1.3, cipher suite TLS_AES_128_GCM_SHA256");
}

#[test]
fn messages_of_every_size_arrive_whole() {
    let authority = Authority::new();
    let server = server(&authority, "", "");
    let config = authority.trusting(None);
    let mut one = TlsClient::connect(&server, &config).unwrap().quiet();
    let mut two = TlsClient::connect(&server, &config).unwrap().quiet();
    one.send("SUB a 1\r\n");
    one.ping_pong();
    for size in [0, 1, 100, 16_383, 16_384, 16_385, 70_000, 300_000, 1 << 20] {
        let payload: String = (0..size).map(|n| char::from(b'a' + (n % 23) as u8)).collect();
        two.send(&format!("PUB a {size}\r\n{payload}\r\nPUB a 2\r\nok\r\n"));
        assert!(one.payload() == payload, "{size} bytes");
        assert_eq!(one.payload(), "ok");
    }
}

#[test]
fn many_small_messages_keep_their_order() {
    let authority = Authority::new();
    let server = server(&authority, "", "");
    let config = authority.trusting(None);
    let mut one = TlsClient::connect(&server, &config).unwrap().quiet();
    let mut two = TlsClient::connect(&server, &config).unwrap().quiet();
    one.send("SUB a 1\r\n");
    one.ping_pong();
    let reader = std::thread::spawn(move || {
        for n in 0..50_000 {
            assert_eq!(one.payload(), format!("{n:08}"));
        }
    });
    for piece in 0..50 {
        let lines: String =
            (0..1000).map(|n| format!("PUB a 8\r\n{:08}\r\n", piece * 1000 + n)).collect();
        two.send(&lines);
    }
    reader.join().unwrap();
}

// Row 89.
#[test]
fn the_handshake_may_come_first() {
    let authority = Authority::new();
    let server = server(&authority, "handshake_first: true, timeout: 0.5", "");
    let config = authority.trusting(None);
    let client = TlsClient::first(&server, &config).unwrap();
    assert_eq!(client.info["tls_required"], true);
    let _client = client.quiet();
    let connections = server.json("/connz");
    assert_eq!(connections["connections"][0]["tls_first"], true);

    // A client that waits for INFO waits in vain.
    let mut silent = Client::dial(server.port);
    silent.expect_closed();
    server.log.wait_for("TLS handshake timeout");
    server.log.wait_for("Clients that are not using \"TLS Handshake First\" option will fail");
}

#[test]
fn with_auto_old_clients_get_info_a_little_later() {
    let authority = Authority::new();
    for (value, wait) in [("auto", 50), ("\"200ms\"", 200)] {
        let server = server(&authority, &format!("handshake_first: {value}"), "");
        let config = authority.trusting(None);
        let _first = TlsClient::first(&server, &config).unwrap().quiet();
        let begun = Instant::now();
        let _later = TlsClient::connect(&server, &config).unwrap().quiet();
        assert!(begun.elapsed() >= Duration::from_millis(wait), "{:?}", begun.elapsed());
        assert!(begun.elapsed() < DEADLINE / 2);
        let page = server.json("/connz?sort=cid");
        assert_eq!(page["connections"][0]["tls_first"], true);
        assert!(page["connections"][1].get("tls_first").is_none());
    }
}

// Row 90.
#[test]
fn plain_clients_may_be_let_in_too() {
    let authority = Authority::new();
    let server = server(&authority, "timeout: 0.3", "allow_non_tls: true");
    server.log.wait_for("TLS available for client connections");
    let mut over_tls = TlsClient::connect(&server, &authority.trusting(None)).unwrap().quiet();
    assert_eq!(over_tls.info["tls_available"], true);
    assert!(over_tls.info.get("tls_required").is_none());
    over_tls.send("SUB a 1\r\n");
    over_tls.ping_pong();
    let mut plain = server.client();
    plain.subscribe("b", "1");
    plain.publish("a", "in clear");
    assert_eq!(over_tls.payload(), "in clear");
    over_tls.send("PUB b 6\r\nsealed\r\n");
    assert_eq!(plain.payload(), "sealed");
    // Whoever takes longer than a handshake may is no TLS client.
    let mut late = server.connect();
    std::thread::park_timeout(Duration::from_millis(500));
    late.login("{}");

    let page = server.json("/connz?sort=cid");
    assert_eq!(page["connections"][0]["tls_version"], "1.3");
    assert_eq!(page["connections"][0]["tls_cipher_suite"], "TLS_AES_128_GCM_SHA256");
    assert!(page["connections"][1].get("tls_version").is_none());
}

// Row 93.
#[test]
fn more_handshakes_than_allowed_are_turned_away() {
    const MAX: usize = 2;
    let authority = Authority::new();
    let server = server(&authority, &format!("connection_rate_limit: {MAX}, timeout: 0.5"), "");
    let begun = Instant::now();
    // So many that they are too many in one second even where that one is slow.
    let clients: Vec<_> = (0..50).map(|_| Client::dial(server.port)).collect();
    let count = clients.len();
    // Those that are let in have nothing to say, and are closed as well.
    let ends: Vec<_> = clients.into_iter().map(|mut client| client.read_to_end()).collect();
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 2;
    let text = "-ERR 'Connection throttling is active. Please try again later.'\r\n";
    let refused = ends.iter().filter(|end| end.ends_with(text.as_bytes())).count();
    let granted = count - refused;
    assert!((MAX..=MAX * seconds).contains(&granted), "{granted} in {seconds} seconds");
    server.wait_json("/connz?state=closed", |page| {
        let closed = page["connections"].as_array()?;
        let of = |why| closed.iter().filter(|one| one["reason"] == why).count();
        let reasons = (of("Maximum Connections Exceeded"), of("TLS Handshake Failure"));
        (reasons == (refused, granted)).then_some(())
    });
    // The log tells once a second.
    eventually("the log tells of all", || {
        let log = server.log.text();
        let lines = log.lines().filter_map(|line| line.split_once("Rejected "));
        let told = lines.filter_map(|(_, rest)| rest.split(' ').next()?.parse::<usize>().ok());
        (told.sum::<usize>() == refused).then_some(())
    });
}

#[test]
fn monitoring_tells_of_tls() {
    let authority = Authority::new();
    let server = server(&authority, "timeout: 1.5", "");
    let varz = server.json("/varz");
    assert_eq!(varz["tls_required"], true);
    assert!(varz.get("tls_verify").is_none());
    assert_eq!(varz["tls_timeout"], 1.5);
    assert_eq!(varz["auth_timeout"], 2.5);
    assert_eq!(varz["tls_cert_not_after"], "2041-05-07T00:00:00Z");
}

#[test]
fn only_the_suites_and_versions_allowed_are_taken() {
    let authority = Authority::new();
    let keys = "cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]";
    let server_of_one = server(&authority, keys, "");
    let config = authority.trusting_with(None, TLS12.version);
    let _client = TlsClient::connect(&server_of_one, &config).unwrap().quiet();
    let page = server_of_one.json("/connz");
    let suite = &page["connections"][0]["tls_cipher_suite"];
    assert_eq!(suite, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
    assert_eq!(page["connections"][0]["tls_version"], "1.2");

    let modern = server(&authority, "min_version: \"1.3\"", "");
    assert!(TlsClient::connect(&modern, &config).is_err());
    let _client = TlsClient::connect(&modern, &authority.trusting(None)).unwrap().quiet();
}

#[test]
fn the_server_name_chooses_the_certificate() {
    let authority = Authority::new();
    let (one, two) = (authority.server("one", "one.test"), authority.server("two", "two.test"));
    let files = |pair: &crate::tls_kit::Pair| {
        format!(
            "{{ cert_file: \"{}\", key_file: \"{}\" }}",
            pair.cert.display(),
            pair.key.display()
        )
    };
    let server = Server::start(&format!("tls {{ certs: [ {}, {} ] }}", files(&one), files(&two)));
    let config = authority.trusting(None);
    for host in ["one.test", "two.test", "127.0.0.1"] {
        TlsClient::over(server.connect().socket, &config, host).unwrap().quiet();
    }
    let other = TlsClient::over(server.connect().socket, &config, "three.test");
    assert!(other.is_err(), "there is no certificate for it");
}

#[test]
fn tls_can_be_asked_for_on_the_command_line() {
    let authority = Authority::new();
    let pair = authority.server("server", "localhost");
    let (cert, key) = (pair.cert.display().to_string(), pair.key.display().to_string());
    let server = Server::start_args(&["--tls", "--tlscert", &cert, "--tlskey", &key]);
    let client = TlsClient::connect(&server, &authority.trusting(None)).unwrap().quiet();
    assert_eq!(client.info["tls_required"], true);

    let ca = authority.file().display().to_string();
    let args = ["--tlsverify", "--tlscert", &cert, "--tlskey", &key, "--tlscacert", &ca];
    let server = Server::start_args(&args);
    assert_eq!(server.connect().info["tls_verify"], true);
    let own = authority.client("joe", "");
    TlsClient::connect(&server, &authority.trusting(Some(&own))).unwrap().quiet();
}

#[test]
fn a_reader_that_reads_nothing_is_cut_off() {
    let authority = Authority::new();
    for limits in ["max_pending: 2MB", "write_deadline: \"300ms\", max_pending: 1GB"] {
        let server = server(&authority, "", limits);
        let config = authority.trusting(None);
        let mut idle = TlsClient::connect(&server, &config).unwrap().quiet();
        idle.send("SUB a 1\r\n");
        idle.ping_pong();
        let mut busy = TlsClient::connect(&server, &config).unwrap().quiet();
        let message = format!("PUB a 500000\r\n{}\r\n", "x".repeat(500_000));
        for _ in 0..40 {
            busy.send(&message);
        }
        let closed = eventually("the reader is cut off", || {
            busy.send(&message);
            server.json("/connz?state=closed")["connections"].get(0).cloned()
        });
        let reason = closed["reason"].as_str().unwrap();
        assert!(reason.starts_with("Slow Consumer"), "{limits}: {reason}");
        busy.ping_pong();
    }
}

#[test]
fn connections_beyond_the_limit_are_refused_in_clear() {
    let authority = Authority::new();
    let server = server(&authority, "handshake_first: true", "max_connections: 1");
    let config = authority.trusting(None);
    let _one = TlsClient::first(&server, &config).unwrap().quiet();
    let mut other = server.connect();
    other.expect_err_closed("maximum connections exceeded");
}

#[test]
fn the_last_words_arrive_before_the_end() {
    let authority = Authority::new();
    let server = server(&authority, "", "");
    let mut client = TlsClient::connect(&server, &authority.trusting(None)).unwrap().quiet();
    client.send("NONSENSE\r\n");
    assert_eq!(client.reply().unwrap(), "-ERR 'Unknown Protocol Operation'");
    // And a goodbye, so that it is no cut connection.
    let mut rest = [0; 8];
    assert_eq!(client.stream.read(&mut rest).unwrap(), 0);
}
