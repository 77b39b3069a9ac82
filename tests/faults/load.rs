//! Clients at work, until the server goes away or they are told to stop: publishers that have many
//! messages under way, each with an id, and consumers that acknowledge what they get. They remember
//! what the server confirmed, and publish again what it did not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::kit::Msg;
use crate::pipe::Pipe;
use crate::random::Random;

/// Messages of one publisher that are not acknowledged yet.
const WINDOW: usize = 256;

/// What one stream said to its clients, over all runs of the server.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Ids of acknowledged messages by their sequence.
    pub(crate) acked: BTreeMap<u64, String>,
    /// Publishes that got an error.
    pub(crate) refused: u64,
    /// Acknowledgements that said it was a duplicate.
    pub(crate) duplicates: u64,
    /// Sequences that the consumer `C` delivered, and those it confirmed as acknowledged.
    pub(crate) delivered: BTreeSet<u64>,
    pub(crate) confirmed: BTreeSet<u64>,
    publishers: Vec<Publisher>,
    name: String,
}

/// One that publishes. What it published stays its own between two runs.
#[derive(Debug, Default)]
struct Publisher {
    /// Of the stream's subjects.
    subject: String,
    /// Number of the next message.
    next: u64,
    /// Published and never answered.
    open: VecDeque<u64>,
    /// Answered with an error. Both are published again in the next run.
    again: VecDeque<u64>,
    acked: Vec<(u64, u64)>,
    refused: u64,
    duplicates: u64,
    size: u64,
    patience: Duration,
}

/// What it delivered and confirmed.
type Consumer = JoinHandle<(BTreeSet<u64>, BTreeSet<u64>)>;

/// Running clients.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    publishers: Vec<JoinHandle<Publisher>>,
    consumer: Option<Consumer>,
}

/// The id in a message's payload.
pub(crate) fn id_of(message: &Msg) -> String {
    let text = String::from_utf8_lossy(&message.payload);
    let (id, rest) = text.split_once(' ').expect("an id and a space");
    assert!(rest.bytes().all(|byte| byte == b'x'), "not what was sent: {message:?}");
    id.to_owned()
}

// === impl Ledger ===

impl Ledger {
    /// For stream `S<n>`, with some publishers of messages up to `size` bytes.
    pub(crate) fn new(n: usize, publishers: usize, size: u64) -> Ledger {
        let publisher = |p: usize| Publisher {
            subject: format!("s{n}.p{p}"),
            size,
            patience: Duration::from_secs(5),
            ..Publisher::default()
        };
        let publishers = (0..publishers).map(publisher).collect();
        Ledger { publishers, name: format!("S{n}"), ..Ledger::default() }
    }

    /// How long publishers wait for a silent server. What it does not answer until then is
    /// published again in the next run.
    pub(crate) fn patience(&mut self, patience: Duration) {
        self.publishers.iter_mut().for_each(|publisher| publisher.patience = patience);
    }

    /// Starts all publishers, and a consumer if that is wanted.
    pub(crate) fn start(&mut self, port: u16, consume: bool) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let publishers = self.publishers.drain(..).map(|mut publisher| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                // It ends when the server does.
                let _ = publisher.work(port, &stop);
                publisher
            })
        });
        let publishers = publishers.collect();
        let mut load = Load { stop, publishers, consumer: None };
        if consume {
            load.consumer = self.start_consumer(port, &load.stop);
        }
        load
    }

    /// Starts a consumer alone.
    pub(crate) fn consume(&self, port: u16) -> Load {
        let stop = Arc::default();
        let consumer = self.start_consumer(port, &stop);
        Load { stop, publishers: Vec::new(), consumer }
    }

    fn start_consumer(&self, port: u16, stop: &Arc<AtomicBool>) -> Option<Consumer> {
        let (stop, stream) = (Arc::clone(stop), self.name.clone());
        let (delivered, confirmed) = (BTreeSet::new(), self.confirmed.clone());
        let work = move || consume_all(port, &stream, &stop, delivered, confirmed);
        Some(thread::spawn(work))
    }

    /// Takes in what the clients saw. No two messages may have been given the same sequence.
    #[track_caller]
    pub(crate) fn finish(&mut self, load: Load) {
        for handle in load.publishers {
            let mut publisher = handle.join().expect("a publisher");
            for (seq, n) in publisher.acked.drain(..) {
                let id = format!("{}-{n}", publisher.subject);
                let before = self.acked.insert(seq, id.clone());
                assert!(
                    before.as_ref().is_none_or(|before| *before == id),
                    "{before:?} and {id} were both acknowledged as {seq}"
                );
            }
            self.refused += std::mem::take(&mut publisher.refused);
            self.duplicates += std::mem::take(&mut publisher.duplicates);
            self.publishers.push(publisher);
        }
        if let Some(handle) = load.consumer {
            let (delivered, confirmed) = handle.join().expect("a consumer");
            self.delivered.extend(delivered);
            self.confirmed.extend(confirmed);
        }
    }
}

// === impl Load ===

