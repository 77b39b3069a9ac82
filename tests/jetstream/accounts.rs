//! Several accounts on one server: what each has, what they share, and how that changes.

use serde_json::{Value, json};

use crate::harness::{Server, eventually, is_reference};
use crate::kit::{Js, Nats, has, ok, refused};

const A: &str = r#"{"user":"a","pass":"p"}"#;
const NOT_ENABLED: &str = "JetStream not enabled for account";

/// Accounts A and B with these blocks for JetStream, and the system account SYS; with users called
/// as they are, in lower case.
fn accounts(a: &str, b: &str) -> String {
    format!(
        "accounts {{
            A {{ jetstream {a}, users: [{{user: a, password: p}}] }}
            B {{ jetstream {b}, users: [{{user: b, password: p}}] }}
            SYS {{ users: [{{user: sys, password: p}}] }}
        }}
        system_account: SYS"
    )
}

fn start(a: &str, b: &str) -> Js {
    Js::start_as("", &accounts(a, b), A)
}

fn is_not_enabled(answer: &Value) {
    has(answer, &json!({"error": {"code": 503}}));
    refused(answer, 10039, NOT_ENABLED);
}

#[test]
fn streams_and_consumers_of_one_name_are_not_mixed_up() {
    let mut a = start(": enabled", ": enabled");
    let mut b = a.connect_as("b");
    let config = json!({"name": "S", "subjects": ["s"], "allow_direct": true});
    for (nats, text) in [(&mut *a, "of a"), (&mut b, "of b")] {
        nats.create(config.clone());
        nats.stored("s", text, 1);
        nats.puller(json!({}));
    }
    for (nats, text) in [(&mut *a, "of a"), (&mut b, "of b")] {
        assert_eq!(nats.direct("S", json!({"seq": 1})).text(), text);
        let message = nats.fetch(1).remove(0);
        assert_eq!(message.text(), text);
    }
    // An ack of one is no ack of the other.
    let message = b.request("$JS.API.CONSUMER.MSG.NEXT.S.C", &[], r#"{"no_wait":true}"#);
    assert_eq!(message.status(), Some("404 No Messages"), "it is pending");
    b.send("$JS.ACK.S.C.1.1.1.1.0", &[], "");
    b.wait_consumer("C", |info| info["num_ack_pending"] == 0);
    assert_eq!(a.consumer_info("C")["num_ack_pending"], 1);
    ok(b.api("STREAM.DELETE.S", ""));
    assert_eq!(a.state("S")["messages"], 1);
}

#[test]
fn advisories_stay_in_their_account() {
    let mut a = start(": enabled", ": enabled");
    let mut b = a.connect_as("b");
    let (own, other) = (a.subscribe("$JS.EVENT.>"), b.subscribe("$JS.EVENT.>"));
    a.create(json!({"name": "S", "subjects": ["s"]}));
    let created = eventually("the advisory", || {
        let all = a.come(&own);
        all.into_iter().find(|one| one.subject.ends_with("STREAM.CREATED.S"))
    });
    has(&created.json(), &json!({"stream": "S", "action": "create"}));
    assert_eq!(b.come(&other).len(), 0);
}

// Row 68.
#[test]
fn an_abandoned_batch_is_told_to_the_system_too() {
    let limits = "limits { batch { timeout: \"300ms\" } }";
    let mut js = Js::start_as(limits, &accounts(": enabled", ": enabled"), A);
    let mut sys = js.connect_as("sys");
    let subject = "$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.S";
    let (here, there) = (js.subscribe(subject), sys.subscribe(subject));
    js.create(json!({"name": "S", "subjects": ["s"], "allow_atomic": true}));
    js.send("s", &[("Nats-Batch-Id", "x"), ("Nats-Batch-Sequence", "1")], "1");
    let mut told = js.next(&here).json();
    has(&told, &json!({"stream": "S", "batch": "x", "reason": "timeout"}));
    told["account"] = "A".into();
    assert_eq!(sys.next(&there).json(), told);
}

#[test]
fn ack_subjects_name_the_account() {
    let conf = format!("{}\nfeature_flags {{ js_ack_fc_v2: true }}", accounts(": true", ": true"));
    let mut a = Js::start_as("", &conf, A);
    let mut b = a.connect_as("b");
    for (nats, hash) in [(&mut *a, "NUmM6cRx"), (&mut b, "b2oh2L6w")] {
        nats.create(json!({"name": "S", "subjects": ["s"]}));
        nats.stored("s", "x", 1);
        nats.puller(json!({}));
        let message = nats.fetch(1).remove(0);
        let reply = message.reply.clone().unwrap();
        assert!(reply.starts_with(&format!("$JS.ACK._.{hash}.S.C.1.1.1.")), "{reply}");
        nats.double_ack(&message, "");
        assert_eq!(nats.consumer_info("C")["num_ack_pending"], 0);
    }
}

#[test]
fn the_account_of_everybody_else_has_it_only_where_there_are_no_others() {
    let users = "authorization { users: [{user: a, password: p}] }";
    let system = "accounts { SYS { users: [{user: sys, password: p}] } }\nsystem_account: SYS";
    let mut js = Js::start_as("", &format!("{users}\n{system}"), A);
    js.create(json!({"name": "S"}));
    let others = "accounts { B { users: [{user: b, password: p}] } }";
    let mut js = Js::start_as("", &format!("{users}\n{others}"), A);
    is_not_enabled(&js.api("INFO", ""));
}

#[test]
fn the_system_account_never_has_it() {
    let js = start(": enabled", ": disabled");
    let mut sys = js.connect_as("sys");
    let info = sys.api("INFO", "");
    has(&info, &json!({"type": "io.nats.jetstream.api.v1.account_info_response"}));
    is_not_enabled(&info);
    for endpoint in ["STREAM.NAMES", "STREAM.CREATE.S", "CONSUMER.MSG.NEXT.S.C", "FOO"] {
        let answer = sys.api(endpoint, "");
        has(&answer, &json!({"type": "io.nats.jetstream.api.v1.system_response"}));
        is_not_enabled(&answer);
    }
}

#[test]
fn without_jetstream_pulls_and_direct_gets_find_nobody() {
    let js = Js::start_as("domain: HUB", &accounts(": enabled", ": false"), A);
    let mut b = js.connect_as("b");
    is_not_enabled(&b.request("$JS.HUB.API.INFO", &[], "").json());
    for subject in
        ["$JS.API.CONSUMER.MSG.NEXT.S.C", "$JS.API.DIRECT.GET.S", "$JS.ACK.S.C.1.1.1.1.0"]
    {
        assert_eq!(b.request(subject, &[], "").status(), Some("503"), "{subject}");
    }
}

#[test]
fn the_system_account_may_purge_another() {
    let mut js = start(": enabled", ": enabled");
    let (mut b, mut sys) = (js.connect_as("b"), js.connect_as("sys"));
    for nats in [&mut *js, &mut b] {
        nats.create(json!({"name": "S", "subjects": ["s"]}));
        nats.create(json!({"name": "T", "subjects": ["t"]}));
    }
    let answer = sys.api("ACCOUNT.PURGE.A", "");
    let kind = "io.nats.jetstream.api.v1.account_purge_response";
    assert_eq!(answer, json!({"type": kind, "initiated": true}));
    eventually("the streams to go", || (js.api("INFO", "")["streams"] == 0).then_some(()));
    assert_eq!(b.api("INFO", "")["streams"], 2);
    js.create(json!({"name": "S", "subjects": ["s"]}));
    js.stored("s", "x", 1);
}

#[test]
fn what_is_promised_to_accounts_the_server_must_have() {
    let store = tempfile::tempdir().unwrap();
    let conf = format!(
        "listen: \"127.0.0.1:-1\"\njetstream {{ store_dir: \"{}\", max_file: 1000 }}\n{}",
        store.path().display(),
        accounts("{ max_file: 600 }", "{ max_file: 600 }")
    );
    let run = Server::run_conf(&conf, &[]);
    assert_eq!(run.code, Some(1));
    let text = "Can't start JetStream: Error enabling jetstream on configured accounts: \
                insufficient storage resources available (10047)";
    assert!(run.text().contains(text), "{}", run.text());
}

#[test]
fn accounts_share_what_the_server_has() {
    let conf = accounts("{ max_file: 2000, max_mem: 100 }", ": enabled");
    let mut a = Js::start_as("max_file: 10000, max_mem: 1000", &conf, A);
    let mut b = a.connect_as("b");
    a.create(json!({"name": "S", "subjects": ["s"], "max_bytes": 1500}));
    let answer = b.try_create(json!({"name": "S", "max_bytes": 8501}));
    refused(&answer, 10047, "insufficient storage resources available");
    b.create(json!({"name": "T", "subjects": ["t"]}));
    b.create(json!({"name": "S", "max_bytes": 8500}));
    assert_eq!(a.server().json("/jsz")["reserved_storage"], 10_000);
    let answer = a.try_create(json!({"name": "T"}));
    refused(&answer, 10047, "insufficient storage resources available");
    has(&b.update(json!({"name": "T", "subjects": ["t", "u"]})), &json!({"config": {"name": "T"}}));
    // What one has stored another can't.
    let refusal = (1..=20).map(|_| b.publish("t", "x".repeat(1000))).find(|ack| ack["seq"] == 0);
    refused(&refusal.expect("a limit"), 10023, "insufficient resources");
    refused(&a.publish("s", "x"), 10023, "insufficient resources");
}

// === changes ===

/// The answer to a request, if somebody answers: for a moment there may be nobody.
fn answer(js: &mut Js, endpoint: &str) -> Option<Value> {
    serde_json::from_str(js.request(&format!("$JS.API.{endpoint}"), &[], "").text()).ok()
}

#[test]
fn limits_change_while_the_server_runs() {
    let mut js = start("{ max_streams: 1 }", ": enabled");
    js.create(json!({"name": "S", "subjects": ["s"]}));
    js.stored("s", "x", 1);
    refused(&js.try_create(json!({"name": "T"})), 10027, "maximum number of streams reached");
    js.reload("", &accounts("{ max_streams: 2, max_file: 40 }", ": enabled"));
    has(&js.api("INFO", "")["limits"], &json!({"max_streams": 2, "max_storage": 40}));
    js.create(json!({"name": "T"}));
    let answer = js.publish("s", "x");
    refused(&answer, 10002, "resource limits exceeded for account");
    js.reload("", &accounts(": enabled", ": enabled"));
    js.stored("s", "x", 2);
}

#[test]
fn an_account_loses_jetstream_and_gets_it_back() {
    let mut js = start("{ max_file: 100000 }", ": enabled");
    js.create(json!({"name": "S", "subjects": ["s"]}));
    js.stored("s", "kept", 1);
    js.puller(json!({}));
    js.connect_as("b").create(json!({"name": "S", "subjects": ["s"]}));
    let disabled = accounts(": disabled", ": enabled");
    js.reload("", &disabled);
    js.server().wait_json("/jsz", |page| (page["accounts"] == 1).then_some(()));
    eventually("it to be refused", || answer(&mut js, "INFO")?.get("error").cloned());
    is_not_enabled(&js.api("STREAM.INFO.S", ""));
    assert_eq!(js.request("s", &[], "x").status(), Some("503"));
    js.connect_as("b").stored("s", "x", 1);
    js.reload("", &accounts(": enabled", ": enabled"));
    let state = eventually("the stream to be back", || {
        answer(&mut js, "STREAM.INFO.S")?.get("state").cloned()
    });
    assert_eq!(state["messages"], 1);
    assert_eq!(js.fetch(1)[0].text(), "kept");
    js.stored("s", "more", 2);
    // The same over a restart.
    js.stop();
    js.start_again_with("", &disabled);
    is_not_enabled(&js.api("INFO", ""));
    if !is_reference() {
        let text = "JetStream is off for account 'A'; streams kept in the store and not served: 1";
        js.server().log.wait_for(text);
    }
    js.stop();
    js.start_again_with("", &accounts(": enabled", ": enabled"));
    assert_eq!(js.state("S")["messages"], 2);
    assert_eq!(js.consumer_info("C")["delivered"]["stream_seq"], 1);
}

#[test]
fn jetstream_goes_back_and_forth_quickly() {
    // There a disabled account's streams are not served again without a restart now and then.
    if is_reference() {
        return;
    }
    let mut js = start(": enabled", ": enabled");
    js.create(json!({"name": "S", "subjects": ["s"]}));
    for round in 1..=6 {
        eventually("the stream to serve", || {
            answer(&mut js, "STREAM.INFO.S")?.get("state").cloned()
        });
        js.stored("s", "x", round);
        js.reload("", &accounts(": disabled", ": enabled"));
        js.reload("", &accounts(": enabled", ": enabled"));
    }
}

#[test]
fn more_than_there_is_cannot_be_promised_later_either() {
    if is_reference() {
        // It says so in its log, and goes on with what it had.
        return;
    }
    let mut js = Js::start_as("max_file: 1000", &accounts("{ max_file: 10 }", ": true"), A);
    let server = js.server();
    let folder = js.store().display();
    let block = format!("jetstream {{\n store_dir: \"{folder}\"\n max_file: 1000\n}}\n");
    server.rewrite(&(block + &accounts("{ max_file: 2000 }", ": true")));
    server.signal("HUP");
    server.log.wait_for("insufficient storage resources available (10047)");
    has(&js.api("INFO", "")["limits"], &json!({"max_storage": 10}));
}

// === pages ===

#[test]
fn pages_tell_accounts_apart() {
    let mut js = start("{ max_file: 5000, max_mem: 100 }", ": enabled");
    let mut b = js.connect_as("b");
    js.create(json!({"name": "S", "subjects": ["s"]}));
    b.create(json!({"name": "T", "subjects": ["t"]}));
    b.stored("t", "x", 1);
    let page = js.server().json("/jsz?accounts=true");
    has(&page, &json!({"accounts": 2, "total": 2, "streams": 2, "messages": 1}));
    let (max, details) = (json!(u64::MAX), &page["account_details"]);
    has(
        &details[0],
        &json!({"name": "A", "id": "A", "reserved_memory": 100, "reserved_storage": 5000}),
    );
    has(&details[1], &json!({"name": "B", "reserved_memory": max, "storage": 32}));
    assert_eq!(js.server().json("/varz")["jetstream"]["stats"]["accounts"], 2);
    assert_eq!(js.server().json("/jsz?acc=SYS").get("account_details"), None);
    let health = |query: &str| {
        let page = js.server().get(&format!("/healthz?{query}"));
        (page.status, serde_json::from_str::<Value>(&page.body).unwrap()["error"].clone())
    };
    assert_eq!(health("account=A&stream=S"), (200, Value::Null));
    let missing = "JetStream stream \"T\" not found on account \"A\"";
    assert_eq!(health("account=A&stream=T"), (404, missing.into()));
    assert_eq!(health("account=SYS"), (404, "JetStream account \"SYS\" not found".into()));
    let enabled = |account: &str| {
        let page = js.server().json(&format!("/accountz?acc={account}"));
        page["account_detail"]["jetstream_enabled"].clone()
    };
    assert_eq!((enabled("A"), enabled("SYS")), (json!(true), json!(false)));
}

#[test]
fn a_stream_is_explained_by_its_account() {
    // nats-server does not explain itself.
    if is_reference() {
        return;
    }
    let mut js = start(": enabled", ": enabled");
    let mut b: Nats = js.connect_as("b");
    for nats in [&mut *js, &mut b] {
        nats.create(json!({"name": "S", "subjects": ["s"]}));
    }
    b.create(json!({"name": "T", "subjects": ["t"]}));
    let page = js.server().json("/explain?stream=S&account=B");
    assert_eq!((&page["account"], &page["path"]), (&json!("B"), &json!("/server/jetstream/B/S")));
    assert_eq!(js.server().json("/explain?stream=T")["account"], "B");
    let unclear = js.server().get("/explain?stream=S");
    assert_eq!(unclear.status, 400);
    assert!(unclear.body.contains("say in which account"), "{}", unclear.body);
    assert_eq!(js.server().get("/explain?stream=T&account=A").status, 404);
}
