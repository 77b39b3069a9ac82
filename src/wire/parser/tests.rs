//! The parser against the table of the protocol, and against itself on split input.

use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits { control_line_max: 4096, payload_max: 1 << 20 };

fn one(bytes: &[u8]) -> Op<'_> {
    match parse(bytes, LIMITS) {
        Ok(Step::Op { op, used }) if used == bytes.len() => op,
        other => panic!("{other:?}"),
    }
}

fn fails(bytes: &[u8]) -> ParseError {
    parse(bytes, LIMITS).expect_err("must be refused")
}

#[test]
fn publishes() {
    let Op::Publish(p) = one(b"PUB a.b 5\r\nhello\r\n") else { panic!() };
    assert_eq!((p.subject, p.reply, p.payload), (&b"a.b"[..], None, &b"hello"[..]));
    assert_eq!(p.tail, Some(&b"5\r\nhello\r\n"[..]));
    let Op::Publish(p) = one(b"pub\ta  r\t 2\nhi\r\n") else { panic!() };
    assert_eq!(
        (p.subject, p.reply, p.payload, p.tail),
        (&b"a"[..], Some(&b"r"[..]), &b"hi"[..], None)
    );
    let Op::Publish(p) = one(b"HPUB a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n") else { panic!() };
    assert_eq!((p.headers(), p.body()), (&b"NATS/1.0\r\n\r\n"[..], &b"hi"[..]));
    assert_eq!(p.tail, Some(&b"r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"[..]));
    let Op::Publish(p) = one(b"PUB a 002\r\nhi\r\n") else { panic!() };
    assert_eq!(p.tail, Some(&b"002\r\nhi\r\n"[..]));
    let Op::Publish(p) = one(b"HPUB a 0 2\r\nhi\r\n") else { panic!() };
    assert_eq!((p.has_headers, p.payload, p.tail), (false, &b"hi"[..], None));
}

#[test]
fn subscribes() {
    assert_eq!(one(b"SUB a.* 1\r\n"), Op::Subscribe { subject: b"a.*", queue: None, sid: b"1" });
    assert_eq!(one(b"sub a q 1\n"), Op::Subscribe { subject: b"a", queue: Some(b"q"), sid: b"1" });
    assert_eq!(one(b"UNSUB 1\r\n"), Op::Unsubscribe { sid: b"1", max: None });
    assert_eq!(one(b"UNSUB 1 x\r\n"), Op::Unsubscribe { sid: b"1", max: None });
    assert_eq!(one(b"UNSUB 1 5\r\n"), Op::Unsubscribe { sid: b"1", max: Some(5) });
}

#[test]
fn bare_words() {
    assert_eq!(one(b"PING\r\n"), Op::Ping);
    assert_eq!(one(b"PINGX\r\n"), Op::Ping);
    assert_eq!(one(b"pong\n"), Op::Pong);
    assert_eq!(one(b"+OK\r\n"), Op::Ignored);
    assert_eq!(one(b"CONNECT {}\r\n"), Op::Connect(b"{}"));
}

#[test]
fn refusals() {
    use ParseError::*;
    for unknown in
        [&b"FOO"[..], b"\r\n", b" PING\r\n", b"PUBX", b"PX", b"RS+ a\r\n", b"GET / ", b"-ERR\r\n"]
    {
        assert_eq!(fails(unknown), UnknownOperation, "{unknown:?}");
    }
    assert_eq!(fails(b"PUB a 2\r\nhiX"), UnknownOperation);
    assert_eq!(fails(b"PUB a 2\r\nhi\rX"), UnknownOperation);
    for arguments in [
        &b"PUB a\r\n"[..],
        b"PUB a b c d\r\n",
        b"PUB a -1\r\n",
        b"PUB a x\r\n",
        b"PUB a 12345678901\r\n",
        b"HPUB a 5\r\n",
        b"HPUB a 5 4\r\n",
        b"SUB a\r\n",
        b"SUB a b c d\r\n",
        b"UNSUB \r\n",
        b"UNSUB 1 2 3\r\n",
    ] {
        assert!(matches!(fails(arguments), Arguments { .. }), "{arguments:?}");
    }
    assert_eq!(fails(b"PUB a 1048577\r\n"), Payload { size: 1_048_577, max: 1 << 20 });
    assert_eq!(fails(b"-ERR 'x'\r\n"), ClientError);
    let long = [b"SUB ".to_vec(), vec![b'a'; 4097]].concat();
    assert_eq!(fails(&long[..]), ParseError::ControlLine);
    let whole = [b"SUB ".to_vec(), vec![b'a'; 5000], b" 1\r\n".to_vec()].concat();
    assert_eq!(fails(&whole), ParseError::ControlLine);
}

