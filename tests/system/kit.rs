//! What the tests are written with: a server with accounts, and clients that ask.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::Value;

use crate::harness::{Client, Server};

/// Users `sys` of the system's account, `app` and `bound` of APP, `other` of OTHER. A password is
/// what its user is called, with "-pw" behind it.
pub(crate) const ACCOUNTS: &str = r#"
server_name: one
server_tags: ["ssd", "az:b"]
accounts {
  $SYS { users: [{user: sys, password: sys-pw}] }
  APP { users: [
    {user: app, password: app-pw}
    {user: bound, password: bound-pw, permissions: {
      publish: {allow: ["a.>", "$SYS.>"], deny: "a.no"}, subscribe: ">", allow_responses: true}}
  ] }
  OTHER { users: [{user: other, password: other-pw}] }
}
"#;

/// The number of the next caller.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A client that asks and is told.
pub(crate) struct Caller {
    pub(crate) client: Client,
    number: usize,
    asked: usize,
}

/// A message, as a client gets it.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) headers: String,
    pub(crate) payload: Vec<u8>,
}

#[track_caller]
pub(crate) fn start(more: &str) -> Server {
    Server::start(&format!("{ACCOUNTS}{more}"))
}

#[track_caller]
pub(crate) fn join(server: &Server, user: &str) -> Caller {
    let fields = format!(
        r#"{{"user":"{user}","pass":"{user}-pw","name":"n-{user}","lang":"raw","version":"1.2.3",
            "headers":true,"no_responders":true}}"#
    );
    Caller::over(server.client_with(&fields))
}

// === impl Caller ===

impl Caller {
    /// A client that is known to the server already.
    pub(crate) fn over(client: Client) -> Caller {
        Caller { client, number: NEXT.fetch_add(1, Relaxed), asked: 0 }
    }

    /// The number of its connection.
    pub(crate) fn cid(&self) -> u64 {
        self.client.info["client_id"].as_u64().unwrap()
    }

    /// The server's key.
    pub(crate) fn server_id(&self) -> String {
        self.client.info["server_id"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn next(&mut self) -> Message {
        let frame = self.client.next_frame().expect("a message, but the server closed");
        let shown = String::from_utf8_lossy(&frame).into_owned();
        let line = frame.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let words: Vec<&str> = shown[..line].split_ascii_whitespace().collect();
        let numbers: Vec<usize> = words.iter().rev().map_while(|word| word.parse().ok()).collect();
        let head = match words[0] {
            "MSG" => 0,
            "HMSG" => numbers[1],
            _ => panic!("expected a message, got {shown:?}"),
        };
        let body = &frame[line + 2..frame.len() - 2];
        Message {
            subject: words[1].to_owned(),
            headers: String::from_utf8_lossy(&body[..head]).into_owned(),
            payload: body[head..].to_vec(),
        }
    }

    /// Sends a request; its answer comes to the inbox that is returned.
    #[track_caller]
    pub(crate) fn request(&mut self, subject: &str, headers: &str, body: &str) -> String {
        self.asked += 1;
        let inbox = format!("_INBOX.{}.{}", self.number, self.asked);
        let head = match headers {
            "" => String::new(),
            headers => format!("NATS/1.0\r\n{headers}\r\n\r\n"),
        };
        let (verb, sizes) = match head.len() {
            0 => ("PUB", body.len().to_string()),
            length => ("HPUB", format!("{length} {}", length + body.len())),
        };
        let sid = format!("q{}", self.asked);
        let subscribe = format!("SUB {inbox} {sid}\r\nUNSUB {sid} 1\r\n");
        let publish = format!("{verb} {subject} {inbox} {sizes}\r\n{head}{body}\r\n");
        self.client.send(subscribe + &publish);
        inbox
    }

    /// The answer to a request.
    #[track_caller]
    pub(crate) fn ask_raw(&mut self, subject: &str, headers: &str, body: &str) -> Message {
        let inbox = self.request(subject, headers, body);
        let message = self.next();
        assert_eq!(message.subject, inbox, "{message:?}");
        message
    }

    /// The same as JSON.
    #[track_caller]
    pub(crate) fn ask(&mut self, subject: &str, body: &str) -> Value {
        self.ask_raw(subject, "", body).json()
    }

    /// Nobody hears the subject.
    #[track_caller]
    pub(crate) fn expect_nobody(&mut self, subject: &str) {
        let answer = self.ask_raw(subject, "", "");
        assert!(answer.headers.starts_with("NATS/1.0 503"), "{answer:?}");
    }

    /// The request is heard and not answered: what is asked after it is answered first.
    #[track_caller]
    pub(crate) fn expect_silence(&mut self, subject: &str, body: &str) {
        self.request(subject, "", body);
        let inbox = self.request("$SYS.REQ.SERVER.PING.STATSZ", "", "");
        let message = self.next();
        assert_eq!(message.subject, inbox, "{message:?}");
    }

    /// The next event, which must have this subject.
    #[track_caller]
    pub(crate) fn expect_event(&mut self, subject: &str) -> Value {
        let message = self.next();
        assert_eq!(message.subject, subject, "{message:?}");
        message.json()
    }
}

// === impl Message ===

impl Message {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// The names of the fields of an object, in their order.
#[track_caller]
pub(crate) fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
