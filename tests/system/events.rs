//! What the server says of its own accord.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::kit::{join, names, start};

const CLIENT: [&str; 10] =
    ["start", "host", "id", "acc", "user", "name", "lang", "ver", "name_tag", "kind"];

fn without_rtt<'a>(client: &'a Value, more: &[&'a str]) -> Vec<&'a str> {
    let known = |name: &&str| *name != "rtt" && !more.contains(name);
    names(client).into_iter().filter(known).collect()
}

// Row 94.
#[test]
fn clients_that_come_and_go_are_told_of() {
    let server = start("");
    let mut sys = join(&server, "sys");
    sys.client.subscribe("$SYS.ACCOUNT.APP.*", "e");
    let mut app = join(&server, "app");
    let told = sys.expect_event("$SYS.ACCOUNT.APP.CONNECT");
    assert_eq!(names(&told), ["type", "id", "timestamp", "server", "client"]);
    assert_eq!(told["type"], "io.nats.server.advisory.v1.client_connect");
    assert_eq!(
        (&told["server"]["name"], &told["server"]["id"]),
        (&json!("one"), &json!(app.server_id()))
    );
    assert_eq!(told["server"]["tags"], json!(["ssd", "az:b"]));
    let client = &told["client"];
    assert_eq!(without_rtt(client, &["client_type"]), CLIENT);
    for (field, value) in [
        ("id", json!(app.cid())),
        ("host", json!("127.0.0.1")),
        ("acc", json!("APP")),
        ("user", json!("app")),
        ("name", json!("n-app")),
        ("lang", json!("raw")),
        ("ver", json!("1.2.3")),
        ("name_tag", json!("APP")),
        ("kind", json!("Client")),
        ("client_type", json!("nats")),
    ] {
        assert_eq!(client[field], value, "{field}");
    }
    app.client.subscribe("a", "1");
    app.client.publish("a", "hello");
    app.client.publish("b", "xy");
    app.client.expect("MSG a 1 5\r\nhello\r\n");
    drop(app);
    let told = sys.expect_event("$SYS.ACCOUNT.APP.DISCONNECT");
    let all = ["type", "id", "timestamp", "server", "client", "sent", "received", "reason"];
    assert_eq!(names(&told), all);
    assert_eq!(told["type"], "io.nats.server.advisory.v1.client_disconnect");
    assert_eq!(told["sent"], json!({"msgs": 2, "bytes": 7}));
    assert_eq!(told["received"], json!({"msgs": 1, "bytes": 5}));
    assert_eq!(told["reason"], "Client Closed");
    assert!(told["client"]["stop"].is_string());
}

#[test]
fn accounts_with_connections_are_counted() {
    let server = start("");
    let mut sys = join(&server, "sys");
    sys.client.subscribe("$SYS.ACCOUNT.APP.SERVER.CONNS", "e");
    sys.client.subscribe("$SYS.SERVER.ACCOUNT.APP.CONNS", "o");
    let app = join(&server, "app");
    let old = sys.expect_event("$SYS.SERVER.ACCOUNT.APP.CONNS");
    let new = sys.expect_event("$SYS.ACCOUNT.APP.SERVER.CONNS");
    assert_eq!(old["id"], new["id"]);
    assert_eq!(old["type"], "io.nats.server.advisory.v1.account_connections");
    assert!(new["server"]["seq"].as_u64() > old["server"]["seq"].as_u64());
    assert_eq!(
        (&new["acc"], &new["conns"], &new["total_conns"]),
        (&json!("APP"), &json!(1), &json!(1))
    );
    drop(app);
    sys.expect_event("$SYS.SERVER.ACCOUNT.APP.CONNS");
    assert_eq!(sys.expect_event("$SYS.ACCOUNT.APP.SERVER.CONNS")["conns"], 0);
}

// Row 95.
#[test]
fn refused_clients_are_told_of_without_what_they_showed() {
    let server = start("");
    let mut sys = join(&server, "sys");
    let id = sys.server_id();
    sys.client.subscribe("$SYS.SERVER.*.CLIENT.AUTH.ERR", "e");
    for (fields, user) in
        [(r#"{"user":"app","pass":"s3cret"}"#, "app"), (r#"{"auth_token":"s3cret"}"#, "[REDACTED]")]
    {
        let mut client = server.connect();
        client.send_connect(fields);
        client.expect_err_closed("Authorization Violation");
        let message = sys.next();
        assert_eq!(message.subject, format!("$SYS.SERVER.{id}.CLIENT.AUTH.ERR"));
        assert!(!String::from_utf8_lossy(&message.payload).contains("s3cret"), "{message:?}");
        let told = message.json();
        assert_eq!(told["type"], "io.nats.server.advisory.v1.client_disconnect");
        assert_eq!(told["reason"], "Authentication Failure");
        assert_eq!((&told["client"]["user"], &told["client"]["acc"]), (&json!(user), &json!("$G")));
    }
}

// Row 95.
#[test]
fn accounts_hear_of_clients_that_were_refused() {
    const SUBJECT: &str = "$SYS.ACCOUNT.CLIENT.AUTH.ERR";
    let callout = r#"auth_callout { issuer: ABJHLOVMPA4CI6R5KLNGOB4GSLNIY7IOUPAJC4YFNDLQVIOBYQGUWVLA
        account: SERVICE, auth_users: [global, service] }"#;
    let accounts = r#"accounts { SERVICE { users: [{user: service, password: service-pw}] } }"#;
    for (more, hears, account) in [("", "global", "$G"), (callout, "service", "SERVICE")] {
        let users = "users: [{user: global, password: global-pw}]";
        let conf = format!("{accounts}\nauthorization {{ {users}, timeout: 0.3, {more} }}");
        let server = Server::start(&conf);
        let mut member = join(&server, hears);
        member.client.subscribe(SUBJECT, "e");
        let mut client = server.connect();
        client.send_connect(r#"{"user":"stranger","pass":"s3cret","name":"who"}"#);
        client.expect_err_closed("Authorization Violation");
        let told = member.expect_event(SUBJECT);
        assert_eq!(
            (&told["client"]["acc"], &told["client"]["name"]),
            (&json!(account), &json!("who"))
        );
    }
}

// Row 139.
#[test]
fn statistics_come_by_themselves() {
    let server = start("");
    let mut sys = join(&server, "sys");
    let subject = format!("$SYS.SERVER.{}.STATSZ", sys.server_id());
    sys.client.subscribe("$SYS.SERVER.*.STATSZ", "e");
    let first = sys.expect_event(&subject);
    assert_eq!(names(&first), ["server", "statsz"]);
    let statsz = &first["statsz"];
    assert_eq!((&statsz["connections"], &statsz["active_servers"]), (&json!(1), &json!(1)));
    assert_eq!(statsz["active_accounts"], 1);
    let second = sys.expect_event(&subject);
    assert!(second["server"]["seq"].as_u64() > first["server"]["seq"].as_u64());
    assert_eq!(statsz["start"], second["statsz"]["start"]);
}

#[test]
fn the_end_is_announced() {
    let slow = "lame_duck_duration: 30s\nlame_duck_grace_period: 20s";
    for (signal, what) in [("USR2", "LAMEDUCK"), ("INT", "SHUTDOWN")] {
        let mut server = start(slow);
        let mut sys = join(&server, "sys");
        sys.client.subscribe("$SYS.SERVER.*.LAMEDUCK", "e");
        sys.client.subscribe("$SYS.SERVER.*.SHUTDOWN", "f");
        server.signal(signal);
        let told = sys.expect_event(&format!("$SYS.SERVER.{}.{what}", sys.server_id()));
        assert_eq!(told["name"], "one");
        server.signal("INT");
        assert!(server.wait_exit().is_some());
    }
}

#[test]
fn there_may_be_no_system() {
    let mut server = Server::start("no_system_account: true");
    let mut client = server.header_client();
    client.send("SUB r 1\r\nPUB $SYS.REQ.USER.INFO r 0\r\n\r\n");
    client.expect_start("HMSG r 1");
    assert_eq!(server.json("/varz").get("system_account"), None);
    server.signal("INT");
    assert!(server.wait_exit().is_some());
}
