//! Targets that remember what they get: actors without an actor, and connections over a loopback
//! socket whose owner drains them as a connection does.

use std::future::poll_fn;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, ready};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::delivery::feed::Intake;
use crate::delivery::{Deliveries, Feed, Outbound, Reason, Slots, Target};

/// How long anything may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(15);

/// What was given to an actor.
#[derive(Default)]
pub(super) struct Recorder(pub(super) Mutex<Vec<Deliveries>>);

impl Intake for Recorder {
    fn offer(&self, batch: Deliveries) -> bool {
        self.0.lock().unwrap().push(batch);
        true
    }
}

impl Recorder {
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().iter().flat_map(|batch| batch.frames.to_vec()).collect()
    }

    pub(super) fn count(&self) -> u64 {
        self.0.lock().unwrap().iter().map(|batch| batch.count).sum()
    }
}

/// An actor as a target.
pub(super) fn actor(slots: &Slots) -> (Target, Arc<Recorder>) {
    let recorder = Arc::<Recorder>::default();
    let feed = Feed::new(slots.take(), recorder.clone());
    (Target::Actor(Arc::new(feed)), recorder)
}

/// A connection: the server's side of it, and the client's.
pub(super) struct Wire {
    pub(super) out: Arc<Outbound>,
    pub(super) client: TcpStream,
    /// Ends when the connection was closed and all is sent that still can be.
    owner: JoinHandle<Reason>,
}

/// A connection with socket buffers so small that they are full soon.
pub(super) fn wire(slots: &Slots, pending_max: usize) -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    SockRef::from(&listener).set_recv_buffer_size(64 << 10).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    SockRef::from(&client).set_recv_buffer_size(64 << 10).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let (server, _) = listener.accept().unwrap();
    SockRef::from(&server).set_send_buffer_size(64 << 10).unwrap();
    server.set_nodelay(true).unwrap();
    server.set_nonblocking(true).unwrap();
    let (slot, (tell, told)) = (slots.take(), channel());
    let owner = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let socket = tokio::net::TcpStream::from_std(server).unwrap();
            let (_read, write) = socket.into_split();
            let out = Arc::new(Outbound::new(1, slot, write, pending_max));
            tell.send(Arc::clone(&out)).unwrap();
            let reason = own(&out).await;
            out.release_socket();
            reason
        })
    });
    Wire { out: told.recv().unwrap(), client, owner }
}

/// What the actor of a connection does for its way out.
async fn own(out: &Outbound) -> Reason {
    let (mut draining, mut closed) = (false, false);
    poll_fn(|cx| {
        let events = out.poll_events(cx);
        if events.drain() || draining {
            draining = out.poll_drain(cx).is_pending();
        }
        closed |= events.closed();
        if !closed {
            return Poll::Pending;
        }
        ready!(out.poll_drain(cx));
        Poll::Ready(out.closed().expect("a closed connection has a reason"))
    })
    .await
}

impl Wire {
    pub(super) fn target(&self) -> Target {
        Target::Connection(Arc::clone(&self.out))
    }

    /// Waits for the owner, which has to come to its end.
    pub(super) fn ended(self) -> Reason {
        eventually("the owner to end", || self.owner.is_finished());
        self.owner.join().unwrap()
    }

    /// Closes in good order; all that the client gets until then.
    pub(super) fn finish(self) -> Vec<u8> {
        self.out.close(Reason::ServerShutdown);
        let mut bytes = Vec::new();
        (&self.client).read_to_end(&mut bytes).unwrap();
        assert_eq!(self.ended(), Reason::ServerShutdown);
        bytes
    }

    /// Sends until more than `bytes` wait; how many bytes were sent.
    pub(super) fn fill(&self, bytes: usize) -> usize {
        let mut sent = 0;
        while self.out.pending() <= bytes {
            self.out.send(&[b'f'; 10_000]);
            sent += 10_000;
        }
        sent
    }
}

pub(super) fn eventually(what: &str, mut probe: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !probe() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}
