//! Streams that one account imports from another (row 54).

use crate::harness::{Client, Server, is_reference};
use crate::kit::user;

const SHARED: &str = r#"accounts {
    E {
        users: [{user: e, password: x}]
        exports: [
            {stream: "s.>"}, {stream: "m.*.*"}, {stream: "one"}
            {stream: "private.*", accounts: [I]}, {stream: "pos.*.x", account_token_position: 2}
        ]
    }
    I {
        users: [{user: i, password: x}]
        imports: [
            {stream: {account: E, subject: "s.*"}}
            {stream: {account: E, subject: "s.>"}, prefix: "from.e"}
            {stream: {account: E, subject: "m.*.*"}, to: "swapped.$2.$1"}
            {stream: {account: E, subject: "one"}, to: "other.name"}
            {stream: {account: E, subject: "private.*"}}
            {stream: {account: E, subject: "pos.I.x"}}
        ]
    }
    O { users: [{user: o, password: x}] }
}"#;

/// An exporter, an importer and someone else.
fn three(server: &Server) -> [Client; 3] {
    ["e", "i", "o"].map(|name| user(server, name))
}

#[test]
fn messages_come_under_the_importers_names() {
    let server = Server::start(SHARED);
    let [mut e, mut i, mut o] = three(&server);
    o.subscribe(">", "9");
    for (wanted, published, shown) in [
        ("s.a", "s.a", "s.a"),
        ("s.*", "s.b", "s.b"),
        ("from.e.s.a", "s.a", "from.e.s.a"),
        ("from.e.s.>", "s.x.y", "from.e.s.x.y"),
        ("from.e.s.*", "s.x", "from.e.s.x"),
        ("swapped.b.a", "m.a.b", "swapped.b.a"),
        ("swapped.*.a", "m.a.c", "swapped.c.a"),
        ("swapped.>", "m.a.d", "swapped.d.a"),
        ("other.name", "one", "other.name"),
        ("other.*", "one", "other.name"),
        ("private.*", "private.x", "private.x"),
        ("pos.I.x", "pos.I.x", "pos.I.x"),
    ] {
        i.subscribe(wanted, "1");
        for _ in 0..3 {
            e.publish(published, "x");
            i.expect(format!("MSG {shown} 1 1\r\nx\r\n"));
        }
        i.send("UNSUB 1\r\n");
        i.ping_pong();
        e.publish(published, "x");
        e.ping_pong();
        i.ping_pong();
    }
    o.ping_pong();
}

#[test]
fn only_what_the_subscription_names_comes_and_nothing_flows_back() {
    let server = Server::start(SHARED);
    let [mut e, mut i, _] = three(&server);
    e.subscribe(">", "1");
    i.send("SUB swapped.x.* 1\r\nSUB *.e.s.a 2\r\nSUB *.name 3\r\n");
    i.ping_pong();
    i.publish("s.a", "back");
    i.publish("other.name", "back");
    i.expect("MSG other.name 3 4\r\nback\r\n");
    i.ping_pong();
    e.ping_pong();
    for subject in ["m.a.b", "s.b", "m.a.x", "s.a", "one", "pos.O.x"] {
        e.publish(subject, "1");
        e.expect(format!("MSG {subject} 1 1\r\n1\r\n"));
    }
    i.expect("MSG swapped.x.a 1 1\r\n1\r\n");
    i.expect("MSG from.e.s.a 2 1\r\n1\r\n");
    i.expect("MSG other.name 3 1\r\n1\r\n");
    i.ping_pong();
}

#[test]
fn a_subscription_to_everything_gets_each_import() {
    let server = Server::start(SHARED);
    let [mut e, mut i, _] = three(&server);
    i.subscribe(">", "1");
    e.publish("s.a", "x");
    let mut got = [i.message().0, i.message().0];
    got.sort();
    assert_eq!(got, [["from.e.s.a", "1", "1"], ["s.a", "1", "1"]]);
    i.ping_pong();
}

