//! `Listener`: accepts clients on one port.
//!
//! in:   connections of the operating system; [`Close`]
//! out:  [`Admit`] to the clients' parent
//! dies: when told to; after a panic its successor goes on with the same open port

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tracing::{error, warn};
use vagus_runtime::{Actor, Cx, Handle, Handler, Message, SendError};

use crate::broker::Broker;
use crate::clients::{Admit, Clients};
use crate::connection::messages::Accepted;

/// See the module's text.
pub struct Listener {
    broker: Arc<Broker>,
    /// Open port, shared with successors.
    port: Arc<std::net::TcpListener>,
    socket: Option<TcpListener>,
    clients: Handle<Clients>,
    accepted: u64,
    /// The clients' parent could not take this one yet.
    waiting: Option<Admit>,
    resting: bool,
}

/// Stop accepting, for good.
pub struct Close;

impl Message for Close {}

/// After an error of `accept`, such as no file descriptor left.
const REST: Duration = Duration::from_millis(100);
/// Sockets accepted in one turn.
const ACCEPTS_MAX: usize = 64;
/// Connections that the kernel may hold for us.
const BACKLOG: i32 = 1024;

/// Opens a port for clients.
///
/// # Errors
/// What the operating system says: the address is taken, or not ours.
pub fn open(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `::` takes IPv4 clients too.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

impl Listener {
    #[must_use]
    pub fn new(
        broker: Arc<Broker>,
        port: Arc<std::net::TcpListener>,
        clients: Handle<Clients>,
    ) -> Self {
        Self { broker, port, socket: None, clients, accepted: 0, waiting: None, resting: false }
    }

    fn poll(&mut self, cx: &mut Cx<'_, Self>, task: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ACCEPTS_MAX {
            if self.resting || !self.hand_over_waiting() {
                return Poll::Pending;
            }
            let Some(socket) = &self.socket else { return Poll::Ready(()) };
            match socket.poll_accept(task) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok((socket, peer))) => self.accept(socket, peer),
                Poll::Ready(Err(problem)) => self.rest(&problem, cx),
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }

    fn accept(&mut self, socket: tokio::net::TcpStream, peer: SocketAddr) {
        self.accepted += 1;
        let socket = socket.set_nodelay(true).and_then(|()| socket.into_std());
        let Ok(socket) = socket else { return };
        self.broker.tally.connections.fetch_add(1, Relaxed);
        let accepted = Accepted { cid: self.broker.next_cid(), socket, peer };
        self.waiting = Some(Admit(accepted));
        self.hand_over_waiting();
    }

    /// False when the clients' parent has no room; the next turn tries again.
    fn hand_over_waiting(&mut self) -> bool {
        let Some(admit) = self.waiting.take() else { return true };
        match self.clients.send(admit) {
            Ok(()) => true,
            Err(SendError::Full(admit)) => {
                self.waiting = Some(admit);
                false
            }
            Err(SendError::Dead(_)) => {
                warn!("no actor takes new connections");
                true
            }
        }
    }

    fn rest(&mut self, problem: &io::Error, cx: &mut Cx<'_, Self>) {
        error!("accept error: {problem}");
        self.resting = true;
        // The callback wakes this actor, and so its poll.
        cx.run_later(REST, |me, _| me.resting = false);
    }
}

// === impl Actor ===

impl Actor for Listener {
    const KIND: &'static str = "listener";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        match self.port.try_clone().and_then(TcpListener::from_std) {
            Ok(socket) => self.socket = Some(socket),
            Err(problem) => return cx.fail(format!("port can't be used: {problem}")),
        }
        cx.poll_with(Self::poll);
        // A full parent is tried again before long, whether or not new clients come.
        cx.run_interval(Duration::from_millis(20), |_, _| ());
    }

    fn observe(&self) -> serde_json::Value {
        json!({
            "address": self.port.local_addr().map(|address| address.to_string()).ok(),
            "accepted": self.accepted,
            "state": match () {
                () if self.socket.is_none() => "closed",
                () if self.resting => "resting after an error of accept",
                () if self.waiting.is_some() => "waiting for room",
                () => "accepting",
            },
        })
    }
}

// === impl Handler<Close> ===

impl Handler<Close> for Listener {
    fn handle(&mut self, _: Close, cx: &mut Cx<'_, Self>) {
        self.socket = None;
        cx.stop();
    }
}
