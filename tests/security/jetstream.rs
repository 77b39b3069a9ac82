//! JetStream of accounts that are known by JWTs.

use serde_json::{Value, json};
use vagus_auth::jwt::JetStreamClaims;

use crate::harness::{Client, Server, eventually};
use crate::kit::request;
use crate::operator_kit::World;

/// A server, and the folder of its store.
fn start(world: &World) -> (Server, tempfile::TempDir) {
    let store = tempfile::tempdir().unwrap();
    let conf = format!("jetstream {{ store_dir: {:?} }}\n", store.path());
    (Server::start(&(conf + &world.memory())), store)
}

fn ask(client: &mut Client, endpoint: &str, body: &str) -> Value {
    let reply = format!("answers.{:x}", fastrand::u64(..));
    request(client, &format!("$JS.API.{endpoint}"), &reply, body);
    // While an account gets JetStream or loses it, there may be nobody, who has no more to say than
    // a status, or two, of whom the second is heard when something else was asked.
    loop {
        let (words, payload) = client.message();
        if words[0] == reply {
            return serde_json::from_slice(&payload).unwrap_or_default();
        }
    }
}

fn claims(store: i64) -> JetStreamClaims {
    JetStreamClaims {
        mem_storage: -1,
        disk_storage: store,
        streams: -1,
        consumer: -1,
        ..Default::default()
    }
}

#[test]
fn an_account_has_jetstream_if_its_claims_say_so() {
    let mut world = World::new();
    let (server, _store) = start(&world);
    let mut client = world.account.plain_user().login(&server);
    client.subscribe("answers.*", "1");
    assert_eq!(ask(&mut client, "INFO", "")["error"]["err_code"], 10039);
    world.account.claims.nats.limits.jetstream = JetStreamClaims { streams: 1, ..claims(5000) };
    let (server, _store) = start(&world);
    let mut client = world.account.plain_user().login(&server);
    client.subscribe("answers.*", "1");
    let limits = &ask(&mut client, "INFO", "")["limits"];
    assert_eq!((&limits["max_storage"], &limits["max_streams"]), (&json!(5000), &json!(1)));
    assert_eq!(ask(&mut client, "STREAM.CREATE.S", r#"{"name":"S"}"#)["did_create"], true);
    let refused = ask(&mut client, "STREAM.CREATE.T", r#"{"name":"T"}"#);
    assert_eq!(refused["error"]["err_code"], 10027);
    assert_eq!(server.json("/jsz?accounts=1")["account_details"][0]["id"], world.account.id());
}

// JetStream scorecard, row 124.
#[test]
fn limits_may_go_by_replicas() {
    let mut world = World::new();
    let limits = &mut world.account.claims.nats.limits;
    limits.jetstream = claims(7000);
    limits.tiered_limits =
        [("R1".to_owned(), claims(5000)), ("R3".to_owned(), claims(9000))].into();
    let (server, _store) = start(&world);
    let mut client = world.account.plain_user().login(&server);
    client.subscribe("answers.*", "1");
    let made = ask(&mut client, "STREAM.CREATE.S", r#"{"name":"S","max_bytes":1000}"#);
    assert_eq!(made["did_create"], true);
    let info = ask(&mut client, "INFO", "");
    assert_eq!((&info["streams"], &info["limits"]["max_storage"]), (&json!(1), &json!(0)));
    let (one, three) = (&info["tiers"]["R1"], &info["tiers"]["R3"]);
    let of_one = (&one["limits"]["max_storage"], &one["reserved_storage"], &one["streams"]);
    assert_eq!(of_one, (&json!(5000), &json!(1000), &json!(1)));
    assert_eq!(three["limits"]["max_storage"], 9000);
    let refused = ask(&mut client, "STREAM.CREATE.T", r#"{"name":"T","max_bytes":4001}"#);
    assert_eq!(refused["error"]["err_code"], 10047);
}

// JetStream scorecard, row 124.
#[test]
fn there_has_to_be_a_tier() {
    let mut world = World::new();
    world.account.claims.nats.limits.tiered_limits = [("R3".to_owned(), claims(9000))].into();
    let (server, _store) = start(&world);
    let mut client = world.account.plain_user().login(&server);
    client.subscribe("answers.*", "1");
    let refused = ask(&mut client, "STREAM.CREATE.S", r#"{"name":"S"}"#);
    assert_eq!(refused["error"]["err_code"], 10120, "{refused}");
}

#[test]
fn new_claims_give_and_take_jetstream() {
    let mut world = World::new();
    world.account.claims.nats.limits.jetstream = claims(5000);
    let (server, _store) = start(&world);
    let mut client = world.account.plain_user().login(&server);
    let mut system = world.system.plain_user().login(&server);
    client.subscribe("answers.*", "1");
    system.subscribe("updated", "1");
    assert_eq!(ask(&mut client, "STREAM.CREATE.S", r#"{"name":"S"}"#)["did_create"], true);
    let mut issued = world.account.claims.iat;
    for (store, code, name) in [(0, json!(10039), Value::Null), (700, Value::Null, json!("S"))] {
        issued += 1;
        world.account.claims.iat = issued;
        let streams = if store == 0 { 0 } else { -1 };
        let memory = if store == 0 { 0 } else { -1 };
        world.account.claims.nats.limits.jetstream =
            JetStreamClaims { mem_storage: memory, streams, consumer: streams, ..claims(store) };
        let token = world.account_token(&world.account);
        let subject = format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.UPDATE", world.account.id());
        request(&mut system, &subject, "updated", &token);
        let updated = system.payload();
        assert!(updated.contains("jwt updated"), "{updated}");
        eventually("the claims to take effect", || {
            let answer = ask(&mut client, "STREAM.INFO.S", "");
            let told = (&answer["error"]["err_code"], &answer["config"]["name"]);
            (told == (&code, &name)).then_some(())
        });
    }
    let info = ask(&mut client, "INFO", "");
    assert_eq!(info["limits"]["max_storage"], 700, "{info}");
}
