//! Signals: the ones the system sends, and the ones the program sends to another of its kind.

use std::process::Command;
use std::time::Instant;

use crate::harness::{Client, Run, Server, eventually, run, server_path};

/// Runs the program with `-sl text`.
#[track_caller]
fn signal_by_program(text: &str) -> Run {
    run(Command::new(server_path()).args(["-sl", text]))
}

// Row 120.
#[test]
fn the_ending_signals_exit_0() {
    for (name, logged) in [("TERM", "terminated"), ("INT", "interrupt")] {
        let mut server = Server::start("");
        let mut client = server.client();
        server.signal(name);
        assert_eq!(server.wait_exit(), Some(0), "after {name}");
        client.read_to_end();
        let log = server.log.wait_for("Server Exiting..");
        for text in [&format!("Trapped \"{logged}\" signal"), "Initiating Shutdown..."] {
            assert!(log.contains(text), "no {text:?} in\n{log}");
        }
    }
}

#[test]
fn a_shutdown_with_many_clients_is_quick() {
    let mut server = Server::start("");
    let clients: Vec<_> = (0..50).map(|_| server.client()).collect();
    let started = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait_exit(), Some(0));
    assert!(started.elapsed().as_secs() < 5, "took {:?}", started.elapsed());
    for mut client in clients {
        client.read_to_end();
    }
}

#[test]
fn what_was_published_before_the_signal_is_delivered() {
    let mut server = Server::start("");
    let (mut sub, mut publisher) = (server.client(), server.client());
    sub.subscribe("a", "1");
    for _ in 0..1000 {
        publisher.publish("a", "x");
    }
    publisher.ping_pong();
    server.signal("TERM");
    for _ in 0..1000 {
        sub.expect("MSG a 1 1\r\nx\r\n");
    }
    sub.read_to_end();
    assert_eq!(server.wait_exit(), Some(0));
}

// Row 105.
#[test]
fn the_program_signals_a_pid() {
    let mut server = Server::start("");
    let pid = server.pid();
    assert_eq!(signal_by_program(&format!("reload={pid}")).code, Some(0));
    server.log.wait_for("Trapped \"hangup\" signal");
    assert_eq!(signal_by_program(&format!("term={pid}")).code, Some(0));
    assert_eq!(server.wait_exit(), Some(0));
}

#[test]
fn the_program_signals_the_pid_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.pid");
    let mut server = Server::start_in(dir, "", &["-P", file.to_str().unwrap()]);
    assert_eq!(signal_by_program(&format!("quit={}", file.display())).code, Some(0));
    assert_eq!(server.wait_exit(), Some(0));
}

#[test]
fn the_program_stops_a_server_at_once() {
    let mut server = Server::start("");
    assert_eq!(signal_by_program(&format!("stop={}", server.pid())).code, Some(0));
    assert_eq!(server.wait_exit(), None, "killed, so without an exit code");
}

#[test]
fn unknown_signals_and_processes_are_refused() {
    signal_by_program("foo=1").refused_with("unknown signal \"foo\"");
    // Beyond the largest pid that Linux hands out.
    signal_by_program("reload=4194999").refused_with("signal \"reload\" 4194999: no such process");
}

#[test]
fn a_reload_takes_in_the_changed_file() {
    let server = Server::start("max_payload: 1000");
    server.rewrite("max_payload: 2000");
    signal_by_program(&format!("reload={}", server.pid()));
    let log = server.log.wait_for("Reloaded server configuration");
    assert!(log.contains("Reloaded: max_payload = 2000"), "{log}");
    assert_eq!(server.connect().info["max_payload"], 2000);
}

#[test]
fn a_reload_of_a_broken_file_changes_nothing() {
    let server = Server::start("max_payload: 1000");
    let mut client = server.client();
    server.rewrite("max_payload: 2000\nnonsense: 1");
    server.signal("HUP");
    server.log.wait_for("unknown field \"nonsense\"");
    assert_eq!(server.connect().info["max_payload"], 1000);
    client.ping_pong();
}

// Row 106.
#[test]
fn a_lame_duck_without_clients_leaves_at_once() {
    let mut server = Server::start("");
    assert_eq!(signal_by_program(&format!("ldm={}", server.pid())).code, Some(0));
    assert_eq!(server.wait_exit(), Some(0));
    server.log.wait_for("Entering lame duck mode");
}

#[test]
fn a_lame_duck_tells_its_clients_and_lets_no_more_in() {
    let server = Server::start("lame_duck_grace_period: \"5s\"");
    let mut old = server.client();
    let mut client = server.connect();
    client.send_connect(r#"{"protocol":1}"#);
    client.send("SUB a 1\r\nPING\r\n");
    client.expect("PONG\r\n");
    client.expect_info();
    server.signal("USR2");
    let info = client.expect_info();
    assert_eq!(info["ldm"], true);
    // Messages still flow while clients find another server.
    old.publish("a", "x");
    client.expect("MSG a 1 1\r\nx\r\n");
    eventually("the listener to close", || {
        std::net::TcpStream::connect(("127.0.0.1", server.port)).err()
    });
    // A plain TERM does not cut the farewell short.
    server.signal("TERM");
    server.log.wait_for("Trapped \"terminated\" signal");
    old.ping_pong();
}

#[test]
fn a_lame_duck_closes_its_clients_after_the_grace_period_and_exits_0() {
    let conf = "lame_duck_grace_period: \"100ms\"\nlame_duck_duration: \"30s\"";
    let mut server = Server::start(conf);
    let clients: Vec<Client> = (0..3).map(|_| server.client()).collect();
    server.signal("USR2");
    for mut client in clients {
        client.read_to_end();
    }
    assert_eq!(server.wait_exit(), Some(0));
}
