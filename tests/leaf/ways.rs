//! What may stand between a leaf node and its hub: somebody who listens, and a proxy.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was said over a way so far.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn add(&self, bytes: &[u8]) {
        self.0.lock().unwrap().extend_from_slice(bytes);
    }
}

/// Passes on what comes to its port, listens, and lets it take its time.
pub(crate) struct Tap {
    pub port: u16,
    /// Of each connection, by the one who has connected and by the other.
    said: Arc<Mutex<Vec<[Said; 2]>>>,
    /// To the one who has connected last.
    down: Arc<Mutex<Option<TcpStream>>>,
    delay_ms: Arc<AtomicU64>,
}

impl Tap {
    pub(crate) fn on(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let tap =
            Self { port, said: Arc::default(), down: Arc::default(), delay_ms: Arc::default() };
        let (said, delay) = (Arc::clone(&tap.said), Arc::clone(&tap.delay_ms));
        let down = Arc::clone(&tap.down);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                let both = <[Said; 2]>::default();
                said.lock().unwrap().push(both.clone());
                *down.lock().unwrap() = near.try_clone().ok();
                join(near, far, &both, &delay);
            }
        });
        tap
    }

    /// What the two ends have said over the last connection: a busy machine may need more than one.
    pub(crate) fn said(&self) -> [Vec<u8>; 2] {
        let said = self.said.lock().unwrap();
        said.last().expect("somebody has connected").each_ref().map(Said::bytes)
    }

    pub(crate) fn connections(&self) -> usize {
        self.said.lock().unwrap().len()
    }

    /// Says this to the one who has connected last, in the name of the other.
    pub(crate) fn say(&self, bytes: &[u8]) {
        let mut down = self.down.lock().unwrap();
        down.as_mut().expect("somebody has connected").write_all(bytes).unwrap();
    }

    /// Whatever comes from here on is passed on so much later.
    pub(crate) fn delay(&self, time: Duration) {
        self.delay_ms.store(u64::try_from(time.as_millis()).unwrap(), Relaxed);
    }
}

/// Passes on what each end says to the other.
fn join(near: TcpStream, far: TcpStream, said: &[Said; 2], delay: &Arc<AtomicU64>) {
    let (back, forth) = (far.try_clone().unwrap(), near.try_clone().unwrap());
    for ((from, to), said) in [(near, far), (back, forth)].into_iter().zip(said.clone()) {
        let delay = Arc::clone(delay);
        std::thread::spawn(move || pump(from, to, &said, &delay));
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, said: &Said, delay: &AtomicU64) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        std::thread::park_timeout(Duration::from_millis(delay.load(Relaxed)));
        said.add(&piece[..read]);
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// What somebody does who is asked over HTTP.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// Connects to where it is asked to.
    Connect,
    /// The same; says so only along with the first words of the other end.
    ConnectLate,
    /// Says this, and no more.
    Say(&'static str),
    /// Waits.
    Nothing,
}

/// Answers requests: a proxy, or somebody who takes WebSocket for something else.
pub(crate) struct Web {
    pub port: u16,
    /// All that it was asked.
    pub asked: Said,
    answer: Arc<Mutex<Answer>>,
}

impl Web {
    pub(crate) fn that(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let web = Self { port, asked: Said::default(), answer: Arc::new(Mutex::new(answer)) };
        let (asked, answer) = (web.asked.clone(), Arc::clone(&web.answer));
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let (asked, answer) = (asked.clone(), *answer.lock().unwrap());
                std::thread::spawn(move || respond(near, &asked, answer));
            }
        });
        web
    }

    pub(crate) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }
}

fn respond(mut near: TcpStream, asked: &Said, answer: Answer) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match near.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    asked.add(&head);
    let good = b"HTTP/1.1 200 Connection established\r\n\r\n";
    match answer {
        Answer::Say(text) => {
            let _ = near.write_all(text.as_bytes());
            let _ = near.shutdown(Shutdown::Write);
        }
        Answer::Nothing => {
            // Until the other end has enough.
            let _ = near.read(&mut byte);
        }
        Answer::Connect | Answer::ConnectLate => {
            let head = String::from_utf8(head).unwrap();
            let target = head.split_whitespace().nth(1).unwrap();
            let Ok(mut far) = TcpStream::connect(target) else { return };
            let mut words = good.to_vec();
            if let Answer::ConnectLate = answer {
                let mut first = [0; 4096];
                let count = far.read(&mut first).unwrap_or(0);
                words.extend_from_slice(&first[..count]);
            }
            if near.write_all(&words).is_ok() {
                join(near, far, &<[Said; 2]>::default(), &Arc::default());
            }
        }
    }
}
