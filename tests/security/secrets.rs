//! Nothing that the server prints or answers shows a secret, whatever it is asked and however much
//! it logs.

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::Value;

use crate::harness::{Client, Server, eventually};
use crate::operator_kit::{User, World};
use crate::tls_kit::Authority;

/// What must never be seen. Each stands in the configuration, or is shown by a client.
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn check(&self, place: &str, text: &str) {
        for (name, secret) in &self.0 {
            assert!(!text.contains(secret.as_str()), "{name} is shown by {place}:\n{text}");
        }
    }
}

/// The text of a PEM file, without its first and last line.
fn inside(path: &std::path::Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().nth(1).unwrap().to_owned()
}

/// Of "s3cret", at the lowest cost.
pub(crate) const HASHED: &str = "$2a$04$4TQ3y9ZXiGlAVGR97qvwh.kIp8J6WqHOKAmAkYmqixOfx4U1LrrVO";

const PAGES: [&str; 12] = [
    "/varz",
    "/connz?auth=1&subs=detail&state=all",
    "/accountz?acc=A",
    "/accountz",
    "/accstatz?unused=1",
    "/subsz?subs=1",
    "/routez",
    "/leafz",
    "/gatewayz",
    "/jsz?accounts=1&config=1",
    "/actorz?observe=1&limit=1000",
    "/metrics",
];

#[test]
fn no_secret_is_ever_shown() {
    let authority = Authority::new();
    let pair = authority.server("server", "localhost");
    let nkey = KeyPair::new_user().public_key();
    let issuer = KeyPair::new_account().public_key();
    let keys = authority.keys(&pair);
    let secrets = Secrets(vec![
        ("a password", "plain-s3cret".into()),
        ("a password that is kept as a hash", "s3cret".into()),
        ("a hash", HASHED[8..].into()),
        ("a token", "t0ken-s3cret".into()),
        ("a wrong password", "wr0ng-s3cret".into()),
        ("the password of routes", "r0ute-s3cret".into()),
        ("the password of leaf nodes", "l3af-s3cret".into()),
        ("a JWT", "c2VjcmV0LWp3dA".into()),
        ("a key", inside(&pair.key)),
    ]);
    let accounts = format!(
        "accounts {{\n AUTH {{ users: [{{user: auth, password: \"plain-s3cret\"}}] }}\n\
         A {{ users: [{{user: ann, password: \"plain-s3cret\"}},\n\
         {{user: bea, password: \"{HASHED}\"}}, {{nkey: {nkey}}}] }}\n\
         $SYS {{ users: [{{user: sys, password: \"plain-s3cret\"}}] }} }}\n"
    );
    let callout = format!(
        "authorization {{ timeout: 0.3, auth_callout {{ issuer: {issuer}, account: AUTH\n\
         auth_users: [auth], allowed_accounts: [AUTH] }} }}\n"
    );
    let rest = format!(
        "allow_non_tls: true\ntls {{ {keys} }}\n\
         cluster {{ name: c, listen: \"127.0.0.1:-1\"\n\
         authorization {{ user: r, password: \"r0ute-s3cret\" }} }}\n\
         leafnodes {{ listen: \"127.0.0.1:-1\"\n\
         authorization {{ user: l, password: \"l3af-s3cret\" }} }}\n"
    );
    let cases = [
        format!("{accounts}{callout}{rest}"),
        format!("authorization {{ token: \"t0ken-s3cret\" }}\n{rest}"),
        format!("authorization {{ user: ann, password: \"plain-s3cret\" }}\n{rest}"),
    ];
    for conf in &cases {
        let server = Server::start_with(conf, &["-DVV"]);
        watch(&server, &secrets);
    }
}

