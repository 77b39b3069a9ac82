//! What accounts share with each other, with the two sides on different servers.

use crate::harness::{Client, Server};
use crate::kit::{meshed, server_with};

const SHARED: &str = r#"accounts {
    E {
        users: [{user: e, password: x}]
        exports: [ {service: "q.*"}, {service: "many", response: stream}, {stream: "news.>"} ]
    }
    I {
        users: [{user: i, password: x}]
        imports: [
            {service: {account: E, subject: "q.*"}, to: "ask.*"}
            {service: {account: E, subject: "many"}}
            {stream: {account: E, subject: "news.>"}, prefix: from}
        ]
    }
}
"#;

fn servers() -> [Server; 3] {
    let a = server_with("a", &[], "", SHARED);
    let b = server_with("b", &[&a], "", SHARED);
    let c = server_with("c", &[&a], "accounts: [E]", SHARED);
    meshed(&[&a, &b, &c]);
    [a, b, c]
}

fn user(server: &Server, name: &str) -> Client {
    let fields = format!(r#"{{"user":"{name}","pass":"x","headers":true,"no_responders":true}}"#);
    server.client_with(&fields)
}

#[test]
fn a_service_of_another_account_answers_from_another_server() {
    let [a, b, c] = servers();
    let mut service = user(&b, "e");
    service.send("SUB q.* 1\r\nSUB many 2\r\n");
    a.wait_interest("E", "q.x", 1);
    c.wait_interest("E", "many", 1);
    for server in [&a, &c, &b] {
        let mut asker = user(server, "i");
        asker.subscribe("inbox.>", "7");
        for n in 0..20 {
            asker.send(format!("PUB ask.x inbox.{n} 2\r\nhi\r\n"));
            let (words, bytes) = service.message();
            assert!(words[0] == "q.x" && bytes.ends_with(b"hi"), "{words:?}");
            assert!(words[2].starts_with("_R_."), "{words:?}");
            service.publish(&words[2], "yes");
            asker.expect(format!("MSG inbox.{n} 7 3\r\nyes\r\n"));
        }
        // Several answers to one request.
        asker.send("PUB many inbox.m 0\r\n\r\n");
        let reply = service.message().0[2].clone();
        for n in 0..3 {
            service.publish(&reply, format!("{n}"));
        }
        asker.expect("MSG inbox.m 7 1\r\n0\r\nMSG inbox.m 7 1\r\n1\r\nMSG inbox.m 7 1\r\n2\r\n");
    }
    // Row 155.
    drop(service);
    a.wait_interest("E", "q.x", 0);
    let mut asker = user(&a, "i");
    asker.send("SUB inbox 7\r\nPUB ask.x inbox 2\r\nhi\r\n");
    assert!(asker.message().1.starts_with(b"NATS/1.0 503"));
}

#[test]
fn one_member_of_a_group_of_services_is_asked() {
    let [a, b, c] = servers();
    let mut members = [user(&a, "e"), user(&b, "e"), user(&c, "e")];
    for member in &mut members {
        member.send("SUB q.* workers 1\r\nSUB end 2\r\n");
        member.ping_pong();
    }
    for server in [&a, &b, &c] {
        server.wait_interest("E", "q.x", 3);
        server.wait_interest("E", "end", 3);
    }
    let mut asker = user(&b, "i");
    for n in 0..300 {
        asker.send(format!("PUB ask.x inbox.{n} 2\r\nhi\r\n"));
    }
    asker.ping_pong();
    user(&b, "e").publish("end", "");
    let counts = members.each_mut().map(|member| {
        let mut count = 0;
        while member.message().0[0] != "end" {
            count += 1;
        }
        count
    });
    assert_eq!(counts.iter().sum::<u32>(), 300, "{counts:?}");
    assert!(counts.iter().all(|count| *count > 40), "{counts:?}");
}

#[test]
fn a_stream_of_another_account_crosses_once() {
    let [a, b, c] = servers();
    let mut readers = [user(&a, "i"), user(&a, "i"), user(&c, "i")];
    readers.iter_mut().for_each(|reader| reader.subscribe("from.news.*", "1"));
    b.wait_interest("E", "news.x", 2);
    let before = crate::kit::sent(&b);
    let mut from = user(&b, "e");
    from.publish("news.x", "one");
    for reader in &mut readers {
        reader.expect("MSG from.news.x 1 3\r\none\r\n");
    }
    from.ping_pong();
    assert_eq!(crate::kit::sent(&b) - before, 2);
}

// Of the whole cluster in nats-server.
#[test]
fn limits_of_an_account_are_those_of_each_server() {
    let accounts = "accounts { A { limits { max_connections: 1 }, \
                    users: [{user: i, password: x}] } }";
    let a = server_with("a", &[], "", accounts);
    let b = server_with("b", &[&a], "", accounts);
    meshed(&[&a, &b]);
    let (_one, _other) = (user(&a, "i"), user(&b, "i"));
    let mut third = b.connect();
    third.send_connect(r#"{"user":"i","pass":"x"}"#);
    third.expect("-ERR 'maximum account active connections exceeded'\r\n");
}
