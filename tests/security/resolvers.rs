//! Where account JWTs come from, and how new ones take effect (rows 69 to 71 and 74).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vagus_auth::jwt::{Claims, Generic, mint};

use crate::harness::{Client, Server, eventually};
use crate::operator_kit::{Account, World, now};

/// A configuration with a directory in the place of `{dir}`.
pub(crate) fn full(world: &World, options: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let resolver = format!("{{ type: full, dir: {:?}, {options} }}", dir.path().join("jwt"));
    let config = world.resolved_by(&resolver, &[&world.system, &world.account]);
    (dir, config)
}

/// Asks in the system's account.
#[track_caller]
pub(crate) fn ask(client: &mut Client, subject: &str, body: &str) -> Value {
    serde_json::from_str(&ask_raw(client, subject, body)).unwrap()
}

#[track_caller]
fn ask_raw(client: &mut Client, subject: &str, body: &str) -> String {
    client.send("SUB answer 9\r\nUNSUB 9 1\r\n");
    client.send(format!("PUB {subject} answer {}\r\n{body}\r\n", body.len()));
    client.payload()
}

#[test]
fn new_claims_are_pushed_listed_and_looked_up() {
    let world = World::new();
    let (dir, config) = full(&world, "");
    let server = Server::start(&config);
    let mut system = world.system.plain_user().login(&server);
    let pushed = Account::new("pushed");
    let token = world.account_token(&pushed);
    pushed.plain_user().is_refused(&server);
    let answer = ask(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &token);
    let expected = json!({ "account": pushed.id(), "code": 200, "message": "jwt updated" });
    assert_eq!(answer["data"], expected);
    assert!(answer["server"]["id"].as_str().unwrap().starts_with('N'));
    pushed.plain_user().login(&server);
    let file = dir.path().join(format!("jwt/{}.jwt", pushed.id()));
    assert_eq!(std::fs::read_to_string(file).unwrap(), token);

    let list = ask(&mut system, "$SYS.REQ.CLAIMS.LIST", "");
    let mut keys: Vec<&str> =
        list["data"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let ids = [&world.system, &world.account, &pushed].map(Account::id);
    let mut known: Vec<&str> = ids.iter().map(String::as_str).collect();
    keys.sort_unstable();
    known.sort_unstable();
    assert_eq!(keys, known);
    let subject = |id: &str| format!("$SYS.REQ.ACCOUNT.{id}.CLAIMS.LOOKUP");
    assert_eq!(ask_raw(&mut system, &subject(&pushed.id()), ""), token);
    assert_eq!(ask_raw(&mut system, &subject(&Account::new("x").id()), ""), "");
}

#[test]
fn claims_that_are_not_in_order_are_not_taken() {
    let world = World::new();
    let (_dir, config) = full(&world, "");
    let server = Server::start(&config);
    let mut system = world.system.plain_user().login(&server);
    let mut fails = |subject: &str, body: &str| {
        let answer = ask(&mut system, subject, body);
        assert_eq!(answer["error"]["code"], 500, "{answer}");
        answer["error"]["description"].as_str().unwrap().to_owned()
    };
    let update = "$SYS.REQ.CLAIMS.UPDATE";
    let foreign = World::new();
    // On purpose: nats-server keeps such claims, and lets nobody in by them.
    let stranger = foreign.account_token(&foreign.account);
    assert!(fails(update, &stranger).starts_with("jwt validation failed"));
    let mut forged = world.account_token(&world.account);
    forged.replace_range(80..81, if &forged[80..81] == "A" { "B" } else { "A" });
    fails(update, &forged);
    let token = world.account_token(&world.account);
    let other = format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.UPDATE", foreign.account.id());
    assert!(fails(&other, &token).contains("subject does not match jwt content"));
}

#[test]
fn all_claims_are_packed_unless_they_are_known() {
    let world = World::new();
    let (_dir, config) = full(&world, "");
    let server = Server::start(&config);
    let mut system = world.system.plain_user().login(&server);
    system.send("SUB answer 9\r\nPUB $SYS.REQ.CLAIMS.PACK answer 0\r\n\r\n");
    let mut got = BTreeMap::new();
    loop {
        let line = system.payload();
        let Some((account, token)) = line.split_once('|') else { break };
        got.insert(account.to_owned(), token.to_owned());
    }
    let accounts = [&world.system, &world.account];
    let expected = accounts.map(|account| (account.id(), world.account_token(account)));
    assert_eq!(got, BTreeMap::from(expected));
}

#[test]
fn accounts_are_deleted_by_whom_the_operator_lets() {
    let world = World::new();
    let request = |accounts: Vec<String>, key: &nkeys::KeyPair| {
        let claims =
            Claims { sub: key.public_key(), nats: Generic { accounts }, ..Default::default() };
        mint(&claims, key, now()).unwrap()
    };
    let delete = "$SYS.REQ.CLAIMS.DELETE";
    for allowed in [false, true] {
        let options = if allowed { "allow_delete: true" } else { "" };
        let (dir, config) = full(&world, options);
        let server = Server::start(&config);
        let mut system = world.system.plain_user().login(&server);
        let mut member = world.account.plain_user().login(&server);
        let stranger = nkeys::KeyPair::new_operator();
        let id = world.account.id();
        let foreign = ask(&mut system, delete, &request(vec![id.clone()], &stranger));
        assert_eq!(foreign["error"]["code"], 500);
        let own = ask(&mut system, delete, &request(vec![world.system.id()], &world.operator));
        assert_eq!(own["error"]["code"], 500);
        let good = ask(&mut system, delete, &request(vec![id.clone()], &world.operator));
        assert_eq!(good["data"]["code"] == 200, allowed, "{good}");
        if allowed {
            member.expect_err_closed("Account Authentication Expired");
            world.account.plain_user().is_refused(&server);
            assert!(dir.path().join(format!("jwt/{id}.jwt.deleted")).exists());
        } else {
            member.ping_pong();
        }
    }
}

#[test]
fn files_are_there_after_a_restart() {
    let world = World::new();
    let (_dir, config) = full(&world, "");
    let pushed = Account::new("pushed");
    {
        let server = Server::start(&config);
        let mut system = world.system.plain_user().login(&server);
        ask(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &world.account_token(&pushed));
    }
    let server = Server::start(&config);
    pushed.plain_user().login(&server);
    world.account.plain_user().login(&server);
}

#[test]
fn new_claims_reach_who_is_connected() {
    let mut world = World::new();
    let (_dir, config) = full(&world, "");
    let server = Server::start(&config);
    let mut system = world.system.plain_user().login(&server);
    let (out, kept) = (world.account.plain_user(), world.account.plain_user());
    let (mut out_client, mut kept_client) = (out.login(&server), kept.login(&server));
    kept_client.publish("no", "x");
    kept_client.ping_pong();
    let claims = &mut world.account.claims;
    claims.iat = now() + 1;
    claims.nats.revocations = BTreeMap::from([(out.key.public_key(), now() + 1)]);
    claims.nats.default_permissions.publish.deny = vec!["no".into()];
    let token = world.account_token(&world.account);
    ask(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &token);
    out_client.expect_err_closed("User Authentication Revoked");
    out.is_refused(&server);
    eventually("the new permissions hold", || {
        kept_client.publish("no", "x");
        kept_client.send("PING\r\n");
        let frame = kept_client.frame();
        frame.starts_with("-ERR 'Permissions Violation").then_some(())
    });
}

// Row 78.
#[test]
fn an_account_that_expires_takes_its_clients_along() {
    let mut world = World::new();
    let server = Server::start(&world.memory());
    let mut client = world.account.plain_user().login(&server);
    // Its end is told once the client is there, however long that took.
    world.account.claims.iat += 1;
    world.account.claims.exp = now() + 2;
    let mut system = world.system.plain_user().login(&server);
    ask(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &world.account_token(&world.account));
    client.expect_err_closed("Account Authentication Expired");
    world.account.plain_user().is_refused(&server);
}

#[test]
fn a_cache_reads_what_lies_in_its_directory() {
    let world = World::new();
    let (dir, config) = full(&world, "");
    let config = config.replace("type: full", "type: cache");
    let kept = Account::new("kept");
    std::fs::create_dir_all(dir.path().join("jwt")).unwrap();
    let file = dir.path().join(format!("jwt/{}.jwt", kept.id()));
    std::fs::write(file, world.account_token(&kept)).unwrap();
    let server = Server::start(&config);
    kept.plain_user().login(&server);
    world.account.plain_user().login(&server);
}

#[test]
fn a_reload_changes_where_claims_are_kept() {
    let world = World::new();
    let server = Server::start(&world.memory());
    let mut client = world.account.plain_user().login(&server);
    let (dir, config) = full(&world, "");
    let found = Account::new("found");
    let file = |account: &Account| dir.path().join(format!("jwt/{}.jwt", account.id()));
    std::fs::create_dir_all(dir.path().join("jwt")).unwrap();
    std::fs::write(file(&found), world.account_token(&found)).unwrap();
    server.rewrite(&config);
    server.signal("HUP");
    let pushed = Account::new("pushed");
    let mut system = world.system.plain_user().login(&server);
    eventually("claims are kept on disk", || {
        ask(&mut system, "$SYS.REQ.CLAIMS.UPDATE", &world.account_token(&pushed));
        file(&pushed).exists().then_some(())
    });
    pushed.plain_user().login(&server);
    found.plain_user().login(&server);
    let list = ask(&mut system, "$SYS.REQ.CLAIMS.LIST", "")["data"].to_string();
    for account in [&pushed, &found] {
        assert!(list.contains(&account.id()), "{list}");
    }
    client.ping_pong();
}
