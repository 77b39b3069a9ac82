//! Messages from one server to clients of another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::harness::Client;
use crate::kit::{cluster, meshed, sent, server, server_with, wants};

#[test]
fn messages_cross_in_both_directions() {
    let [a, b] = cluster();
    let (mut at_a, mut at_b) = (a.header_client(), b.header_client());
    at_b.subscribe("x.*", "7");
    wants(&a, "x.y", 1);
    at_a.publish("x.y", "one");
    at_a.send("PUB x.y re.ply 3\r\ntwo\r\nPUB x.z 0\r\n\r\n");
    at_b.expect("MSG x.y 7 3\r\none\r\nMSG x.y 7 re.ply 3\r\ntwo\r\nMSG x.z 7 0\r\n\r\n");
    at_a.publish_headers("x.h", "NATS/1.0\r\nK: v\r\n\r\n", "body");
    let (words, bytes) = at_b.message();
    assert_eq!(words[..2], ["x.h", "7"]);
    assert_eq!(bytes, b"NATS/1.0\r\nK: v\r\n\r\nbody");
    at_a.subscribe("back", "1");
    wants(&b, "back", 1);
    at_b.publish("back", "here");
    at_a.expect("MSG back 1 4\r\nhere\r\n");
}

#[test]
fn order_and_content_are_kept_whatever_the_size() {
    let [a, b] = cluster();
    let mut to = b.client();
    to.subscribe("n.>", "1");
    wants(&a, "n.x", 1);
    let mut from = a.client();
    let sizes = [0, 1, 16, 5_000, 40_000, 300_000, 1_048_576];
    for n in 0..400 {
        let size = sizes[n % sizes.len()].min(if n % 50 == 0 { usize::MAX } else { 5_000 });
        from.publish(&format!("n.{}", n % 3), vec![b'a' + (n % 26) as u8; size]);
    }
    for n in 0..400 {
        let size = sizes[n % sizes.len()].min(if n % 50 == 0 { usize::MAX } else { 5_000 });
        let (words, bytes) = to.message();
        assert_eq!(words[0], format!("n.{}", n % 3), "message {n}");
        assert!(bytes == vec![b'a' + (n % 26) as u8; size], "message {n}");
    }
}

#[test]
fn a_message_crosses_once_whatever_the_number_of_subscribers() {
    let [a, b] = cluster();
    let mut clients: Vec<_> = (0..5).map(|_| b.client()).collect();
    for client in &mut clients {
        client.subscribe("many", "1");
        client.subscribe("many.*", "2");
        client.subscribe(">", "3");
    }
    wants(&a, "many", 1);
    let before = sent(&a);
    let mut from = a.client();
    from.publish("many", "x");
    for client in &mut clients {
        let sids = [client.message().0[1].clone(), client.message().0[1].clone()];
        assert!(sids.contains(&"1".to_owned()) && sids.contains(&"3".to_owned()), "{sids:?}");
    }
    // By its answer the message is counted.
    from.ping_pong();
    assert_eq!(sent(&a) - before, 1);
}

#[test]
fn a_message_goes_one_hop_and_no_further() {
    let [a, b, c] = cluster();
    let mut clients = [a.client(), b.client(), c.client()];
    clients.iter_mut().for_each(|client| client.subscribe("all", "1"));
    for server in [&a, &b, &c] {
        wants(server, "all", 3);
    }
    for (n, server) in [&a, &b, &c].into_iter().enumerate() {
        let mut from = server.client();
        from.publish("all", format!("from {n}"));
        from.publish("all", "end");
        for client in &mut clients {
            assert_eq!([client.payload(), client.payload()], [format!("from {n}"), "end".into()]);
        }
    }
}

#[test]
fn a_first_request_finds_its_way_there_and_back() {
    let [a, b] = cluster();
    let mut service = b.client();
    service.subscribe("svc", "1");
    wants(&a, "svc", 1);
    for n in 0..50 {
        // A client, an inbox and a request that nobody has seen before.
        let mut asker = a.header_client();
        asker.send(format!("SUB inbox.{n} 9\r\nPUB svc inbox.{n} 2\r\nhi\r\n"));
        let (words, _) = service.message();
        assert_eq!(words[2], format!("inbox.{n}"));
        service.publish(&words[2], "yes");
        asker.expect(format!("MSG inbox.{n} 9 3\r\nyes\r\n"));
    }
}

// Row 155.
#[test]
fn no_responders_is_said_when_no_server_has_one() {
    let [a, b] = cluster();
    let mut asker = a.header_client();
    asker.subscribe("inbox", "1");
    asker.send("PUB svc inbox 0\r\n\r\n");
    let (words, bytes) = asker.message();
    assert_eq!(words[0], "inbox");
    assert!(bytes.starts_with(b"NATS/1.0 503"));
    let mut service = b.client();
    service.subscribe("svc", "1");
    wants(&a, "svc", 1);
    asker.send("PUB svc inbox 0\r\n\r\n");
    asker.ping_pong();
    assert_eq!(service.message().0[0], "svc");
}

