//! Input that no client of good will sends. The server answers or closes; it never stumbles.

use crate::harness::{Client, Server};

/// Sends `bytes` on a fresh connection; what came back until the server closed.
#[track_caller]
fn closes(server: &Server, bytes: &[u8]) -> String {
    let mut client = server.header_client();
    client.send(bytes);
    String::from_utf8_lossy(&client.read_to_end()).into_owned()
}

#[test]
fn what_is_not_an_operation_is_refused() {
    let server = Server::start("");
    let lines: &[&[u8]] = &[
        b"\r\n",
        b" PING\r\n",
        b"PUB\r\n",
        b"SUB\r\n",
        b"UNSUB\r\n",
        b"PIN\r\n",
        b"P\r\n",
        b"PUBX a 1\r\n",
        b"MSG a 1 1\r\n",
        b"HMSG a 1 1 1\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00",
        b"\0\0\0\0",
        b"\xff\xfe\xfd",
    ];
    for line in lines {
        let answer = closes(&server, line);
        assert_eq!(answer, "-ERR 'Unknown Protocol Operation'\r\n", "for {line:?}");
    }
    server.client().ping_pong();
}

#[test]
fn wrong_arguments_close_without_a_word() {
    let server = Server::start("");
    let lines = [
        "PUB a\r\n",
        "PUB a b c 1\r\n",
        "PUB a -1\r\n",
        "PUB a +1\r\n",
        "PUB a x\r\n",
        "PUB a 1x\r\n",
        "PUB a 99999999999999999999\r\n",
        "PUB a 1.5\r\n",
        "SUB a\r\n",
        "SUB a b c d\r\n",
        "UNSUB 1 2 3\r\n",
        "HPUB a 1\r\n",
        "HPUB a 5 3\r\n",
        "HPUB a -1 3\r\n",
        "HPUB a x 3\r\n",
        "HPUB a b c 1 2\r\n",
        "-ERR 'from a client'\r\n",
        "CONNECT\r\n",
        "CONNECT {\r\n",
        "CONNECT []\r\n",
        "CONNECT {\"verbose\":\"yes\"}\r\n",
        "CONNECT {\"lang\":7}\r\n",
    ];
    for line in lines {
        assert_eq!(closes(&server, line.as_bytes()), "", "for {line:?}");
    }
    server.wait_json("/connz?state=closed", |page| (page["total"] == lines.len()).then_some(()));
}

#[test]
fn a_payload_that_does_not_end_where_it_should_is_refused() {
    let server = Server::start("");
    for text in ["PUB a 1\r\nxyz\r\n", "PUB a 1\r\nx\n", "PUB a 0\r\nx\r\n"] {
        let answer = closes(&server, text.as_bytes());
        assert_eq!(answer, "-ERR 'Unknown Protocol Operation'\r\n", "for {text:?}");
    }
}

#[test]
fn odd_spellings_that_pass() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB  a \t 1 \r\nPUB \t a  1 \r\nx\r\n");
    client.expect("MSG a 1 1\r\nx\r\n");
    client.send("INFO {}\r\nUNSUB 77 x\r\nUNSUB 78 -1\r\n+OKAY\r\n");
    client.ping_pong();
}

#[test]
fn empty_tokens_in_a_publish_match_nothing() {
    let server = Server::start("");
    let mut client = server.client();
    client.send("SUB > 1\r\n");
    for subject in ["a..b", ".a", "a.", "..", "."] {
        client.publish(subject, "x");
    }
    client.publish("a.b", "x");
    client.expect("MSG a.b 1 1\r\nx\r\n");
}

#[test]
fn subjects_of_the_house_are_not_for_clients() {
    let server = Server::start("");
    let mut client = server.client();
    for subject in ["$NRG.x", "_GR_.x"] {
        client.publish(subject, "x");
        client.expect_err(&format!("Permissions Violation for Publish to \"{subject}\""));
    }
    for reply in ["_R_.x", "$JS.ACK.x", "_GR_.x"] {
        client.send(format!("PUB a {reply} 1\r\nx\r\n"));
        client.expect_err(&format!("Permissions Violation for Publish with Reply of \"{reply}\""));
    }
    client.ping_pong();
}

#[test]
fn account_and_new_account_in_connect_are_refused() {
    let server = Server::start("");
    let mut client = server.connect();
    client.send_connect(r#"{"account":"A"}"#);
    client.expect_err_closed("Authorization Violation");
}

#[test]
fn a_connection_may_end_anywhere_in_an_operation() {
    let server = Server::start("");
    let session =
        b"CONNECT {\"headers\":true}\r\nSUB a 1\r\nHPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n";
    for end in 0..session.len() {
        let mut client = server.connect();
        client.send(&session[..end]);
    }
    server.client().ping_pong();
    server.wait_json("/varz", |page| (page["connections"] == 0).then_some(()));
}

#[test]
fn noise_does_not_disturb_other_connections() {
    let server = Server::start("");
    let mut witness = server.client();
    witness.subscribe("w", "1");
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    for _ in 0..200 {
        let mut noise = Vec::with_capacity(512);
        while noise.len() < 512 {
            // xorshift: the same noise in every run.
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            noise.extend_from_slice(&seed.to_le_bytes());
        }
        let mut client = Client::dial(server.port);
        client.try_send(&noise);
    }
    witness.publish("w", "x");
    witness.expect("MSG w 1 1\r\nx\r\n");
}

#[test]
fn mangled_sessions_do_not_disturb_other_connections() {
    let server = Server::start("");
    let mut witness = server.client();
    witness.subscribe("w", "1");
    let session = b"CONNECT {\"headers\":true,\"verbose\":false}\r\nSUB a.* q 1\r\nUNSUB 1 3\r\n\
        PUB a.b reply 2\r\nhi\r\nHPUB a.c 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPING\r\n";
    for place in 0..session.len() {
        for byte in [0, b'\r', b'\n', b' ', b'9', 0xff] {
            let mut bytes = session.to_vec();
            bytes[place] = byte;
            Client::dial(server.port).try_send(&bytes);
        }
    }
    witness.publish("w", "x");
    witness.expect("MSG w 1 1\r\nx\r\n");
}
