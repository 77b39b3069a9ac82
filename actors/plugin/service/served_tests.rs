//! A service without a server: requests in, what it sends out.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use serde_json::{Value, json};

use super::Served;
use crate::host::testing::{Recorder, Sent};
use crate::host::{self, Asks};
use crate::{Answer, Batch, Cx, Endpoint, Message, Plugin, Response, Service, ServiceError};

struct Calculator {
    ticks: u64,
}

impl Service for Calculator {
    const NAME: &'static str = "calculator";
    const VERSION: &'static str = "1.2.3";
    const DESCRIPTION: &'static str = "doubles";
    const ANSWERS_MAX: usize = 2;
    type Config = ();

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![
            Endpoint::new("double").subject("calc.double").metadata("unit", "none"),
            Endpoint::new("slow").no_queue_group(),
        ]
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("place".to_owned(), "here".to_owned())])
    }

    fn on_request(
        &mut self,
        endpoint: &str,
        request: &Message,
        cx: &mut Cx<'_, Self>,
    ) -> Result<Answer, ServiceError> {
        let text = request.payload_text().into_owned();
        match (endpoint, text.as_str()) {
            ("slow", _) => Ok(Answer::later(async move { Ok(Response::new(text)) })),
            (_, "panic") => panic!("asked for"),
            (_, "tick") => {
                cx.when(async {}, |me, (), _| me.ticks += 1);
                Ok(Response::new("").header("A", "1")?.into())
            }
            _ => match text.parse::<i64>() {
                Ok(number) => Ok((2 * number).to_string().into()),
                Err(error) => Err(ServiceError::new(400, error.to_string()).payload(text)),
            },
        }
    }
}

/// One service with its surroundings.
struct Stage {
    served: Served<Calculator>,
    asks: Asks<Served<Calculator>>,
    recorder: Recorder,
}

impl Stage {
    fn new() -> Self {
        Self {
            served: Served::new(Calculator { ticks: 0 }, "ID".to_owned()).unwrap(),
            asks: Asks::default(),
            recorder: Recorder::default(),
        }
    }

    /// Lets it handle a message to its subscription number `place`; what it sent.
    fn ask(&mut self, place: usize, payload: &str) -> Vec<Sent> {
        let frame = format!("MSG s {place} r {}\r\n{payload}\r\n", payload.len());
        let mut batch: Batch = host::batch(Bytes::from(frame), 0);
        self.served.on_messages(&mut batch, &mut host::cx(&mut self.recorder, &mut self.asks));
        std::mem::take(&mut self.recorder.sent)
    }

    /// Drives what it asked for to its end; what it sent.
    fn drive(&mut self) -> Vec<Sent> {
        for task in std::mem::take(&mut self.asks.futures) {
            let then = futures_util::FutureExt::now_or_never(task).expect("ready at once");
            then(&mut self.served, &mut host::cx(&mut self.recorder, &mut self.asks));
        }
        std::mem::take(&mut self.recorder.sent)
    }

    fn told(&mut self, place: usize) -> Value {
        serde_json::from_str(&self.ask(place, "")[0].payload).unwrap()
    }
}

fn sent(headers: &str, payload: &str) -> Sent {
    Sent { subject: "r".to_owned(), headers: headers.to_owned(), payload: payload.to_owned() }
}

#[test]
fn answers_now_later_and_with_errors() {
    let mut stage = Stage::new();
    assert_eq!(stage.ask(0, "21"), [sent("", "42")]);
    let refused = "NATS/1.0\r\nNats-Service-Error: invalid digit found in string\r\n\
                   Nats-Service-Error-Code: 400\r\n\r\n";
    assert_eq!(stage.ask(0, "x"), [sent(refused, "x")]);
    assert_eq!(stage.ask(0, "tick"), [sent("NATS/1.0\r\nA: 1\r\n\r\n", "")]);
    assert_eq!(stage.ask(1, "later"), []);
    assert_eq!(stage.drive(), [sent("", "later")]);
    assert_eq!(stage.served.service.ticks, 1);
}

#[test]
fn answers_under_way_are_bounded() {
    let mut stage = Stage::new();
    assert_eq!(stage.ask(1, "a"), []);
    assert_eq!(stage.ask(1, "b"), []);
    assert!(stage.ask(1, "c")[0].headers.contains("Nats-Service-Error-Code: 503"));
    assert_eq!(stage.drive().len(), 2);
    assert_eq!(stage.ask(1, "d"), []);
}

