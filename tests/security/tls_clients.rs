//! Official clients, and openssl, over TLS.

use std::process::{Command, Stdio};

use async_nats::ConnectOptions;
use futures_util::StreamExt;

use crate::harness::{available, block_on, python, run, server_path};
use crate::tls_kit::{Authority, server};

async fn talk(options: ConnectOptions, url: &str) {
    let client = options.connect(url).await.unwrap();
    let mut sub = client.subscribe("a").await.unwrap();
    for n in 0..1000 {
        client.publish("a", n.to_string().into()).await.unwrap();
    }
    client.publish("a", vec![7; 200_000].into()).await.unwrap();
    for n in 0..1000 {
        assert_eq!(sub.next().await.unwrap().payload, n.to_string());
    }
    assert_eq!(sub.next().await.unwrap().payload.len(), 200_000);
    client.drain().await.unwrap();
}

#[test]
fn the_rust_client_works() {
    // It leaves the choice to rustls, which makes none where more than one is compiled.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let authority = Authority::new();
    let own = authority.client("joe", "joe@example.com");
    let options = || {
        ConnectOptions::new()
            .require_tls(true)
            .add_root_certificates(authority.file())
            .add_client_certificate(own.cert.clone(), own.key.clone())
    };
    let late = server(&authority, "verify: true", "");
    block_on(talk(options(), &format!("tls://localhost:{}", late.port)));
    let first = server(&authority, "verify: true, handshake_first: true", "");
    block_on(talk(options().tls_first(), &format!("tls://localhost:{}", first.port)));
}

/// Messages there and back, after a handshake of the kind that the server wants.
const PYTHON: &str = r#"
import asyncio, ssl, sys, nats
async def main(port, ca, first):
    context = ssl.create_default_context(cafile=ca)
    nc = await nats.connect(f"tls://localhost:{port}", tls=context, tls_handshake_first=first)
    sub = await nc.subscribe("a")
    for n in range(500):
        await nc.publish("a", str(n).encode())
    for n in range(500):
        assert (await sub.next_msg(5)).data == str(n).encode()
    async def answer(msg):
        await msg.respond(msg.data * 2)
    await nc.subscribe("double", cb=answer)
    assert (await nc.request("double", b"x" * 100_000, timeout=5)).data == b"x" * 200_000
    await nc.drain()
asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3] == "first"))
"#;

#[test]
fn the_python_client_works() {
    let Some(python) = python() else { return };
    let authority = Authority::new();
    for (keys, how) in [("", "later"), ("handshake_first: true", "first")] {
        let server = server(&authority, keys, "");
        let port = server.port.to_string();
        let mut command = Command::new(&python);
        let ran = run(command.args(["-c", PYTHON, &port]).arg(authority.file()).arg(how));
        assert_eq!(ran.code, Some(0), "{how}: {}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn openssl_is_satisfied_with_the_certificate() {
    let probe = Command::new("openssl").arg("version").output();
    if !available("openssl", probe.is_ok_and(|probe| probe.status.success())) {
        return;
    }
    let authority = Authority::new();
    let server = server(&authority, "handshake_first: true", "");
    for version in ["-tls1_2", "-tls1_3"] {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &format!("localhost:{}", server.port), version]);
        command.args(["-verify_return_error", "-CAfile"]).arg(authority.file());
        let ran = run(command.stdin(Stdio::null()));
        let text = format!("{}{}", ran.stdout, ran.stderr);
        assert!(text.contains("Verify return code: 0 (ok)"), "{version}: {text}");
    }
    // An older version is not spoken.
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &format!("localhost:{}", server.port), "-tls1_1"]);
    assert_ne!(run(command.stdin(Stdio::null())).code, Some(0));
}

#[test]
fn vagus_explain_asks_over_tls() {
    let authority = Authority::new();
    let dir = tempfile::tempdir().unwrap();
    let rest = format!("jetstream {{ store_dir: \"{}\" }}", dir.path().display());
    let server = server(&authority, "verify: true", &rest);
    let (own, ca) = (authority.client("joe", ""), authority.file());
    let url = format!("tls://localhost:{}", server.port);
    let explain = |with: &[&std::ffi::OsStr]| {
        let mut command = Command::new(server_path());
        command.args(["explain", "stream", "NONE", "--server", &url]);
        run(command.args(with))
    };
    let mine = [
        "--tlsca".as_ref(),
        ca.as_os_str(),
        "--tlscert".as_ref(),
        own.cert.as_os_str(),
        "--tlskey".as_ref(),
        own.key.as_os_str(),
    ];
    explain(&mine).refused_with("no stream \"NONE\" in account");
    explain(&mine[..2]).refused_with("can't reach the server at localhost");
    explain(&[]).refused_with("UnknownIssuer");
}
