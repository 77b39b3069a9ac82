//! Why a stream gets on, or does not, asked over NATS.

use std::process::Command;

use crate::harness::{Run, Server, is_reference, run, server_path};
use crate::kit::{ACCOUNTS, Caller, join};

fn started() -> Option<(Server, Caller)> {
    // nats-server does not explain itself.
    if is_reference() {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let accounts = ACCOUNTS.replace("APP {", "APP { jetstream: enabled,");
    let store = dir.path().join("js");
    let conf = format!("{accounts}jetstream {{ store_dir: \"{}\" }}\n", store.display());
    let server = Server::start_in(dir, &conf, &[]);
    let mut app = join(&server, "app");
    let made = app.ask("$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s"]}"#);
    assert!(made.get("error").is_none(), "{made}");
    let consumer = r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit"}}"#;
    let made = app.ask("$JS.API.CONSUMER.CREATE.S.C", consumer);
    assert!(made.get("error").is_none(), "{made}");
    Some((server, app))
}

fn vagus(server: &Server, login: &str, words: &str) -> Run {
    let url = format!("nats://{login}127.0.0.1:{}", server.port);
    let words = words.split(' ').chain(["--server", &url]);
    run(Command::new(server_path()).arg("explain").args(words))
}

#[test]
fn users_ask_about_their_own_streams_and_operators_about_all() {
    let Some((server, mut app)) = started() else { return };
    let told = app.ask("$SYS.REQ.ACCOUNT.PING.EXPLAIN", r#"{"stream":"S","consumer":"C"}"#);
    assert!(told["data"]["waiting"].as_str().unwrap().contains("pull request"), "{told}");
    assert_eq!(told["data"]["account"], "APP");
    app.expect_nobody("$SYS.REQ.ACCOUNT.APP.EXPLAIN");
    let mut sys = join(&server, "sys");
    for subject in ["$SYS.REQ.ACCOUNT.APP.EXPLAIN", "$SYS.REQ.SERVER.PING.EXPLAIN"] {
        let told = sys.ask(subject, r#"{"stream":"S"}"#);
        assert_eq!(told["data"]["consumers"]["waiting"][0]["consumer"], "C", "{subject}");
    }
    let mut other = join(&server, "other");
    for body in [r#"{"stream":"S"}"#, r#"{"stream":"S","account":"APP"}"#] {
        let told = other.ask("$SYS.REQ.ACCOUNT.PING.EXPLAIN", body);
        assert!(told["error"]["description"].is_string(), "{told}");
    }
    let absent = app.ask("$SYS.REQ.ACCOUNT.PING.EXPLAIN", r#"{"stream":"NOPE"}"#);
    assert_eq!(absent["error"]["description"], "no stream \"NOPE\" in account \"APP\"");
}

#[test]
fn the_command_asks_over_nats() {
    let Some((server, _app)) = started() else { return };
    for (login, more) in
        [("app:app-pw@", ""), ("sys:sys-pw@", ""), ("sys:sys-pw@", " --account APP")]
    {
        let run = vagus(&server, login, &format!("consumer S C{more}"));
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(
            run.stdout.starts_with("Consumer C of stream S in account APP is waiting"),
            "{run:?}"
        );
    }
    let run = vagus(&server, "app:app-pw@", "stream S --json");
    let told: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["stream"], "S");
    for (login, words, why) in [
        ("app:wrong-pw@", "stream S", "Authorization Violation"),
        ("app:app-pw@", "stream NOPE", "no stream \"NOPE\""),
        ("app:app-pw@", "stream S --account OTHER", "nobody answers"),
        ("sys:sys-pw@", "stream S --account OTHER", "OTHER"),
    ] {
        let run = vagus(&server, login, words);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.stderr.contains(why) && !run.stderr.contains("-pw"), "{run:?}");
    }
}
