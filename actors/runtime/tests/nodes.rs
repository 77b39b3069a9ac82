//! Sessions between nodes, over links that are no more than a channel. All nodes of these tests
//! live in one process, as those of several servers in one program would.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use vagus_runtime::cluster::control::{Answers, Pending};
use vagus_runtime::cluster::lane::{Bearer, Lane, LaneError};
use vagus_runtime::cluster::node::{About, AskError, Node};
use vagus_runtime::cluster::speech::{Answer, Question};

use crate::kit::{eventually, wait};

const SOON: Duration = Duration::from_secs(5);
const ECHO: u16 = 1;
const PANIC: u16 = 2;
const LONG: u16 = 3;

/// Answers with its own name and what it was asked.
struct Echo(&'static str);

impl Answers for Echo {
    fn answer(&self, question: &Question) -> Pending {
        let answer = match question.kind {
            ECHO => Answer::Told([self.0.as_bytes(), &question.body].concat()),
            PANIC => panic!("on purpose"),
            LONG => Answer::Told(vec![7; 100 << 10]),
            _ => Answer::Unknown,
        };
        Box::pin(std::future::ready(answer))
    }
}

/// One end of a link: what is carried goes to the lane of the other end.
#[derive(Default)]
struct End {
    other: OnceLock<Weak<End>>,
    lane: Mutex<Option<Lane>>,
    /// The process at this end does not get its turn.
    stopped: AtomicBool,
    ended: AtomicBool,
    carried: AtomicUsize,
}

impl Bearer for End {
    fn carry(&self, frame: &[u8]) {
        self.carried.fetch_add(frame.len(), SeqCst);
        let Some(other) = self.other.get().and_then(Weak::upgrade) else { return };
        if let Some(lane) = &*other.lane.lock().unwrap()
            && !other.stopped.load(SeqCst)
        {
            lane.receive(frame).unwrap();
        }
    }

    fn end(&self) {
        self.ended.store(true, SeqCst);
    }
}

fn node(id: &'static str) -> Node {
    Node::start(id, Arc::new(Echo(id))).unwrap()
}

fn about(id: &str, solicited: bool) -> About {
    About { id: id.to_owned(), name: id.to_owned(), kind: "route", solicited }
}

/// A link between two nodes. Each end believes the other to be whom it is told.
fn link(a: (&Node, &str), b: (&Node, &str)) -> [Arc<End>; 2] {
    let ends: [Arc<End>; 2] = Default::default();
    // Nothing is lost that is said before both ends are there.
    let mut lanes = [ends[0].lane.lock().unwrap(), ends[1].lane.lock().unwrap()];
    for (n, (node, other)) in [(a.0, b.1), (b.0, a.1)].into_iter().enumerate() {
        ends[n].other.set(Arc::downgrade(&ends[1 - n])).unwrap();
        *lanes[n] = node.open(about(other, n == 0), ends[n].clone());
    }
    drop(lanes);
    ends
}

fn ask(node: &Node, id: &str, kind: u16, within: Duration) -> Result<Answer, AskError> {
    let question = Question { minor: 0, kind, body: b"?".to_vec() };
    wait(node.ask(id, &question, within))
}

#[track_caller]
fn up(nodes: &[&Node]) {
    let ready = |node: &&Node| {
        let peers = node.peers();
        !peers.is_empty() && peers.iter().all(|peer| peer.ready)
    };
    eventually("every session has begun", || nodes.iter().all(ready));
}

/// Frames of a stranger: a piece of a session.
fn data(bytes: &[u8]) -> Vec<u8> {
    [b"D", bytes].concat()
}

#[test]
fn servers_of_one_process_ask_each_other() {
    let (a, b, c) = (node("one-a"), node("one-b"), node("one-c"));
    let _ab = link((&a, "one-a"), (&b, "one-b"));
    let _ac = link((&a, "one-a"), (&c, "one-c"));
    up(&[&a, &b, &c]);
    for (from, to, told) in
        [(&a, "one-b", "one-b?"), (&b, "one-a", "one-a?"), (&a, "one-c", "one-c?")]
    {
        assert_eq!(ask(from, to, ECHO, SOON), Ok(Answer::Told(told.into())));
    }
    assert_eq!(ask(&b, "one-c", ECHO, SOON), Err(AskError::Absent));
    assert_eq!(a.peers().iter().map(|peer| peer.asked).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_question_that_is_not_known_or_fails_is_answered_so_and_breaks_nothing() {
    let (a, b) = (node("odd-a"), node("odd-b"));
    let [at_a, _at_b] = link((&a, "odd-a"), (&b, "odd-b"));
    up(&[&a, &b]);
    for kind in [PANIC, 999, PANIC] {
        assert_eq!(ask(&a, "odd-b", kind, SOON), Ok(Answer::Unknown));
    }
    for _ in 0..20 {
        assert_eq!(ask(&a, "odd-b", LONG, SOON), Ok(Answer::Told(vec![7; 100 << 10])));
    }
    assert!(!at_a.ended.load(SeqCst));
}

#[test]
fn the_end_of_a_link_is_told_at_once() {
    let (a, b) = (node("end-a"), node("end-b"));
    let [at_a, at_b] = link((&a, "end-a"), (&b, "end-b"));
    up(&[&a, &b]);
    at_b.stopped.store(true, SeqCst);
    let since = Instant::now();
    let (asked, cut) = std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&a, "end-b", ECHO, SOON * 10));
        eventually("it is asked", || a.peers()[0].asking == 1);
        *at_a.lane.lock().unwrap() = None;
        (asked.join().unwrap(), since.elapsed())
    });
    assert_eq!(asked, Err(AskError::Gone));
    assert!(cut < SOON, "{cut:?}");
    eventually("nobody is there", || a.peers().is_empty());
    assert_eq!(ask(&a, "end-b", ECHO, SOON), Err(AskError::Absent));
    assert!(at_a.ended.load(SeqCst), "both ends end in one way");
    // The same server comes back.
    let _again = link((&a, "end-a"), (&b, "end-b"));
    eventually("it is back", || ask(&a, "end-b", ECHO, SOON).is_ok());
}

