//! What is asked about an account, by operators and by the account itself.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::kit::{ACCOUNTS, join, names, start};

fn conns(answer: &Value) -> Vec<(&str, u64)> {
    let all = answer["data"]["account_statz"].as_array().unwrap().iter();
    all.map(|one| (one["acc"].as_str().unwrap(), one["conns"].as_u64().unwrap())).collect()
}

#[test]
fn operators_ask_about_an_account() {
    let server = start("");
    let mut sys = join(&server, "sys");
    let mut app = join(&server, "app");
    app.client.subscribe("foo", "1");
    app.client.send("SUB foo q 2\r\n");
    app.client.subscribe("foo.*", "3");
    let about = |what| format!("$SYS.REQ.ACCOUNT.APP.{what}");
    let page = sys.ask(&about("CONNZ"), "");
    assert_eq!(
        (&page["data"]["total"], &page["data"]["connections"][0]["cid"]),
        (&json!(1), &json!(app.cid()))
    );
    let info = sys.ask(&about("INFO"), "");
    assert_eq!(
        (&info["data"]["account_name"], &info["data"]["client_connections"]),
        (&json!("APP"), &json!(1))
    );
    let subs = sys.ask(&about("SUBSZ"), "");
    let listed = subs["data"]["subscriptions_list"].as_array().unwrap();
    assert_eq!(listed.iter().filter(|sub| sub["subject"] == "foo").count(), 2);
    assert_eq!(sys.ask(&about("LEAFZ"), "")["data"]["leafnodes"], 0);
    let why = &sys.ask(&about("JSZ"), "")["error"]["description"];
    assert!(why.is_string(), "without jetstream");
    assert_eq!(conns(&sys.ask(&about("STATZ"), "")), [("APP", 1)]);
    let event = sys.ask(&about("CONNS"), "");
    assert_eq!((&event["acc"], &event["conns"]), (&json!("APP"), &json!(1)));

    let answer = sys.ask("$SYS.REQ.ACCOUNT.NOPE.INFO", "");
    assert_eq!(answer["error"]["description"], "Account NOPE does not exist");
    sys.expect_silence("$SYS.REQ.ACCOUNT.NOPE.STATZ", "");
    sys.expect_silence("$SYS.REQ.ACCOUNT.NOPE.CONNS", "");
    let count = sys.ask("$SYS.REQ.ACCOUNT.NSUBS", r#"{"acc":"APP","subject":"foo"}"#);
    assert_eq!(count, 2);
}

#[test]
fn figures_are_those_of_each_account() {
    let server = start("");
    let mut sys = join(&server, "sys");
    let mut app = join(&server, "app");
    let _other = join(&server, "other");
    app.client.subscribe("a", "1");
    app.client.publish("a", "hello");
    app.client.expect("MSG a 1 5\r\nhello\r\n");
    let statz = "$SYS.REQ.ACCOUNT.PING.STATZ";
    let mut used =
        conns(&sys.ask(statz, "")).into_iter().map(|(acc, _)| acc.to_owned()).collect::<Vec<_>>();
    used.sort();
    assert_eq!(used, ["$SYS", "APP", "OTHER"]);
    let all = sys.ask(statz, r#"{"include_unused":true}"#);
    assert!(conns(&all).contains(&("$G", 0)));
    let some = sys.ask(statz, r#"{"accounts":["APP","NOPE"]}"#);
    assert_eq!(conns(&some), [("APP", 1)]);
    let app = &some["data"]["account_statz"][0];
    assert_eq!((&app["received"]["msgs"], &app["received"]["bytes"]), (&json!(1), &json!(5)));
    assert_eq!((&app["sent"]["msgs"], &app["sent"]["bytes"]), (&json!(1), &json!(5)));
    let page = server.json("/accstatz");
    let shown = page["account_statz"].as_array().unwrap();
    let same = shown.iter().find(|one| one["acc"] == "APP").unwrap();
    assert_eq!(same["received"]["msgs"], 1);
}

// Rows 96 and 141.
#[test]
fn accounts_ask_about_themselves() {
    let server = start("");
    let mut app = join(&server, "app");
    let _other = join(&server, "other");
    for subject in ["$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.SERVER.PING.CONNZ"] {
        for body in [r#"{"auth":true}"#, r#"{"auth":true,"acc":"OTHER"}"#] {
            let page = app.ask(subject, body);
            let shown = page["data"]["connections"].as_array().unwrap();
            assert_eq!(shown.len(), 1, "{subject} {body}");
            assert_eq!(shown[0]["account"], "APP");
        }
    }
    for body in ["", r#"{"accounts":["OTHER"]}"#] {
        assert_eq!(conns(&app.ask("$SYS.REQ.ACCOUNT.PING.STATZ", body)), [("APP", 1)], "{body}");
    }
    for subject in [
        "$SYS.REQ.SERVER.PING",
        "$SYS.REQ.SERVER.PING.VARZ",
        "$SYS.REQ.ACCOUNT.APP.CONNZ",
        "$SYS.REQ.ACCOUNT.OTHER.CONNZ",
        "$SYS.REQ.USER.APP.INFO",
        "$SYS.DEBUG.SUBSCRIBERS",
    ] {
        app.expect_nobody(subject);
    }
}

// Row 96.
#[test]
fn users_ask_who_they_are() {
    let server = start("");
    let user = |name: &str, answer: Value| {
        assert_eq!(names(&answer), ["server", "data"]);
        assert_eq!(answer["data"]["user"], name);
        answer["data"].clone()
    };
    let app = user("app", join(&server, "app").ask("$SYS.REQ.USER.INFO", ""));
    assert_eq!(app, json!({"user": "app", "account": "APP", "account_name": "APP"}));
    let mut bound = user("bound", join(&server, "bound").ask("$SYS.REQ.USER.INFO", ""));
    // nats-server shows them in any order.
    let allowed = bound["permissions"]["publish"]["allow"].as_array_mut().unwrap();
    allowed.sort_by_key(ToString::to_string);
    assert_eq!(
        bound["permissions"],
        json!({
            "publish": {"allow": ["$SYS.>", "a.>"], "deny": ["a.no"]},
            "subscribe": {"allow": [">"]},
            "responses": {"max": 1, "ttl": 120_000_000_000u64},
        })
    );
    let sys = user("sys", join(&server, "sys").ask("$SYS.REQ.USER.INFO", ""));
    assert_eq!(sys["account"], "$SYS");
    // What a client says of itself does not count.
    let forged = "Nats-Request-Info: {\"id\":1,\"acc\":\"OTHER\",\"user\":\"other\"}";
    let mut app = join(&server, "app");
    let answer = app.ask_raw("$SYS.REQ.USER.INFO", forged, "").json();
    assert_eq!(
        (&answer["data"]["user"], &answer["data"]["account"]),
        (&json!("app"), &json!("APP"))
    );
}

#[test]
fn subscribers_are_counted() {
    let server = start("");
    let mut sys = join(&server, "sys");
    let mut more = join(&server, "sys");
    more.client.send("SUB foo 1\r\nSUB foo.* 2\r\nSUB foo q 3\r\nSUB foo.x q 4\r\n");
    more.client.ping_pong();
    for (subject, count) in [
        ("foo", 2),
        ("foo q", 1),
        ("foo.*", 2),
        ("foo.x q", 1),
        ("foo zz", 0),
        ("x", 0),
        ("a b c", 0),
    ] {
        let answer = sys.ask_raw("$SYS.DEBUG.SUBSCRIBERS", "", subject);
        assert_eq!(String::from_utf8_lossy(&answer.payload), count.to_string(), "{subject}");
    }
}

#[test]
fn the_system_may_let_other_accounts_ask_and_hear() {
    let exports = r#"$SYS { exports: [
        {service: "$SYS.REQ.ACCOUNT.*.CONNZ", account_token_position: 4, response: stream}
        {service: "$SYS.DEBUG.SUBSCRIBERS"}, {stream: "$SYS.ACCOUNT.*.*"}],"#;
    let imports = r#"OTHER { imports: [
        {service: {account: "$SYS", subject: "$SYS.REQ.ACCOUNT.OTHER.CONNZ"}, to: "conns"}
        {service: {account: "$SYS", subject: "$SYS.DEBUG.SUBSCRIBERS"}}
        {stream: {account: "$SYS", subject: "$SYS.ACCOUNT.*.*"}, prefix: "events"}],"#;
    let conf = ACCOUNTS.replace("$SYS {", exports).replace("OTHER {", imports);
    let server = Server::start(&conf);
    let mut other = join(&server, "other");
    assert_eq!(other.ask("conns", "")["data"]["total"], 1);
    other.client.subscribe("foo", "1");
    assert_eq!(other.ask_raw("$SYS.DEBUG.SUBSCRIBERS", "", "foo").payload, b"1");
    other.client.subscribe("events.$SYS.ACCOUNT.APP.*", "2");
    drop(join(&server, "app"));
    for what in ["CONNECT", "DISCONNECT"] {
        let told = other.expect_event(&format!("events.$SYS.ACCOUNT.APP.{what}"));
        assert_eq!(told["client"]["user"], "app");
    }
}
