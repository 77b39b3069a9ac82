//! Readers that are too slow, and what that costs whom.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::harness::{Client, Log, Server};

/// A client with a tiny receive buffer, subscribed to `flood`, that reads only when told to.
#[track_caller]
fn lazy_reader(server: &Server) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address: SocketAddr = ([127, 0, 0, 1], server.port).into();
    socket.connect(&address.into()).unwrap();
    let mut client = Client::over(TcpStream::from(socket));
    client.expect_info();
    client.login(r#"{"name":"lazy"}"#);
    client.subscribe("flood", "1");
    client
}

/// Publishes 1 KiB messages on `flood` until `enough`, asked every quarter of a MiB, says so.
#[track_caller]
fn flood_until<T>(publisher: &mut Client, mut enough: impl FnMut() -> Option<T>) -> T {
    let mut batch = Vec::new();
    for _ in 0..256 {
        batch.extend_from_slice(b"PUB flood 1024\r\n");
        batch.resize(batch.len() + 1024, b'x');
        batch.extend_from_slice(b"\r\n");
    }
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        publisher.send(&batch);
        if let Some(value) = enough() {
            return value;
        }
        assert!(Instant::now() < until, "the flood had no effect");
    }
}

fn closed_lazy(server: &Server) -> Option<Value> {
    let page = server.json("/connz?state=closed");
    page["connections"].as_array()?.iter().find(|entry| entry["name"] == "lazy").cloned()
}

fn has_line(log: &Log, text: &str) -> Option<()> {
    log.text().contains(text).then_some(())
}

// Row 26.
#[test]
fn a_reader_with_too_much_pending_is_cut_off() {
    let server = Server::start("max_pending: 1MB");
    let reader = lazy_reader(&server);
    let mut publisher = server.client();
    let entry = flood_until(&mut publisher, || closed_lazy(&server));
    assert_eq!(entry["reason"], "Slow Consumer (Pending Bytes)");
    publisher.ping_pong();
    let page = server.json("/varz");
    assert_eq!(page["slow_consumers"], 1);
    assert_eq!(page["slow_consumer_stats"]["clients"], 1);
    server.log.wait_for(" - \"lazy\" - Slow Consumer Detected: MaxPending of 1048576 Exceeded");
    drop(reader);
}

#[test]
fn one_slow_reader_does_not_cost_the_others_a_message() {
    let server = Server::start("max_pending: 1MB");
    let reader = lazy_reader(&server);
    let mut good = server.client();
    good.subscribe("count", "1");
    let mut publisher = server.client();
    let mut sent = 0;
    flood_until(&mut server.client(), || {
        publisher.publish("count", sent.to_string());
        sent += 1;
        closed_lazy(&server)
    });
    for n in 0..sent {
        assert_eq!(good.payload(), n.to_string());
    }
    drop(reader);
}

// Row 27.
#[test]
fn a_reader_that_blocks_a_write_too_long_is_cut_off() {
    let server = Server::start("write_deadline: \"100ms\"");
    let reader = lazy_reader(&server);
    let entry = flood_until(&mut server.client(), || closed_lazy(&server));
    assert_eq!(entry["reason"], "Slow Consumer (Write Deadline)");
    assert_eq!(server.json("/varz")["slow_consumers"], 1);
    server.log.wait_for("Slow Consumer Detected: WriteDeadline of 100ms exceeded with ");
    drop(reader);
}

// Row 28.
#[test]
fn with_write_timeout_retry_a_reader_that_resumes_keeps_its_connection() {
    let server = Server::start("write_deadline: \"700ms\"\nwrite_timeout: retry");
    let mut reader = lazy_reader(&server);
    let mut publisher = server.client();
    let mut batches = 0;
    flood_until(&mut publisher, || {
        batches += 1;
        (batches == 40).then_some(())
    });
    server.log.wait_for("Slow Consumer Detected: WriteDeadline of 700ms exceeded");
    for _ in 0..batches * 256 {
        assert_eq!(reader.message().1.len(), 1024);
    }
    publisher.publish("flood", "after");
    assert_eq!(reader.payload(), "after");
    assert!(closed_lazy(&server).is_none(), "the connection was closed");
}

