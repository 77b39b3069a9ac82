//! What operators lean on: files, logs, names, advertised addresses, the secured monitor.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto};

use crate::harness::{Server, eventually, is_reference, request, server_path};

/// The files in `dir` whose name begins with `start`.
fn files(dir: &Path, start: &str) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(start)).collect()
}

// Row 107.
#[test]
fn the_pid_file_holds_the_pid_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.pid");
    let server = Server::start_in(dir, "", &["-P", file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), server.pid().to_string());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

// Row 108.
#[test]
fn the_ports_file_lists_the_addresses_and_goes_with_the_server() {
    let mut server = Server::start("");
    let names = files(server.dir.path(), "");
    let name = names.iter().find(|name| name.ends_with(".ports")).unwrap();
    assert!(name.ends_with(&format!("_{}.ports", server.pid())), "{name}");
    assert_eq!(server.ports["nats"][0], format!("nats://127.0.0.1:{}", server.port));
    let http = server.ports["monitoring"][0].as_str().unwrap();
    assert!(http.starts_with("http://127.0.0.1:"), "{http}");
    server.signal("TERM");
    server.wait_exit();
    assert!(files(server.dir.path(), name).is_empty(), "the ports file is still there");
}

// Row 109.
#[test]
fn the_log_goes_to_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.log");
    let server = Server::start_in(dir, "", &["--log", file.to_str().unwrap()]);
    eventually("the last line of the start", || {
        fs::read_to_string(&file).unwrap().contains("[INF] Server is ready").then_some(())
    });
    assert_eq!(server.log.text(), "", "nothing is written to the terminal then");
}

#[test]
fn log_lines_have_a_pid_a_time_and_a_level() {
    let server = Server::start("");
    let log = server.log.wait_for("Server is ready\n");
    let line = log.lines().last().unwrap();
    let shape: String = line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let start = format!("[{}] ", server.pid());
    assert!(line.starts_with(&start), "{line}");
    assert_eq!(shape[start.len()..], *"0000/00/00 00:00:00.000000 [INF] Server is ready");
    for text in ["Listening for client connections on 127.0.0.1:", "Using configuration file: "] {
        assert!(log.contains(text), "{log}");
    }
}

/// Minutes past midnight of the first line logged by a server whose clock is five hours ahead.
fn logged_at(args: &[&str]) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(server_path());
    command.args(["-a", "127.0.0.1", "-p", "-1", "-m", "-1", "--ports_file_dir"]);
    command.arg(dir.path()).args(args).env("TZ", "FAR-5");
    let server = Server::spawn(dir, &mut command);
    let log = server.log.wait_for("Server is ready\n");
    let time = log.split(' ').nth(2).unwrap();
    let (hour, rest) = time.split_once(':').unwrap();
    hour.parse::<u64>().unwrap() * 60 + rest[..2].parse::<u64>().unwrap()
}

// Row 114.
#[test]
fn the_log_may_tell_universal_time() {
    if is_reference() {
        return; // It knows zones by their names only.
    }
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 60;
    let behind = |logged: u64| (now() + 24 * 60 - logged) % (24 * 60);
    assert!(behind(logged_at(&["--logtime_utc"])) < 5, "not universal time");
    let local = behind(logged_at(&[]));
    assert!((19 * 60..19 * 60 + 5).contains(&local), "{local} minutes behind universal time");
}

#[test]
fn the_log_may_go_without_times() {
    let server = Server::start_args(&["-T=false"]);
    let log = server.log.wait_for("Server is ready\n");
    assert!(
        log.lines().last().unwrap().ends_with(&format!("[{}] [INF] Server is ready", server.pid()))
    );
}

#[test]
fn a_log_that_grew_too_large_is_rotated() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.log");
    let conf = format!("log_file: \"{}\"\nlog_size_limit: 3000\ndebug: true", file.display());
    let server = Server::start_in(dir, &conf, &[]);
    eventually("a rotated log", || {
        drop(server.client());
        (files(server.dir.path(), "server.log.").len() >= 2).then_some(())
    });
    let backups = files(server.dir.path(), "server.log.");
    assert!(backups[0].split('.').count() >= 8, "named by the time: {backups:?}");
    eventually("the note about it", || {
        let text = fs::read_to_string(&file).unwrap();
        text.contains("Rotated log, backup saved as \"").then_some(())
    });
    assert!(fs::metadata(&file).unwrap().len() < 6000);
}

#[test]
fn a_log_file_is_opened_anew_on_demand() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.log");
    let server = Server::start_in(dir, "", &["-D", "-l", file.to_str().unwrap()]);
    let moved = server.dir.path().join("moved.log");
    fs::rename(&file, &moved).unwrap();
    server.signal("USR1");
    eventually("the new log file", || {
        drop(server.client());
        fs::read_to_string(&file).ok()?.contains("Client connection created").then_some(())
    });
    let old = fs::read_to_string(&moved).unwrap();
    assert!(old.contains("Server is ready"), "{old}");
}