#[test]
fn who_asked_for_a_panic_is_told_before_it_goes_on() {
    let mut stage = Stage::new();
    let panic = catch_unwind(AssertUnwindSafe(|| stage.ask(0, "panic"))).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"asked for"));
    assert!(stage.recorder.sent[0].headers.contains("Nats-Service-Error-Code: 500"));
}

#[test]
fn a_response_that_is_too_large_becomes_an_error() {
    let mut stage = Stage::new();
    stage.recorder.payload_max = 80;
    stage.ask(1, &"x".repeat(81));
    let sent = stage.drive();
    assert!(sent.is_empty(), "the error itself is too large: {sent:?}");
    stage.recorder.payload_max = 200;
    stage.ask(1, &"x".repeat(201));
    assert!(stage.drive()[0].headers.contains("Nats-Service-Error-Code: 500"));
    stage.recorder.payload_max = 2000;
    assert_eq!(stage.told(8)["endpoints"][1]["num_errors"], 2);
}

#[test]
fn presents_itself_as_the_tools_expect() {
    let mut stage = Stage::new();
    stage.ask(0, "1");
    stage.ask(0, "x");
    let subjects: Vec<_> =
        stage.served.subscriptions().iter().map(|s| s.subject().to_owned()).collect();
    assert_eq!(subjects[..2], ["calc.double", "slow"]);
    assert_eq!(subjects[2..5], ["$SRV.PING", "$SRV.PING.calculator", "$SRV.PING.calculator.ID"]);
    assert_eq!(subjects[5], "$SRV.INFO");
    assert_eq!(subjects[8], "$SRV.STATS");
    for place in [2, 3, 4] {
        assert_eq!(
            stage.told(place),
            json!({
                "type": "io.nats.micro.v1.ping_response", "name": "calculator", "id": "ID",
                "version": "1.2.3", "metadata": {"place": "here"},
            })
        );
    }
    assert_eq!(
        stage.told(5),
        json!({
            "type": "io.nats.micro.v1.info_response", "name": "calculator", "id": "ID",
            "version": "1.2.3", "metadata": {"place": "here"}, "description": "doubles",
            "endpoints": [
                {"name": "double", "subject": "calc.double", "queue_group": "q",
                 "metadata": {"unit": "none"}},
                {"name": "slow", "subject": "slow", "queue_group": "", "metadata": {}},
            ],
        })
    );
    let stats = stage.told(8);
    assert_eq!(stats["type"], "io.nats.micro.v1.stats_response");
    let started = stats["started"].as_str().unwrap();
    assert!(started.ends_with('Z') && started.len() == "2026-01-01T00:00:00.000000Z".len());
    let double = &stats["endpoints"][0];
    assert_eq!(double["num_requests"], 2);
    assert_eq!(double["num_errors"], 1);
    assert_eq!(double["last_error"], "400:invalid digit found in string");
    let time = double["processing_time"].as_u64().unwrap();
    assert_eq!(double["average_processing_time"], time / 2);
    assert!(time > 0 && double.get("data").is_some());
    assert_eq!(stats["endpoints"][1]["last_error"], "");
}

#[test]
fn what_discovery_could_not_tell_is_refused() {
    struct Odd(Endpoint);
    impl Service for Odd {
        const NAME: &'static str = "odd";
        const VERSION: &'static str = "1.0.0";
        type Config = ();
        fn endpoints(&self) -> Vec<Endpoint> {
            vec![self.0.clone()]
        }
        fn on_request(
            &mut self,
            _: &str,
            _: &Message,
            _: &mut Cx<'_, Self>,
        ) -> Result<Answer, ServiceError> {
            Ok("".into())
        }
    }
    let refused = |endpoint| Served::new(Odd(endpoint), Served::<Odd>::new_id()).err();
    assert!(refused(Endpoint::new("fine")).is_none());
    let text = |endpoint| refused(endpoint).unwrap().to_string();
    assert_eq!(text(Endpoint::new("a b")), "invalid endpoint name \"a b\"");
    assert_eq!(
        text(Endpoint::new("a").subject("a..b")),
        "endpoint \"a\" has an invalid subject \"a..b\" or queue group"
    );
    assert!(text(Endpoint::new("a").queue_group("")).contains("queue group"));
}
