//! A reload changes who may do what: whoever is no longer allowed has to go, subscriptions that are
//! no longer allowed end, and others notice nothing.

use crate::harness::{Client, Server, eventually};
use crate::kit::{request, user};

fn reload(server: &Server, conf: &str) {
    let count = || server.log.text().matches("Reloaded server configuration").count();
    let before = count();
    server.rewrite(conf);
    server.signal("HUP");
    eventually("the reload", || (count() > before).then_some(()));
}

/// Whatever comes until a `PONG`, as often as it takes for something to come.
#[track_caller]
fn next_notice(client: &mut Client) -> String {
    eventually("a notice", || {
        client.send("PING\r\n");
        let mut all = String::new();
        loop {
            let frame = client.frame();
            if frame == "PONG\r\n" {
                return Some(all).filter(|all| !all.is_empty());
            }
            all.push_str(&frame);
        }
    })
}

fn one(users: &str) -> String {
    format!("accounts {{ A {{ users: [{users}] }} }}")
}

const STAYS: &str = "{user: stays, password: x}";

// Row 103.
#[test]
fn who_is_no_longer_known_goes_and_others_stay() {
    let conf = one(&format!("{STAYS}, {{user: goes, password: x}}, {{user: new, password: x}}"));
    let server = Server::start(&conf);
    let mut stays = user(&server, "stays");
    stays.subscribe("a", "1");
    let (goes, new) = (user(&server, "goes"), user(&server, "new"));
    reload(&server, &one(&format!("{STAYS}, {{user: new, password: other}}")));
    // nats-server says why only to some of them.
    for mut gone in [goes, new] {
        let last = String::from_utf8(gone.read_to_end()).unwrap();
        assert!(["", "-ERR 'Authorization Violation'\r\n"].contains(&last.as_str()), "{last}");
    }
    stays.publish("a", "x");
    stays.expect("MSG a 1 1\r\nx\r\n");
}

