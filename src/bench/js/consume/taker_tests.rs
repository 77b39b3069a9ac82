//! A connection of a consumer against deliveries right and wrong.

use super::super::super::args::{JsArgs, JsShapeArgs};
use super::*;
use clap::Parser;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    js: JsArgs,
}

fn taker(line: &str) -> Taker {
    let words = ["js", "consume", "--size", "8"].into_iter().chain(line.split_whitespace());
    let JsShapeArgs::Consume(args) = Cli::try_parse_from(words).unwrap().js.shape else {
        panic!("not consume")
    };
    let consumer = Consumer { name: "C".to_owned(), inbox: "in".to_owned() };
    Taker::new(&args, "S", &consumer)
}

/// Delivers message `seq` as number `consumer_seq`, for the `count`th time.
fn deliver(taker: &mut Taker, count: u64, seq: u64, consumer_seq: u64) -> Result<(), BenchError> {
    let reply = format!("$JS.ACK.S.C.{count}.{seq}.{consumer_seq}.1.0");
    let payload = (seq - 1).to_le_bytes();
    let reply = Some(reply.as_bytes());
    taker.take(&Msg { subject: b"s", reply, headers: b"", payload: &payload })
}

fn status(taker: &mut Taker, text: &str, reply: Option<&str>) -> Result<(), BenchError> {
    let headers = format!("NATS/1.0 {text}\r\n\r\n");
    let reply = reply.map(str::as_bytes);
    taker.take(&Msg { subject: b"in", reply, headers: headers.as_bytes(), payload: b"" })
}

fn out(taker: &mut Taker) -> String {
    String::from_utf8(std::mem::take(&mut taker.out)).unwrap()
}

#[test]
fn the_next_batch_is_asked_for_when_one_has_come() {
    let mut taker = taker("--batch 2 --requests 2");
    taker.ask_for_more();
    let body = r#"{"batch":2,"expires":30000000000}"#;
    let request = format!("PUB $JS.API.CONSUMER.MSG.NEXT.S.C {} 33\r\n{body}\r\n", taker.inbox);
    assert_eq!(out(&mut taker), request.repeat(2));
    deliver(&mut taker, 1, 1, 1).unwrap();
    taker.ask_for_more();
    assert_eq!(out(&mut taker), "");
    deliver(&mut taker, 1, 2, 2).unwrap();
    taker.ask_for_more();
    assert_eq!(out(&mut taker), request);
    let expired = "408 Request Timeout\r\nNats-Pending-Messages: 2\r\nNats-Pending-Bytes: 0";
    status(&mut taker, expired, None).unwrap();
    assert_eq!((taker.wanted, taker.taken.requests), (2, 3));
    assert!(status(&mut taker, "409 Consumer Deleted", None).is_err());
}

#[test]
fn gaps_repeats_and_changes_are_seen() {
    let mut first = taker("");
    deliver(&mut first, 1, 1, 1).unwrap();
    assert!(deliver(&mut first, 1, 2, 3).is_err(), "a delivery lost");
    let mut second = taker("");
    deliver(&mut second, 1, 5, 1).unwrap();
    deliver(&mut second, 2, 4, 2).unwrap();
    assert_eq!((second.taken.count, second.taken.redelivered), (1, 1));
    assert!(deliver(&mut second, 1, 5, 3).is_err(), "the same again");
    let mut third = taker("");
    let reply = Some(b"$JS.ACK.S.C.1.1.1.1.0".as_slice());
    let mut take =
        |payload: &[u8]| third.take(&Msg { subject: b"s", reply, headers: b"", payload });
    assert!(take(b"").is_err(), "another size");
    assert!(take(&[1; 8]).is_err(), "another number");
    assert!(take(&[0; 8]).is_ok());
}

#[test]
fn acks_are_of_each_or_of_a_batch() {
    let mut each = taker("--ack explicit");
    deliver(&mut each, 1, 1, 1).unwrap();
    assert_eq!(out(&mut each), "PUB $JS.ACK.S.C.1.1.1.1.0 4\r\n+ACK\r\n");
    let mut all = taker("--ack all --batch 2");
    deliver(&mut all, 1, 1, 1).unwrap();
    all.ack_all(false);
    assert_eq!(out(&mut all), "");
    deliver(&mut all, 1, 2, 2).unwrap();
    all.ack_all(false);
    assert_eq!(out(&mut all), "PUB $JS.ACK.S.C.1.2.2.1.0 4\r\n+ACK\r\n");
    deliver(&mut all, 1, 3, 3).unwrap();
    all.ack_all(true);
    assert_eq!(out(&mut all), "PUB $JS.ACK.S.C.1.3.3.1.0 4\r\n+ACK\r\n");
    assert_eq!((all.taken.acks, all.unacked), (2, 0));
}

#[test]
fn flow_control_is_answered() {
    let mut taker = taker("--mode push");
    taker.ask_for_more();
    status(&mut taker, "100 FlowControl Request", Some("$JS.FC.S.C.abcd")).unwrap();
    status(&mut taker, "100 Idle Heartbeat\r\nNats-Last-Consumer: 1", None).unwrap();
    let stalled = "100 Idle Heartbeat\r\nNats-Consumer-Stalled: $JS.FC.S.C.efgh";
    status(&mut taker, stalled, None).unwrap();
    let expected = "PUB $JS.FC.S.C.abcd 0\r\n\r\nPUB $JS.FC.S.C.efgh 0\r\n\r\n";
    assert_eq!(out(&mut taker), expected);
    assert_eq!((taker.taken.flow_controls, taker.taken.requests), (2, 0));
}