#[test]
fn accounts_stay_apart_across_servers() {
    let accounts = "accounts { A { users: [{user: a, password: p}] }\n\
                    B { users: [{user: b, password: p}] } }\n";
    let one = server_with("one", &[], "", accounts);
    let two = server_with("two", &[&one], "", accounts);
    meshed(&[&one, &two]);
    let login = |user: &str| format!(r#"{{"user":"{user}","pass":"p"}}"#);
    let (mut a, mut b) = (two.client_with(&login("a")), two.client_with(&login("b")));
    a.subscribe("x", "1");
    b.subscribe("x", "2");
    for account in ["A", "B"] {
        one.wait_json(&format!("/subsz?subs=1&acc={account}&test=x"), |page| {
            (page["total"] == 1).then_some(())
        });
    }
    one.client_with(&login("a")).publish("x", "for a");
    one.client_with(&login("b")).publish("x", "for b");
    a.expect("MSG x 1 5\r\nfor a\r\n");
    b.expect("MSG x 2 5\r\nfor b\r\n");
}

#[test]
fn a_stream_is_used_from_a_server_without_jetstream() {
    let dir = tempfile::tempdir().unwrap();
    let jetstream = format!("jetstream {{ store_dir: \"{}\" }}", dir.path().display());
    let a = server_with("a", &[], "", &jetstream);
    let b = server("b", &[&a], "");
    meshed(&[&a, &b]);
    wants(&b, "$JS.API.INFO", 1);
    let mut client = b.header_client();
    client.subscribe("in.*", "1");
    let create = r#"{"name":"S","subjects":["orders.*"],"storage":"memory"}"#;
    client.send(format!("PUB $JS.API.STREAM.CREATE.S in.1 {}\r\n{create}\r\n", create.len()));
    assert!(client.payload().contains("\"did_create\":true"));
    wants(&b, "orders.1", 1);
    client.send("PUB orders.1 in.2 2\r\nhi\r\n");
    assert!(client.payload().contains("\"seq\":1"));
    // A push consumer shows the stream's subject on the one that it delivers to.
    client.subscribe("push", "2");
    let consumer = r#"{"stream_name":"S","config":{"deliver_subject":"push","ack_policy":"none"}}"#;
    let size = consumer.len();
    client.send(format!("PUB $JS.API.CONSUMER.CREATE.S in.3 {size}\r\n{consumer}\r\n"));
    let (mut seen, mut delivered) = (0, false);
    while seen < 2 {
        let (words, bytes) = client.message();
        delivered |= words[0] == "orders.1" && words[1] == "2" && bytes == b"hi";
        seen += 1;
    }
    assert!(delivered);
}

/// One entry stands for all that is wanted at a server of a subject. When its subscriber goes, the
/// others there miss nothing, and neither does the group whose other member goes.
#[test]
fn nobody_misses_a_message_because_another_of_that_server_comes_or_goes() {
    const COUNT: usize = 20_000;
    let [a, b] = cluster();
    let (mut steady, mut restless, mut from) = (b.client(), b.client(), a.client());
    steady.send("SUB news 1\r\nSUB work team 2\r\nSUB end 3\r\n");
    steady.ping_pong();
    wants(&a, "news", 1);
    wants(&a, "work", 1);
    wants(&a, "end", 1);
    let publisher = std::thread::spawn(move || {
        for n in 0..COUNT {
            from.send("PUB news 1\r\nn\r\nPUB work 1\r\nw\r\n");
            if n % 100 == 0 {
                from.ping_pong();
            }
        }
        from.publish("end", "e");
    });
    let done = Arc::new(AtomicBool::new(false));
    let comes_and_goes = std::thread::spawn({
        let done = Arc::clone(&done);
        move || {
            let mut jobs = 0;
            while !done.load(Relaxed) {
                for change in ["SUB > 1\r\nSUB work team 2\r\n", "UNSUB 1\r\nUNSUB 2\r\n"] {
                    restless.send(format!("{change}PING\r\n"));
                    jobs += jobs_before_the_answer(&mut restless);
                }
            }
            jobs
        }
    });
    let (mut news, mut jobs) = (0, 0);
    loop {
        match &*steady.message().0[1] {
            "1" => news += 1,
            "2" => jobs += 1,
            _ => break,
        }
    }
    publisher.join().unwrap();
    done.store(true, Relaxed);
    jobs += comes_and_goes.join().unwrap();
    assert_eq!((news, jobs), (COUNT, COUNT));
}

/// How many messages for the subscription `2` come in front of a `PONG`.
fn jobs_before_the_answer(client: &mut Client) -> usize {
    let mut jobs = 0;
    loop {
        let frame = client.frame();
        match frame.split_ascii_whitespace().collect::<Vec<_>>()[..] {
            ["PONG"] => return jobs,
            ["MSG", _, "2", ..] => jobs += 1,
            _ => {}
        }
    }
}
