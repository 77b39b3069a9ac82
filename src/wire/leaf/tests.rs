//! What nats-server says is read, and what is written is read alike.

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { control_line_max: 80, payload_max: 100 };

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn shown(said: Said<'_>) -> String {
    match said {
        Said::Want { subject, group, weight } => {
            format!("want {} {:?} {weight}", text(subject), group.map(text))
        }
        Said::Message(message) => format!(
            "{} {:?} [{}] {}/{}{}",
            text(message.subject),
            message.reply.map(text),
            text(message.groups),
            message.header_len,
            text(message.payload),
            if message.tail.is_some() { " bare" } else { "" }
        ),
        Said::Fault(why) => format!("fault {}", text(why)),
        Said::Op(op) => format!("{op:?}"),
    }
}

/// Everything in `buf`, which comes byte by byte.
fn all(buf: &[u8]) -> Vec<String> {
    let (mut at, mut have, mut seen) = (0, 0, Vec::new());
    while at < buf.len() {
        match parse(&buf[at..have], LIMITS).unwrap() {
            Heard::Partial { total } => {
                assert!(total > have - at, "asks for what it has");
                have += 1;
            }
            Heard::Whole { said, used } => {
                at += used;
                seen.push(shown(said));
            }
        }
    }
    seen
}

#[test]
fn what_nats_server_says_is_read() {
    let said = b"LS+ inb.*\r\nLS+ q.x wk 12\r\nls- q.x wk\r\nLS- inb.*\r\n\
        LMSG req.h inb.7 2\r\nhi\r\nLMSG a.b 0\r\n\r\nHMSG inb.7 2 4\r\nHHpp\r\n\
        LMSG q.x + inb.1 wk other 1\r\nx\r\nLMSG q.x | wk 1\r\ny\r\n\
        HMSG q.x | wk 1 2\r\nHz\r\nPING\r\nPONG\r\n-ERR 'Stale Connection'\r\n+OK\r\n";
    let expected = [
        "want inb.* None 1",
        "want q.x Some(\"wk\") 12",
        "want q.x Some(\"wk\") 0",
        "want inb.* None 0",
        "req.h Some(\"inb.7\") [] 0/hi",
        "a.b None [] 0/ bare",
        "inb.7 None [] 2/HHpp",
        "q.x Some(\"inb.1\") [wk other] 0/x",
        "q.x None [wk] 0/y",
        "q.x None [wk] 1/Hz",
        "Ping",
        "Pong",
        "fault Stale Connection",
        "Ignored",
    ];
    assert_eq!(all(said), expected);
}

#[test]
fn garbage_is_refused_without_waiting_for_more() {
    let long = [&b"LS+ "[..], &[b'x'; 90]].concat();
    for bad in [
        &b"GET / HTTP"[..],
        b"LX",
        b"LS+\r\n",
        b"LS+ a b\r\n",
        b"LS+ a b x\r\n",
        b"LS- a b 1\r\n",
        b"LMSG a\r\n",
        b"LMSG a x\r\n",
        b"LMSG a | 1\r\n",
        b"LMSG a + r 1\r\n",
        b"LMSG a b c 1\r\n",
        b"LMSG a 101\r\n",
        b"LMSG a 1\r\nxyz",
        b"HMSG a 3 2\r\n",
        &long,
    ] {
        assert!(parse(bad, LIMITS).is_err(), "{:?}", text(bad));
    }
    assert_eq!(parse(b"LS", LIMITS), Ok(Heard::Partial { total: 3 }));
    assert_eq!(parse(b"LMSG a 5\r\nhe", LIMITS), Ok(Heard::Partial { total: 17 }));
}

#[test]
fn a_run_is_told_from_other_messages() {
    let tail = |line: &[u8]| match parse(line, LIMITS) {
        Ok(Heard::Whole { said: Said::Message(message), .. }) => message.tail.map(text),
        other => panic!("{other:?}"),
    };
    assert_eq!(tail(b"LMSG a.b 2\r\nhi\r\n").as_deref(), Some("2\r\nhi\r\n"));
    for other in [&b"LMSG a.b r 2\r\nhi\r\n"[..], b"LMSG a.b  2\r\nhi\r\n", b"LMSG a.b 2\nhi\r\n"] {
        assert_eq!(tail(other), None, "{:?}", text(other));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        subject in "[a-z]{1,5}(\\.[a-z]{1,3}){0,2}",
        reply in proptest::option::of("[a-z]{1,5}"),
        groups in proptest::collection::vec("[a-z]{1,4}", 0..4),
        header_len in 0usize..4,
        body in proptest::collection::vec(any::<u8>(), 4..20),
    ) {
        let names: Vec<&[u8]> = groups.iter().map(|name| name.as_bytes()).collect();
        let reply = reply.as_deref().map(str::as_bytes);
        let mut out = Vec::new();
        head_of(&mut out, subject.as_bytes(), reply, &names, header_len > 0);
        encode::tail(&mut out, None, Some(header_len).filter(|n| *n > 0), &body);
        let Ok(Heard::Whole { said: Said::Message(read), used }) = parse(&out, LIMITS) else {
            panic!("{:?}", text(&out));
        };
        prop_assert_eq!(used, out.len());
        prop_assert_eq!((read.subject, read.reply), (subject.as_bytes(), reply));
        prop_assert_eq!(read.groups().collect::<Vec<_>>(), names);
        prop_assert_eq!((read.header_len, read.payload), (header_len, &body[..]));
    }

    #[test]
    fn interest_that_is_written_is_read(
        subject in "[a-z]{1,5}(\\.[a-z]{1,3}){0,2}",
        group in proptest::option::of("[a-z]{1,4}"),
        weight in 0u32..1000,
    ) {
        let weight = if group.is_some() { weight } else { weight.min(1) };
        let mut out = Vec::new();
        let (subject, group) = (subject.as_bytes(), group.as_deref().map(str::as_bytes));
        interest(&mut out, subject, group, weight);
        let said = Said::Want { subject, group, weight };
        prop_assert_eq!(parse(&out, LIMITS), Ok(Heard::Whole { said, used: out.len() }));
    }
}
