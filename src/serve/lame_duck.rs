//! Lame duck mode: a server that is to be replaced sends its clients away gently.

use std::time::Duration;

use tracing::info;

use super::Process;
use crate::signals::{Signal, Signals};

/// How often is looked whether clients are left.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Process<'_> {
    /// Returns when no client is left, the time is over, or an interrupt cuts it short.
    pub(super) async fn lame_duck(&self, signals: &mut Signals) {
        info!("Entering lame duck mode, stop accepting new clients");
        self.server.lame_duck();
        let config = self.server.config();
        let grace = config.lame_duck_grace_period;
        let rest = config.lame_duck_duration.saturating_sub(grace);
        if self.wait_for_clients(grace, signals).await {
            return;
        }
        info!("Closing existing clients");
        self.server.disband(rest);
        self.wait_for_clients(rest, signals).await;
    }

    /// Whether the server may end: all clients are gone, or an operator is tired of waiting.
    async fn wait_for_clients(&self, time: Duration, signals: &mut Signals) -> bool {
        let end = tokio::time::Instant::now() + time;
        let mut look = tokio::time::interval(LOOK_EVERY);
        while tokio::time::Instant::now() < end {
            tokio::select! {
                _ = look.tick() => {
                    if self.server.clients() == 0 {
                        return true;
                    }
                }
                signal = signals.next() => {
                    info!("Trapped \"{signal}\" signal");
                    match signal {
                        Signal::Quit => return true,
                        Signal::Reopen => self.reopen_log(),
                        // Lame duck mode is on its way out already, and nothing new is begun.
                        Signal::Term | Signal::LameDuck | Signal::Reload => {}
                    }
                }
            }
        }
        false
    }
}