// Row 103.
#[test]
fn subscriptions_that_are_no_longer_allowed_end() {
    let conf = |subscribe: &str, publish: &str| {
        one(&format!(
            "{STAYS}, {{user: u, password: x, permissions {{
                subscribe: {subscribe}, publish: {publish} }} }}"
        ))
    };
    let server = Server::start(&conf(r#"["a", "b", "q", "w.>"]"#, r#""p""#));
    let (mut stays, mut u) = (user(&server, "stays"), user(&server, "u"));
    stays.send("SUB p 1\r\nSUB r 2\r\n");
    stays.ping_pong();
    u.send("SUB a 1\r\nSUB b 2\r\nSUB q workers 3\r\nSUB w.> 4\r\n");
    u.ping_pong();
    u.publish("p", "1");
    stays.expect("MSG p 1 1\r\n1\r\n");
    reload(&server, &conf(r#"{allow: ["a", "w.>"], deny: ["w.no"]}"#, r#""r""#));
    let mut notices: Vec<String> =
        next_notice(&mut u).split_inclusive("\r\n").map(str::to_owned).collect();
    notices.sort();
    assert_eq!(
        notices,
        [
            "-ERR 'Permissions Violation for Subscription to \"b\" (sid \"2\")'\r\n",
            "-ERR 'Permissions Violation for Subscription to \"q\" using queue \"workers\" \
             (sid \"3\")'\r\n",
        ]
    );
    for subject in ["b", "q", "w.no"] {
        stays.publish(subject, "no");
    }
    stays.publish("a", "yes");
    stays.publish("w.yes", "yes");
    u.expect("MSG a 1 3\r\nyes\r\nMSG w.yes 4 3\r\nyes\r\n");
    u.publish("p", "2");
    u.expect_err("Permissions Violation for Publish to \"p\"");
    u.publish("r", "2");
    stays.expect("MSG r 2 1\r\n2\r\n");
    stays.ping_pong();
}

#[test]
fn answers_are_noted_from_the_moment_they_have_to_be() {
    let conf = |permissions: &str| {
        one(&format!("{STAYS}, {{user: u, password: x, permissions {{ {permissions} }} }}"))
    };
    let server = Server::start(&conf("publish: \">\""));
    let (mut stays, mut u) = (user(&server, "stays"), user(&server, "u"));
    u.subscribe("service", "1");
    stays.subscribe("inbox.>", "1");
    let mut ask = |u: &mut Client, n: u8| {
        request(&mut stays, "service", &format!("inbox.{n}"), "?");
        u.expect(format!("MSG service 1 inbox.{n} 1\r\n?\r\n"));
        u.publish(&format!("inbox.{n}"), "!");
        stays.expect(format!("MSG inbox.{n} 1 1\r\n!\r\n"));
    };
    ask(&mut u, 1);
    reload(&server, &conf("allow_responses: true"));
    eventually("the permissions", || {
        u.publish("other", "x");
        u.send("PING\r\n");
        let refused = u.frame().starts_with("-ERR");
        if refused {
            u.expect("PONG\r\n");
        }
        refused.then_some(())
    });
    for n in 2..6 {
        ask(&mut u, n);
        u.publish(&format!("inbox.{n}"), "again");
        u.expect_err(&format!("Permissions Violation for Publish to \"inbox.{n}\""));
    }
}

/// It has to come again: what it subscribed to means something else there.
#[test]
fn a_user_that_moves_to_another_account_is_disconnected() {
    let conf = |a: &str, b: &str| {
        format!(
            "accounts {{
                A {{ users: [{{user: a, password: x}}{a}] }}
                B {{ users: [{{user: b, password: x}}{b}] }}
            }}"
        )
    };
    let mover = ", {user: mover, password: x}";
    let server = Server::start(&conf(mover, ""));
    let (mut a, mut b) = (user(&server, "a"), user(&server, "b"));
    let mut m = user(&server, "mover");
    m.subscribe("here", "1");
    a.publish("here", "a");
    m.expect("MSG here 1 1\r\na\r\n");
    reload(&server, &conf("", mover));
    m.expect_closed();
    let mut m = user(&server, "mover");
    m.subscribe("here", "1");
    a.publish("here", "a");
    a.ping_pong();
    b.publish("here", "b");
    m.expect("MSG here 1 1\r\nb\r\n");
}

#[test]
fn account_limits_hold_from_the_reload_on() {
    let conf =
        |limits: &str| format!("accounts {{ A {{ users: [{STAYS}], limits {{ {limits} }} }} }}");
    let server = Server::start(&conf(""));
    let mut first = user(&server, "stays");
    let _second = user(&server, "stays");
    reload(&server, &conf("max_connections: 2, max_payload: 4"));
    let mut third = server.connect();
    third.send_connect(r#"{"user":"stays","pass":"x"}"#);
    third.expect_err_closed("maximum account active connections exceeded");
    eventually("the limit of a message", || {
        first.try_send("PUB a 5\r\n12345\r\n");
        Some(())
    });
}

#[test]
fn a_stream_follows_what_its_account_imports() {
    let dir = tempfile::tempdir().unwrap();
    let conf = |imports: &str| {
        format!(
            r#"jetstream {{ store_dir: "{}" }}
            accounts {{
                E {{ users: [{{user: e, password: x}}], exports: [{{stream: "news.>"}}] }}
                J {{ jetstream: enabled, users: [{{user: j, password: x}}], imports: [{imports}] }}
            }}"#,
            dir.path().display()
        )
    };
    let import = r#"{stream: {account: E, subject: "news.>"}}"#;
    let server = Server::start(&conf(""));
    let (mut e, mut j) = (user(&server, "e"), user(&server, "j"));
    j.subscribe("inbox", "1");
    let mut ask = |subject: &str, body: &str| {
        request(&mut j, subject, "inbox", body);
        serde_json::from_slice::<serde_json::Value>(&j.message().1).unwrap()
    };
    ask("$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["news.*"]}"#);
    // Stores a message if it is heard; the answer to what follows tells whether it was.
    let heard = |e: &mut Client, ask: &mut dyn FnMut(&str, &str) -> serde_json::Value| {
        let before = ask("$JS.API.STREAM.INFO.S", "")["state"]["messages"].as_u64().unwrap();
        e.publish("news.a", "x");
        e.ping_pong();
        let after = ask("news.own", "y")["seq"].as_u64().unwrap();
        after - before == 2
    };
    assert!(!heard(&mut e, &mut ask));
    for now in [import, "", import] {
        reload(&server, &conf(now));
        eventually("the stream follows", || {
            (heard(&mut e, &mut ask) != now.is_empty()).then_some(())
        });
    }
}
