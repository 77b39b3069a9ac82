//! Links that are compressed, and links that are looked after in numbers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::harness::{Server, eventually};
use crate::kit::{cluster_port, meshed, server, wants};
use crate::tls_kit::Authority;

/// Stands between two servers and counts the bytes from the one that connects.
fn counted(to: u16) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(0)));
    let counter = Arc::clone(&count);
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else { return };
            let ends = [(near.try_clone(), far.try_clone(), Some(Arc::clone(&counter)))];
            for (from, to, counter) in ends.into_iter().chain([(Ok(far), Ok(near), None)]) {
                let (mut from, mut to) = (from.unwrap(), to.unwrap());
                std::thread::spawn(move || {
                    let mut piece = vec![0; 64 << 10];
                    while let Ok(read @ 1..) = from.read(&mut piece) {
                        if let Some(counter) = &counter {
                            counter.fetch_add(read as u64, Relaxed);
                        }
                        if to.write_all(&piece[..read]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    (port, count)
}

/// A server whose one route leads through `port`.
fn through(port: u16, more: &str) -> Server {
    Server::start(&format!(
        "server_name: b\ncluster {{ name: c, listen: \"127.0.0.1:-1\", no_advertise: true, \
         routes: [\"nats-route://127.0.0.1:{port}\"], {more} }}"
    ))
}

fn modes(server: &Server) -> Vec<String> {
    let page = server.json("/routez");
    let routes = page["routes"].as_array().unwrap();
    routes.iter().map(|route| route["compression"].as_str().unwrap().to_owned()).collect()
}

fn cross(from: &Server, to: &Server) {
    let (mut near, mut far) = (from.client(), to.client());
    far.subscribe("n.>", "1");
    wants(from, "n.x", 1);
    let size = |n: usize| [0, 1, 16, 5_000, 40_000, 200_000][n % 6];
    for n in 0..150 {
        near.publish(&format!("n.{}", n % 3), vec![b'a' + (n % 26) as u8; size(n)]);
    }
    for n in 0..150 {
        let (words, bytes) = far.message();
        assert_eq!(words[0], format!("n.{}", n % 3), "message {n}");
        assert!(bytes == vec![b'a' + (n % 26) as u8; size(n)], "message {n}");
    }
    drop(far);
    wants(from, "n.x", 0);
}

/// What it costs to send so much from `b` to `a`.
fn cost(mode_of_a: &str, mode_of_b: &str, shown: [&str; 2]) -> u64 {
    let a = server("a", &[], mode_of_a);
    let (port, count) = counted(cluster_port(&a));
    let b = through(port, mode_of_b);
    meshed(&[&a, &b]);
    for (server, shown) in [(&a, shown[0]), (&b, shown[1])] {
        // By the way, where that decides: it is measured before long.
        let agreed = || modes(server).iter().all(|mode| mode == shown).then_some(());
        eventually("links that are compressed as agreed", agreed);
    }
    let before = count.load(Relaxed);
    cross(&b, &a);
    let cost = count.load(Relaxed) - before;
    cross(&a, &b);
    cost
}

// Row 151.
#[test]
fn links_are_compressed_as_both_ends_agree() {
    const PLAIN: u64 = 25 * 245_017;
    let fast = "compression: s2_fast";
    let plain = cost("", "", ["off", "off"]);
    assert!(plain > PLAIN, "{plain}");
    let packed = cost(fast, "", ["s2_fast", "s2_fast"]);
    assert!(packed < PLAIN / 8, "{packed}");
    let packed = cost("compression: accept", "compression: true", ["s2_fast", "s2_fast"]);
    assert!(packed < PLAIN / 8, "{packed}");
    let off = cost(fast, "compression: off", ["off", "off"]);
    assert!(off > PLAIN, "{off}");
    // The way is short, however busy the machine is.
    let short = "compression: { mode: s2_auto, rtt_thresholds: [\"1h\"] }";
    let auto = cost("", short, ["s2_fast", "s2_uncompressed"]);
    assert!(auto > PLAIN, "{auto}");
    let long = "compression: { mode: s2_auto, rtt_thresholds: [0ms, 10ms] }";
    assert!(cost("", long, ["s2_fast"; 2]) < PLAIN / 8);
}

#[test]
fn links_are_compressed_and_then_encrypted() {
    let authority = Authority::new();
    let tls = |name: &str| {
        let keys = authority.keys(&authority.peer(name, "127.0.0.1"));
        format!("tls {{ {keys} }}, compression: s2_best")
    };
    let a = server("a", &[], &tls("a"));
    let (port, count) = counted(cluster_port(&a));
    let b = through(port, &tls("b"));
    meshed(&[&a, &b]);
    assert_eq!(modes(&b)[0], "s2_best");
    let before = count.load(Relaxed);
    cross(&b, &a);
    cross(&a, &b);
    assert!(count.load(Relaxed) - before < 1_000_000);
}

#[test]
fn a_link_that_takes_nothing_is_given_up_at_the_write_deadline() {
    let times = "ping_interval: \"30s\", write_deadline: \"300ms\"";
    let a = server("a", &[], times);
    let (b, c) = (server("b", &[&a], times), server("c", &[&a], times));
    meshed(&[&a, &b, &c]);
    let (mut stuck, mut well) = (b.client(), c.client());
    stuck.subscribe("x", "1");
    well.subscribe("x", "1");
    wants(&a, "x", 2);
    b.signal("STOP");
    let mut from = a.client();
    let payload = vec![b'x'; 128 << 10];
    for _ in 0..200 {
        from.publish("x", &payload);
        well.message();
    }
    a.log.wait_for("Slow Consumer Detected: WriteDeadline of 300ms exceeded");
    wants(&a, "x", 1);
    from.publish("x", "on");
    well.expect("MSG x 1 2\r\non\r\n");
    b.signal("CONT");
    meshed(&[&a, &b, &c]);
    wants(&a, "x", 2);
}

// Row 125.
#[test]
fn links_are_shown_in_numbers() {
    let a = server("a", &[], "permissions { import: { deny: [\"no.>\"] } }, pool_size: 2");
    let b = server("b", &[&a], "");
    meshed(&[&a, &b]);
    a.wait_json("/routez", |page| (page["num_routes"] == 4).then_some(()));
    cross(&b, &a);
    let page = a.json("/routez");
    assert_eq!(page["import"], serde_json::json!({ "deny": ["no.>"] }));
    assert!(page["export"].is_null());
    let cluster = &a.json("/varz")["cluster"];
    assert_eq!((&cluster["pool_size"], &cluster["tls_timeout"]), (&2.into(), &2.into()));
    let metrics = a.get("/metrics").body;
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(&format!("vagus_{name}{{")));
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{metrics}"));
        assert!(line.contains("server=\"b\""), "{line}");
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(value("route_links"), 4.0);
    assert_eq!(value("route_in_messages_total"), 150.0);
    assert!(value("route_in_bytes_total") > 1e6);
    assert_eq!(value("route_queued_bytes"), 0.0);
    a.wait_json("/routez", |page| page["routes"][0]["rtt"].as_str().map(str::to_owned));
}