#[test]
fn the_longest_line_may_be_cut_between_cr_and_lf() {
    let longest = [b"SUB ".to_vec(), vec![b'a'; 4094], b" 1\r\n".to_vec()].concat();
    let cut = longest.len() - 1;
    assert!(matches!(one(&longest), Op::Subscribe { .. }));
    assert_eq!(parse(&longest[..cut], LIMITS), Ok(Step::Partial { total: cut + 1 }));
    let longer = [b"SUB ".to_vec(), vec![b'a'; 4095], b" 1\r".to_vec()].concat();
    assert_eq!(fails(&longer), ParseError::ControlLine);
}

#[test]
fn no_line_makes_the_reader_keep_more_than_the_limit() {
    for (start, byte) in [("PING", b'x'), ("PONG ", b' '), ("+OK", b'x'), ("PUB", b' ')] {
        let endless = [start.as_bytes(), &vec![byte; 4200]].concat();
        assert_eq!(fails(&endless), ParseError::ControlLine, "{start}");
    }
}

#[test]
fn partial_input_says_how_much_it_needs() {
    assert_eq!(parse(b"PUB a 5\r\nhe", LIMITS), Ok(Step::Partial { total: 16 }));
    assert_eq!(parse(b"", LIMITS), Ok(Step::Partial { total: 1 }));
    assert_eq!(parse(b"CONN", LIMITS), Ok(Step::Partial { total: 5 }));
}

/// Operations found by feeding `bytes` in pieces that end at `cuts`.
fn feed(bytes: &[u8], cut: usize) -> Vec<String> {
    let (mut found, mut start, mut seen) = (Vec::new(), 0, cut.min(bytes.len()));
    loop {
        match parse(&bytes[start..seen], LIMITS) {
            Ok(Step::Op { op, used }) => {
                found.push(format!("{op:?}"));
                start += used;
            }
            Ok(Step::Partial { .. }) if seen < bytes.len() => seen = bytes.len(),
            Ok(Step::Partial { .. }) => return found,
            Err(error) => {
                found.push(error.to_string());
                return found;
            }
        }
    }
}

#[test]
fn a_split_read_changes_nothing() {
    let session = b"CONNECT {\"verbose\":false}\r\nSUB a q 1\r\nPUB a 5\r\nhello\r\nPING\r\n\
        HPUB b r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nUNSUB 1 3\r\npong\npub\tx  1\ny\r\nBAD\r\n";
    let whole = feed(session, session.len());
    assert_eq!(whole.len(), 9);
    for cut in 0..session.len() {
        assert_eq!(feed(session, cut), whole, "cut at {cut}");
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, LIMITS);
    }

    #[test]
    fn never_panics_on_near_misses(
        head in "(PUB|HPUB|SUB|UNSUB|CONNECT|PING|MSG) [a-z.> ]{0,10}[0-9 ]{0,12}\r?\n",
        body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&body);
        if let Ok(Step::Op { used, .. }) = parse(&bytes, LIMITS) {
            prop_assert!(used <= bytes.len());
        }
    }
}