// Row 112.
#[test]
fn tracing_shows_operations_both_ways() {
    let server = Server::start_with("", &["-DV"]);
    let mut client = server.connect();
    client.send_connect(
        r#"{"headers":true,"user":"u","pass":"hunter2","auth_token":"t0ken","name":"me"}"#,
    );
    client.send("SUB a 1\r\nUNSUB 1 9\r\nPUB a 5\r\nhello\r\n");
    client.publish_headers("b", "NATS/1.0\r\n\r\n", "hi");
    client.expect("MSG a 1 5\r\nhello\r\n");
    client.ping_pong();
    let log = server.log.wait_for("->> [PONG]");
    for text in [
        "[DBG] ",
        "[TRC] ",
        "<<- [CONNECT {",
        "<<- [SUB a 1]",
        "<<- [UNSUB 1 9]",
        "<<- [PUB a 5]",
        "<<- MSG_PAYLOAD: [\"hello\"]",
        "->> [MSG a 1 5]",
        "->> MSG_PAYLOAD: [\"hello\"]",
        "<<- [HPUB b 12 14]",
        "<<- [PING]",
        "Client connection created",
    ] {
        assert!(log.contains(text), "no {text:?} in\n{log}");
    }
    for secret in ["hunter2", "t0ken"] {
        assert!(!log.contains(secret), "{secret} in the log:\n{log}");
    }
    let cid = client.info["client_id"].as_u64().unwrap();
    let from = format!("{} - cid:{cid} - ", client.socket.local_addr().unwrap());
    assert!(log.contains(&from), "no {from:?} in\n{log}");
}

#[test]
fn without_flags_neither_trace_nor_debug_is_logged() {
    let server = Server::start("");
    server.client().publish("a", "x");
    server.wait_json("/connz?state=closed", |page| (page["total"] == 1).then_some(()));
    let log = server.log.text();
    assert!(!log.contains("[DBG]") && !log.contains("[TRC]"), "{log}");
}

// Row 115.
#[test]
fn tags_and_metadata_show_in_varz() {
    let server = Server::start(
        "server_tags: [\"Region:North\", fast]\nserver_metadata: { rack: r1, slot: \"7\" }",
    );
    let varz = server.json("/varz");
    assert_eq!(varz["tags"], serde_json::json!(["region:north", "fast"]));
    assert_eq!(varz["metadata"], serde_json::json!({"rack": "r1", "slot": "7"}));
    let varz = Server::start("server_tags: single").json("/varz");
    assert_eq!(varz["tags"], serde_json::json!(["single"]));
}

// Row 116.
#[test]
fn every_feature_that_has_a_switch_shows_in_varz() {
    for (conf, on) in
        [("", false), ("feature_flags { js_ack_fc_v2: true, unheard_of: true }", true)]
    {
        let flags = Server::start(conf).json("/varz")["feature_flags"].take();
        let wanted = serde_json::json!({"js_ack_fc_v2": on, "js_raft_delete_range": false});
        assert_eq!(flags, wanted, "with {conf:?}");
    }
}

// Row 117.
#[test]
fn an_advertised_address_shows_in_info() {
    let info = Server::start("client_advertise: \"example.org:7777\"").connect().info;
    assert_eq!((&info["host"], &info["port"]), (&"example.org".into(), &7777.into()));
    let server = Server::start_args(&["--client_advertise", "example.org"]);
    let info = server.connect().info;
    assert_eq!((&info["host"], &info["port"]), (&"example.org".into(), &server.port.into()));
}

// Row 137.
#[test]
fn the_monitor_speaks_https() {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let folder = dir.path().display().to_string();
    let conf = format!(
        "listen: \"127.0.0.1:-1\"\nhttps: \"127.0.0.1:-1\"\nports_file_dir: \"{folder}\"\n\
         allow_non_tls: true\n\
         tls {{ cert_file: \"{}\", key_file: \"{}\" }}\n",
        cert.display(),
        key.display()
    );
    let file = dir.path().join("https.conf");
    fs::write(&file, conf).unwrap();
    let mut command = std::process::Command::new(crate::harness::server_path());
    command.arg("-c").arg(&file);
    let server = Server::spawn(dir, &mut command);
    let url = server.ports["monitoring"][0].as_str().unwrap();
    assert!(url.starts_with("https://"), "{url}");

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(("127.0.0.1", server.http_port())).unwrap();
    let page = request(&mut StreamOwned::new(connection, socket), "/healthz");
    assert_eq!((page.status, page.body.as_str()), (200, r#"{"status":"ok"}"#));
}

#[test]
fn https_without_a_certificate_is_refused() {
    Server::run_conf("listen: \"127.0.0.1:-1\"\nhttps: \"127.0.0.1:-1\"", &[])
        .refused_with("TLS cert and key required for HTTPS");
}
