//! The pages of monitoring, asked for over NATS.

use std::io::Read;

use serde_json::{Value, json};

use crate::harness::is_reference;
use crate::kit::{Caller, join, names, start};

const PAGES: [(&str, &str); 10] = [
    ("VARZ", "/varz"),
    ("SUBSZ", "/subsz"),
    ("CONNZ", "/connz"),
    ("ROUTEZ", "/routez"),
    ("GATEWAYZ", "/gatewayz"),
    ("LEAFZ", "/leafz"),
    ("ACCOUNTZ", "/accountz"),
    ("JSZ", "/jsz"),
    ("HEALTHZ", "/healthz"),
    ("EXPVARZ", "/debug/vars"),
];

fn sys_and_id(more: &str) -> (crate::harness::Server, Caller, String) {
    let server = start(more);
    let sys = join(&server, "sys");
    let id = sys.server_id();
    (server, sys, id)
}

// Row 138.
#[test]
fn the_pages_are_those_of_the_monitoring_port() {
    let (server, mut sys, id) = sys_and_id("");
    for (name, path) in PAGES {
        let page = server.json(path);
        for to in [&id, "PING"] {
            let answer = sys.ask(&format!("$SYS.REQ.SERVER.{to}.{name}"), "");
            assert_eq!(names(&answer), ["server", "data"], "{name}");
            let mut fields = answer["data"].clone();
            if name == "HEALTHZ" {
                // What HTTP says by its own status.
                let code = fields.as_object_mut().unwrap().shift_remove("status_code");
                assert_eq!(code, Some(json!(200)));
            }
            let mut wanted = names(&page);
            let mut got = names(&fields);
            // nats-server has these two in another order.
            if name == "EXPVARZ" {
                wanted.sort_unstable();
                got.sort_unstable();
            }
            assert_eq!(got, wanted, "{name}");
        }
    }
    sys.expect_nobody(&format!("$SYS.REQ.SERVER.{id}.NOPE"));
    sys.expect_nobody("$SYS.REQ.SERVER.NOTHERE.VARZ");
}

#[test]
fn who_the_server_is_and_how_it_does() {
    let (_server, mut sys, id) = sys_and_id("");
    let name = sys.ask("$SYS.REQ.SERVER.PING.IDZ", "");
    assert_eq!(name, json!({"name": "one", "host": "127.0.0.1", "id": id}));
    for subject in ["$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.STATSZ"] {
        let answer = sys.ask(subject, "");
        assert_eq!(names(&answer), ["server", "statsz"], "{subject}");
        assert_eq!(answer["statsz"]["connections"], 1);
        let server = &answer["server"];
        assert_eq!((&server["jetstream"], &server["flags"]), (&json!(false), &json!(0)));
        assert_eq!(server["ver"], sys.client.info["version"]);
    }
    assert_eq!(sys.ask("$SYS.REQ.SERVER.PING.RAFTZ", "")["data"], json!({}));
    let refused = sys.ask("$SYS.REQ.SERVER.PING.PROFILEZ", "");
    assert_eq!(refused["data"]["profile"], Value::Null);
    assert!(refused["data"]["error"].is_string());
}

