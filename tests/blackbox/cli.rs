//! The command line: what it sets, what it refuses, what it prints, how it ends.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use crate::harness::{Client, Run, Server, run, server_path};

#[track_caller]
fn run_args(args: &[&str]) -> Run {
    run(Command::new(server_path()).args(args))
}

// Row 102.
#[test]
fn flags_win_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("server.conf");
    let folder = dir.path().display().to_string();
    fs::write(&file, "listen: \"127.0.0.1:1\"\nserver_name: by_file\ndebug: false\n").unwrap();
    let mut command = Command::new(server_path());
    command.arg("-c").arg(&file);
    command.args(["-p", "-1", "--name", "by_flag", "--ports_file_dir", &folder, "-D", "-m", "-1"]);
    let server = Server::spawn(dir, &mut command);
    let info = server.connect().info;
    assert_eq!(info["server_name"], "by_flag");
    assert_ne!(info["port"], 1);
    server.log.wait_for("[DBG]");
}

#[test]
fn a_server_starts_from_flags_alone() {
    let server = Server::start_args(&["-n", "flagged"]);
    assert_eq!(server.connect().info["server_name"], "flagged");
    assert_eq!(server.json("/varz")["server_name"], "flagged");
}

#[test]
fn flags_take_one_dash_or_two_and_an_equals_sign() {
    let server = Server::start_args(&["-server_name=equal", "--debug=true"]);
    assert_eq!(server.connect().info["server_name"], "equal");
    server.log.wait_for("[DBG]");
    let server = Server::start_args(&["-name", "single"]);
    assert_eq!(server.connect().info["server_name"], "single");
}

#[test]
fn a_port_is_taken_as_given() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Server::start_args(&["--port", &free.to_string()]);
    assert_eq!(server.port, free);
    Client::connect(free).ping_pong();
}

#[test]
fn the_port_in_the_ports_file_is_the_port_in_info() {
    let server = Server::start("");
    assert_eq!(server.connect().info["port"], server.port);
}

// Row 120.
#[test]
fn version_is_printed_and_exits_0() {
    for args in [["-v"], ["--version"], ["version"]] {
        let run = run_args(&args);
        assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
        let (name, version) = run.stdout.trim().split_once(": v").expect("name: vX.Y.Z");
        assert!(!name.contains(' ') && version.split('.').count() == 3, "{run:?}");
    }
}

#[test]
fn help_is_printed_and_exits_0() {
    for args in [["-h"], ["--help"], ["help"]] {
        let run = run_args(&args);
        assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
        for text in ["Usage: ", "--port", "--config", "--signal", "--http_port"] {
            assert!(run.stdout.contains(text), "no {text:?} in {args:?}: {run:?}");
        }
    }
}

#[test]
fn unknown_words_and_missing_files_exit_1() {
    run_args(&["foo"]).refused_with("unrecognized command: \"foo\"");
    run_args(&["-c", "/nowhere/at/all.conf"])
        .refused_with("open /nowhere/at/all.conf: no such file or directory\n");
    run_args(&["-t"])
        .refused_with("must specify [-c, --config] option to check configuration file syntax");
}

#[test]
fn unknown_flags_are_named() {
    let run = run_args(&["--nonsense"]);
    assert!(run.text().contains("flag provided but not defined: -nonsense"), "{run:?}");
    assert!(run.stdout.contains("Usage: "), "{run:?}");
}

#[test]
fn a_port_that_can_not_be_exits_1() {
    run_args(&["-a", "127.0.0.1", "-p", "70000"]).refused_with("70000");
}

#[test]
fn a_port_in_use_exits_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    run_args(&["-a", "127.0.0.1", "-p", &port]).refused_with("[FTL] ");
}

#[test]
fn http_and_https_ports_exclude_each_other() {
    let run = run_args(&["-a", "127.0.0.1", "-p", "-1", "-m", "-1", "-ms", "-1"]);
    assert_eq!(run.code, Some(1), "{run:?}");
}

#[test]
fn a_token_or_a_user_from_flags_guards_the_server() {
    let server = Server::start_args(&["--auth", "s3cret"]);
    let mut client = server.connect();
    client.send_connect(r#"{"auth_token":"wrong"}"#);
    client.expect_err_closed("Authorization Violation");
    server.client_with(r#"{"auth_token":"s3cret"}"#).ping_pong();

    let server = Server::start_args(&["--user", "u", "--pass", "p"]);
    server.client_with(r#"{"user":"u","pass":"p"}"#).ping_pong();
    let mut client = server.connect();
    client.send_connect(r#"{"user":"u","pass":"q"}"#);
    client.expect_err_closed("Authorization Violation");
}
