//! The official Rust client, driven as its users drive it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::service::ServiceExt;
use async_nats::{
    Client, ConnectOptions, Event, HeaderMap, PublishErrorKind, RequestErrorKind, Subscriber,
};
use futures_util::StreamExt;

use crate::harness::{Server, block_on};

async fn connect(server: &Server) -> Client {
    async_nats::connect(format!("nats://127.0.0.1:{}", server.port)).await.unwrap()
}

/// Subscribes, in force when this returns.
async fn subscribe(client: &Client, subject: &'static str) -> Subscriber {
    let subscriber = client.subscribe(subject).await.unwrap();
    settle(client).await;
    subscriber
}

/// A round trip: what the client sent before is done at the server when this returns, and what the
/// server sent before has arrived. (The client's own `flush` only empties its buffer.)
async fn settle(client: &Client) {
    let inbox = client.new_inbox();
    let mut sub = client.subscribe(inbox.clone()).await.unwrap();
    client.publish(inbox, "".into()).await.unwrap();
    sub.next().await.unwrap();
}

#[test]
fn publish_and_subscribe() {
    let server = Server::start("");
    block_on(async {
        let (one, two) = (connect(&server).await, connect(&server).await);
        let mut sub = subscribe(&one, "greet.*").await;
        for n in 0..1000 {
            two.publish(format!("greet.{n}"), n.to_string().into()).await.unwrap();
        }
        for n in 0..1000 {
            let message = sub.next().await.unwrap();
            assert_eq!(message.subject.as_str(), format!("greet.{n}"));
            assert_eq!(message.payload, n.to_string());
        }
    });
}

#[test]
fn request_and_reply() {
    let server = Server::start("");
    block_on(async {
        let (service, client) = (connect(&server).await, connect(&server).await);
        let mut requests = subscribe(&service, "double").await;
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let n: u64 = std::str::from_utf8(&request.payload).unwrap().parse().unwrap();
                let reply = request.reply.unwrap();
                service.publish(reply, (2 * n).to_string().into()).await.unwrap();
            }
        });
        for n in 0..200 {
            let answer = client.request("double", n.to_string().into()).await.unwrap();
            assert_eq!(answer.payload, (2 * n).to_string());
        }
    });
}

#[test]
fn a_request_to_nobody_fails_at_once() {
    let server = Server::start("");
    block_on(async {
        let error = connect(&server).await.request("nobody", "x".into()).await.unwrap_err();
        assert_eq!(error.kind(), RequestErrorKind::NoResponders);
    });
}

#[test]
fn queue_members_share() {
    let server = Server::start("");
    block_on(async {
        let client = connect(&server).await;
        let mut members = Vec::new();
        for _ in 0..3 {
            let member = connect(&server).await;
            let sub = member.queue_subscribe("work", "crew".into()).await.unwrap();
            settle(&member).await;
            members.push((member, sub));
        }
        for n in 0..300 {
            client.publish("work", n.to_string().into()).await.unwrap();
        }
        settle(&client).await;
        let mut seen = HashSet::new();
        for (member, mut sub) in members {
            settle(&member).await;
            sub.unsubscribe().await.unwrap();
            let mut share = 0;
            while let Some(message) = sub.next().await {
                assert!(seen.insert(message.payload), "delivered twice");
                share += 1;
            }
            assert!(share > 30, "an unfair share: {share} of 300");
        }
        assert_eq!(seen.len(), 300);
    });
}

#[test]
fn headers_arrive() {
    let server = Server::start("");
    block_on(async {
        let client = connect(&server).await;
        let mut sub = subscribe(&client, "h").await;
        let mut headers = HeaderMap::new();
        headers.append("Colour", "red");
        headers.append("Colour", "blue");
        client.publish_with_headers("h", headers.clone(), "body".into()).await.unwrap();
        let message = sub.next().await.unwrap();
        assert_eq!(message.headers.unwrap(), headers);
        assert_eq!(message.payload, "body");
    });
}

#[test]
fn unsubscribe_after_a_number_of_messages() {
    let server = Server::start("");
    block_on(async {
        let client = connect(&server).await;
        let mut sub = client.subscribe("few").await.unwrap();
        sub.unsubscribe_after(3).await.unwrap();
        for n in 0..10 {
            client.publish("few", n.to_string().into()).await.unwrap();
        }
        let got: Vec<_> = sub.by_ref().map(|message| message.payload).collect().await;
        assert_eq!(got, ["0", "1", "2"]);
    });
}

