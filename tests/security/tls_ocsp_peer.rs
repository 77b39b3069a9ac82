//! Clients' certificates are asked about: `ocsp_peer`. Row 92.

use std::io::Read;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::Value;

use crate::harness::{DEADLINE, Server, eventually};
use crate::responder::{Responder, Status, openssl, responder_is};
use crate::tls_kit::{Authority, Pair, TlsClient, server};

const JOE: u64 = 0x1001;
const EVE: u64 = 0x1002;
const NEW: u64 = 0x1003;
const BRANCH: u64 = 0x1004;

/// An authority whose clients' certificates name a responder, which is not there yet.
struct World {
    authority: Authority,
    port: u16,
}

impl World {
    fn new() -> Self {
        Self { authority: Authority::new(), port: Responder::port() }
    }

    fn respond(&self) -> Responder {
        let known = [(JOE, Status::Good), (EVE, Status::Revoked)];
        Responder::start(&self.authority, self.port, &known)
    }

    fn client(&self, name: &str, serial: u64) -> Pair {
        let url = format!("http://127.0.0.1:{}", self.port);
        self.authority.client_with(name, serial, vec![responder_is(&url)])
    }

    /// Good, revoked, and unknown.
    fn clients(&self) -> [Pair; 3] {
        [self.client("joe", JOE), self.client("eve", EVE), self.client("new", NEW)]
    }

    fn server(&self, keys: &str, rest: &str) -> Server {
        server(&self.authority, &format!("verify: true, {keys}"), rest)
    }

    fn is_let_in(&self, server: &Server, own: &Pair) -> bool {
        is_let_in(server, &self.authority, own)
    }
}

const NO_CACHE: &str = "ocsp_cache: false";

