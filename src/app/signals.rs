//! What the system says to the process.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// They are listened to from the start, so that whoever was told that the relay is
/// ready can stop it in order.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, String> {
        let on = |kind| signal(kind).map_err(|e| e.to_string());
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hang_up: on(SignalKind::hangup())?,
        })
    }

    /// Ends at TERM and INT; a HUP only means to read things anew.
    pub(super) async fn told_to_stop(&mut self, reload: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => reload(),
            }
        }
    }
}