// Row 29.
#[test]
fn publishers_to_a_slow_reader_are_stalled_and_counted() {
    let server = Server::start("max_pending: 4MB");
    let reader = lazy_reader(&server);
    let stalled = flood_until(&mut server.client(), || {
        server.json("/varz")["stalled_clients"].as_u64().filter(|count| *count > 0)
    });
    assert!(stalled > 0);
    drop(reader);
}

#[test]
fn connz_shows_which_reader_stalled_its_publishers() {
    let server = Server::start("max_pending: 4MB");
    let reader = lazy_reader(&server);
    flood_until(&mut server.client(), || {
        let page = server.json("/connz");
        let entries = page["connections"].as_array()?;
        let lazy = entries.iter().find(|entry| entry["name"] == "lazy")?;
        lazy["stalls"].as_u64().filter(|count| *count > 0)
    });
    drop(reader);
}

#[test]
fn without_stalling_a_slow_reader_loses_messages_instead() {
    let server = Server::start("max_pending: 4MB\nno_fast_producer_stall: true");
    let mut reader = lazy_reader(&server);
    let mut publisher = server.client();
    let mut batches = 0;
    flood_until(&mut publisher, || {
        batches += 1;
        (batches == 80).then_some(())
    });
    publisher.ping_pong();
    assert_eq!(server.json("/varz")["stalled_clients"], 0);
    assert!(has_line(&server.log, "Slow Consumer").is_none(), "{}", server.log.text());
    reader.send("SUB end 2\r\nPING\r\n");
    let mut got = 0;
    while reader.next_frame().expect("the connection stays") != b"PONG\r\n" {
        got += 1;
    }
    assert!((1..batches * 256).contains(&got), "{got} of {} messages came", batches * 256);
}

#[test]
fn pending_bytes_show_in_connz() {
    let server = Server::start("");
    let reader = lazy_reader(&server);
    flood_until(&mut server.client(), || {
        let page = server.json("/connz?sort=pending");
        (page["connections"][0]["pending_bytes"].as_u64()? > 100_000).then(|| {
            assert_eq!(page["connections"][0]["name"], "lazy");
        })
    });
    drop(reader);
}

#[test]
fn a_flood_of_subscriptions_is_taken_in() {
    const COUNT: usize = 50_000;
    let server = Server::start("");
    let mut client = server.client();
    let mut lines = String::new();
    for n in 0..COUNT {
        lines.push_str(&format!("SUB flood.{}.{n} {n}\r\n", n % 100));
    }
    let before = server.json("/varz")["subscriptions"].as_u64().unwrap();
    client.send(lines);
    client.ping_pong();
    assert_eq!(server.json("/varz")["subscriptions"], before + COUNT as u64);
    client.publish("flood.77.12377", "x");
    client.expect("MSG flood.77.12377 12377 1\r\nx\r\n");
    drop(client);
    server.wait_json("/varz", |page| (page["subscriptions"] == before).then_some(()));
}

#[test]
fn a_flood_of_pings_from_a_client_that_never_reads_has_an_end() {
    let server = Server::start("max_pending: 1MB\nmax_payload: 1MB\nwrite_deadline: \"200ms\"");
    let mut greedy = lazy_reader(&server);
    greedy.socket.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let pings = "PING\r\n".repeat(20_000);
    let until = Instant::now() + Duration::from_secs(30);
    while greedy.try_send(&pings) {
        assert!(Instant::now() < until, "the server takes PINGs for ever");
    }
    let mut other = server.client();
    other.send("SUB a 1\r\nPUB a 1\r\nx\r\n");
    other.expect("MSG a 1 1\r\nx\r\n");
}
