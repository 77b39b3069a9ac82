//! A plugin that subscribes: what it gets, and what it publishes.

use std::fmt::Write as _;
use std::time::Duration;

use vagus::Server;
use vagus::plugin::{Headers, Outgoing, PublishError, Subscription};

use crate::kit::{Client, block_on, client, connect, eventually, next, observe, port, start, tap};

/// `count` publishes to `subject`, each with its number.
fn numbered(subject: &str, count: usize) -> String {
    (0..count).fold(String::new(), |mut bytes, n| {
        write!(bytes, "PUB {subject}.{} 6\r\n{n:06}\r\n", n % 3).unwrap();
        bytes
    })
}

#[test]
fn gets_every_message_in_order() {
    const COUNT: usize = 20_000;
    let (make, sight) = tap(&[Subscription::new("order.>")], |_, _| {});
    let server = start(Server::builder().plugin(make));
    let mut publisher = client(&server);
    publisher.send(numbered("order", COUNT));
    for n in 0..COUNT {
        let message = next(&sight);
        assert_eq!(message.payload_text(), format!("{n:06}"));
        assert_eq!(message.subject_text(), format!("order.{}", n % 3));
    }
    let state = observe(&server, "/server/plugins/tap");
    assert_eq!(state["handled"], COUNT);
    assert_eq!(state["delivered"], COUNT);
    assert_eq!(state["dropped"], 0);
    assert_eq!(state["plugin"], "a tap");
    assert_eq!(state["subscriptions"][0]["subject"], "order.>");
    let actor = server.actors().get("/server/plugins/tap").unwrap();
    assert_eq!(actor.kind(), "plugin");
    assert!(actor.handled() < COUNT as u64 / 10, "a message of the mailbox is a batch");
}

#[test]
fn sees_all_parts_of_a_message() {
    let subscriptions = [Subscription::new("a.*"), Subscription::new("a.b").queue("g")];
    let (make, sight) = tap(&subscriptions, |_, _| {});
    let server = start(Server::builder().plugin(make));
    let mut publisher = client(&server);
    publisher.send(b"HPUB a.b in.box 19 23\r\nNATS/1.0\r\nX:  y\r\n\r\n\0\r\n\xc3\r\n");
    let both = [next(&sight), next(&sight)];
    let mut subscriptions = both.each_ref().map(|message| message.subscription());
    subscriptions.sort_unstable();
    assert_eq!(subscriptions, [0, 1]);
    for message in both {
        assert_eq!(message.subject(), b"a.b");
        assert_eq!(message.reply(), Some(&b"in.box"[..]));
        assert_eq!(message.header("X"), Some(&b"y"[..]));
        assert_eq!(message.payload(), b"\0\r\n\xc3");
    }
}

#[test]
fn what_it_publishes_reaches_clients_in_order() {
    let (make, _sight) = tap(&[Subscription::new("in")], |message, cx| {
        let mut headers = Headers::new();
        headers.add("N", "1").unwrap();
        for n in 0..100 {
            assert_eq!(cx.publish("out", format!("{n}")), Ok(1));
        }
        let last = Outgoing::new("out", "end").reply("r").headers(&headers);
        assert_eq!(cx.send(&last), Ok(1));
        assert_eq!(cx.publish("nobody", ""), Ok(0));
        assert_eq!(cx.publish("in.*", ""), Err(PublishError::Subject("in.*".to_owned())));
        assert_eq!(cx.respond(message, "done"), Ok(1));
    });
    let server = start(Server::builder().plugin(make));
    let mut subscriber = client(&server);
    subscriber.subscribe("out", "1");
    subscriber.send("SUB re.ply 2\r\nPUB in re.ply 0\r\n\r\n");
    for n in 0..100 {
        assert_eq!(subscriber.payload(), n.to_string());
    }
    subscriber.expect("HMSG out 1 r 18 21\r\nNATS/1.0\r\nN: 1\r\n\r\nend\r\n");
    subscriber.expect("MSG re.ply 2 4\r\ndone\r\n");
}

