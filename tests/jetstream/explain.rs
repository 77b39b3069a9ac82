//! `vagus explain` and `/explain`: why a stream or a consumer gets on, or does not.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Run, is_reference, run, server_path};
use crate::kit::Js;

fn start() -> Option<Js> {
    // nats-server does not explain itself.
    if is_reference() {
        return None;
    }
    let mut js = Js::start();
    js.create(json!({"name": "S", "subjects": ["s"]}));
    js.stored("s", "x", 1);
    js.consumer("S", "C", json!({"durable_name": "C", "ack_policy": "explicit"}));
    Some(js)
}

fn vagus(js: &Js, words: &str) -> Run {
    let server = format!("http://127.0.0.1:{}", js.server().http_port());
    let words = words.split(' ').chain(["--server", &server]);
    run(Command::new(server_path()).arg("explain").args(words))
}

fn waiting(js: &Js, query: &str) -> String {
    let page = js.server().json(&format!("/explain?{query}"));
    page["waiting"].as_str().unwrap_or_else(|| panic!("nothing in {page}")).to_owned()
}

#[test]
fn a_stream_tells_itself_and_its_consumers() {
    let Some(js) = start() else { return };
    let page = js.server().json("/explain?stream=S");
    assert_eq!((&page["stream"], &page["state"]), (&json!("S"), &json!("running")));
    assert!(page["waiting"].as_str().unwrap().contains("messages"), "{page}");
    assert_eq!(page["details"]["last_seq"], 1);
    assert_eq!(page["store"]["health"], "is in order");
    assert_eq!(page["consumers"]["total"], 1);
    assert_eq!(page["consumers"]["waiting"][0]["consumer"], "C");
    let none = js.server().json("/explain?stream=S&offset=1");
    assert_eq!(none["consumers"]["waiting"], json!([]));
}

#[test]
fn a_consumer_tells_what_it_needs() {
    let Some(mut js) = start() else { return };
    let of = "stream=S&consumer=C";
    assert!(waiting(&js, of).contains("pull request"), "{}", waiting(&js, of));
    let page = js.server().json(&format!("/explain?{of}"));
    assert!(page["stream_waiting"].as_str().unwrap().contains("messages"), "{page}");

    // Everything is pending, and no more may be.
    let config = json!({"durable_name": "full", "ack_policy": "explicit", "max_ack_pending": 1});
    js.stored("s", "y", 2);
    js.consumer("S", "full", config);
    let inbox = js.pull_from("full", json!({"batch": 2, "expires": 30_000_000_000u64}));
    js.next(&inbox);
    let full = waiting(&js, "stream=S&consumer=full");
    assert!(full.contains("ack"), "{full}");

    // Nobody listens where it would send.
    let config = json!({"durable_name": "push", "deliver_subject": "nowhere"});
    js.consumer("S", "push", config);
    let push = waiting(&js, "stream=S&consumer=push");
    assert!(push.contains("nowhere"), "{push}");

    let until = "2100-01-01T00:00:00Z";
    let config = json!({"durable_name": "paused", "ack_policy": "explicit", "pause_until": until});
    js.consumer("S", "paused", config);
    let paused = waiting(&js, "stream=S&consumer=paused");
    assert!(paused.contains("paused until 2100"), "{paused}");
}

#[test]
fn the_program_puts_it_in_words_or_json() {
    let Some(js) = start() else { return };
    let stream = vagus(&js, "stream S");
    assert_eq!(stream.code, Some(0), "{}", stream.text());
    assert!(stream.stdout.starts_with("Stream S is waiting: "), "{}", stream.stdout);
    assert!(stream.stdout.contains("Consumers (1 of 1):\n  C: "), "{}", stream.stdout);
    assert!(stream.stdout.contains("store: is in order"), "{}", stream.stdout);
    let consumer = vagus(&js, "consumer S C");
    assert!(
        consumer.stdout.starts_with("Consumer C of stream S is waiting: "),
        "{}",
        consumer.stdout
    );
    let json = vagus(&js, "consumer S C --json");
    let told: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&told["stream"], &told["consumer"]), (&json!("S"), &json!("C")));
}

#[test]
fn what_is_not_there_is_not_explained() {
    let Some(js) = start() else { return };
    for (words, text) in [
        ("stream Z", "no stream \"Z\""),
        ("consumer S Z", "no consumer \"Z\" of stream \"S\""),
        ("consumer Z C", "no stream \"Z\""),
    ] {
        let told = vagus(&js, words);
        assert_eq!(told.code, Some(1), "{words}");
        assert!(told.stderr.contains(text), "{words}: {}", told.stderr);
    }
    assert_eq!(js.server().get("/explain").status, 400);
    let off = crate::harness::Server::start("");
    let page = off.get("/explain?stream=S");
    assert_eq!((page.status, &*page.body), (404, "JetStream is off"));
}
