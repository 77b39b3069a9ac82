//! `Connection`: one client, from its first byte to its last.
//!
//! in:   bytes of the client; [`messages`]: settings, `INFO`, the end, questions of monitoring
//! out:  messages straight to other connections' sockets and to actors that subscribe; changes of
//!       interest to the subject shards; its description to the census when it ends
//! dies: with its socket, or when the client breaks a rule. It is never restarted. When it panics,
//!       its subscriptions are withdrawn and its socket closed all the same.
//!
//! One future does the input and output. A turn of it reads once into the arbiter's buffer and
//! works through what came ([`operate`]), publishing as it goes ([`publish`]). Three things make it
//! stop reading: changes of interest that the shards have not acknowledged ([`interest`]),
//! credentials still being checked ([`hello`]), and readers of its messages that are far behind.

mod about;
mod across;
mod belonging;
mod clock;
mod hello;
mod input;
mod interest;
pub mod messages;
mod news;
mod operate;
mod origin;
mod proxied;
mod publish;
mod report;
mod rights;
mod tls;
mod trace;
mod traced;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::Sleep;
use tracing::{debug, info};
use vagus_runtime::{Actor, Cx, Handler};

use self::clock::Clock;
use self::hello::Client;
use self::input::Stall;
use self::interest::OwnInterest;
use self::messages::{Accepted, Describe, End, Inform, Introduce, Reload, SendAway};
use self::publish::Last;
use self::rights::Rights;
use self::tls::Tls;
use crate::broker::{Broker, Cast, Settings};
use crate::census::messages::Born;
use crate::delivery::reading::{Turn, Unread};
use crate::delivery::{Counters, Outbound, Reason};
use crate::realm::{Realm, RealmRules};

/// See the module's text.
pub struct Connection {
    broker: Arc<Broker>,
    settings: Arc<Settings>,
    cast: Arc<Cast>,
    /// Of the account that the client belongs to.
    realm: Arc<Realm>,
    rules: Arc<RealmRules>,
    rights: Rights,
    /// Counted among the clients of its realm.
    member: bool,
    /// The counters of its arbiter.
    counters: Arc<Counters>,
    peer: SocketAddr,
    /// Nanoseconds from the server's start.
    started_ns: u64,
    /// Its own way out: others hold it too, and write to it.
    out: Arc<Outbound>,
    io: OwnedReadHalf,
    input: Unread,
    /// What the client said of itself, and how far it got.
    client: Client,
    /// Where the port has TLS, and the client may still want it.
    tls: Option<Box<Tls>>,
    interest: OwnInterest,
    /// The subject published to last, with everyone who wants it.
    last: Option<Box<Last>>,
    clock: Clock,
    /// The word of a proxy is awaited.
    header_pending: bool,
    /// Bytes wait for the client's socket.
    draining: bool,
    /// Reading pauses until this ends, or a reader that is behind has caught up.
    stall: Option<Box<Stall>>,
    /// Ending: only what is queued is still sent, until then.
    ending: Option<Pin<Box<Sleep>>>,
    /// When that began.
    ended_at: Option<SystemTime>,
    /// Among the clients of the server: not when it was one too many, nor once it is ending.
    counted: bool,
}

/// Reads in one turn of the arbiter before others get theirs.
const READS_MAX: usize = 8;
/// How long a closed connection may take what was queued for it.
const LINGER: Duration = Duration::from_secs(2);

// === impl Connection ===