fn is_let_in(server: &Server, authority: &Authority, own: &Pair) -> bool {
    let client = TlsClient::connect(server, &authority.trusting(Some(own)));
    let answer = client.and_then(|mut client| client.login(r#""verbose":false"#));
    answer.is_ok_and(|answer| answer == "PONG")
}

#[test]
fn revoked_and_unknown_certificates_are_refused() {
    if !openssl() {
        return;
    }
    let world = World::new();
    let _responder = world.respond();
    let server = world.server("ocsp_peer: true", NO_CACHE);
    let [joe, eve, new] = world.clients();
    for (own, good, status) in [(joe, true, ""), (eve, false, "revoked"), (new, false, "unknown")] {
        assert_eq!(world.is_let_in(&server, &own), good, "{status}");
        if !good {
            server.log.wait_for(&format!("with CA status [{status}]"));
        }
    }
    server.log.wait_for("TLS handshake error: client not OCSP valid");
    let closed = server.wait_json("/connz?state=closed&sort=cid", |page| {
        page["connections"].get(2).cloned().map(|_| page["connections"].clone())
    });
    assert_eq!(closed[1]["reason"], "TLS Handshake Failure");
    assert_eq!(server.json("/varz")["tls_ocsp_peer_verify"], true);
}

#[test]
fn whoever_names_no_responder_is_not_asked_about() {
    let authority = Authority::new();
    let server = server(&authority, "verify: true, ocsp_peer: true", NO_CACHE);
    assert!(is_let_in(&server, &authority, &authority.client("joe", "")));
}

#[test]
fn the_configuration_says_what_is_put_up_with() {
    if !openssl() {
        return;
    }
    let world = World::new();
    let clients = world.clients();
    let cases = [
        ("verify: true, unknown_is_good: true", [true, false, true], [false; 3]),
        ("verify: true, warn_only: true", [true; 3], [true; 3]),
        ("verify: true, allow_when_ca_unreachable: true", [true, false, false], [true; 3]),
        ("verify: false", [true; 3], [true; 3]),
    ];
    for (keys, with, without) in cases {
        let server = world.server(&format!("ocsp_peer {{ {keys} }}"), NO_CACHE);
        let outcome = || clients.each_ref().map(|own| world.is_let_in(&server, own));
        let responder = world.respond();
        assert_eq!(outcome(), with, "{keys}, with a responder");
        drop(responder);
        assert_eq!(outcome(), without, "{keys}, without");
    }
}

#[test]
fn every_link_of_a_chain_counts() {
    if !openssl() {
        return;
    }
    let root = Authority::new();
    let port = Responder::port();
    let url = format!("http://127.0.0.1:{port}");
    let branch = root.branch(BRANCH, vec![responder_is(&url)]);
    let own = branch.client("joe", "");
    // The client shows the branch's certificate as well.
    let chain = [&own.cert, &branch.file()].map(|path| std::fs::read_to_string(path).unwrap());
    std::fs::write(&own.cert, chain.concat()).unwrap();
    let server = server(&root, "verify: true, ocsp_peer: true", NO_CACHE);
    for (status, good) in [(Status::Good, true), (Status::Revoked, false)] {
        let _responder = Responder::start(&root, port, &[(BRANCH, status)]);
        assert_eq!(is_let_in(&server, &root, &own), good);
    }
    server.log.wait_for("OCSP verify fail for [CN=Branch] with CA status [revoked]");
}

#[test]
fn the_answer_of_a_stranger_is_none() {
    if !openssl() {
        return;
    }
    let (world, stranger) = (World::new(), Authority::new());
    let joe = world.client("joe", JOE);
    let known = [(JOE, Status::Good)];
    // Of a certificate of its own; and of this one, in the place of who may say it.
    for (authority, signer) in [(&stranger, &stranger), (&world.authority, &stranger)] {
        let server = world.server("ocsp_peer: true", NO_CACHE);
        let _responder = Responder::with(authority, world.port, &known, (signer, &["-ndays", "1"]));
        assert!(!world.is_let_in(&server, &joe));
        server.log.wait_for("TLS handshake error: client not OCSP valid");
    }
}

/// An answer that does not say how long it counts does so for as long as the configuration says.
#[test]
fn an_answer_of_yesterday_is_none() {
    if !openssl() {
        return;
    }
    let world = World::new();
    let joe = world.client("joe", JOE);
    let known = [(JOE, Status::Good)];
    let _responder = Responder::with(&world.authority, world.port, &known, (&world.authority, &[]));
    let server = |time: &str| {
        let keys = format!("cache_ttl_when_next_update_unset: {time}, allowed_clockskew: {time}");
        world.server(&format!("ocsp_peer {{ verify: true, {keys} }}"), NO_CACHE)
    };
    assert!(world.is_let_in(&server("3600"), &joe));
    let server = server("0.001");
    // What is said in the first moments of a second counts.
    eventually("an answer that is too old", || (!world.is_let_in(&server, &joe)).then_some(()));
    server.log.wait_for("New OCSP CA response obtained for [CN=joe] but not current");
}

#[test]
fn answers_are_remembered_also_over_a_restart() {
    if !openssl() {
        return;
    }
    let world = World::new();
    let [joe, eve, new] = world.clients();
    let dir = world.authority.dir.path().join("answers").display().to_string();
    let cache = format!("ocsp_cache {{ type: local, local_store: \"{dir}\" }}");
    let server = world.server("ocsp_peer: true", &cache);
    let responder = world.respond();
    assert!(world.is_let_in(&server, &joe) && !world.is_let_in(&server, &eve));
    drop(responder);
    assert!(world.is_let_in(&server, &joe) && !world.is_let_in(&server, &eve));
    assert!(!world.is_let_in(&server, &new));
    let page = server.json("/varz")["ocsp_peer_cache"].clone();
    assert_eq!(page["cache_type"], "local");
    assert_eq!((&page["cache_hits"], &page["cached_responses"]), (&2.into(), &2.into()));
    assert_eq!(page["cached_revoked_responses"], 1);
    let files = || std::fs::read_dir(&dir).map_or(0, |dir| dir.flatten().filter(is_answer).count());
    eventually("answers are on the disk", || (files() == 2).then_some(()));
    drop(server);
    let server = world.server("ocsp_peer: true", &cache);
    assert!(world.is_let_in(&server, &joe) && !world.is_let_in(&server, &eve));
    assert!(!world.is_let_in(&server, &new));
}

fn is_answer(entry: &std::fs::DirEntry) -> bool {
    entry.path().extension().is_some_and(|extension| extension == "der")
}

#[test]
fn a_responder_that_is_silent_holds_up_nobody_else() {
    let authority = Authority::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let slow = authority.client_with("slow", JOE, vec![responder_is(&url)]);
    let keys = "verify: true, timeout: 1, ocsp_peer { verify: true, ca_timeout: 60 }";
    let server = server(&authority, keys, NO_CACHE);
    let begun = Instant::now();
    let config = authority.trusting(Some(&slow));
    let waiting: Vec<_> = (0..50).map(|_| TlsClient::connect(&server, &config).unwrap()).collect();
    assert!(is_let_in(&server, &authority, &authority.client("joe", "")));
    for mut client in waiting {
        client.stream.sock.set_read_timeout(Some(DEADLINE)).unwrap();
        assert!(!client.stream.read(&mut [0]).is_ok_and(|count| count > 0));
    }
    // They end when the time of their handshake does, and only one question was asked.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    silent.set_nonblocking(true).unwrap();
    assert!(silent.accept().is_ok() && silent.accept().is_err());
}

#[test]
fn operators_hear_of_whom_is_refused() {
    if !openssl() {
        return;
    }
    let world = World::new();
    let _responder = world.respond();
    let rest = format!(
        "{NO_CACHE}\nno_auth_user: any\naccounts {{ A {{ users: [{{user: any, password: x}}] }}\n\
         $SYS {{ users: [{{user: sys, password: x}}] }} }}"
    );
    let server = world.server("ocsp_peer: true", &rest);
    let [joe, eve, _] = world.clients();
    let config = world.authority.trusting(Some(&joe));
    let mut system = TlsClient::connect(&server, &config).unwrap();
    assert_eq!(system.login(r#""verbose":false,"user":"sys","pass":"x""#).unwrap(), "PONG");
    system.send("SUB $SYS.SERVER.*.OCSP.PEER.> 1\r\n");
    system.ping_pong();
    assert!(!world.is_let_in(&server, &eve));
    let mut event = || serde_json::from_str::<Value>(&system.payload()).unwrap();
    let (link, peer) = (event(), event());
    assert_eq!(link["type"], "io.nats.server.advisory.v1.ocsp_peer_link_invalid");
    assert_eq!(link["reason"], "Invalid OCSP response status: revoked");
    assert_eq!(link["link"], link["peer"]);
    assert_eq!(peer["type"], "io.nats.server.advisory.v1.ocsp_peer_reject");
    assert_eq!(peer["reason"], "client not OCSP valid");
    assert_eq!((&peer["kind"], &peer["peer"]), (&"Client".into(), &link["peer"]));
    let shown = &peer["peer"];
    assert_eq!(
        (&shown["subject"], &shown["issuer"]),
        (&"CN=eve".into(), &"CN=Test Authority".into())
    );
    let pem = std::fs::read_to_string(&eve.cert).unwrap();
    let own: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
    assert_eq!(
        BASE64.decode(shown["raw"].as_str().unwrap().as_bytes()).unwrap(),
        BASE64.decode(own.as_bytes()).unwrap()
    );
    assert_eq!(BASE64.decode(shown["fingerprint"].as_str().unwrap().as_bytes()).unwrap().len(), 32);
}

#[test]
fn who_shows_no_certificate_can_not_be_asked_about() {
    let authority = Authority::new();
    let own = authority.keys(&authority.server("server", "localhost"));
    let text = format!("listen: \"127.0.0.1:-1\"\ntls {{ {own}, ocsp_peer: true }}");
    let why =
        "OCSP peer verification for client connections requires TLS verify (mTLS) to be enabled";
    Server::run_conf(&text, &[]).refused_with(why);
}