impl Load {
    /// Clients finish what they began, and end.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }
}

// === impl Publisher ===

impl Publisher {
    fn work(&mut self, port: u16, stop: &AtomicBool) -> io::Result<()> {
        let mut pipe = Pipe::connect(port)?;
        pipe.patience(self.patience);
        let inbox = format!("_INBOX.{}", self.subject);
        pipe.send(format!("SUB {inbox}.* 1\r\n").as_bytes())?;
        let mut random = Random::new(self.next);
        let mut bytes = Vec::new();
        for n in &self.open {
            self.write(*n, &inbox, random.below(self.size), &mut bytes);
        }
        let mut open: BTreeSet<u64> = self.open.iter().copied().collect();
        let result = loop {
            while open.len() < WINDOW && !stop.load(Relaxed) {
                self.write(self.next, &inbox, random.below(self.size), &mut bytes);
                open.insert(self.next);
                self.next += 1;
            }
            if open.is_empty() {
                break Ok(());
            }
            if let Err(error) = self.exchange(&mut pipe, &mut bytes, &mut open) {
                break Err(error);
            }
        };
        self.open.clear();
        self.open.extend(open);
        self.open.append(&mut self.again);
        result
    }

    fn write(&self, n: u64, inbox: &str, size: u64, out: &mut Vec<u8>) {
        let id = format!("{}-{n}", self.subject);
        let head = format!("NATS/1.0\r\nNats-Msg-Id: {id}\r\n\r\n");
        let payload = format!("{id} {}", "x".repeat(size as usize));
        let total = head.len() + payload.len();
        let line = format!("HPUB {} {inbox}.{n} {} {total}\r\n", self.subject, head.len());
        for part in [&line, &head, &payload, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    /// Sends what is to be sent, and takes an answer, and more until half a window is free.
    fn exchange(
        &mut self,
        pipe: &mut Pipe,
        bytes: &mut Vec<u8>,
        open: &mut BTreeSet<u64>,
    ) -> io::Result<()> {
        let sent = pipe.send(bytes);
        bytes.clear();
        sent?;
        let mut first = true;
        while !open.is_empty() && (first || open.len() > WINDOW / 2 || pipe.buffered()) {
            first = false;
            let message = pipe.message()?;
            let n = message.subject.rsplit('.').next().and_then(|n| n.parse().ok()).unwrap();
            let answer: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
            open.remove(&n);
            match answer["seq"].as_u64().filter(|_| answer["error"].is_null()) {
                Some(seq) => {
                    self.acked.push((seq, n));
                    self.duplicates += u64::from(answer["duplicate"] == true);
                }
                None => {
                    self.refused += 1;
                    self.again.push_back(n);
                }
            }
        }
        Ok(())
    }
}

/// Pulls and acknowledges: four in five wait for the confirmation.
fn consume_all(
    port: u16,
    stream: &str,
    stop: &AtomicBool,
    mut delivered: BTreeSet<u64>,
    mut confirmed: BTreeSet<u64>,
) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let result = consume(port, stream, stop, &mut delivered, &mut confirmed);
    if let Err(error) = result.as_ref().map_err(|error| error.to_string())
        && error.starts_with("again")
    {
        panic!("{error}");
    }
    (delivered, confirmed)
}

fn consume(
    port: u16,
    stream: &str,
    stop: &AtomicBool,
    delivered: &mut BTreeSet<u64>,
    confirmed: &mut BTreeSet<u64>,
) -> io::Result<()> {
    let mut pipe = Pipe::connect(port)?;
    pipe.patience(Duration::from_secs(5));
    let inbox = format!("_INBOX.c{stream}");
    pipe.send(format!("SUB {inbox}.> 1\r\n").as_bytes())?;
    let request = r#"{"batch":64,"expires":200000000}"#;
    let pull = format!(
        "PUB $JS.API.CONSUMER.MSG.NEXT.{stream}.C {inbox}.m {}\r\n{request}\r\n",
        request.len()
    );
    let mut left = 0;
    loop {
        if left == 0 {
            if stop.load(Relaxed) {
                return Ok(());
            }
            left = 64;
            pipe.send(pull.as_bytes())?;
        }
        let message = pipe.message()?;
        if let Some(seq) = message.subject.strip_prefix(&format!("{inbox}.a.")) {
            // Without a consumer there is an answer, too: that there is none.
            if message.status().is_none() {
                confirmed.extend(seq.parse::<u64>());
            }
        } else if message.reply.is_none() {
            left = 0;
        } else {
            let seq = message.seq();
            if confirmed.contains(&seq) {
                return Err(io::Error::other(format!("again, though confirmed: {message:?}")));
            }
            delivered.insert(seq);
            left -= 1;
            let ack = message.reply.unwrap_or_default();
            let answer = if seq % 5 == 0 { String::new() } else { format!("{inbox}.a.{seq}") };
            pipe.send(format!("PUB {ack} {answer} 4\r\n+ACK\r\n").as_bytes())?;
        }
    }
}
