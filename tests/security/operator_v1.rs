//! Tokens of version 1, which old tools made: what they are about stands outside of `nats`, and the
//! signature covers the payload alone (row 66).

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::harness::Server;
use crate::operator_kit::{Account, User, World, now};

fn mint(kind: &str, subject: &KeyPair, by: &KeyPair, nats: &Value) -> String {
    let claims = json!({
        "jti": "X", "iat": now(), "iss": by.public_key(), "sub": subject.public_key(),
        "name": "old", "type": kind, "nats": nats,
    });
    signed(&claims, by)
}

fn signed(claims: &Value, by: &KeyPair) -> String {
    let header = BASE64URL_NOPAD.encode(br#"{"typ":"jwt","alg":"ed25519"}"#);
    let payload = BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
    let signature = BASE64URL_NOPAD.encode(&by.sign(payload.as_bytes()).unwrap());
    format!("{header}.{payload}.{signature}")
}

/// A configuration with one account, by tokens of version 1 throughout.
fn config(operator: &KeyPair, account: &Account) -> String {
    let limits = json!({
        "subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "data": -1,
        "payload": -1, "wildcards": true,
    });
    let of_account = mint("account", &account.key, operator, &json!({ "limits": limits }));
    let of_operator = mint("operator", operator, operator, &json!({}));
    format!(
        "operator: \"{of_operator}\"\nresolver: MEMORY\n\
         resolver_preload {{ {}: \"{of_account}\" }}",
        account.id()
    )
}

fn user(account: &Account, nats: &Value) -> User {
    let mut user = account.plain_user();
    user.token = mint("user", &user.key, &account.key, nats);
    user
}

#[test]
fn old_tokens_still_open_the_door() {
    let (operator, account) = (KeyPair::new_operator(), Account::new("old"));
    let server = Server::start(&config(&operator, &account));
    let mut client =
        user(&account, &json!({ "pub": { "deny": ["no"] }, "sub": {} })).login(&server);
    client.publish("yes", "x");
    client.ping_pong();
    client.publish("no", "x");
    client.expect_err("Permissions Violation for Publish to \"no\"");
    user(&account, &json!({ "src": "127.0.0.0/8,10.0.0.0/8" })).login(&server);
    user(&account, &json!({ "src": "10.0.0.0/8" })).is_refused(&server);
    // Users of today in an account of then.
    account.plain_user().login(&server);
}

#[test]
fn old_and_new_ways_do_not_mix() {
    let world = World::new();
    let server = Server::start(&world.memory());
    let mut user = user(&world.account, &json!({}));
    user.login(&server);
    // New claims under an old signature.
    user.token = signed(
        &serde_json::to_value(&world.account.plain_user().claims).unwrap(),
        &world.account.key,
    );
    user.is_refused(&server);
    user.token = mint("account", &user.key, &world.account.key, &json!({}));
    user.is_refused(&server);
    user.token = mint("user", &user.key, &KeyPair::new_account(), &json!({}));
    user.is_refused(&server);
}