#[test]
fn who_does_not_read_is_sent_little_and_asked_little() {
    let (a, b) = (node("slow-a"), node("slow-b"));
    let [at_a, at_b] = link((&a, "slow-a"), (&b, "slow-b"));
    up(&[&a, &b]);
    at_b.stopped.store(true, SeqCst);
    let before = at_a.carried.load(SeqCst);
    for _ in 0..40 {
        let within = Duration::from_millis(1);
        assert_eq!(ask(&a, "slow-b", ECHO, within), Err(AskError::Silent(within)));
    }
    let asks = 40;
    let question = Question { minor: 0, kind: ECHO, body: vec![7; 60 << 10] };
    let heard = wait(async {
        let within = Duration::from_millis(100);
        let all = (0..asks).map(|_| a.ask("slow-b", &question, within));
        futures_util::future::join_all(all).await
    });
    let busy = heard.iter().filter(|heard| **heard == Err(AskError::Busy)).count();
    assert_eq!(busy, 8, "{heard:?}");
    assert!(at_a.carried.load(SeqCst) - before <= 64 << 10);
    assert!(a.peers()[0].stuck && !at_a.ended.load(SeqCst));
}

#[test]
fn a_flood_is_cut() {
    let a = node("flood-a");
    let end = Arc::<End>::default();
    let lane = a.open(about("flood-b", true), end.clone()).unwrap();
    // A session of this ends, and nothing is granted any more.
    let sent = (0..1 << 20).take_while(|_| lane.receive(&data(b"\0")).is_ok()).count();
    assert!(sent < 1 << 12, "{sent} frames");
    assert_eq!(lane.receive(&data(&[0; 65_536])), Err(LaneError::Flood));
    for nonsense in [&b"D"[..], b"G\0", b"G\xff\xff\xff\xff", b"X", b""] {
        assert_eq!(lane.receive(nonsense), Err(LaneError::Nonsense), "{nonsense:?}");
    }
}

#[test]
fn a_session_of_nonsense_ends_the_link() {
    let a = node("bad-a");
    let whole = |message: &[u8]| [&(message.len() as u64).to_be_bytes(), message].concat();
    let crowd = [&[0x1a, 0x80 | 100, 15, 0x0a, 0x80 | 97, 15][..], &[8; 1937]].concat();
    for bytes in [vec![0xff; 8], whole(&[0xff; 20]), whole(&crowd)] {
        let end = Arc::<End>::default();
        let lane = a.open(about("bad-b", false), end.clone()).unwrap();
        lane.receive(&data(&bytes)).unwrap();
        eventually("the link ends", || end.ended.load(SeqCst));
        eventually("nobody is there", || a.peers().is_empty());
    }
}

#[test]
fn a_session_is_of_the_two_servers_that_are_linked() {
    let (a, b) = (node("who-a"), node("who-b"));
    let [at_a, at_b] = link((&a, "who-a"), (&b, "somebody else"));
    eventually("an end ends it", || at_a.ended.load(SeqCst) || at_b.ended.load(SeqCst));
}
