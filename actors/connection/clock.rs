//! What time does to a connection: credentials that do not come, pings, a client that no longer
//! answers, a socket that takes nothing.

use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Context;
use std::time::{Duration, Instant, SystemTime};

use tokio::time::Sleep;
use tracing::{debug, info};
use vagus_telemetry::text::GoDuration;
use vagus_wire::text;

use super::Connection;
use crate::delivery::{Outbound, Reason};

/// Timers of a connection. One at most runs while all goes well.
#[derive(Default)]
pub(super) struct Clock {
    /// To the next ping, or to the end of patience for credentials.
    next: Option<Pin<Box<Sleep>>>,
    /// To the end of the client's credentials.
    expiry: Option<Pin<Box<Sleep>>>,
    /// Runs while the socket takes nothing.
    write: Option<Pin<Box<Sleep>>>,
    /// Nanoseconds from the server's start, here and below; 0: never.
    heard_ns: u64,
    ping_sent_ns: u64,
    pings_out: u32,
    fresh: bool,
}

/// The first ping comes early: it measures the round trip.
const FIRST_PING: Duration = Duration::from_secs(2);
/// A round-trip time older than this is measured again, even on a busy connection.
const RTT_MAX_AGE: Duration = Duration::from_hours(1);

// === impl Clock ===

impl Clock {
    /// Bytes came in.
    pub(super) fn heard(&mut self, now_ns: u64) {
        self.heard_ns = now_ns;
    }

    /// When bytes came in last.
    pub(super) fn heard_at(&self) -> u64 {
        self.heard_ns
    }

    /// A `PONG` came in.
    pub(super) fn answered(&mut self, now_ns: u64, out: &Outbound) {
        self.pings_out = 0;
        if self.ping_sent_ns > 0 {
            out.stats.rtt_ns.store((now_ns - self.ping_sent_ns).max(1), Relaxed);
        }
    }

    /// Whether a timer was set that has not been waited for yet.
    pub(super) fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.fresh)
    }

    fn set(&mut self, after: Duration) {
        self.fresh = true;
        let sleep = tokio::time::sleep(after);
        match &mut self.next {
            Some(next) => next.as_mut().set(sleep),
            None => self.next = Some(Box::pin(sleep)),
        }
    }
}

// === impl Connection ===

impl Connection {
    /// At the start: patience for credentials, or the time to a ping.
    pub(super) fn set_first_timer(&mut self) {
        self.clock.set(match self.client.must_authenticate() {
            true => self.settings.auth_timeout,
            false => self.settings.ping_interval,
        });
    }

    /// For a step before that.
    pub(super) fn set_timer(&mut self, after: Duration) {
        self.clock.set(after);
    }

    pub(super) fn clear_timer(&mut self) {
        self.clock.next = None;
    }

    /// After a `CONNECT` the first ping comes early, to measure the round trip.
    pub(super) fn set_ping_timer(&mut self) {
        let first = FIRST_PING.min(self.settings.ping_interval);
        self.clock.set(first.mul_f64(1.0 + 0.2 * fastrand::f64()));
    }

    /// The client's credentials are good until then.
    pub(super) fn set_expiry(&mut self, at: Option<SystemTime>) {
        self.clock.expiry = at.map(|at| {
            let left = at.duration_since(SystemTime::now()).unwrap_or_default();
            Box::pin(tokio::time::sleep(left))
        });
        self.clock.fresh |= self.clock.expiry.is_some();
    }

    /// Whether time has ended the connection.
    pub(super) fn poll_clock(&mut self, task: &mut Context<'_>) -> bool {
        self.poll_write_deadline(task);
        if let Some(expiry) = &mut self.clock.expiry
            && expiry.as_mut().poll(task).is_ready()
        {
            self.clock.expiry = None;
            info!("{}User Authentication Expired", self.prefix());
            self.refuse(text::EXPIRED, Reason::AuthenticationExpired);
        }
        while let Some(next) = &mut self.clock.next {
            if next.as_mut().poll(task).is_pending() {
                break;
            }
            if self.header_is_late() || self.tls_timer_is_over() {
                continue;
            }
            if self.client.must_authenticate() {
                self.clock.next = None;
                info!("{}Authentication Timeout", self.prefix());
                self.refuse(text::AUTH_TIMEOUT, Reason::AuthenticationTimeout);
            } else {
                self.ping_or_give_up();
            }
        }
        if self.out.closed().is_some() {
            task.waker().wake_by_ref();
            return true;
        }
        false
    }

    fn ping_or_give_up(&mut self) {
        let now = self.broker.now_ns();
        let interval = self.settings.ping_interval;
        let since = |then: u64| Duration::from_nanos(now.saturating_sub(then));
        // Asked is enough: a client that sends and never answers a ping is alive all the same.
        let asked = self.clock.ping_sent_ns > 0 && since(self.clock.ping_sent_ns) < RTT_MAX_AGE;
        let busy = self.clock.heard_ns > 0 && since(self.clock.heard_ns) < interval;
        if busy {
            self.clock.pings_out = 0;
        }
        if busy && asked {
            debug!("{}Delaying PING due to client activity", self.prefix());
        } else if self.clock.pings_out >= self.settings.pings_out_max {
            self.clock.next = None;
            debug!("{}Stale Client Connection - Closing", self.prefix());
            return self.refuse(text::STALE, Reason::Stale);
        } else {
            self.clock.pings_out += 1;
            self.clock.ping_sent_ns = now;
            self.out.send(b"PING\r\n");
        }
        self.clock.set(interval);
    }

    /// A flush that takes longer than the write deadline ends the connection.
    fn poll_write_deadline(&mut self, task: &mut Context<'_>) {
        if !self.draining {
            self.clock.write = None;
            return;
        }
        let deadline = self.settings.write_deadline;
        loop {
            let timer =
                self.clock.write.get_or_insert_with(|| Box::pin(tokio::time::sleep(deadline)));
            if timer.as_mut().poll(task).is_pending() {
                return;
            }
            self.clock.write = None;
            let Some((age, wrote)) = self.out.flush_age(Instant::now()) else { return };
            if age < deadline {
                let rest = deadline.saturating_sub(age).max(Duration::from_millis(1));
                self.clock.write = Some(Box::pin(tokio::time::sleep(rest)));
            } else if self.settings.write_retry && wrote {
                self.log_slow(deadline);
                self.out.restart_flush();
            } else {
                self.log_slow(deadline);
                return self.end(Reason::SlowConsumerDeadline);
            }
        }
    }

    fn log_slow(&self, deadline: Duration) {
        let (chunks, bytes) = self.out.waiting();
        info!(
            "{}Slow Consumer Detected: WriteDeadline of {} exceeded with {chunks} chunks of \
             {bytes} total bytes.",
            self.prefix(),
            GoDuration(deadline),
        );
    }
}
