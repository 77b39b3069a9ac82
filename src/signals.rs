//! Signals between processes: what each means to the server, how it hears them, and how
//! `vagus -sl` sends them.

mod send;

use std::{fmt, io};

use tokio::signal::unix::{SignalKind, signal};

pub(crate) use send::send;

/// A signal, by what it asks of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT: shut down.
    Quit,
    /// SIGTERM: shut down; ignored in lame duck mode.
    Term,
    /// SIGUSR1: reopen the log file.
    Reopen,
    /// SIGUSR2: enter lame duck mode.
    LameDuck,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// Hears signals, from the moment it is made.
#[derive(Debug)]
pub(crate) struct Signals {
    heard: [(Signal, tokio::signal::unix::Signal); 5],
}

impl Signals {
    /// Starts listening; needs a tokio runtime (an actix system is one). The default action of
    /// these signals is gone for the rest of the process's life.
    pub(crate) fn new() -> io::Result<Self> {
        let hear = |kind: SignalKind, meaning| signal(kind).map(|heard| (meaning, heard));
        Ok(Self {
            heard: [
                hear(SignalKind::interrupt(), Signal::Quit)?,
                hear(SignalKind::terminate(), Signal::Term)?,
                hear(SignalKind::user_defined1(), Signal::Reopen)?,
                hear(SignalKind::user_defined2(), Signal::LameDuck)?,
                hear(SignalKind::hangup(), Signal::Reload)?,
            ],
        })
    }

    /// Waits for the next signal. Several of a kind that arrive together count as one.
    pub(crate) async fn next(&mut self) -> Signal {
        std::future::poll_fn(|cx| {
            for (meaning, heard) in &mut self.heard {
                // `Ready(None)` would mean that tokio's own end is gone; it lives as long as we do.
                if heard.poll_recv(cx).is_ready() {
                    return std::task::Poll::Ready(*meaning);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

/// As in the log line `Trapped "hangup" signal`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quit => "interrupt",
            Self::Term => "terminated",
            Self::Reopen => "user defined signal 1",
            Self::LameDuck => "user defined signal 2",
            Self::Reload => "hangup",
        })
    }
}

/// Held by tests that send this process a signal, and by those that must not hear it.
#[cfg(test)]
pub(crate) static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[cfg(test)]
mod tests {
    use rustix::process::{Signal as Raw, getpid, kill_process};

    use super::*;

    #[test]
    fn each_signal_is_heard_as_what_it_means() {
        let _held = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut signals = Signals::new().unwrap();
            for (raw, meaning, name) in [
                (Raw::INT, Signal::Quit, "interrupt"),
                (Raw::TERM, Signal::Term, "terminated"),
                (Raw::USR1, Signal::Reopen, "user defined signal 1"),
                (Raw::USR2, Signal::LameDuck, "user defined signal 2"),
                (Raw::HUP, Signal::Reload, "hangup"),
            ] {
                kill_process(getpid(), raw).unwrap();
                assert_eq!(signals.next().await, meaning);
                assert_eq!(meaning.to_string(), name);
            }
        });
    }
}
