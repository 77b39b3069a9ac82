//! How services are found: `$SRV`, decoded by the types of the official client.

use async_nats::service::{Info, PingResponse, Stats};
use serde::de::DeserializeOwned;
use vagus::Server;
use vagus::plugin::Subscription;

use crate::kit::{Doubler, block_on, client, connect, start, tap};

async fn ask<T: DeserializeOwned>(client: &async_nats::Client, subject: String) -> T {
    let answer = client.request(subject, "".into()).await.unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

#[test]
fn tells_who_it_is_in_general_by_name_and_by_id() {
    let server = start(Server::builder().service(Doubler::new));
    block_on(async {
        let client = connect(&server).await;
        let ping: PingResponse = ask(&client, "$SRV.PING".to_owned()).await;
        assert_eq!(ping.kind, "io.nats.micro.v1.ping_response");
        assert_eq!((ping.name.as_str(), ping.version.as_str()), ("doubler", "1.0.0"));
        assert_eq!(ping.id.len(), 22);
        for subject in ["$SRV.PING.doubler".to_owned(), format!("$SRV.PING.doubler.{}", ping.id)] {
            let again: PingResponse = ask(&client, subject).await;
            assert_eq!(again.id, ping.id);
        }
        for subject in ["$SRV.PING.other", "$SRV.PING.doubler.other"] {
            client.request(subject, "".into()).await.expect_err("nobody of that name");
        }
    });
}

#[test]
fn tells_what_it_offers_and_what_it_did() {
    let server = start(Server::builder().service(Doubler::new));
    block_on(async {
        let client = connect(&server).await;
        let info: Info = ask(&client, "$SRV.INFO.doubler".to_owned()).await;
        assert_eq!(info.kind, "io.nats.micro.v1.info_response");
        assert_eq!(info.description, "doubles numbers");
        let shown: Vec<_> = info
            .endpoints
            .iter()
            .map(|e| (e.name.as_str(), e.subject.as_str(), e.queue_group.as_str()))
            .collect();
        assert_eq!(
            shown,
            [("double", "math.double", "q"), ("slow", "math.slow", "q"), ("asked", "asked", "")]
        );
        assert_eq!(info.endpoints[0].metadata["takes"], "a number");
        client.request("math.double", "1".into()).await.unwrap();
        client.request("math.double", "x".into()).await.unwrap();
        let stats: Stats = ask(&client, format!("$SRV.STATS.doubler.{}", info.id)).await;
        assert_eq!(stats.kind, "io.nats.micro.v1.stats_response");
        let double = &stats.endpoints[0];
        assert_eq!((double.requests, double.errors), (2, 1));
        assert!(double.processing_time >= double.average_processing_time);
        let error = double.last_error.as_ref().unwrap();
        assert_eq!((error.code, error.status.as_str()), (400, "not a number"));
        assert!(stats.endpoints[1].last_error.is_none());
    });
}

#[test]
fn a_question_without_reply_is_ignored() {
    let (make, sight) = tap(&[Subscription::new("after")], |_, _| {});
    let server = start(Server::builder().service(Doubler::new).plugin(make));
    let mut client = client(&server);
    client.send("PUB $SRV.PING 0\r\n\r\nPUB after 0\r\n\r\n");
    assert_eq!(crate::kit::next(&sight).subject(), b"after");
    client.subscribe("re", "1");
    client.send("PUB $SRV.PING re 0\r\n\r\n");
    assert!(client.payload().contains("ping_response"));
}
