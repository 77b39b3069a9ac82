//! Connections against a scripted server: what is sent, and how each failure reads.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::thread::JoinHandle;

use clap::Parser;

use super::*;
use crate::args::BenchArgs;
use crate::target::Targets;

const INFO: &str = "INFO {\"version\":\"2.x\",\"max_payload\":1024}\r\n";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    bench: BenchArgs,
}

/// A server for one client: says `hello`, reads `CONNECT` and `PING`, says `answer`, then reads
/// until the client goes, and returns all that it was told.
fn server(
    hello: &'static str,
    answer: &'static str,
    hang_up: bool,
) -> (Target, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(hello.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut told = String::new();
        while !told.ends_with("PING\r\n") && reader.read_line(&mut told).unwrap_or(0) > 0 {}
        // The client may be gone already, when what it was told first was enough.
        let _ = stream.write_all(answer.as_bytes());
        while !hang_up && reader.read_line(&mut told).unwrap_or(0) > 0 {}
        told
    });
    (target(&url), thread)
}

fn target(url: &str) -> Target {
    let cli = Cli::try_parse_from(["bench", "pub", "--url", url]).unwrap();
    Targets::from_args(&cli.bench.common).unwrap().publish
}

fn error_of(hello: &'static str, answer: &'static str) -> String {
    let (target, thread) = server(hello, answer, true);
    let error = Connection::open(&target, "a publisher").unwrap_err().to_string();
    thread.join().unwrap();
    error
}

#[test]
fn a_login_sends_connect_and_reads_info() {
    let (target, thread) = server(INFO, "PONG\r\nINFO {}\r\nPING\r\n", false);
    let mut connection = Connection::open(&target, "a publisher").unwrap();
    assert_eq!(connection.server.version, "2.x");
    assert_eq!(connection.server.max_payload, 1024);
    connection.subscribe("a.*", Some("g"), 7).unwrap();
    connection.subscribe("b", None, 8).unwrap();
    connection.drain(|_| Ok(())).unwrap();
    drop(connection);
    let told = thread.join().unwrap();
    assert!(told.starts_with("CONNECT {"), "{told}");
    let rest = told.split_once("PING\r\n").unwrap().1;
    assert!(rest.contains("SUB a.* g 7\r\nSUB b 8\r\n"), "{rest}");
    assert_eq!(rest.matches("PONG\r\n").count(), 1, "{rest}");
}

#[test]
fn failures_say_what_happened() {
    assert_eq!(
        error_of(INFO, "-ERR 'Authorization Violation'\r\n"),
        "server error: Authorization Violation"
    );
    assert_eq!(error_of(INFO, ""), "the server closed the connection of a publisher");
    assert!(error_of("HTTP/1.1 400 Bad Request\r\n", "").starts_with("protocol error"));
    assert!(error_of("INFO {\"tls_required\":true}\r\n", "").contains("requires TLS"));
    assert_eq!(error_of("-ERR 'too many'\r\n", ""), "server error: too many");
}

#[test]
fn nobody_there_is_said_with_the_address() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = Connection::open(&target(&format!("127.0.0.1:{port}")), "x").unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot connect to 127.0.0.1:{port}: ")));
}

#[test]
fn deliveries_are_counted_around_control_lines() {
    let (target, thread) = server(INFO, "PONG\r\n", false);
    let mut connection = Connection::open(&target, "a subscriber").unwrap();
    connection.inbound.push(b"MSG a 1 1\r\nx\r\nMSG a 1 1\r\ny\r\nPING\r\n");
    connection.inbound.push(b"PONG\r\nMSG a 1 1\r\nz\r\nMSG a 1");
    assert_eq!(connection.drain_counting().unwrap(), 3);
    connection.inbound.push(b" 1\r\nz\r\n-ERR 'Stale Connection'\r\n");
    let error = connection.drain_counting().unwrap_err();
    assert_eq!(error.to_string(), "server error: Stale Connection");
    drop(connection);
    assert!(thread.join().unwrap().ends_with("PING\r\nPONG\r\n"));
}