#[test]
fn queue_groups_limits_and_replies_hold_for_imported_messages() {
    let server = Server::start(SHARED);
    let [mut e, mut i, _] = three(&server);
    let mut second = user(&server, "i");
    for client in [&mut i, &mut second] {
        client.send("SUB from.e.s.q workers 1\r\n");
        client.ping_pong();
    }
    for _ in 0..40 {
        e.publish("s.q", "x");
    }
    e.ping_pong();
    let mut count = 0;
    for client in [&mut i, &mut second] {
        client.send("PING\r\n");
        loop {
            let frame = client.frame();
            if frame == "PONG\r\n" {
                break;
            }
            assert_eq!(frame, "MSG from.e.s.q 1 1\r\nx\r\n");
            count += 1;
        }
    }
    assert_eq!(count, 40, "one member gets each message");
    if is_reference() {
        // It goes on delivering what is imported when the subscription has had its messages.
        return;
    }
    i.send("SUB swapped.> 2\r\nUNSUB 2 2\r\n");
    i.ping_pong();
    for n in 0..4 {
        e.send(format!("PUB m.a.{n} reply.to 1\r\nx\r\n"));
    }
    e.ping_pong();
    i.expect("MSG swapped.0.a 2 reply.to 1\r\nx\r\nMSG swapped.1.a 2 reply.to 1\r\nx\r\n");
    i.ping_pong();
}

#[test]
fn what_is_imported_is_not_passed_on() {
    let server = Server::start(
        r#"accounts {
            A { users: [{user: a, password: x}], exports: [{stream: "s.>"}] }
            B { users: [{user: b, password: x}], exports: [{stream: "b.s.>"}]
                imports: [{stream: {account: A, subject: "s.>"}, prefix: b}] }
            C { users: [{user: c, password: x}]
                imports: [{stream: {account: B, subject: "b.s.*"}, to: "c.$1"}] }
        }"#,
    );
    let [mut a, mut b, mut c] = ["a", "b", "c"].map(|name| user(&server, name));
    c.subscribe("c.*", "1");
    b.publish("b.s.x", "from b");
    c.expect("MSG c.x 1 6\r\nfrom b\r\n");
    a.publish("s.x", "from a");
    a.ping_pong();
    c.ping_pong();
}

#[test]
fn imports_come_and_go_with_a_reload() {
    let conf = |imports: &str| {
        format!(
            "accounts {{
                E {{ users: [{{user: e, password: x}}], exports: [{{stream: \"s.>\"}}] }}
                I {{ users: [{{user: i, password: x}}], imports: [{imports}] }}
            }}"
        )
    };
    let server = Server::start(&conf(""));
    let (mut e, mut i) = (user(&server, "e"), user(&server, "i"));
    i.subscribe(">", "1");
    e.publish("s.1", "x");
    e.ping_pong();
    i.ping_pong();
    let reload = |imports: &str| {
        server.rewrite(&conf(imports));
        let before = server.log.text().matches("Reloaded server configuration").count();
        server.signal("HUP");
        crate::harness::eventually("the reload", || {
            let done = server.log.text().matches("Reloaded server configuration").count();
            (done > before).then_some(())
        });
    };
    reload(r#"{stream: {account: E, subject: "s.>"}, prefix: p}"#);
    crate::harness::eventually("an imported message", || {
        e.publish("s.2", "x");
        e.ping_pong();
        i.send("PING\r\n");
        let first = i.frame();
        if first == "PONG\r\n" {
            return None;
        }
        assert_eq!(first, "MSG p.s.2 1 1\r\nx\r\n");
        i.expect("PONG\r\n");
        Some(())
    });
    reload("");
    crate::harness::eventually("no imported message", || {
        e.publish("s.3", "x");
        e.ping_pong();
        i.send("PING\r\n");
        let first = i.frame();
        if first == "PONG\r\n" {
            return Some(());
        }
        i.expect("PONG\r\n");
        None
    });
}