impl Connection {
    /// Takes over an accepted socket, on the arbiter that is to serve it.
    ///
    /// # Errors
    /// When the socket can't be registered there.
    pub fn new(
        broker: Arc<Broker>,
        cast: Arc<Cast>,
        arbiter: usize,
        accepted: Accepted,
    ) -> std::io::Result<Self> {
        let settings = broker.settings();
        let socket = tokio::net::TcpStream::from_std(accepted.socket)?;
        let (io, write) = socket.into_split();
        let slot = broker.slots.take();
        let out = Arc::new(Outbound::new(accepted.cid, slot, write, settings.pending_max));
        out.stats.active_ns.store(broker.now_ns(), Relaxed);
        let max = settings.connections_max.unwrap_or(u64::MAX);
        let counted = broker
            .tally
            .clients
            .fetch_update(Relaxed, Relaxed, |clients| (clients < max).then_some(clients + 1));
        let rules = broker.realms.global().rules();
        Ok(Self {
            counters: Arc::clone(&broker.counters[arbiter % broker.counters.len()]),
            peer: accepted.peer,
            started_ns: broker.now_ns(),
            tls: Tls::new(&settings, &out),
            out,
            io,
            input: Unread::default(),
            client: Client::new(&settings),
            interest: OwnInterest::default(),
            last: None,
            clock: Clock::default(),
            header_pending: false,
            draining: false,
            stall: None,
            ending: None,
            ended_at: None,
            counted: counted.is_ok(),
            rights: Rights::general(&settings, &rules),
            rules,
            realm: Arc::clone(broker.realms.global()),
            member: false,
            settings,
            cast,
            broker,
        })
    }

    /// The handle that others write to.
    #[must_use]
    pub fn out(&self) -> &Arc<Outbound> {
        &self.out
    }

