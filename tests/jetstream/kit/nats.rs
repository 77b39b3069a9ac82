//! A connection that asks, publishes and listens.

use std::collections::VecDeque;

use serde_json::Value;

use super::message::Msg;
use crate::harness::Client;

/// A raw client with headers and answers to requests without responders. What comes for one
/// subscription while another is waited for is kept.
pub(crate) struct Nats {
    pub(crate) client: Client,
    sids: u64,
    waiting: VecDeque<Msg>,
}

impl Nats {
    /// Connects with the fields of the JSON object `fields` in CONNECT.
    #[track_caller]
    pub(crate) fn connect(port: u16, fields: &str) -> Nats {
        let mut client = Client::connect(port);
        let mut options: Value = serde_json::from_str(fields).expect("JSON");
        options["headers"] = true.into();
        options["no_responders"] = true.into();
        client.login(&options.to_string());
        Nats { client, sids: 0, waiting: VecDeque::new() }
    }

    fn next_sid(&mut self) -> String {
        self.sids += 1;
        self.sids.to_string()
    }

    /// A fresh inbox, not yet subscribed to.
    pub(crate) fn inbox(&mut self) -> String {
        let unique = self.next_sid();
        format!("_INBOX.c{}.{unique}", self.client.info["client_id"])
    }

    // === out ===

    /// PUB or HPUB as it goes over the wire.
    fn publication(
        subject: &str,
        reply: &str,
        headers: &[(&str, &str)],
        payload: &[u8],
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        let reply = if reply.is_empty() { String::new() } else { format!("{reply} ") };
        if headers.is_empty() {
            bytes.extend(format!("PUB {subject} {reply}{}\r\n", payload.len()).bytes());
        } else {
            let lines: String = headers.iter().map(|(k, v)| format!("{k}: {v}\r\n")).collect();
            let head = format!("NATS/1.0\r\n{lines}\r\n");
            let (size, total) = (head.len(), head.len() + payload.len());
            bytes.extend(format!("HPUB {subject} {reply}{size} {total}\r\n{head}").bytes());
        }
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    /// Publishes without waiting for anything.
    #[track_caller]
    pub(crate) fn send(
        &mut self,
        subject: &str,
        headers: &[(&str, &str)],
        payload: impl AsRef<[u8]>,
    ) {
        self.client.send(Self::publication(subject, "", headers, payload.as_ref()));
    }

    /// Publishes with a reply subject, without waiting for anything.
    #[track_caller]
    pub(crate) fn send_reply(
        &mut self,
        subject: &str,
        reply: &str,
        headers: &[(&str, &str)],
        payload: impl AsRef<[u8]>,
    ) {
        self.client.send(Self::publication(subject, reply, headers, payload.as_ref()));
    }

    /// What was sent has been read by the server.
    #[track_caller]
    pub(crate) fn flush(&mut self) {
        self.client.send("PING\r\n");
        loop {
            let frame = self.client.next_frame().expect("the server closed");
            if frame == b"PONG\r\n" {
                return;
            }
            let message = Self::parse(&frame);
            self.waiting.push_back(message);
        }
    }

    // === in ===

    /// Subscribes; the sid. In force when this returns.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, subject: &str) -> String {
        let sid = self.next_sid();
        self.client.send(format!("SUB {subject} {sid}\r\n"));
        self.flush();
        sid
    }

    /// The same as a member of a queue group.
    #[track_caller]
    pub(crate) fn subscribe_queue(&mut self, subject: &str, group: &str) -> String {
        let sid = self.next_sid();
        self.client.send(format!("SUB {subject} {group} {sid}\r\n"));
        self.flush();
        sid
    }

    #[track_caller]
    pub(crate) fn unsubscribe(&mut self, sid: &str) {
        self.client.send(format!("UNSUB {sid}\r\n"));
        self.flush();
        self.waiting.retain(|message| message.sid != sid);
    }

    /// The next message of subscription `sid`.
    #[track_caller]
    pub(crate) fn next(&mut self, sid: &str) -> Msg {
        if let Some(at) = self.waiting.iter().position(|message| message.sid == sid) {
            return self.waiting.remove(at).unwrap();
        }
        loop {
            let frame = self.client.next_frame().expect("a message, but the server closed");
            let message = Self::parse(&frame);
            if message.sid == sid {
                return message;
            }
            self.waiting.push_back(message);
        }
    }

    /// What has come for `sid` by the time the server answers a PING.
    #[track_caller]
    pub(crate) fn come(&mut self, sid: &str) -> Vec<Msg> {
        self.flush();
        let (come, rest) = self.waiting.drain(..).partition(|message| message.sid == sid);
        self.waiting = rest;
        let come: VecDeque<Msg> = come;
        come.into()
    }

    #[track_caller]
    fn parse(frame: &[u8]) -> Msg {
        let end = frame.windows(2).position(|pair| pair == b"\r\n").expect("a line");
        let line = String::from_utf8_lossy(&frame[..end]).into_owned();
        let mut words = line.split_ascii_whitespace().map(str::to_owned);
        let op = words.next().unwrap_or_default();
        assert!(op == "MSG" || op == "HMSG", "expected a message, got {line:?}");
        let words: Vec<String> = words.collect();
        Msg::of(&words, &frame[end + 2..frame.len() - 2], op == "HMSG")
    }

