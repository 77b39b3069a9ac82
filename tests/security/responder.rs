//! A responder that says whether certificates are good: that of openssl.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use rcgen::CustomExtension;

use crate::harness::{available, eventually};
use crate::tls_kit::Authority;

/// See the module's text. Of certificates that it was not told of, it knows nothing.
pub(crate) struct Responder {
    child: Child,
    pub(crate) url: String,
}

#[derive(Clone, Copy)]
pub(crate) enum Status {
    Good,
    Revoked,
}

impl Responder {
    /// A port that is free, for certificates that name it before the responder is there.
    pub(crate) fn port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    /// Knows the certificates of an authority by their serial numbers.
    pub(crate) fn start(authority: &Authority, port: u16, known: &[(u64, Status)]) -> Self {
        Self::with(authority, port, known, (authority, &["-ndays", "1"]))
    }

    /// The same with answers that this one signs, and with these arguments.
    pub(crate) fn with(
        authority: &Authority,
        port: u16,
        known: &[(u64, Status)],
        (signer, arguments): (&Authority, &[&str]),
    ) -> Self {
        let index = authority.dir.path().join("index.txt");
        let line = |(serial, status): &(u64, Status)| match status {
            Status::Good => format!("V\t410507000000Z\t\t{serial:X}\tunknown\t/CN=any\n"),
            Status::Revoked => {
                format!("R\t410507000000Z\t250101000000Z\t{serial:X}\tunknown\t/CN=any\n")
            }
        };
        fs::write(&index, known.iter().map(line).collect::<String>()).unwrap();
        let mut command = Command::new("openssl");
        command.args(["ocsp", "-port", &port.to_string(), "-index"]).arg(&index).args(arguments);
        command.arg("-CA").arg(authority.file()).arg("-rsigner").arg(signer.file());
        command.arg("-rkey").arg(signer.key_file());
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

pub(crate) fn openssl() -> bool {
    let probe = Command::new("openssl").arg("version").output();
    available("openssl", probe.is_ok_and(|probe| probe.status.success()))
}

/// The certificate's responder is here.
pub(crate) fn responder_is(url: &str) -> CustomExtension {
    let oid = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 1];
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let uri = [&[0x86, length(url.as_bytes())], url.as_bytes()].concat();
    let one = [&[0x30, length(&oid) + length(&uri)], &oid[..], &uri].concat();
    let all = [&[0x30, length(&one)], &one[..]].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], all)
}
