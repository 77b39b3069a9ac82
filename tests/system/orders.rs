//! What operators tell the server to do.

use serde_json::json;

use crate::kit::{ACCOUNTS, join, names, start};

// Row 97.
#[test]
fn a_client_is_kicked() {
    let server = start("");
    let mut sys = join(&server, "sys");
    let mut app = join(&server, "app");
    let kick = format!("$SYS.REQ.SERVER.{}.KICK", sys.server_id());
    let missing = sys.ask(&kick, r#"{"cid":99999}"#);
    let error = json!({"code": 500, "description": "no such client or leafnode id"});
    assert_eq!(missing["error"], error);
    for body in ["", "xx"] {
        sys.expect_silence(&kick, body);
    }
    let done = sys.ask(&kick, &format!(r#"{{"cid":{}}}"#, app.cid()));
    assert_eq!(names(&done), ["server"]);
    app.client.expect_closed();
    let reason = server.wait_json("/connz?state=closed", |page| {
        page["connections"].get(0).map(|entry| entry["reason"].clone())
    });
    assert_eq!(reason, "Kicked");
    sys.expect_nobody("$SYS.REQ.SERVER.PING.KICK");
}

// Row 97.
#[test]
fn a_client_is_sent_to_another_server() {
    let server = start("");
    let mut sys = join(&server, "sys");
    let mut app = server.connect();
    app.send_connect(r#"{"user":"app","pass":"app-pw","protocol":1}"#);
    app.send("PING\r\n");
    app.expect("PONG\r\n");
    assert_eq!(app.expect_info()["connect_info"], true);
    let order = format!("$SYS.REQ.SERVER.{}.LDM", sys.server_id());
    let missing = sys.ask(&order, r#"{"cid":99999}"#);
    assert_eq!(missing["error"]["description"], "no such client id");
    let cid = &app.info["client_id"];
    assert_eq!(names(&sys.ask(&order, &format!(r#"{{"cid":{cid}}}"#))), ["server"]);
    assert_eq!(app.expect_info()["ldm"], true);
    app.ping_pong();
    assert!(sys.client.info.get("ldm").is_none());
}

// Row 104.
#[test]
fn the_configuration_is_read_again() {
    let server = start("");
    let mut sys = join(&server, "sys");
    let reload = format!("$SYS.REQ.SERVER.{}.RELOAD", sys.server_id());
    server.rewrite(&format!("max_payload: 4096\n{ACCOUNTS}"));
    assert_eq!(names(&sys.ask(&reload, "")), ["server"]);
    assert_eq!(server.json("/varz")["max_payload"], 4096);
    let wrong = sys.ask(&reload, "xx");
    assert_eq!(wrong["error"]["code"], 400);
    server.rewrite(&format!("max_payload: nonsense\n{ACCOUNTS}"));
    let failed = sys.ask(&reload, "");
    assert_eq!(failed["error"]["code"], 500);
    assert!(!failed["error"]["description"].as_str().unwrap().is_empty());
    assert_eq!(server.json("/varz")["max_payload"], 4096);
    sys.expect_nobody("$SYS.REQ.SERVER.PING.RELOAD");
}
