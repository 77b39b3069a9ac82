//! A service that lives in the server, as its clients meet it.

use async_nats::service::ServiceExt;
use futures_util::StreamExt;
use vagus::Server;

use crate::kit::{Doubler, block_on, client, connect, start};

#[test]
fn answers_a_raw_client() {
    let server = start(Server::builder().service(Doubler::new));
    let mut client = client(&server);
    client.subscribe("re", "1");
    client.send("PUB math.double re 2\r\n21\r\nPUB math.double re 1\r\nx\r\n");
    client.expect("MSG re 1 2\r\n42\r\n");
    client.expect(
        "HMSG re 1 76 77\r\nNATS/1.0\r\nNats-Service-Error: not a number\r\n\
         Nats-Service-Error-Code: 400\r\n\r\nx\r\n",
    );
    client.send("PUB math.double 2\r\n21\r\nPUB asked re 0\r\n\r\n");
    client.expect("MSG re 1 1\r\n4\r\n");
}

#[test]
fn answers_the_official_client() {
    let server = start(Server::builder().service(Doubler::new));
    block_on(async {
        let client = connect(&server).await;
        for n in 0..500 {
            let answer = client.request("math.double", n.to_string().into()).await.unwrap();
            assert_eq!(answer.payload, (2 * n).to_string());
        }
        let answer = client.request("math.double", "x".into()).await.unwrap();
        let headers = answer.headers.unwrap();
        assert_eq!(headers.get("Nats-Service-Error").unwrap().as_str(), "not a number");
        assert_eq!(headers.get("Nats-Service-Error-Code").unwrap().as_str(), "400");
    });
}

#[test]
fn answers_that_take_time_do_not_hold_up_others() {
    let server = start(Server::builder().service(Doubler::new));
    block_on(async {
        let client = connect(&server).await;
        let slow = (0..200).map(|n| {
            let client = client.clone();
            async move {
                let answer = client.request("math.slow", n.to_string().into()).await.unwrap();
                assert_eq!(answer.payload, n.to_string());
                assert_eq!(answer.headers.unwrap().get("Slow").unwrap().as_str(), "yes");
            }
        });
        futures_util::future::join_all(slow).await;
    });
}

#[test]
fn shares_its_requests_with_services_outside() {
    let server = start(Server::builder().service(Doubler::new));
    block_on(async {
        let (outside, client) = (connect(&server).await, connect(&server).await);
        let service = outside.service_builder().start("doubler", "1.0.0").await.unwrap();
        let mut endpoint =
            service.endpoint_builder().name("double").add("math.double").await.unwrap();
        // Its subscription is in force once it answers itself.
        outside.flush().await.unwrap();
        client.request("$SRV.PING.doubler", "".into()).await.unwrap();
        tokio::spawn(async move {
            while let Some(request) = endpoint.next().await {
                request.respond(Ok("outside".into())).await.unwrap();
            }
        });
        let (mut inside, mut beyond) = (0, 0);
        while inside == 0 || beyond == 0 {
            let answer = client.request("math.double", "4".into()).await.unwrap();
            match &*answer.payload {
                b"8" => inside += 1,
                b"outside" => beyond += 1,
                other => panic!("{other:?}"),
            }
        }
    });
}
