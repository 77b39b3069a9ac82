//! Permissions on publish, subscribe, queue groups and answers (rows 48 to 52).

use crate::harness::{Server, is_reference};
use crate::kit::{request, user};

fn with(permissions: &str) -> Server {
    Server::start(&format!(
        "authorization {{ users: [
            {{ user: u, password: x, permissions {{ {permissions} }} }}
            {{ user: admin, password: x }}
        ] }}"
    ))
}

#[track_caller]
fn denied_publish(server: &Server, subjects: &[&str]) {
    let mut client = user(server, "u");
    for subject in subjects {
        client.publish(subject, "x");
        client.expect_err(&format!("Permissions Violation for Publish to \"{subject}\""));
    }
    client.ping_pong();
}

#[test]
fn publishing_is_allowed_by_one_list_and_denied_by_another() {
    let server = with(r#"publish: {allow: ["a.>", "b.*", "c"], deny: ["a.no", "a.*.no", "b.x"]}"#);
    let mut admin = user(&server, "admin");
    admin.subscribe(">", "1");
    let mut client = user(&server, "u");
    for subject in ["a.yes", "a.b.c", "b.y", "c", "c", "c"] {
        client.publish(subject, "x");
        admin.expect(format!("MSG {subject} 1 1\r\nx\r\n"));
    }
    denied_publish(&server, &["a", "a.no", "a.b.no", "b", "b.x", "b.c.d", "d", "d", "c.c"]);
    admin.ping_pong();
}

/// nats-server takes an empty list for none at all.
#[test]
fn an_empty_list_allows_nothing() {
    if is_reference() {
        return;
    }
    denied_publish(&with("publish: {allow: []}"), &["a", "b.c"]);
}

// Row 51.
#[test]
fn who_has_no_permissions_gets_the_defaults() {
    let own = "publish: {allow: [\"no\", \"yes\"]}";
    let users = |a: &str, b: &str| {
        format!(
            "users: [{{user: {a}, password: x}}
                {{user: {b}, password: x, permissions: {{{own}}}}}]
            default_permissions: {{publish: {{deny: \"no\"}}}}"
        )
    };
    let accounts = format!("accounts {{ ONE {{ {} }}, TWO: {{}} }}", users("u", "own"));
    for conf in [format!("authorization {{ {} }}", users("u", "own")), accounts] {
        let server = Server::start(&conf);
        denied_publish(&server, &["no"]);
        let mut own = user(&server, "own");
        own.subscribe("no", "1");
        own.publish("no", "x");
        own.expect("MSG no 1 1\r\nx\r\n");
        own.publish("other", "x");
        own.expect_err("Permissions Violation for Publish to \"other\"");
    }
}

#[test]
fn a_denied_publish_is_not_confirmed() {
    let server = with(r#"publish: "a""#);
    let mut client = server.connect();
    client.send_connect(r#"{"user":"u","pass":"x","verbose":true}"#);
    client.expect("+OK\r\n");
    client.send("PUB a 1\r\nx\r\nPUB b 1\r\nx\r\nPUB a 1\r\nx\r\n");
    client.expect("+OK\r\n-ERR 'Permissions Violation for Publish to \"b\"'\r\n+OK\r\n");
}

#[test]
fn a_mapping_is_judged_by_where_it_leads() {
    let server = Server::start(
        r#"accounts { A {
            mappings { good: allowed.x, bad: denied.x }
            users: [{user: u, password: x, permissions {publish: "allowed.>", subscribe: ">"}}]
        } }"#,
    );
    let mut client = user(&server, "u");
    client.subscribe(">", "1");
    client.publish("good", "x");
    client.expect("MSG allowed.x 1 1\r\nx\r\n");
    client.publish("bad", "x");
    client.expect_err("Permissions Violation for Publish to \"denied.x\"");
}

#[test]
fn subscribing_is_allowed_by_one_list_and_denied_by_another() {
    let server = with(r#"subscribe: {allow: ["a.>", "b.*"], deny: ["a.no", "z.>"]}"#);
    let mut client = user(&server, "u");
    for subject in ["a.yes", "a.>", "a.*", "b.c", "b.*"] {
        client.subscribe(subject, subject);
    }
    for subject in ["a", "a.no", "b", "b.*.c", "c", ">", "*"] {
        client.send(format!("SUB {subject} 1\r\n"));
        client.expect_err(&format!("Permissions Violation for Subscription to \"{subject}\""));
    }
    client.ping_pong();
}

/// nats-server takes `>` in the subscription for an ordinary token, and lets it pass.
#[test]
fn a_wildcard_subscription_is_granted_only_if_all_it_can_match_is() {
    if is_reference() {
        return;
    }
    let server = with(r#"subscribe: ["a.*"]"#);
    let mut client = user(&server, "u");
    client.send("SUB a.> 1\r\n");
    client.expect_err("Permissions Violation for Subscription to \"a.>\"");
    let mut admin = user(&server, "admin");
    admin.publish("a.b.c", "x");
    admin.ping_pong();
    client.ping_pong();
}

#[test]
fn what_is_denied_is_kept_back_from_wildcard_subscriptions() {
    let server = with(r#"subscribe: {deny: ["z.*", "secret.>"]}"#);
    let mut client = user(&server, "u");
    client.send("SUB > 1\r\nSUB z.>  2\r\nSUB *.b 3\r\n");
    client.expect_err("Permissions Violation for Subscription to \"z.>\"");
    client.ping_pong();
    let mut admin = user(&server, "admin");
    for _ in 0..3 {
        for subject in ["z.q", "secret.a", "secret.a.b", "z.b"] {
            admin.publish(subject, "no");
        }
        admin.publish("z.q.r", "yes");
        client.expect("MSG z.q.r 1 3\r\nyes\r\n");
    }
    client.ping_pong();
}

// Row 49.
#[test]
fn queue_groups_have_permissions_of_their_own() {
    let server = with(r#"subscribe: {allow: ["a", "w.* workers", "v.* v1.>"], deny: ["a bad"]}"#);
    let mut client = user(&server, "u");
    client.send("SUB a 1\r\nSUB a good 2\r\nSUB w.x workers 3\r\nSUB v.x v1.beta 4\r\n");
    client.ping_pong();
    for (subject, queue) in [("a", "bad"), ("w.x", "others"), ("v.x", "v2.beta"), ("a", "_sys_")] {
        client.send(format!("SUB {subject} {queue} 9\r\n"));
        client.expect_err(&format!(
            "Permissions Violation for Subscription to \"{subject}\" using queue \"{queue}\""
        ));
    }
    client.send("SUB w.x 9\r\n");
    client.expect_err("Permissions Violation for Subscription to \"w.x\"");
}

#[test]
fn replies_with_prefixes_of_the_server_are_refused_whatever_is_allowed() {
    let server = with(r#"publish: ">""#);
    for name in ["u", "admin"] {
        let mut client = user(&server, name);
        for reply in ["_R_.a.b", "$JS.ACK.x", "_GR_.x"] {
            request(&mut client, "a", reply, "x");
            let text = format!("Permissions Violation for Publish with Reply of \"{reply}\"");
            client.expect_err(&text);
        }
    }
}

/// Whoever traces a message publishes the report.
#[test]
fn a_trace_goes_only_where_the_client_may_publish() {
    let server = with(r#"publish: ["a", "reports"]"#);
    let (mut u, mut admin) = (user(&server, "u"), user(&server, "admin"));
    admin.subscribe(">", "1");
    let headers = |to: &str| format!("NATS/1.0\r\nNats-Trace-Dest: {to}\r\n\r\n");
    u.publish_headers("a", &headers("secret"), "x");
    u.expect_err("Permissions Violation for Publish to \"secret\"");
    admin.ping_pong();
    u.publish_headers("a", &headers("reports"), "x");
    let mut came = [admin.message().0[0].clone(), admin.message().0[0].clone()];
    came.sort();
    assert_eq!(came, ["a", "reports"]);
}

/// A responder with the sid 1 on `service`, and someone who asks it.
fn respond(permissions: &str) -> (Server, crate::harness::Client, crate::harness::Client) {
    let server = with(permissions);
    let (mut responder, mut admin) = (user(&server, "u"), user(&server, "admin"));
    responder.subscribe("service", "1");
    admin.subscribe("inbox.>", "1");
    (server, responder, admin)
}

// Row 50.
#[test]
fn who_may_respond_answers_once_by_default() {
    let (_server, mut responder, mut admin) =
        respond(r#"subscribe: "service", allow_responses: true"#);
    responder.publish("inbox.a", "early");
    responder.expect_err("Permissions Violation for Publish to \"inbox.a\"");
    for n in 0..3 {
        let inbox = format!("inbox.{n}");
        request(&mut admin, "service", &inbox, "?");
        responder.expect(format!("MSG service 1 {inbox} 1\r\n?\r\n"));
        responder.publish(&inbox, "!");
        admin.expect(format!("MSG {inbox} 1 1\r\n!\r\n"));
        responder.publish(&inbox, "!");
        responder.expect_err(&format!("Permissions Violation for Publish to \"{inbox}\""));
    }
    admin.ping_pong();
}

#[test]
fn who_may_respond_has_so_many_answers_and_so_much_time() {
    let (_server, mut responder, mut admin) =
        respond(r#"subscribe: "service", allow_responses: {max: 3, expires: "300ms"}"#);
    request(&mut admin, "service", "inbox.1", "?");
    responder.expect("MSG service 1 inbox.1 1\r\n?\r\n");
    for _ in 0..3 {
        responder.publish("inbox.1", "!");
        admin.expect("MSG inbox.1 1 1\r\n!\r\n");
    }
    responder.publish("inbox.1", "!");
    responder.expect_err("Permissions Violation for Publish to \"inbox.1\"");
    request(&mut admin, "service", "inbox.2", "?");
    responder.expect("MSG service 1 inbox.2 1\r\n?\r\n");
    crate::kit::pass(400);
    responder.publish("inbox.2", "!");
    responder.expect_err("Permissions Violation for Publish to \"inbox.2\"");
}

/// A run of requests to one subject, and answers beside what is allowed anyway.
#[test]
fn answers_are_noted_for_each_of_many_requests() {
    let (_server, mut responder, mut admin) =
        respond(r#"publish: "log", subscribe: ["service", "log"], allow_responses: true"#);
    responder.subscribe("log", "2");
    let mut asked = String::new();
    for n in 0..100 {
        asked.push_str(&format!("PUB service inbox.{n} 1\r\n?\r\n"));
    }
    admin.send(asked);
    for n in 0..100 {
        responder.expect(format!("MSG service 1 inbox.{n} 1\r\n?\r\n"));
    }
    for n in (0..100).rev() {
        responder.publish(&format!("inbox.{n}"), "!");
        admin.expect(format!("MSG inbox.{n} 1 1\r\n!\r\n"));
    }
    responder.publish("log", "x");
    responder.expect("MSG log 2 1\r\nx\r\n");
}
