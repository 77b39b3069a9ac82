//! The server shows the status of its certificate. Row 92. The responder is that of openssl.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use rcgen::CustomExtension;

use crate::harness::{Server, eventually, run};
use crate::responder::{Responder, Status, openssl, responder_is};
use crate::tls_kit::{Authority, Pair, TlsClient};

const SERIAL: u64 = 0x1234;

/// The certificate is only good with its status.
fn must_staple() -> CustomExtension {
    let content = vec![0x30, 0x03, 0x02, 0x01, 0x05];
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], content)
}

fn conf(authority: &Authority, pair: &Pair, rest: &str) -> String {
    format!("tls {{ {}, handshake_first: true }}\n{rest}", authority.keys(pair))
}

/// What openssl says of the status that it was shown.
fn shown(server: &Server, authority: &Authority) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-status", "-connect", &format!("localhost:{}", server.port)]);
    command.arg("-CAfile").arg(authority.file()).stdin(Stdio::null());
    run(&mut command).stdout
}

#[test]
fn a_status_is_stapled_always() {
    if !openssl() {
        return;
    }
    let authority = Authority::new();
    let pair = authority.server_with(SERIAL, Vec::new());
    let responder = Responder::start(&authority, Responder::port(), &[(SERIAL, Status::Good)]);
    let rest = format!("ocsp {{ mode: always, url: \"{}\" }}", responder.url);
    let server = Server::start(&conf(&authority, &pair, &rest));
    for _ in 0..2 {
        let text = shown(&server, &authority);
        assert!(text.contains("OCSP Response Status: successful"), "{text}");
        assert!(text.contains("Cert Status: good"), "{text}");
    }
    TlsClient::first(&server, &authority.trusting(None)).unwrap().quiet();
}

#[test]
fn a_certificate_that_demands_it_names_its_responder() {
    if !openssl() {
        return;
    }
    let authority = Authority::new();
    let port = Responder::port();
    let url = format!("http://127.0.0.1:{port}");
    let pair = authority.server_with(SERIAL, vec![must_staple(), responder_is(&url)]);
    let _responder = Responder::start(&authority, port, &[(SERIAL, Status::Good)]);
    let server = Server::start(&conf(&authority, &pair, ""));
    let text = shown(&server, &authority);
    assert!(text.contains("Cert Status: good"), "{text}");
    // It survives a reload.
    server.signal("HUP");
    server.log.wait_for("Reloaded server configuration");
    assert!(shown(&server, &authority).contains("Cert Status: good"));
}

#[test]
fn without_need_nobody_is_asked() {
    if !openssl() {
        return;
    }
    let authority = Authority::new();
    let url = format!("http://127.0.0.1:{}", Responder::port());
    let pair = authority.server_with(SERIAL, vec![responder_is(&url)]);
    for rest in ["", "ocsp: true", "ocsp: false", "ocsp { mode: never }"] {
        let server = Server::start(&conf(&authority, &pair, rest));
        let text = shown(&server, &authority);
        assert!(text.contains("OCSP response: no response sent"), "{rest}: {text}");
    }
}

#[test]
fn a_revoked_certificate_is_not_used() {
    if !openssl() {
        return;
    }
    let authority = Authority::new();
    let pair = authority.server_with(SERIAL, Vec::new());
    let responder = Responder::start(&authority, Responder::port(), &[(SERIAL, Status::Revoked)]);
    let rest = format!("ocsp {{ mode: always, url: \"{}\" }}", responder.url);
    let text = format!("listen: \"127.0.0.1:-1\"\n{}", conf(&authority, &pair, &rest));
    let run = Server::run_conf(&text, &[]);
    run.refused_with("found existing OCSP status for certificate at");
    run.refused_with("revoked");
}

#[test]
fn a_responder_that_is_silent_keeps_the_server_from_starting() {
    let authority = Authority::new();
    let pair = authority.server_with(SERIAL, Vec::new());
    let url = format!("http://127.0.0.1:{}", Responder::port());
    let rest = format!("ocsp {{ mode: always, url: \"{url}\" }}");
    let text = format!("listen: \"127.0.0.1:-1\"\n{}", conf(&authority, &pair, &rest));
    Server::run_conf(&text, &[]).refused_with("bad OCSP status update for certificate at");
}

#[test]
fn an_answer_of_somebody_else_is_not_shown() {
    if !openssl() {
        return;
    }
    let (authority, stranger) = (Authority::new(), Authority::new());
    let pair = authority.server_with(SERIAL, Vec::new());
    for (of, signer) in [(&stranger, &stranger), (&authority, &stranger)] {
        let known = [(SERIAL, Status::Good)];
        let responder = Responder::with(of, Responder::port(), &known, (signer, &["-ndays", "1"]));
        let rest = format!("ocsp {{ mode: always, url: \"{}\" }}", responder.url);
        let text = format!("listen: \"127.0.0.1:-1\"\n{}", conf(&authority, &pair, &rest));
        Server::run_conf(&text, &[]).refused_with("bad OCSP status update for certificate at");
    }
}

#[test]
fn a_restart_needs_no_responder() {
    if !openssl() {
        return;
    }
    let authority = Authority::new();
    let pair = authority.server_with(SERIAL, Vec::new());
    let responder = Responder::start(&authority, Responder::port(), &[(SERIAL, Status::Good)]);
    let store = authority.dir.path().join("store").display().to_string();
    let rest =
        format!("store_dir: \"{store}\"\nocsp {{ mode: always, url: \"{}\" }}", responder.url);
    let conf = conf(&authority, &pair, &rest);
    drop(Server::start(&conf));
    drop(responder);
    let server = Server::start(&conf);
    assert!(shown(&server, &authority).contains("Cert Status: good"));
}

#[test]
fn the_start_goes_on_while_a_responder_thinks() {
    if !openssl() {
        return;
    }
    let authority = Authority::new();
    let pair = authority.server_with(SERIAL, Vec::new());
    let responder = Responder::start(&authority, Responder::port(), &[(SERIAL, Status::Good)]);
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", slow.local_addr().unwrap());
    let store = authority.dir.path().join("streams");
    let rest = format!(
        "jetstream {{ store_dir: \"{}\" }}\nocsp {{ mode: always, url: \"{url}\" }}",
        store.display()
    );
    let conf = conf(&authority, &pair, &rest);
    let starting = std::thread::spawn(move || Server::start(&conf));
    let (mut asked, _) = slow.accept().unwrap();
    eventually("the streams are being looked at", || store.exists().then_some(()));
    // Now it answers.
    let address = responder.url.strip_prefix("http://").unwrap();
    let mut answering = TcpStream::connect(address).unwrap();
    let (mut question, mut on) = (asked.try_clone().unwrap(), answering.try_clone().unwrap());
    let passing = std::thread::spawn(move || std::io::copy(&mut question, &mut on));
    std::io::copy(&mut answering, &mut asked).unwrap();
    asked.shutdown(Shutdown::Both).unwrap();
    let server = starting.join().unwrap();
    let _ = passing.join().unwrap();
    assert!(shown(&server, &authority).contains("Cert Status: good"));
}