    /// Does what can be done now. Ready when the connection is at its end.
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let done = self.poll_once(task);
        if done.is_pending() && self.clock.take_fresh() {
            // A timer wakes only a task that has asked it to.
            self.poll_clock(task);
        }
        done
    }

    fn poll_once(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let events = self.out.poll_events(task);
        if events.expired() {
            self.end_expired(task);
        }
        if events.drain() || self.draining || self.has_unsent() {
            self.draining = self.poll_send(task).is_pending();
        }
        if events.closed() {
            self.begin_end();
        }
        if self.ending.is_some() {
            return self.poll_ending(task);
        }
        if self.poll_clock(task) || self.gated(task) {
            return Poll::Pending;
        }
        for _ in 0..READS_MAX {
            match self.turn(task) {
                Turn::Again => {}
                Turn::Wait => {
                    self.forget_stale();
                    return Poll::Pending;
                }
                Turn::Yield => break,
                Turn::Gated => {
                    if self.gated(task) {
                        return Poll::Pending;
                    }
                }
                Turn::Ended => {
                    task.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }

    /// An idle connection keeps nobody's subscriptions in memory that are gone.
    fn forget_stale(&mut self) {
        if self.last.as_ref().is_some_and(|last| !last.is_current(&self.realm.interest)) {
            self.last = None;
        }
    }

    /// Whether something keeps the connection from reading on.
    fn gated(&mut self, task: &mut Context<'_>) -> bool {
        self.poll_header(task)
            || self.poll_tls(task)
            || self.poll_verdict(task)
            || self.poll_barrier(task)
            || self.poll_stall(task)
    }

    fn poll_stall(&mut self, task: &mut Context<'_>) -> bool {
        let Some(stall) = &mut self.stall else { return false };
        // A reader that has caught up wakes the task as well.
        let over = stall.end.as_mut().poll(task).is_ready() || !stall.is_needed();
        if over {
            self.stall = None;
        }
        !over
    }

    /// Answers and then ends: `text` is the last thing the client reads.
    fn refuse(&mut self, text: &str, reason: Reason) {
        self.out.send(&vagus_wire::encode::error(text));
        self.end(reason);
    }

    fn end(&mut self, reason: Reason) {
        // Before the client can see it, so that ends are remembered in the order clients saw.
        self.ended_at.get_or_insert_with(SystemTime::now);
        self.out.close(reason);
    }

    fn begin_end(&mut self) {
        if self.ending.is_none() {
            let reason = self.out.closed().unwrap_or(Reason::ClientClosed);
            if reason == Reason::SlowConsumerPending {
                let max = self.out.pending_max;
                info!("{}Slow Consumer Detected: MaxPending of {max} Exceeded", self.prefix());
            }
            debug!("{}Client connection closed: {}", self.prefix(), reason.text());
            self.count_end(reason);
            self.uncount();
            self.ended_at.get_or_insert_with(SystemTime::now);
            self.tell_census();
            self.withdraw_gently();
            self.ending = Some(Box::pin(tokio::time::sleep(LINGER)));
        }
    }

    fn uncount(&mut self) {
        if std::mem::take(&mut self.counted) {
            self.broker.tally.clients.fetch_sub(1, Relaxed);
        }
        if std::mem::take(&mut self.member) {
            self.realm.leave(&self.out);
        }
    }

    fn count_end(&self, reason: Reason) {
        let counter = match reason {
            Reason::SlowConsumerPending | Reason::SlowConsumerDeadline => {
                &self.broker.tally.slow_consumers
            }
            Reason::Stale => &self.broker.tally.stale_connections,
            Reason::AuthenticationFailure | Reason::AuthenticationTimeout => {
                &self.broker.tally.auth_failures
            }
            _ => return,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Sends what is left, then reads and forgets until the client closes too: an unread byte
    /// would turn the close into a reset, which can destroy the last answer on its way.
    fn poll_ending(&mut self, task: &mut Context<'_>) -> Poll<()> {
        if self.poll_send(task).is_pending() {
            let late =
                self.ending.as_mut().is_none_or(|sleep| sleep.as_mut().poll(task).is_ready());
            return if late { Poll::Ready(()) } else { Poll::Pending };
        }
        self.discard_input(task)
    }
}

// === impl Actor ===

impl Actor for Connection {
    const KIND: &'static str = "connection";

    fn started(&mut self, cx: &mut Cx<'_, Self>) {
        let born = Born { out: Arc::clone(&self.out), handle: cx.handle() };
        // Without a census the server is on its way out.
        let _ = self.cast.census.send_urgent(born);
        // A reload that the census passed on before it knew of this connection.
        let settings = self.broker.settings();
        if !Arc::ptr_eq(&settings, &self.settings) {
            self.apply_settings(Reload(settings));
        }
        self.begin();
        cx.poll_with(|me, cx, task| {
            let ended = me.poll(task);
            if ended.is_ready() {
                cx.stop();
            }
            ended
        });
    }

    /// Told to stop, where nothing of its own had ended it: its parent ends.
    fn stopping(&mut self, _: &mut Cx<'_, Self>) {
        self.end(Reason::ServerShutdown);
    }

    fn observe(&self) -> serde_json::Value {
        let waiting = match () {
            () if self.ending.is_some() => "ending",
            () if self.client.is_being_checked() => "credentials are being checked",
            () if self.interest.is_waiting() => "the subject shards have not acknowledged yet",
            () if self.stall.is_some() => "a reader of its messages is far behind",
            () if self.draining => "the client reads slower than it is sent to",
            () => "waiting for the client",
        };
        json!({
            "cid": self.out.cid,
            "client": self.peer.to_string(),
            "name": &*self.client.connect.name,
            "state": waiting,
            "subscriptions": self.interest.len(),
            "pending_bytes": self.out.pending(),
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.leave();
    }
}

// === impl Handler<End> ===

impl Handler<End> for Connection {
    fn handle(&mut self, End(reason): End, _: &mut Cx<'_, Self>) {
        self.end(reason);
    }
}

// === impl Handler<Reload> ===

impl Handler<Reload> for Connection {
    fn handle(&mut self, reload: Reload, _: &mut Cx<'_, Self>) {
        self.apply_settings(reload);
    }
}

// === impl Handler<Inform> ===

impl Handler<Inform> for Connection {
    fn handle(&mut self, _: Inform, _: &mut Cx<'_, Self>) {
        self.inform();
    }
}

// === impl Handler<Describe> ===

impl Handler<Describe> for Connection {
    fn handle(&mut self, ask: Describe, _: &mut Cx<'_, Self>) {
        // The asker may have given up.
        let _ = ask.reply.send(self.describe(ask.subscriptions));
    }
}

// === impl Handler<Introduce> ===

impl Handler<Introduce> for Connection {
    fn handle(&mut self, ask: Introduce, _: &mut Cx<'_, Self>) {
        // The asker may have given up.
        let _ = ask.reply.send(self.client.identity.clone());
    }
}

// === impl Handler<SendAway> ===

impl Handler<SendAway> for Connection {
    fn handle(&mut self, _: SendAway, _: &mut Cx<'_, Self>) {
        self.client.sent_away = true;
        self.inform();
    }
}
