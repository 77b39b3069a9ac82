//! How all servers are, asked of one: by the page, by the command, and by servers that lie.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Run, Server, is_reference, run, server_path};
use crate::kit::{cluster_port, server};

/// One that is asked, and how it is: nothing where it is silent.
fn standing<'a>(page: &'a Value, name: &str) -> Option<&'a Value> {
    let servers = page["servers"].as_array().unwrap();
    servers.iter().find(|one| one["name"] == name)
}

fn silence(page: &Value, name: &str) -> Option<String> {
    Some(standing(page, name)?["silent"].as_str()?.to_owned())
}

/// Waits until `server` hears from so many servers, itself included.
#[track_caller]
fn hears(server: &Server, count: usize) -> Value {
    server.wait_json("/clusterz", |page| {
        let servers = page["servers"].as_array().unwrap();
        let told = servers.iter().filter(|one| one["standing"].is_object()).count();
        (told == count).then(|| page.clone())
    })
}

fn status(url: &str) -> Run {
    run(Command::new(server_path()).args(["cluster", "status", "--server", url]))
}

fn explain(server: &Server, peer: &str) -> Run {
    let args = ["explain", "peer", peer, "--server", &monitor(server)];
    run(Command::new(server_path()).args(args))
}

fn monitor(server: &Server) -> String {
    server.ports["monitoring"][0].as_str().expect("it has no monitoring port").to_owned()
}

/// Connects as a server that understands questions of this series, if any.
fn pretend(to: &Server, control: Option<u16>) -> TcpStream {
    let mut me = json!({"id": "NFAKE", "name": "fake", "cluster": "c", "address": "127.0.0.1:9"});
    if let Some(control) = control {
        me["control"] = json!(control);
    }
    let me = me.to_string();
    let size = (me.len() as u16).to_le_bytes();
    let head = [&b"VAGUSLNK"[..], &[1, 0, b'R'], &[7; 32], &size, me.as_bytes()].concat();
    let mut socket = TcpStream::connect(("127.0.0.1", cluster_port(to))).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.write_all(&head).unwrap();
    let mut theirs = [0; 45];
    socket.read_exact(&mut theirs).unwrap();
    let mut theirs = vec![0; usize::from(u16::from_le_bytes([theirs[43], theirs[44]]))];
    socket.read_exact(&mut theirs).unwrap();
    // Without a password every proof will do.
    socket.write_all(&[0; 32]).unwrap();
    let mut welcome = [0; 34];
    socket.read_exact(&mut welcome).unwrap();
    assert_eq!(welcome[..2], [0, 0], "it is refused");
    socket
}

#[test]
fn the_status_shows_who_lives_who_stands_still_and_who_is_gone() {
    if is_reference() {
        return;
    }
    // Whoever stands still is given up late enough to be seen.
    let patient = "ping_interval: \"5s\"";
    let a = server("s0", &[], patient);
    let (b, mut c) = (server("s1", &[&a], patient), server("s2", &[&a], patient));
    let _client = b.client();
    let page = hears(&a, 3);
    assert_eq!(page["servers"][0]["name"], "s0", "the asked one comes first");
    a.wait_json("/clusterz", |page| {
        let links = standing(page, "s1")?["standing"]["links"].as_array()?;
        let in_order = |peer| {
            let mut links = links.iter().filter(|link| link["peer"] == peer);
            links.any(|link| link["accounts"] == "pool 0" && link["state"] == "in order")
        };
        (in_order("s0") && in_order("s2")).then_some(())
    });
    let all = status(&monitor(&a));
    assert!(all.code == Some(0) && all.stdout.starts_with("3 servers, all answer\n"), "{all:?}");
    let row = all.stdout.lines().find(|line| line.starts_with("s1  ")).unwrap();
    let words: Vec<_> = row.split_whitespace().take(5).collect();
    assert_eq!((words[1], words[2], words[4]), ("c", env!("CARGO_PKG_VERSION"), "1"), "{row}");
    for link in ["s0    s1  route", "s1    s2  route", "s2    s0  route"] {
        assert!(all.stdout.lines().any(|line| line.starts_with(link)), "{link}: {}", all.stdout);
    }

    let well = explain(&a, "s1");
    assert!(well.stdout.starts_with("Server s1 is waiting for nothing: it answers "), "{well:?}");
    assert!(well.stdout.contains(" for pool 0, round trip "), "{well:?}");
    let remote = a.json("/actorz?kind=control")["remote"].clone();
    let [s1, s2] = &remote.as_array().unwrap()[..] else { panic!("{remote}") };
    assert_eq!((&s1["peer"], &s2["peer"]), (&json!("s1"), &json!("s2")));
    assert_eq!((&s1["state"], &s1["queue"]), (&json!("running"), &json!(0)));
    assert!(s1["asked"].as_u64().unwrap() >= 2, "{s1}");

    c.signal("STOP");
    let since = Instant::now();
    let still = status(&monitor(&a));
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert!(still.stdout.starts_with("3 servers, 1 silent\n"), "{still:?}");
    let row = still.stdout.lines().find(|line| line.starts_with("s2  ")).unwrap();
    assert!(row.ends_with("silent: no answer within 1s"), "{row}");

    let still = explain(&a, "s2");
    assert!(still.stdout.starts_with("Server s2 is waiting for an answer: "), "{still:?}");

    c.signal("KILL");
    c.wait_exit();
    a.wait_json("/clusterz", |page| standing(page, "s2").is_none().then_some(()));
    hears(&a, 2);
    // It was the one that had connected to the first; the second one looks for nobody but a.
    let gone = status(&monitor(&a));
    assert!(gone.stdout.starts_with("2 servers, all answer\n"), "{gone:?}");
    let gone = explain(&a, "s2");
    assert!(gone.code == Some(1) && gone.stderr.contains("no server \"s2\""), "{gone:?}");
}