#[test]
fn headers_are_left_out_for_clients_that_know_none() {
    let (make, _sight) = tap(&[Subscription::new("in")], |_, cx| {
        let mut headers = Headers::new();
        headers.add("N", "1").unwrap();
        let _ = cx.send(&Outgoing::new("out", "x").reply("r").headers(&headers));
    });
    let server = start(Server::builder().plugin(make));
    let mut plain = Client::connect(port(&server));
    plain.login(r#"{"headers":false}"#);
    plain.subscribe("out", "1");
    plain.publish("in", "");
    plain.expect("MSG out 1 r 1\r\nx\r\n");
}

#[test]
fn large_messages_pass_both_ways() {
    // Two of them fit into the mailbox: one counts until its turn is over.
    const SIZE: usize = 400 << 10;
    let (make, _sight) = tap(&[Subscription::new("in")], |message, cx| {
        assert_eq!(cx.publish("out", message.payload()), Ok(1));
        let size = cx.payload_max() + 1;
        let error = cx.publish("out", vec![0; size]).unwrap_err();
        assert_eq!(error, PublishError::TooLarge { size, max: size - 1 });
    });
    let server = start(Server::builder().plugin(make));
    let mut client = client(&server);
    client.subscribe("out", "1");
    let payload: Vec<u8> = (0..SIZE).map(|n| n as u8).collect();
    for _ in 0..3 {
        client.publish("in", &payload);
        assert!(client.message().1 == payload);
    }
}

#[test]
fn shares_a_queue_group_with_clients() {
    const COUNT: usize = 400;
    let (make, sight) = tap(&[Subscription::new("work").queue("workers")], |_, _| {});
    let server = start(Server::builder().plugin(make));
    let mut worker = client(&server);
    worker.send("SUB work workers 1\r\n");
    worker.ping_pong();
    let mut publisher = client(&server);
    for _ in 0..COUNT {
        publisher.publish("work", "");
    }
    publisher.ping_pong();
    worker.send("PUB end 0\r\n\r\nSUB end 2\r\nPUB end 0\r\n\r\n");
    let mut by_client = 0;
    while worker.message().0[0] == "work" {
        by_client += 1;
    }
    (0..COUNT - by_client).for_each(|_| drop(next(&sight)));
    assert!(by_client > 0 && by_client < COUNT, "{by_client} of {COUNT} went to the client");
    let state = observe(&server, "/server/plugins/tap");
    assert_eq!(state["delivered"], COUNT - by_client);
}

#[test]
fn plugins_follow_the_mappings_of_clients() {
    let (make, sight) = tap(&[Subscription::new("new.*")], |message, cx| {
        let _ = cx.publish("old.answer", message.payload());
    });
    let mut config = crate::kit::config();
    let text = "mappings { old.in: new.in, old.answer: given }";
    config.mappings = vagus::Config::parse(text, "test").unwrap().config.mappings;
    let server = Server::builder().plugin(make).config(config).start().unwrap();
    let mut client = client(&server);
    client.subscribe("given", "1");
    client.publish("old.in", "x");
    client.expect("MSG given 1 1\r\nx\r\n");
    assert_eq!(next(&sight).subject(), b"new.in");
}

#[test]
fn futures_and_timers_call_back() {
    let (make, _sight) = tap(&[Subscription::new("start")], |message, cx| {
        let reply = message.reply().unwrap().to_vec();
        let mut ticks = 0;
        let to = reply.clone();
        cx.when(async { 40 + 2 }, move |_, answer, cx| {
            let _ = cx.publish(&to, answer.to_string());
        });
        cx.after(Duration::from_millis(20), move |_, cx| {
            cx.every(Duration::from_millis(1), move |_, cx| {
                ticks += 1;
                if ticks <= 3 {
                    let _ = cx.publish(&reply, format!("tick {ticks}"));
                }
            });
        });
    });
    let server = start(Server::builder().plugin(make));
    let mut client = client(&server);
    client.subscribe("re", "1");
    client.send("PUB start re 0\r\n\r\n");
    let told = [(); 4].map(|()| client.payload());
    assert_eq!(told, ["42", "tick 1", "tick 2", "tick 3"]);
}

#[test]
fn its_interest_goes_with_the_server_and_counts_like_any() {
    let (make, sight) = tap(&[Subscription::new("a"), Subscription::new("b.*")], |_, _| {});
    let server = start(Server::builder().plugin(make));
    assert_eq!(server.broker().realms.global().interest.len(), 2);
    block_on(async {
        let client = connect(&server).await;
        client.publish("b.1", "".into()).await.unwrap();
        client.flush().await.unwrap();
    });
    assert_eq!(next(&sight).subscription(), 1);
    eventually("the count", || {
        (observe(&server, "/server/plugins/tap")["subscriptions"][1]["msgs"] == 1).then_some(())
    });
    server.shutdown(Duration::from_secs(5)).expect("everyone stops");
}