    // === asking ===

    /// Sends a request and returns its first answer.
    #[track_caller]
    pub(crate) fn request(
        &mut self,
        subject: &str,
        headers: &[(&str, &str)],
        payload: impl AsRef<[u8]>,
    ) -> Msg {
        let (inbox, sid) = (self.inbox(), self.next_sid());
        let mut bytes = format!("SUB {inbox} {sid}\r\nUNSUB {sid} 1\r\n").into_bytes();
        bytes.extend(Self::publication(subject, &inbox, headers, payload.as_ref()));
        self.client.send(bytes);
        self.next(&sid)
    }

    /// Sends a request and returns its answers up to and with the one that `last` is true for.
    #[track_caller]
    pub(crate) fn request_until(
        &mut self,
        subject: &str,
        payload: impl AsRef<[u8]>,
        mut last: impl FnMut(&Msg) -> bool,
    ) -> Vec<Msg> {
        let (inbox, sid) = (self.inbox(), self.next_sid());
        let mut bytes = format!("SUB {inbox} {sid}\r\n").into_bytes();
        bytes.extend(Self::publication(subject, &inbox, &[], payload.as_ref()));
        self.client.send(bytes);
        let mut answers = Vec::new();
        while !answers.last().is_some_and(&mut last) {
            answers.push(self.next(&sid));
        }
        self.unsubscribe(&sid);
        answers
    }

    // === JetStream ===

    /// A request to `$JS.API.<endpoint>`; `body` is `json!({...})`, or `""` for no body.
    #[track_caller]
    pub(crate) fn api(&mut self, endpoint: &str, body: impl Into<Value>) -> Value {
        self.api_with(endpoint, &[], body)
    }

    #[track_caller]
    pub(crate) fn api_with(
        &mut self,
        endpoint: &str,
        headers: &[(&str, &str)],
        body: impl Into<Value>,
    ) -> Value {
        let body = match body.into() {
            Value::String(text) => text,
            value => value.to_string(),
        };
        self.request(&format!("$JS.API.{endpoint}"), headers, body).json()
    }

    /// Creates a stream, which must succeed; the answer.
    #[track_caller]
    pub(crate) fn create(&mut self, config: Value) -> Value {
        super::ok(self.try_create(config))
    }

    #[track_caller]
    pub(crate) fn try_create(&mut self, config: Value) -> Value {
        let name = config["name"].as_str().expect("a name").to_owned();
        self.api(&format!("STREAM.CREATE.{name}"), config)
    }

    /// Updates a stream; the answer, whatever it is.
    #[track_caller]
    pub(crate) fn update(&mut self, config: Value) -> Value {
        let name = config["name"].as_str().expect("a name").to_owned();
        self.api(&format!("STREAM.UPDATE.{name}"), config)
    }

    #[track_caller]
    pub(crate) fn info(&mut self, stream: &str) -> Value {
        super::ok(self.api(&format!("STREAM.INFO.{stream}"), ""))
    }

    #[track_caller]
    pub(crate) fn state(&mut self, stream: &str) -> Value {
        self.info(stream)["state"].take()
    }

    /// Publishes to a stream; the PubAck, or the error in its place.
    #[track_caller]
    pub(crate) fn publish(&mut self, subject: &str, payload: impl AsRef<[u8]>) -> Value {
        self.publish_with(subject, &[], payload)
    }

    #[track_caller]
    pub(crate) fn publish_with(
        &mut self,
        subject: &str,
        headers: &[(&str, &str)],
        payload: impl AsRef<[u8]>,
    ) -> Value {
        self.request(subject, headers, payload).json()
    }

    /// Publishes and asserts the sequence it was stored under.
    #[track_caller]
    pub(crate) fn stored(&mut self, subject: &str, payload: impl AsRef<[u8]>, seq: u64) {
        let ack = self.publish(subject, payload);
        assert_eq!(ack["seq"].as_u64(), Some(seq), "{ack}");
    }

    /// The stored message with this sequence.
    #[track_caller]
    pub(crate) fn get(&mut self, stream: &str, seq: u64) -> Msg {
        let answer = self.api(&format!("STREAM.MSG.GET.{stream}"), serde_json::json!({"seq": seq}));
        Msg::stored(&super::ok(answer)["message"])
    }

    /// A direct get; the raw answer.
    #[track_caller]
    pub(crate) fn direct(&mut self, stream: &str, body: Value) -> Msg {
        self.request(&format!("$JS.API.DIRECT.GET.{stream}"), &[], body.to_string())
    }

    /// Creates or updates a consumer, which must succeed; the answer.
    #[track_caller]
    pub(crate) fn consumer(&mut self, stream: &str, name: &str, config: Value) -> Value {
        super::ok(self.try_consumer(stream, name, config))
    }

    #[track_caller]
    pub(crate) fn try_consumer(&mut self, stream: &str, name: &str, config: Value) -> Value {
        let body = serde_json::json!({"stream_name": stream, "config": config});
        self.api(&format!("CONSUMER.CREATE.{stream}.{name}"), body)
    }
}
