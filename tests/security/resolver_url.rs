//! Account JWTs from a web server, in clear and over TLS (row 68).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, crypto};

use crate::harness::Server;
use crate::operator_kit::{Account, World};
use crate::tls_kit::Authority;

/// Serves tokens by the last part of the path, and nothing for none, to one after the other.
fn account_server(tokens: BTreeMap<String, String>, tls: Option<ServerConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = tls.map(Arc::new);
    thread::spawn(move || {
        for socket in listener.incoming() {
            let socket = socket.unwrap();
            match &tls {
                None => serve(&tokens, socket),
                Some(tls) => {
                    let session = ServerConnection::new(Arc::clone(tls)).unwrap();
                    serve(&tokens, StreamOwned::new(session, socket));
                }
            }
        }
    });
    port
}

/// One request. Whoever breaks off is left alone.
fn serve(tokens: &BTreeMap<String, String>, mut socket: impl Read + Write) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let name = path.strip_prefix("/jwt/v1/accounts/").unwrap_or("elsewhere");
    let (status, body) = match tokens.get(name) {
        Some(token) => ("200 OK", token.as_str()),
        None if name.is_empty() => ("200 OK", ""),
        None => ("404 Not Found", ""),
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
    let _ = socket.write_all(answer.as_bytes());
    let _ = socket.flush();
}

/// What the web server has.
fn tokens(world: &World) -> BTreeMap<String, String> {
    [&world.system, &world.account].map(|a| (a.id(), world.account_token(a))).into()
}

fn config(world: &World, url: &str, more: &str) -> String {
    format!("operator: \"{}\"\nresolver: URL({url})\n{more}\n", world.operator_token())
}

/// A server certificate for 127.0.0.1, and who clients have to be signed by.
fn tls(authority: &Authority, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(clients.file()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let own = authority.server("web", "localhost");
    let chain = vec![CertificateDer::from_pem_file(&own.cert).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&own.key).unwrap();
    builder.with_single_cert(chain, key).unwrap()
}

#[test]
fn accounts_are_fetched_from_a_server() {
    let world = World::new();
    let port = account_server(tokens(&world), None);
    // The slash at the end may be missing.
    for url in ["jwt/v1/accounts/", "jwt/v1/accounts"] {
        let url = format!("http://127.0.0.1:{port}/{url}");
        let server = Server::start(&config(&world, &url, ""));
        for _ in 0..3 {
            world.account.plain_user().login(&server);
        }
        Account::new("unknown").plain_user().is_refused(&server);
    }
}

#[test]
fn the_operator_says_where_its_accounts_are() {
    let mut world = World::new();
    let port = account_server(tokens(&world), None);
    world.operator_claims.nats.account_server_url = format!("http://127.0.0.1:{port}/jwt/v1");
    let server = Server::start(&format!("operator: \"{}\"", world.operator_token()));
    world.account.plain_user().login(&server);
}

#[test]
fn accounts_are_fetched_over_tls_from_whom_an_authority_vouches_for() {
    let (world, authority) = (World::new(), Authority::new());
    let port = account_server(tokens(&world), Some(tls(&authority, None)));
    let url = format!("https://127.0.0.1:{port}/jwt/v1/accounts/");
    let trusting = |authority: &Authority| {
        config(&world, &url, &format!("resolver_tls {{ ca_file: {:?} }}", authority.file()))
    };
    let server = Server::start(&trusting(&authority));
    world.account.plain_user().login(&server);
    Account::new("unknown").plain_user().is_refused(&server);
    let careless = Server::start(&config(&world, &url, "resolver_tls { insecure: true }"));
    world.account.plain_user().login(&careless);
    for wary in [trusting(&Authority::new()), config(&world, &url, "")] {
        let run = Server::run_conf(&format!("listen: \"127.0.0.1:-1\"\n{wary}"), &[]);
        run.refused_with("certificate");
    }
}

#[test]
fn a_server_may_ask_who_wants_the_accounts() {
    let (world, authority) = (World::new(), Authority::new());
    let port = account_server(tokens(&world), Some(tls(&authority, Some(&authority))));
    let url = format!("https://127.0.0.1:{port}/jwt/v1/accounts/");
    let ca_file = format!("ca_file: {:?}", authority.file());
    let own = authority.client("resolver", "resolver");
    let shown = format!("{ca_file}, cert_file: {:?}, key_file: {:?}", own.cert, own.key);
    let server = Server::start(&config(&world, &url, &format!("resolver_tls {{ {shown} }}")));
    world.account.plain_user().login(&server);
    let nobody = config(&world, &url, &format!("resolver_tls {{ {ca_file} }}"));
    let run = Server::run_conf(&format!("listen: \"127.0.0.1:-1\"\n{nobody}"), &[]);
    // The web server may have gone before it was understood why.
    assert_eq!(run.code, Some(1), "{run:?}");
}
