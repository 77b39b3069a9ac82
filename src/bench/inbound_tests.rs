//! The parser against every way in which reads can cut a stream.

use super::*;

/// All that a server may say in between, with heads that change their shape.
const STREAM: &[u8] = b"INFO {\"version\":\"x\"}\r\n+OK\r\nPONG\r\n\
    MSG test 1 3\r\nabc\r\nMSG test 1 3\r\nabd\r\nPING\r\nMSG test 1 3\r\nMSG\r\n\
    MSG t 1 3\r\na\r\n\r\nMSG t 1 0\r\n\r\nMSG t 1 0\r\n\r\n\
    MSG test.long 12 _INBOX.a.b 4\r\nPING\r\nMSG test.1 12345678 2\r\nxy\r\n\
    MSG test.2 12345678 2\r\nxz\r\n\
    MSG test.2 22345678 2\r\nxq\r\nHMSG h 3 12 14\r\nNATS/1.0\r\n\r\nhi\r\n\
    HMSG h 3 r 12 12\r\nNATS/1.0\r\n\r\n\r\nMSG test 1 3\r\nend\r\n-ERR 'bad'\r\n";
const MESSAGES: u64 = 13;

fn owned(event: &Event<'_>) -> String {
    match event {
        Event::Msg(msg) => format!(
            "{} {} {} {}",
            msg.subject.escape_ascii(),
            msg.reply.unwrap_or(b"-").escape_ascii(),
            msg.headers.len(),
            msg.payload.escape_ascii()
        ),
        other => format!("{other:?}"),
    }
}

fn drain(inbound: &mut Inbound, out: &mut Vec<String>) {
    while let Some(event) = inbound.next().unwrap() {
        out.push(owned(&event));
    }
}

fn whole() -> Vec<String> {
    let mut inbound = Inbound::small();
    inbound.push(STREAM);
    let mut events = Vec::new();
    drain(&mut inbound, &mut events);
    events
}

#[test]
fn every_event_is_understood() {
    let events = whole();
    assert_eq!(events.len(), 5 + usize::try_from(MESSAGES).unwrap());
    assert_eq!(events[1..4], ["Ok", "Pong", "test - 0 abc"]);
    assert_eq!(events[5..9], ["Ping", "test - 0 MSG", "t - 0 a\\r\\n", "t - 0 "]);
    assert_eq!(events[10], "test.long _INBOX.a.b 0 PING");
    assert_eq!(events[13..16], ["test.2 - 0 xq", "h - 12 hi", "h r 12 "]);
    assert_eq!(events[16], "test - 0 end");
}

#[test]
fn a_split_at_every_boundary_changes_nothing() {
    let expected = whole();
    for cut in 0..=STREAM.len() {
        let mut inbound = Inbound::small();
        let mut events = Vec::new();
        for part in [&STREAM[..cut], &STREAM[cut..]] {
            inbound.push(part);
            drain(&mut inbound, &mut events);
        }
        assert_eq!(events, expected, "cut at {cut}");
    }
}

#[test]
fn counting_finds_as_many_as_parsing_for_every_step() {
    for step in 1..=STREAM.len() {
        let mut inbound = Inbound::small();
        let (mut messages, mut others) = (0, 0);
        for part in STREAM.chunks(step) {
            inbound.push(part);
            loop {
                messages += inbound.take_run();
                match inbound.next().unwrap() {
                    Some(Event::Msg(_)) => messages += 1,
                    Some(_) => others += 1,
                    None => break,
                }
            }
        }
        assert_eq!((messages, others), (MESSAGES, 5), "step {step}");
    }
}

#[test]
fn a_long_run_is_counted_at_once() {
    let mut inbound = Inbound::new();
    let frame = b"MSG test.0001 7 16\r\n0123456789abcdef\r\n";
    inbound.push(&frame.repeat(1000));
    assert!(matches!(inbound.next(), Ok(Some(Event::Msg(_)))));
    assert_eq!(inbound.take_run(), 999);
    assert!(inbound.next().unwrap().is_none());
    // Another size ends the run.
    inbound.push(frame);
    inbound.push(b"MSG test.0001 7 15\r\n0123456789abcde\r\n");
    assert_eq!(inbound.take_run(), 1);
    assert!(matches!(inbound.next(), Ok(Some(Event::Msg(_)))));
}

#[test]
fn a_message_larger_than_the_buffer_arrives() {
    let mut source = b"MSG big 1 1000000\r\n".to_vec();
    source.extend(vec![b'x'; 1_000_000]);
    source.extend_from_slice(b"\r\nPONG\r\n");
    let mut reader = source.as_slice();
    let mut inbound = Inbound::new();
    let mut seen = Vec::new();
    while inbound.fill(&mut reader).unwrap() > 0 {
        while let Some(event) = inbound.next().unwrap() {
            seen.push(match event {
                Event::Msg(msg) => msg.payload.len(),
                _ => 0,
            });
        }
    }
    assert_eq!(seen, [1_000_000, 0]);
}

#[test]
fn what_is_not_nats_is_an_error() {
    for bad in [
        "HTTP/1.1 400 Bad Request\r\n",
        "MSG a\r\n",
        "MSG a 1 x\r\n",
        "MSG a 1 -1\r\n",
        "MSG a b c d e f g\r\n",
        "HMSG a 1 9 3\r\nabc\r\n",
        "MSG a 1 1\r\nabc\r\n",
        "MSG a 1 99999999999\r\n",
    ] {
        let mut inbound = Inbound::small();
        inbound.push(bad.as_bytes());
        assert!(inbound.next().is_err(), "{bad}");
    }
}
