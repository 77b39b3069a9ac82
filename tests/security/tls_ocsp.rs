//! The server shows the status of its certificate. Row 92. The responder is that of openssl.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use rcgen::CustomExtension;

use crate::harness::{Server, available, eventually, run};
use crate::tls_kit::{Authority, Pair, TlsClient};

/// A responder that knows one certificate.
struct Responder {
    child: Child,
    url: String,
}

const SERIAL: u64 = 0x1234;

impl Responder {
    /// A port that is free, for certificates that name it before the responder is there.
    fn port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    fn start(authority: &Authority, port: u16, revoked: bool) -> Self {
        let index = authority.dir.path().join("index.txt");
        let line = match revoked {
            false => format!("V\t410507000000Z\t\t{SERIAL:X}\tunknown\t/CN=localhost\n"),
            true => {
                format!("R\t410507000000Z\t250101000000Z\t{SERIAL:X}\tunknown\t/CN=localhost\n")
            }
        };
        fs::write(&index, line).unwrap();
        let mut command = Command::new("openssl");
        command.args(["ocsp", "-ndays", "1", "-port", &port.to_string(), "-index"]).arg(&index);
        command.arg("-CA").arg(authority.file()).arg("-rsigner").arg(authority.file());
        command.arg("-rkey").arg(authority.key_file());
        let log = authority.dir.path().join(format!("responder-{port}.log"));
        let out = fs::File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        let child = command.spawn().unwrap();
        // It serves one connection at a time, so none is wasted on a look.
        eventually("the responder is there", || {
            fs::read_to_string(&log).ok().filter(|text| text.contains("waiting for OCSP client"))
        });
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn openssl() -> bool {
    let probe = Command::new("openssl").arg("version").output();
    available("openssl", probe.is_ok_and(|probe| probe.status.success()))
}

/// The certificate is only good with its status.
fn must_staple() -> CustomExtension {
    let content = vec![0x30, 0x03, 0x02, 0x01, 0x05];
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], content)
}

/// The certificate's responder is here.
fn responder_is(url: &str) -> CustomExtension {
    let oid = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 1];
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let uri = [&[0x86, length(url.as_bytes())], url.as_bytes()].concat();
    let one = [&[0x30, length(&oid) + length(&uri)], &oid[..], &uri].concat();
    let all = [&[0x30, length(&one)], &one[..]].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], all)
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
    let responder = Responder::start(&authority, Responder::port(), false);
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
    let _responder = Responder::start(&authority, port, false);
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
    let responder = Responder::start(&authority, Responder::port(), true);
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
    let responder = Responder::start(&stranger, Responder::port(), false);
    let rest = format!("ocsp {{ mode: always, url: \"{}\" }}", responder.url);
    let text = format!("listen: \"127.0.0.1:-1\"\n{}", conf(&authority, &pair, &rest));
    Server::run_conf(&text, &[]).refused_with("bad OCSP status update for certificate at");
}

#[test]
fn a_restart_needs_no_responder() {
    if !openssl() {
        return;
    }
    let authority = Authority::new();
    let pair = authority.server_with(SERIAL, Vec::new());
    let responder = Responder::start(&authority, Responder::port(), false);
    let store = authority.dir.path().join("store").display().to_string();
    let rest =
        format!("store_dir: \"{store}\"\nocsp {{ mode: always, url: \"{}\" }}", responder.url);
    let conf = conf(&authority, &pair, &rest);
    drop(Server::start(&conf));
    drop(responder);
    let server = Server::start(&conf);
    assert!(shown(&server, &authority).contains("Cert Status: good"));
}
