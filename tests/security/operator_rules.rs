//! What operators and accounts lay down for users, and what becomes of those who are connected when
//! that changes (rows 73 to 75, 77, 79 and 80).

use nkeys::KeyPair;
use vagus_auth::jwt::{SigningKey, TimeRange, UserScope, UserTerms, mint};

use crate::harness::{Client, Server, is_reference};
use crate::operator_kit::{Account, User, World, now};
use crate::resolvers::{ask, full};

/// Connects without a JWT.
#[track_caller]
fn nobody(server: &Server) -> Client {
    let mut client = Client::dial(server.port);
    client.expect_info();
    client.send_connect(r#"{"name":"nobody"}"#);
    client
}

/// A key that signs users of the account, all of whom have this template.
fn scope(account: &mut Account, change: impl FnOnce(&mut UserTerms)) -> KeyPair {
    let key = KeyPair::new_account();
    let mut template = UserTerms { subs: -1, data: -1, payload: -1, ..Default::default() };
    change(&mut template);
    let scope = UserScope {
        kind: "user_scope".into(),
        key: key.public_key(),
        template,
        ..Default::default()
    };
    account.claims.nats.signing_keys.push(SigningKey::Scoped(Box::new(scope)));
    key
}

/// A user of the account, signed by one of its keys that have a template.
fn scoped(account: &Account, key: &KeyPair, tags: &[&str]) -> User {
    let mut user = account.plain_user();
    user.claims.nats.terms = UserTerms::default();
    user.claims.nats.issuer_account = account.id();
    user.claims.nats.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    user.token = mint(&user.claims, key, now()).unwrap();
    user
}

/// Puts the account's claims in force as they are now.
#[track_caller]
fn update(world: &mut World, server: &Server) {
    world.account.claims.iat += 1;
    let mut system = world.system.plain_user().login(server);
    let token = world.account_token(&world.account);
    let answer = ask(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &token);
    assert_eq!(answer["data"]["message"], "jwt updated", "{answer}");
}

// Row 79.
#[test]
fn only_pinned_accounts_have_users() {
    let (world, other) = (World::new(), Account::new("other"));
    let pinned = format!("resolver_pinned_accounts: [{}]", world.account.id());
    let server = Server::start(&format!("{}{pinned}", world.memory_with(&[&other])));
    world.account.plain_user().login(&server);
    // Whoever watches the server always may.
    world.system.plain_user().login(&server);
    other.plain_user().is_refused(&server);
    server.wait_json("/varz", |page| (page["pinned_account_fails"] == 1).then_some(()));
}

// Row 80.
#[test]
fn who_shows_no_jwt_is_the_sentinel() {
    let world = World::new();
    let bearer = world.account.user(|user| {
        user.nats.terms.bearer_token = true;
        user.nats.terms.permissions.publish.allow = vec!["lobby".into()];
    });
    let server =
        Server::start(&format!("{}default_sentinel: \"{}\"", world.memory(), bearer.token));
    let mut client = nobody(&server);
    client.publish("lobby", "x");
    client.ping_pong();
    client.publish("vault", "x");
    client.expect_err("Permissions Violation for Publish to \"vault\"");
    // Who shows one is that.
    let mut own = world.account.plain_user().login(&server);
    own.publish("vault", "x");
    own.ping_pong();
    Account::new("unknown").plain_user().is_refused(&server);
}

// Row 80.
#[test]
fn the_sentinel_may_have_a_template() {
    let mut world = World::new();
    let key = scope(&mut world.account, |terms| {
        terms.bearer_token = true;
        terms.permissions.publish.allow = vec!["lobby".into()];
    });
    let sentinel = scoped(&world.account, &key, &[]).token;
    let server = Server::start(&format!("{}default_sentinel: \"{sentinel}\"", world.memory()));
    let mut client = nobody(&server);
    client.publish("lobby", "x");
    client.ping_pong();
    client.publish("vault", "x");
    client.expect_err("Permissions Violation for Publish to \"vault\"");
}

// Row 73.
#[test]
fn templates_know_the_user_and_the_account() {
    let mut world = World::new();
    world.account.claims.nats.tags = vec!["site:berlin".into()];
    let key = scope(&mut world.account, |terms| {
        let subjects = [
            "n.{{name()}}",
            "u.{{subject()}}",
            "an.{{account-name()}}",
            "as.{{ Account-Subject() }}",
            "t.{{tag(team)}}.{{account-tag(site)}}",
            "no.{{tag(missing)}}",
        ];
        terms.permissions.publish.allow = subjects.map(str::to_owned).into();
        terms.permissions.subscribe.deny = vec!["secret.{{tag(team)}}".into()];
    });
    let server = Server::start(&world.memory());
    let user = scoped(&world.account, &key, &["team:red", "team:blue"]);
    let mut client = user.login(&server);
    let (id, account) = (user.key.public_key(), world.account.id());
    for subject in [
        "n.joe".to_owned(),
        format!("u.{id}"),
        "an.acme".to_owned(),
        format!("as.{account}"),
        "t.red.berlin".to_owned(),
        "t.blue.berlin".to_owned(),
    ] {
        client.publish(&subject, "x");
        client.ping_pong();
    }
    for subject in ["n.ann", "t.green.berlin", "no.x", "an.other"] {
        client.publish(subject, "x");
        client.expect_err(&format!("Permissions Violation for Publish to \"{subject}\""));
    }
    client.send("SUB secret.blue 1\r\n");
    client.expect_err("Permissions Violation for Subscription to \"secret.blue\"");
    // What is denied must not get lost.
    scoped(&world.account, &key, &["squad:red"]).is_refused(&server);
}

// Row 73.
#[test]
fn nothing_left_of_what_was_allowed_is_not_everything() {
    let mut world = World::new();
    let key = scope(&mut world.account, |terms| {
        terms.permissions.publish.allow = vec!["to.{{tag(team)}}".into()];
    });
    let server = Server::start(&world.memory());
    let mut client = scoped(&world.account, &key, &[]).login(&server);
    client.publish("to.red", "x");
    client.expect_err("Permissions Violation for Publish to \"to.red\"");
}

// Row 72.
#[test]
fn a_signing_key_that_is_gone_takes_its_users_along() {
    let mut world = World::new();
    let key = scope(&mut world.account, |_| ());
    let (_dir, config) = full(&world, "");
    let server = Server::start(&config);
    let mut gone = scoped(&world.account, &key, &[]).login(&server);
    let mut kept = world.account.plain_user().login(&server);
    world.account.claims.nats.signing_keys.clear();
    update(&mut world, &server);
    // The other server says nothing.
    let end = String::from_utf8(gone.read_to_end()).unwrap();
    assert!(is_reference() || end == "-ERR 'Authorization Violation'\r\n", "{end}");
    kept.ping_pong();
    scoped(&world.account, &key, &[]).is_refused(&server);
}

// Row 75.
#[test]
fn bearers_that_are_there_go_when_the_account_wants_none() {
    let mut world = World::new();
    let (_dir, config) = full(&world, "");
    let server = Server::start(&config);
    let mut bearer = world.account.user(|user| user.nats.terms.bearer_token = true).login(&server);
    let mut kept = world.account.plain_user().login(&server);
    world.account.claims.nats.limits.disallow_bearer = true;
    update(&mut world, &server);
    bearer.expect_err_closed("Authorization Violation");
    kept.ping_pong();
}

// Rows 77 and 78.
#[test]
fn a_connection_ends_with_the_window() {
    let world = World::new();
    let server = Server::start(&world.memory());
    let clock = |seconds: i64| {
        let at = jiff::Timestamp::from_second(now() + seconds).unwrap();
        at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%H:%M:%S").to_string()
    };
    let within = |start: i64, end: i64| {
        world.account.user(|user| {
            user.nats.terms.times = vec![TimeRange { start: clock(start), end: clock(end) }];
            user.nats.terms.times_location = "UTC".into();
        })
    };
    let mut client = within(-60, 2).login(&server);
    let mut other = within(-60, 60).login(&server);
    client.expect_err_closed("User Authentication Expired");
    other.ping_pong();
}
