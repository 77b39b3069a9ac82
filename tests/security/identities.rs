//! Users with keys, anonymous users, kinds of connection (row 65), trusted proxies (row 84).

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::harness::{Client, Server};
use crate::kit::user;
use crate::operator_kit::World;

/// Connects and signs the nonce with each key, under the field's name.
fn sign(server: &Server, fields: Value, signers: &[(&str, &KeyPair)]) -> Client {
    let mut client = Client::dial(server.port);
    let info = client.expect_info();
    let nonce = info["nonce"].as_str().expect("a nonce");
    assert_eq!(nonce.len(), 15);
    let mut fields = fields;
    for (name, key) in signers {
        let signature = key.sign(nonce.as_bytes()).unwrap();
        fields[name] = BASE64URL_NOPAD.encode(&signature).into();
    }
    client.send_connect(&fields.to_string());
    client
}

const REFUSED: &str = "Authorization Violation";

// Row 45.
#[test]
fn users_prove_that_they_own_their_keys() {
    let (joe, ann) = (KeyPair::new_user(), KeyPair::new_user());
    let key = joe.public_key();
    let server = Server::start(&format!(
        "accounts {{ A {{ users: [{{nkey: {key}, permissions: {{publish: a}}}}] }} }}"
    ));
    let mut client = sign(&server, json!({ "nkey": key }), &[("sig", &joe)]);
    client.publish("a", "x");
    client.ping_pong();
    client.publish("b", "x");
    client.expect_err("Permissions Violation for Publish to \"b\"");
    sign(&server, json!({ "nkey": key }), &[("sig", &ann)]).expect_err_closed(REFUSED);
    sign(&server, json!({ "nkey": ann.public_key() }), &[("sig", &ann)]).expect_err_closed(REFUSED);
    sign(&server, json!({ "nkey": key }), &[]).expect_err_closed(REFUSED);
    sign(&server, json!({ "nkey": key, "sig": "AAAA" }), &[]).expect_err_closed(REFUSED);
    sign(&server, json!({}), &[]).expect_err_closed(REFUSED);
}

#[test]
fn a_signature_is_good_for_one_connection() {
    let joe = KeyPair::new_user();
    let key = joe.public_key();
    let server = Server::start(&format!("authorization {{ users: [{{nkey: {key}}}] }}"));
    let mut first = Client::dial(server.port);
    let nonce = first.expect_info()["nonce"].as_str().unwrap().to_owned();
    let signature = BASE64URL_NOPAD.encode(&joe.sign(nonce.as_bytes()).unwrap());
    let replayed = json!({ "nkey": key, "sig": signature });
    sign(&server, replayed.clone(), &[]).expect_err_closed(REFUSED);
    first.send_connect(&replayed.to_string());
    first.ping_pong();
}

#[test]
fn the_anonymous_user_may_have_a_key() {
    let key = KeyPair::new_user().public_key();
    let server = Server::start(&format!(
        "accounts {{ A {{ users: [{{nkey: {key}}}, {{user: a, password: x}}] }} }}\n\
         no_auth_user: {key}\n"
    ));
    let mut nobody = server.client();
    let mut known = user(&server, "a");
    known.subscribe("x", "1");
    known.ping_pong();
    nobody.publish("x", "hello");
    assert_eq!(known.payload(), "hello");
}

#[test]
fn a_system_account_alone_leaves_clients_alone() {
    let server = Server::start("accounts { $SYS { users: [{user: s, password: x}] } }");
    let mut nobody = Client::dial(server.port);
    assert_eq!(nobody.expect_info()["auth_required"], true);
    nobody.send_connect("{}");
    nobody.ping_pong();
    user(&server, "s");
}

#[test]
fn kinds_of_connection_are_held_to() {
    let server = Server::start(
        "authorization { users: [\n\
         {user: ws, password: x, allowed_connection_types: [WEBSOCKET]}\n\
         {user: std, password: x, allowed_connection_types: [standard, MQTT]} ] }",
    );
    user(&server, "std");
    let mut refused = Client::dial(server.port);
    refused.expect_info();
    refused.send_connect(r#"{"user":"ws","pass":"x"}"#);
    refused.expect_err_closed(REFUSED);
}

#[test]
fn proxies_vouch_for_clients() {
    let (proxy, other) = (KeyPair::new_user(), KeyPair::new_user());
    let server = Server::start(&format!(
        "proxies {{ trusted: [{{key: {}}}] }}\nauthorization {{ users: [\n\
         {{user: a, password: x}}, {{user: b, password: x, proxy_required: true}} ] }}",
        proxy.public_key()
    ));
    let shown = |name: &str| json!({ "user": name, "pass": "x" });
    sign(&server, shown("a"), &[]).ping_pong();
    sign(&server, shown("a"), &[("proxy_sig", &proxy)]).ping_pong();
    sign(&server, shown("a"), &[("proxy_sig", &other)]).expect_err_closed(REFUSED);
    sign(&server, shown("b"), &[("proxy_sig", &proxy)]).ping_pong();
    sign(&server, shown("b"), &[]).expect_err_closed(REFUSED);
}

// Row 84.
#[test]
fn nobody_comes_past_the_proxy_where_one_is_required() {
    let (proxy, world) = (KeyPair::new_user(), World::new());
    let trusted = format!("proxies {{ trusted: [{{key: {}}}] }}\n", proxy.public_key());
    let of_all = "authorization { proxy_required: true, users: [{user: a, password: x}] }";
    let server = Server::start(&format!("{trusted}{of_all}"));
    let shown = json!({ "user": "a", "pass": "x" });
    sign(&server, shown.clone(), &[]).expect_err_closed(REFUSED);
    sign(&server, shown, &[("proxy_sig", &proxy)]).ping_pong();
    let server = Server::start(&format!("{trusted}{}", world.memory()));
    let joe = world.account.user(|user| user.nats.terms.proxy_required = true);
    joe.is_refused(&server);
    let shown = json!({ "jwt": joe.token });
    sign(&server, shown, &[("sig", &joe.key), ("proxy_sig", &proxy)]).ping_pong();
    world.account.plain_user().login(&server);
}
