//! Operator mode: users, accounts and operators by JWT (rows 66 to 74).

use std::collections::BTreeMap;

use nkeys::KeyPair;
use vagus_auth::jwt::{ClaimedSubjects, SigningKey, TimeRange, UserScope, UserTerms, mint};

use crate::harness::{Client, Server};
use crate::operator_kit::{Account, User, World, forged, now};
use crate::resolvers::{ask, full};

#[test]
fn users_of_different_accounts_are_apart() {
    let (world, other) = (World::new(), Account::new("other"));
    let server = Server::start(&world.memory_with(&[&other]));
    let users = [world.account.plain_user(), other.plain_user(), world.system.plain_user()];
    let mut clients = users.each_ref().map(|user| user.login(&server));
    for client in &mut clients {
        client.subscribe("x", "1");
        client.ping_pong();
    }
    clients[0].publish("x", "hello");
    assert_eq!(clients[0].payload(), "hello");
    clients.iter_mut().for_each(|client| client.ping_pong());
}

// Row 78 as well.
#[test]
fn who_shows_no_jwt_or_a_wrong_one_is_refused() {
    let (world, foreign) = (World::new(), World::new());
    let server = Server::start(&world.memory());
    let mut nobody = Client::dial(server.port);
    assert_eq!(nobody.expect_info()["auth_required"], true);
    nobody.send_connect(r#"{"user":"joe","pass":"x"}"#);
    nobody.expect_err_closed("Authorization Violation");

    foreign.account.plain_user().is_refused(&server);
    let unknown = Account::new("unknown");
    unknown.plain_user().is_refused(&server);
    let thief = User { key: KeyPair::new_user(), ..world.account.plain_user() };
    thief.is_refused(&server);
    world.account.user(|user| user.exp = now() - 1).is_refused(&server);
    world.account.user(|user| user.nbf = now() + 60).is_refused(&server);
    let mut forged = world.account.plain_user();
    forged.token.replace_range(60..61, if &forged.token[60..61] == "A" { "B" } else { "A" });
    forged.is_refused(&server);
    world.account.plain_user().login(&server);
}

// Row 66.
#[test]
fn a_signature_is_good_for_what_it_was_made_for() {
    let mut world = World::new();
    let (_dir, config) = full(&world, "");
    let server = Server::start(&config);
    let (joe, mut ann) = (world.account.plain_user(), world.account.plain_user());
    joe.login(&server);
    ann.login(&server);
    ann.token = forged(&ann.token, &joe.token);
    ann.is_refused(&server);
    let before = world.account_token(&world.account);
    world.account.claims.iat += 1;
    world.account.claims.nats.limits.conn = 0;
    let after = world.account_token(&world.account);
    let mut system = world.system.plain_user().login(&server);
    let answer = ask(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &forged(&after, &before));
    assert_eq!(answer["error"]["code"], 500, "{answer}");
    joe.login(&server);
    let answer = ask(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &after);
    assert_eq!(answer["data"]["code"], 200, "{answer}");
    joe.knock(&server).expect_err_closed("maximum account active connections exceeded");
}

#[test]
fn permissions_and_limits_of_the_jwt_hold() {
    let world = World::new();
    let server = Server::start(&world.memory());
    let user = world.account.user(|user| {
        let terms = &mut user.nats.terms;
        terms.permissions.publish.allow = vec!["in.>".into()];
        terms.permissions.subscribe.deny = vec!["secret".into()];
        terms.subs = 2;
        terms.payload = 5;
    });
    let mut client = user.login(&server);
    client.publish("out", "x");
    client.expect_err("Permissions Violation for Publish to \"out\"");
    client.send("SUB secret 1\r\n");
    client.expect_err("Permissions Violation for Subscription to \"secret\"");
    client.send("SUB a 2\r\nSUB b 3\r\nSUB c 4\r\n");
    client.expect_err("maximum subscriptions exceeded");
    client.publish("in.x", "123456");
    client.expect_err_closed("Maximum Payload Violation");
}

// Row 51.
#[test]
fn default_permissions_are_for_users_without_their_own() {
    let mut world = World::new();
    world.account.claims.nats.default_permissions.publish.deny = vec!["no".into()];
    let server = Server::start(&world.memory());
    let mut plain = world.account.plain_user().login(&server);
    plain.publish("no", "x");
    plain.expect_err("Permissions Violation for Publish to \"no\"");
    let own = world.account.user(|user| {
        user.nats.terms.permissions.publish =
            ClaimedSubjects { deny: vec!["other".into()], ..Default::default() };
    });
    let mut own = own.login(&server);
    own.publish("no", "x");
    own.ping_pong();
}

// Row 78.
#[test]
fn a_connection_ends_with_the_claims() {
    let world = World::new();
    let server = Server::start(&world.memory());
    let mut client = world.account.user(|user| user.exp = now() + 2).login(&server);
    client.expect_err_closed("User Authentication Expired");
}

// Rows 65, 76 and 77.
#[test]
fn networks_and_times_and_kinds_are_checked() {
    let world = World::new();
    let server = Server::start(&world.memory());
    let user = |change: &dyn Fn(&mut UserTerms)| world.account.user(|u| change(&mut u.nats.terms));
    user(&|terms| terms.src = vec!["127.0.0.0/8".into()]).login(&server);
    user(&|terms| terms.src = vec!["10.0.0.0/8".into()]).is_refused(&server);
    user(&|terms| terms.allowed_connection_types = vec!["STANDARD".into()]).login(&server);
    user(&|terms| terms.allowed_connection_types = vec!["MQTT".into()]).is_refused(&server);
    let times = |start: &str, end: &str| {
        let range = TimeRange { start: start.into(), end: end.into() };
        user(&|terms| {
            terms.times = vec![range.clone()];
            terms.times_location = "Europe/Berlin".into();
        })
    };
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let here = |hours: i64| {
        let at = jiff::Timestamp::from_second(now() + hours * 3600).unwrap();
        at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
    };
    times(&here(-1), &here(1)).login(&server);
    times(&here(1), &here(2)).is_refused(&server);
}

#[test]
fn bearers_need_no_signature_unless_the_account_forbids() {
    for forbidden in [false, true] {
        let mut world = World::new();
        world.account.claims.nats.limits.disallow_bearer = forbidden;
        let server = Server::start(&world.memory());
        let user = world.account.user(|user| user.nats.terms.bearer_token = true);
        let mut client = Client::dial(server.port);
        client.expect_info();
        client.send_connect(&format!(r#"{{"verbose":false,"jwt":"{}"}}"#, user.token));
        match forbidden {
            true => client.expect_err_closed("Authorization Violation"),
            false => client.ping_pong(),
        }
    }
}

#[test]
fn revoked_users_are_refused() {
    let mut world = World::new();
    let (out, kept) = (world.account.plain_user(), world.account.plain_user());
    let until = BTreeMap::from([(out.key.public_key(), now() + 1)]);
    world.account.claims.nats.revocations = until;
    let server = Server::start(&world.memory());
    out.is_refused(&server);
    kept.login(&server);
}

// Row 74.
#[test]
fn all_users_up_to_a_time_are_refused_at_once() {
    let mut world = World::new();
    let before = world.account.plain_user();
    world.account.claims.nats.revocations = BTreeMap::from([("*".to_owned(), now() + 1)]);
    let mut after = world.account.plain_user();
    after.token = mint(&after.claims, &world.account.key, now() + 2).unwrap();
    let server = Server::start(&world.memory());
    before.is_refused(&server);
    after.login(&server);
}

#[test]
fn signing_keys_sign_and_scoped_ones_say_what_for() {
    let mut world = World::new();
    let (plain, scoped) = (KeyPair::new_account(), KeyPair::new_account());
    let mut template = UserTerms { subs: -1, data: -1, payload: -1, ..Default::default() };
    template.permissions.publish.allow = vec!["to.{{name()}}.{{tag(team)}}".into()];
    let scope = UserScope {
        kind: "user_scope".into(),
        key: scoped.public_key(),
        template,
        ..Default::default()
    };
    world.account.claims.nats.signing_keys =
        vec![SigningKey::Plain(plain.public_key()), SigningKey::Scoped(Box::new(scope))];
    let server = Server::start(&world.memory());
    let account = world.account.id();
    let sign = |key: &KeyPair, bare: bool| {
        let mut user = world.account.user(|_| ());
        user.claims.nats.issuer_account.clone_from(&account);
        user.claims.nats.tags = vec!["team:red".into(), "team:blue".into()];
        if bare {
            user.claims.nats.terms = UserTerms::default();
        }
        user.token = mint(&user.claims, key, now()).unwrap();
        user
    };
    sign(&plain, false).login(&server);
    sign(&KeyPair::new_account(), false).is_refused(&server);
    sign(&scoped, false).is_refused(&server);
    let mut client = sign(&scoped, true).login(&server);
    client.send("PUB to.joe.red 0\r\n\r\nPUB to.joe.blue 0\r\n\r\n");
    client.ping_pong();
    client.publish("to.ann.red", "x");
    client.expect_err("Permissions Violation for Publish to \"to.ann.red\"");
}

#[test]
fn the_rust_client_shows_its_creds() {
    let world = World::new();
    let server = Server::start(&world.memory());
    let creds = world.account.plain_user().creds();
    let options = async_nats::ConnectOptions::with_credentials(&creds).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = options.connect(format!("127.0.0.1:{}", server.port)).await.unwrap();
        let mut sub = client.subscribe("a").await.unwrap();
        client.publish("a", "hello".into()).await.unwrap();
        let message = futures_util::StreamExt::next(&mut sub).await.unwrap();
        assert_eq!(message.payload, "hello");
        client.drain().await.unwrap();
    });
}

#[test]
fn operators_may_keep_their_key_to_themselves() {
    let mut world = World::new();
    // And then accounts have to as well.
    let signer = KeyPair::new_operator();
    world.operator_claims.nats.signing_keys = vec![signer.public_key()];
    world.operator_claims.nats.strict_signing_key_usage = true;
    let (mut by_signer, key) = (Account::new("good"), KeyPair::new_account());
    by_signer.claims.nats.signing_keys = vec![SigningKey::Plain(key.public_key())];
    let token = mint(&by_signer.claims, &signer, now()).unwrap();
    let system = mint(&world.system.claims, &signer, now()).unwrap();
    let config = world.memory().replace(
        "resolver_preload {\n",
        &format!("resolver_preload {{\n  {}: \"{token}\"\n", by_signer.id()),
    );
    let config = config.replace(&world.account_token(&world.system), &system);
    let server = Server::start(&config);
    by_signer.plain_user().is_refused(&server);
    let mut user = by_signer.plain_user();
    user.claims.nats.issuer_account = by_signer.id();
    user.token = mint(&user.claims, &key, now()).unwrap();
    user.login(&server);
    world.account.plain_user().is_refused(&server);
}