/// A user of an account, as a client of the server that signs what it is given.
fn shown(user: &User, change: impl FnOnce(&mut Vec<u8>)) -> impl FnOnce(&Value) -> String {
    let (token, key) = (user.token.clone(), KeyPair::from_seed(&user.key.seed().unwrap()).unwrap());
    let mut noise = Vec::new();
    change(&mut noise);
    move |info| {
        let nonce = info["nonce"].as_str().unwrap_or_default();
        let signed = key.sign(&[nonce.as_bytes(), &noise].concat()).unwrap();
        let signature = BASE64URL_NOPAD.encode(&signed);
        format!(r#"{{"jwt":"{token}","sig":"{signature}","headers":true}}"#)
    }
}

#[test]
fn no_secret_of_operators_and_links_is_ever_shown() {
    let world = World::new();
    let dir = tempfile::tempdir().unwrap();
    let link = world.account.plain_user();
    let file = dir.path().join("link.creds");
    std::fs::write(&file, link.creds()).unwrap();
    let (leaf_key, joe) = (KeyPair::new_user(), world.account.plain_user());
    let bearer = world.account.user(|user| user.nats.terms.bearer_token = true);
    let seed = |key: &KeyPair| key.seed().unwrap();
    let signed = |user: &User| user.token.rsplit('.').next().unwrap().to_owned();
    let secrets = Secrets(vec![
        ("the seed of a creds file", seed(&link.key)),
        ("the seed of a remote", seed(&leaf_key)),
        ("the seed of a user", seed(&joe.key)),
        ("a JWT that is proof enough", signed(&bearer)),
        ("a JWT of a creds file", signed(&link)),
        ("the password of a leaf remote", "l3af-s3cret".into()),
        ("another password of a leaf remote", "n3w-s3cret".into()),
        ("the password of routes", "r0ute-s3cret".into()),
        ("the password in a route", "url-s3cret".into()),
        ("the password of gateways", "gat3-s3cret".into()),
        ("the password in a gateway", "url-gat3-s3cret".into()),
    ]);
    let (account, accounts) = (world.account.id(), world.memory());
    let conf = |password: &str| {
        format!(
            "server_name: it\n{accounts}\
             cluster {{ name: c, listen: \"127.0.0.1:-1\"\n\
             authorization {{ user: r, password: \"r0ute-s3cret\" }}\n\
             routes: [\"nats-route://r:url-s3cret@127.0.0.1:1\"] }}\n\
             gateway {{ name: c, listen: \"127.0.0.1:-1\"\n\
             authorization {{ user: g, password: \"gat3-s3cret\" }}\n\
             gateways: [{{ name: d, url: \"nats://g:url-gat3-s3cret@127.0.0.1:1\" }}] }}\n\
             leafnodes {{ listen: \"127.0.0.1:-1\", remotes: [\n\
             {{ url: \"nats-leaf://u:{password}@127.0.0.1:1\", account: {account} }}\n\
             {{ url: \"nats-leaf://127.0.0.1:2\", account: {account}, credentials: {file:?} }}\n\
             {{ url: \"nats-leaf://127.0.0.1:3\", account: {account}, nkey: {} }} ] }}\n",
            seed(&leaf_key)
        )
    };
    let server = Server::start_with(&conf("l3af-s3cret"), &["-DVV"]);
    let dial = |connect: Box<dyn FnOnce(&Value) -> String>| {
        let mut client = Client::dial(server.port);
        let info = client.expect_info();
        client.send(format!("CONNECT {}\r\nPING\r\n", connect(&info)));
        client
    };
    let mut system = world.system.plain_user().login(&server);
    system.subscribe("$SYS.>", "1");
    system.ping_pong();
    let mut clients = vec![
        dial(Box::new(shown(&joe, |_| ()))),
        dial(Box::new(shown(&bearer, |_| ()))),
        // Signed, but something else.
        dial(Box::new(shown(&joe, |noise| noise.push(1)))),
        dial(Box::new(shown(&World::new().account.plain_user(), |_| ()))),
    ];
    for client in &mut clients {
        let answer = client.next_frame().unwrap_or_default();
        secrets.check("an answer", &String::from_utf8_lossy(&answer));
    }
    let mut leaf = Client::dial(server.json("/varz")["leaf"]["port"].as_u64().unwrap() as u16);
    let connect = shown(&bearer, |noise| noise.push(1))(&leaf.expect_info());
    leaf.send(format!("CONNECT {connect}\r\n"));
    secrets.check("an answer", &String::from_utf8_lossy(&leaf.next_frame().unwrap_or_default()));
    for place in ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"] {
        server.log.wait_for(&format!("leafnode to remote server \"{place}\""));
    }
    for page in PAGES {
        secrets.check(page, &server.get(page).body);
    }
    server.rewrite(&conf("n3w-s3cret"));
    server.signal("HUP");
    server.log.wait_for("Reloaded");
    drop((clients, leaf));
    eventually("the system to have heard", || {
        (server.json("/connz?state=closed")["total"].as_u64()? >= 4).then_some(())
    });
    system.finish_writing();
    secrets.check("an event", &String::from_utf8_lossy(&system.read_to_end()));
    secrets.check("the log", &server.log.text());
}

/// Logs in by every method, well and badly, while the system listens; then looks at all there is.
fn watch(server: &Server, secrets: &Secrets) {
    let dial = |fields: &str| {
        let mut client = Client::dial(server.port);
        client.expect_info();
        client.send(format!("CONNECT {fields}\r\n"));
        client
    };
    let mut system = dial(r#"{"user":"sys","pass":"plain-s3cret","headers":true}"#);
    if system.try_send("SUB $SYS.> 1\r\nPING\r\n") {
        // Where there is no such user, this is the end of it.
        let _ = system.next_frame();
    }
    let all = [
        r#"{"user":"ann","pass":"plain-s3cret"}"#,
        r#"{"user":"ann","pass":"wr0ng-s3cret"}"#,
        r#"{"user":"bea","pass":"s3cret"}"#,
        r#"{"user":"bea","pass":"wr0ng-s3cret"}"#,
        r#"{"auth_token":"t0ken-s3cret"}"#,
        r#"{"auth_token":"wr0ng-s3cret"}"#,
        r#"{"jwt":"eyJ0eXAiOiJKV1QifQ.c2VjcmV0LWp3dA.x","sig":"c2ln"}"#,
        // As they may be found in what is broken.
        r#"{"user":"ann","pass":"wr0ng-s3cret","protocol":"x"}"#,
        r#"{"user":"ann","pass":"wr0ng-s3cret""#,
    ];
    let mut clients: Vec<_> = all.into_iter().map(dial).collect();
    for client in &mut clients {
        let _ = client.try_send("PING\r\n");
        let answer = client.next_frame().unwrap_or_default();
        secrets.check("an answer", &String::from_utf8_lossy(&answer));
    }
    for page in PAGES {
        secrets.check(page, &server.get(page).body);
    }
    drop(clients);
    eventually("the system to have heard", || {
        (server.json("/connz?state=closed")["total"].as_u64()? >= 9).then_some(())
    });
    system.finish_writing();
    secrets.check("an event", &String::from_utf8_lossy(&system.read_to_end()));
    secrets.check("the log", &server.log.text());
    // The logins were traced.
    assert!(server.log.text().matches("[REDACTED]").count() >= 9);
    server.signal("HUP");
    server.log.wait_for("Reloaded");
    secrets.check("the log of a reload", &server.log.text());
}
