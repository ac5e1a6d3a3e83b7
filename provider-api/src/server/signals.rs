//! The signals that end the process.

use std::{io, process};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};
use tracing::info;

/// Tells, to all its clones, that the process was asked to end.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Listens for SIGTERM, which is how Kubernetes ends a pod, and SIGINT. The first asks
    /// for an orderly end; the second ends the process at once, with the exit code 1.
    ///
    /// # Errors
    /// When the operating system lets nobody listen.
    pub fn on_signal() -> io::Result<Self> {
        let (mut term, mut int) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        let (asked, receiver) = watch::channel(false);
        tokio::spawn(async move {
            let name = either(&mut term, &mut int).await;
            info!(
                "{name}: no longer ready, finishing what has begun; a second signal ends at once"
            );
            asked.send_replace(true);
            either(&mut term, &mut int).await;
            process::exit(1);
        });
        Ok(Self(receiver))
    }

    /// Whether the process was asked to end.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the process is asked to end.
    pub async fn asked(mut self) {
        // The sender lives in the task above, which does not end before.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

async fn either(term: &mut Signal, int: &mut Signal) -> &'static str {
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}