#[test]
fn drain_delivers_what_is_under_way() {
    let server = Server::start("");
    block_on(async {
        let (one, two) = (connect(&server).await, connect(&server).await);
        let sub = subscribe(&one, "drained").await;
        for _ in 0..500 {
            two.publish("drained", "x".into()).await.unwrap();
        }
        settle(&two).await;
        one.drain().await.unwrap();
        assert_eq!(sub.count().await, 500);
    });
    server.wait_json("/connz?state=closed", |page| (page["total"] == 2).then_some(()));
}

#[test]
fn the_payload_limit_is_known_to_the_client() {
    let server = Server::start("max_payload: 1kb");
    block_on(async {
        let client = connect(&server).await;
        assert_eq!(client.server_info().max_payload, 1024);
        let error = client.publish("a", vec![0; 1025].into()).await.unwrap_err();
        assert_eq!(error.kind(), PublishErrorKind::MaxPayloadExceeded);
        client.publish("a", vec![0; 1024].into()).await.unwrap();
        settle(&client).await;
    });
}

#[test]
fn a_client_comes_back_to_a_server_that_came_back() {
    let first = Server::start("");
    let port = first.port;
    block_on(async {
        let (events, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let client = ConnectOptions::new()
            .reconnect_delay_callback(|_| Duration::from_millis(20))
            .event_callback(move |event| {
                let events = events.clone();
                async move { _ = events.send(event) }
            })
            .connect(format!("nats://127.0.0.1:{port}"))
            .await
            .unwrap();
        let mut sub = subscribe(&client, "still.here").await;
        drop(first);
        while seen.recv().await.unwrap() != Event::Disconnected {}
        let _second = Server::start(&format!("listen: \"127.0.0.1:{port}\""));
        while seen.recv().await.unwrap() != Event::Connected {}
        client.publish("still.here", "x".into()).await.unwrap();
        assert_eq!(sub.next().await.unwrap().payload, "x");
    });
}

#[test]
fn a_lame_duck_is_an_event() {
    let server = Server::start("");
    block_on(async {
        let (events, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let client = ConnectOptions::new()
            .event_callback(move |event| {
                let events = events.clone();
                async move { _ = events.send(event) }
            })
            .connect(format!("nats://127.0.0.1:{}", server.port))
            .await
            .unwrap();
        settle(&client).await;
        server.signal("USR2");
        while seen.recv().await.unwrap() != Event::LameDuckMode {}
    });
}

#[test]
fn wrong_credentials_are_an_error_of_their_own() {
    let server = Server::start("authorization { user: u, password: p }");
    block_on(async {
        let url = format!("nats://127.0.0.1:{}", server.port);
        let options = ConnectOptions::with_user_and_password("u".into(), "wrong".into());
        let error = options.connect(&url).await.unwrap_err();
        assert_eq!(error.kind(), async_nats::ConnectErrorKind::AuthorizationViolation);
        let options = ConnectOptions::with_user_and_password("u".into(), "p".into());
        settle(&options.connect(&url).await.unwrap()).await;
    });
}

// Row 37.
#[test]
fn services_are_discovered_and_answer() {
    let server = Server::start("");
    block_on(async {
        let (host, client) = (connect(&server).await, connect(&server).await);
        let service = host
            .service_builder()
            .description("adds one")
            .start("adder", "1.2.3")
            .await
            .map_err(|error| error.to_string())
            .unwrap();
        let mut endpoint = service.endpoint("add").await.unwrap();
        settle(&host).await;
        let served = Arc::new(AtomicUsize::new(0));
        let count = served.clone();
        tokio::spawn(async move {
            while let Some(request) = endpoint.next().await {
                count.fetch_add(1, Ordering::SeqCst);
                request.respond(Ok("2".into())).await.unwrap();
            }
        });
        for subject in ["$SRV.PING", "$SRV.PING.adder", "$SRV.INFO.adder", "$SRV.STATS.adder"] {
            let answer = client.request(subject, "".into()).await.unwrap();
            let page: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
            assert_eq!((&page["name"], &page["version"]), (&"adder".into(), &"1.2.3".into()));
        }
        assert_eq!(client.request("add", "1".into()).await.unwrap().payload, "2");
        assert_eq!(served.load(Ordering::SeqCst), 1);
    });
}