#[test]
fn who_is_looked_for_in_vain_is_shown_with_the_reason() {
    if is_reference() {
        return;
    }
    let a = server("a", &[], "");
    let b = server("b", &[&a], "");
    hears(&b, 2);
    let (address, mut a) = (format!("127.0.0.1:{}", cluster_port(&a)), a);
    a.signal("KILL");
    a.wait_exit();
    let sought = b.wait_json("/clusterz", |page| {
        let sought = &page["servers"][0]["standing"]["sought"][0];
        sought["problem"].is_string().then(|| sought.clone())
    });
    assert_eq!(sought["address"], address);
    assert!(sought["problem"].as_str().unwrap().contains("refused"), "{sought}");
    // Of several links to one server each ends by itself.
    b.wait_json("/clusterz", |page| (page["servers"].as_array()?.len() == 1).then_some(()));
    let told = status(&monitor(&b));
    assert!(told.stdout.starts_with("1 server, linked with no other\n"), "{told:?}");
    let line = told.stdout.lines().last().unwrap();
    assert!(line.starts_with(&format!("b looks for {address}, ")), "{told:?}");
    let why = explain(&b, &address);
    let start = format!("Server {address} is waiting to be found, ");
    assert!(why.stdout.starts_with(&start) && why.stdout.contains("refused"), "{why:?}");
    let refused = b.get("/explain?peer=a&account=$G");
    assert_eq!(refused.status, 400, "servers are no account's business");
}

#[test]
fn operators_ask_over_nats_and_others_do_not() {
    if is_reference() {
        return;
    }
    let users = "accounts { SYS { users: [{ user: sys, password: pw }] },\n\
                  APP { users: [{ user: app, password: pw }] } }\nsystem_account: SYS";
    let a = crate::kit::server_with("a", &[], "", users);
    let b = crate::kit::server_with("b", &[&a], "", users);
    hears(&b, 2);
    let of = |login: &str| status(&format!("nats://{login}:pw@127.0.0.1:{}", b.port));
    let told = of("sys");
    assert!(told.stdout.starts_with("2 servers, all answer\n"), "{told:?}");
    let asked = told.stdout.lines().nth(3).unwrap();
    assert!(asked.starts_with("b ") && asked.ends_with("asked"), "{told:?}");
    let told = of("app");
    assert!(told.code == Some(1) && told.stderr.contains("nobody answers"), "{told:?}");
}

#[test]
fn a_server_of_another_version_is_linked_and_not_asked() {
    if is_reference() {
        return;
    }
    let a = server("a", &[], "");
    for (control, shown) in [(None, 0), (Some(7), 7)] {
        let link = pretend(&a, control);
        let why = a.wait_json("/clusterz", |page| silence(page, "fake"));
        assert_eq!(why, format!("it speaks version {shown} of control, this one 1"));
        drop(link);
        a.wait_json("/clusterz", |page| standing(page, "fake").is_none().then_some(()));
    }
}

#[test]
fn a_server_that_floods_the_others_actors_is_cut_and_costs_little() {
    if is_reference() {
        return;
    }
    let a = server("a", &[], "");
    let before = a.json("/varz")["mem"].as_u64().unwrap();
    let frames = |payload: &[u8]| {
        let one = [format!("C {}\r\nD", payload.len() + 1).as_bytes(), payload].concat();
        one.repeat((8 << 20) / one.len())
    };
    // Small pieces, large ones, a frame that never ends, and a million actors.
    let endless = [&[0, 0, 0, 0, 0, 1, 0xff, 0xff][..], &[7; 8000]].concat();
    let crowd = [&[0, 0, 0, 0, 0, 0, 7, 0xd2, 0x1a, 0xcf, 0x0f, 0x0a, 0xcc, 0x0f][..], &[8; 1996]];
    for payload in [vec![0; 1], vec![0; 8192], endless, crowd.concat()] {
        let mut link = pretend(&a, Some(1));
        // It may be cut before all was sent.
        let _ = link.write_all(&frames(&payload));
        let mut rest = Vec::new();
        let closed = link.read_to_end(&mut rest);
        let reset =
            |problem: &std::io::Error| problem.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(closed.as_ref().map_or_else(reset, |_| true), "{closed:?}");
        a.wait_json("/routez", |page| (page["num_routes"] == 0).then_some(()));
    }
    let after = a.json("/varz")["mem"].as_u64().unwrap();
    assert!(after < before + (32 << 20), "{} MB more", (after - before) >> 20);
    let b = server("b", &[&a], "");
    hears(&b, 2);
}
