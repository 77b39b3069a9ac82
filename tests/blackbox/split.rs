//! TCP keeps bytes in order, not together: however a session is cut, the answers are the same.

use crate::harness::{Client, Server};

/// A session with every operation in it. Its answers are [`REPLIES`].
const SESSION: &[u8] = b"CONNECT {\"verbose\":true,\"pedantic\":false,\"headers\":true,\
\"no_responders\":true}\r\n\
SUB a.* 1\r\nsub b.> q 2\nSUB in 3\r\nUNSUB 1 3\r\n\
PUB a.b 5\r\nhello\r\n\
PUB b.c.d answer 0\r\n\r\n\
HPUB a.c 18 23\r\nNATS/1.0\r\nA: b\r\n\r\nworld\r\n\
HPUB b.c to.me 12 14\r\nNATS/1.0\r\n\r\n\r\n\r\n\
PUB nobody in 2\r\n\r\n\r\n\
PUB a.* 1\r\nx\r\n\
SUB bad..subject 4\r\n\
UNSUB 2\r\nPUB b.x 1\r\ny\r\n\
PUB a.z 1\r\nz\r\nPING\r\nPUB a.z 1\r\nx\n";

/// What the server says to `bytes` when they arrive in pieces cut at `cuts`.
///
/// Each piece is on its way before the next one is written (no Nagle), and is followed by a round
/// trip on another connection, which is time enough for the server to have read it.
#[track_caller]
fn answers(server: &Server, pacer: &mut Client, cuts: &[usize]) -> String {
    let mut client = server.connect();
    let mut start = 0;
    for cut in cuts.iter().copied().chain([SESSION.len()]) {
        client.send(&SESSION[start..cut]);
        pacer.ping_pong();
        start = cut;
    }
    String::from_utf8_lossy(&client.read_to_end()).into_owned()
}

/// Where +OK stands among the messages that the same read caused is not promised, so the two kinds
/// are compared apart, each in its order.
fn sorted(answers: &str) -> (Vec<&str>, String) {
    let (oks, rest) = answers.split_inclusive("\r\n").partition::<Vec<_>, _>(|l| *l == "+OK\r\n");
    (oks, rest.concat())
}

#[test]
fn the_whole_session_in_one_write() {
    let server = Server::start("");
    let text = answers(&server, &mut server.client(), &[]);
    let (oks, rest) = sorted(&text);
    assert_eq!(oks.len(), 14, "{text}");
    assert_eq!(
        rest,
        "MSG a.b 1 5\r\nhello\r\n\
         MSG b.c.d 2 answer 0\r\n\r\n\
         HMSG a.c 1 18 23\r\nNATS/1.0\r\nA: b\r\n\r\nworld\r\n\
         HMSG b.c 2 to.me 12 14\r\nNATS/1.0\r\n\r\n\r\n\r\n\
         HMSG in 3 38 38\r\nNATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n\
         MSG a.* 1 1\r\nx\r\n\
         -ERR 'Invalid Subject'\r\n\
         PONG\r\n\
         -ERR 'Unknown Protocol Operation'\r\n"
    );
}

#[test]
fn the_session_cut_in_two_at_every_byte() {
    let server = Server::start("");
    let mut pacer = server.client();
    let whole = answers(&server, &mut pacer, &[]);
    for cut in 1..SESSION.len() {
        let text = answers(&server, &mut pacer, &[cut]);
        assert_eq!(sorted(&text), sorted(&whole), "cut at {cut}");
    }
}

#[test]
fn the_session_byte_by_byte() {
    let server = Server::start("");
    let mut pacer = server.client();
    let whole = answers(&server, &mut pacer, &[]);
    let cuts: Vec<_> = (1..SESSION.len()).collect();
    assert_eq!(sorted(&answers(&server, &mut pacer, &cuts)), sorted(&whole));
}

#[test]
fn the_session_in_three_pieces() {
    let server = Server::start("");
    let mut pacer = server.client();
    let whole = answers(&server, &mut pacer, &[]);
    for cut in (1..SESSION.len() - 40).step_by(3) {
        for width in [1, 2, 7, 40] {
            let text = answers(&server, &mut pacer, &[cut, cut + width]);
            assert_eq!(sorted(&text), sorted(&whole), "cut at {cut} and {}", cut + width);
        }
    }
}

#[test]
fn a_large_payload_in_small_pieces() {
    let server = Server::start("");
    let (mut sub, mut publisher) = (server.client(), server.client());
    sub.subscribe("big", "1");
    let payload: Vec<u8> = (0..300_000_u32).map(|n| (n % 253) as u8).collect();
    publisher.send(format!("PUB big {}\r\n", payload.len()));
    for piece in payload.chunks(7919) {
        publisher.send(piece);
    }
    publisher.send("\r\nPUB big 1\r\nx\r\n");
    assert!(sub.message().1 == payload, "the payload came changed");
    sub.expect("MSG big 1 1\r\nx\r\n");
}
