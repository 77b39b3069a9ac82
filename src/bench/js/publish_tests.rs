//! The frames of publishes, and what is told about a run.

use super::*;

const REPLY: &[u8] = b"_INBOX.aaaaaaaaaaaaaaaaaaaaaa.00000000";

fn load(subjects: &[&str], count: u64, size: usize, msg_id: bool) -> PubLoad {
    let subjects: Vec<String> = subjects.iter().map(|subject| (*subject).to_owned()).collect();
    PubLoad::new(&Plan { subjects: &subjects, count, offset: 3, size, msg_id, publisher: 2 })
}

fn request(load: &mut PubLoad, number: u64) -> String {
    let mut out = Vec::new();
    load.request(number, REPLY, &mut out);
    out.escape_ascii().to_string()
}

#[test]
fn a_publish_has_a_reply_of_its_own() {
    assert_eq!(REPLY.len(), REPLY_BYTES);
    let mut load = load(&["s"], 1, 3, false);
    let expected = format!("PUB s {} 3\\r\\nabc\\r\\n", REPLY.escape_ascii());
    assert_eq!(request(&mut load, 0), expected);
    assert_eq!(request(&mut load, 1), expected);
}

#[test]
fn streams_and_then_subjects_go_round() {
    let mut load = load(&["a", "b"], 5, 0, false);
    let mut subject = |number| request(&mut load, number).split(' ').nth(1).unwrap().to_owned();
    let subjects: Vec<_> = (0..6).map(&mut subject).collect();
    assert_eq!(subjects, ["a.3", "b.3", "a.4", "b.4", "a.0", "b.0"]);
}

#[test]
fn a_message_has_an_id_and_a_stamp() {
    let mut load = load(&["s"], 1, 10, true);
    let mut out = Vec::new();
    load.request(0xabc, REPLY, &mut out);
    let mut inbound = crate::inbound::Inbound::small();
    // As a server would pass it on.
    let text = out.strip_prefix(b"HPUB s ").unwrap();
    let at = text.iter().position(|byte| *byte == b' ').unwrap();
    inbound.push(b"HMSG s 1");
    inbound.push(&text[at..]);
    let Ok(Some(crate::inbound::Event::Msg(msg))) = inbound.next() else { panic!("no message") };
    let headers = String::from_utf8(msg.headers.to_vec()).unwrap();
    let id = headers.strip_prefix("NATS/1.0\r\nNats-Msg-Id: ").unwrap();
    assert_eq!(&id[8..], "-0000000000000abc\r\n\r\n");
    assert_eq!(msg.payload[..8], (2u64 << 48 | 0xabc).to_le_bytes());
    assert_eq!(&msg.payload[8..], b"ij");
}

#[test]
fn names_follow_the_number_of_streams() {
    use crate::args::{BenchArgs, ShapeArgs};
    use clap::Parser;
    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        bench: BenchArgs,
    }
    let names = |streams: &str| -> Vec<String> {
        let line = ["bench", "js", "pub", "--stream", "S", "--streams", streams];
        let ShapeArgs::Js(js) = Cli::parse_from(line).bench.shape else { panic!("not js") };
        let super::super::args::JsShapeArgs::Pub(args) = js.shape else { panic!("not pub") };
        let configs = args.configs(&json!({}));
        configs.iter().map(|config| config["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("1"), ["S"]);
    assert_eq!(names("2"), ["S_0", "S_1"]);
}