#[test]
fn options_are_those_of_the_page() {
    let (server, mut sys, id) = sys_and_id("");
    let app = join(&server, "app");
    let connz = format!("$SYS.REQ.SERVER.{id}.CONNZ");
    let page = sys.ask(&connz, r#"{"sort":"cid","limit":1,"offset":1,"auth":true}"#);
    let shown = &page["data"]["connections"];
    assert_eq!(shown.as_array().unwrap().len(), 1);
    assert_eq!((&shown[0]["cid"], &shown[0]["account"]), (&json!(app.cid()), &json!("APP")));
    let page = sys.ask(&connz, r#"{"acc":"APP","state":2,"subscriptions":true}"#);
    assert_eq!(page["data"]["total"], 1);
    drop(app);
    server.wait_json("/connz", |page| (page["total"] == 1).then_some(()));
    assert_eq!(
        sys.ask(&connz, r#"{"state":1}"#)["data"]["connections"][0]["reason"],
        "Client Closed"
    );
    assert_eq!(sys.ask(&connz, r#"{"LIMIT":0,"state":0}"#)["data"]["total"], 1);
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let (_server, mut sys, id) = sys_and_id("");
    for (page, body, code, why) in [
        ("VARZ", "xx", 400, "invalid character 'x' looking for beginning of value"),
        (
            "CONNZ",
            r#"{"limit":"xx"}"#,
            400,
            "json: cannot unmarshal string into Go struct field \
             ConnzEventOptions.ConnzOptions.limit of type int",
        ),
        ("CONNZ", r#"{"sort":"xx"}"#, 500, "invalid sorting option: xx"),
        (
            "CONNZ",
            r#"{"filter_subject":"a"}"#,
            500,
            "filter by subject only valid with account filtering",
        ),
        ("ACCOUNTZ", r#"{"account":"NOPE"}"#, 500, "Account NOPE does not exist"),
        (
            "SUBSZ",
            r#"{"test":"a..b"}"#,
            500,
            "invalid test subject, must be valid publish subject: a..b",
        ),
    ] {
        let answer = sys.ask(&format!("$SYS.REQ.SERVER.{id}.{page}"), body);
        assert_eq!(answer["error"], json!({"code": code, "description": why}), "{page} {body}");
        assert_eq!(answer.get("data").is_some(), code == 500, "{page} {body}");
    }
    let health = sys.ask(&format!("$SYS.REQ.SERVER.{id}.HEALTHZ"), r#"{"stream":"x"}"#);
    assert_eq!(
        (&health["data"]["status"], &health["data"]["status_code"]),
        (&json!("error"), &json!(400))
    );
}

#[test]
fn a_filter_chooses_servers() {
    let (_server, mut sys, _) = sys_and_id("");
    for body in [
        r#"{"server_name":"on"}"#,
        r#"{"server_name":"one","exact_match":true}"#,
        r#"{"host":"127"}"#,
        r#"{"tags":["SSD"]}"#,
    ] {
        assert_eq!(sys.ask("$SYS.REQ.SERVER.PING.VARZ", body)["server"]["name"], "one", "{body}");
    }
    for body in [
        r#"{"server_name":"two"}"#,
        r#"{"server_name":"on","exact_match":true}"#,
        r#"{"cluster":"x"}"#,
        r#"{"tags":["ssd","hdd"]}"#,
        r#"{"domain":"x"}"#,
    ] {
        sys.expect_silence("$SYS.REQ.SERVER.PING.VARZ", body);
    }
}

// Row 140.
#[test]
fn answers_are_compressed_for_who_wants_that() {
    let (_server, mut sys, id) = sys_and_id("");
    let subject = format!("$SYS.REQ.SERVER.{id}.VARZ");
    for (wanted, given) in [("s2", "snappy"), ("snappy", "snappy"), ("gzip", "gzip")] {
        let answer = sys.ask_raw(&subject, &format!("Accept-Encoding: {wanted}"), "");
        assert_eq!(answer.headers, format!("NATS/1.0\r\nContent-Encoding: {given}\r\n\r\n"));
        let mut text = String::new();
        match given {
            "gzip" => {
                flate2::read::GzDecoder::new(&*answer.payload).read_to_string(&mut text).unwrap()
            }
            _ => snap::read::FrameDecoder::new(&*answer.payload).read_to_string(&mut text).unwrap(),
        };
        assert!(answer.payload.len() < text.len(), "{wanted}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["data"]["server_id"], id);
    }
    let plain = sys.ask_raw(&subject, "Accept-Encoding: zstd", "");
    assert_eq!(plain.headers, "NATS/1.0\r\nContent-Encoding: identity\r\n\r\n");
    assert_eq!(plain.json()["data"]["server_id"], id);
}

#[test]
fn pages_are_there_without_a_monitoring_port() {
    if is_reference() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let conf = format!(
        "listen: \"127.0.0.1:-1\"\nports_file_dir: \"{}\"\n{}",
        dir.path().display(),
        crate::kit::ACCOUNTS
    );
    let file = dir.path().join("server.conf");
    std::fs::write(&file, conf).unwrap();
    let mut command = std::process::Command::new(crate::harness::server_path());
    command.arg("-c").arg(&file);
    let server = crate::harness::Server::spawn(dir, &mut command);
    let mut sys = join(&server, "sys");
    assert_eq!(sys.ask("$SYS.REQ.SERVER.PING.VARZ", "")["data"]["http_port"], 0);
    assert_eq!(sys.ask("$SYS.REQ.SERVER.PING.HEALTHZ", "")["data"]["status"], "ok");
}
