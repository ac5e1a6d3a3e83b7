//! How far the server is on its way.

use tokio::sync::watch;

/// The server's stages, each after the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It is here to stay.
    Serving,
    /// It serves, and says that it will not for long.
    Withdrawing,
    /// It finishes what was begun.
    Draining,
}

impl Stage {
    /// Waits until the server drains.
    pub(super) async fn drains(stage: &mut watch::Receiver<Self>) {
        // A server that is gone has come to the end of all its stages.
        let _ = stage.wait_for(|stage| *stage == Self::Draining).await;
    }
}
