//! Tasks that do not end.

use std::{convert::Infallible, fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{task::JoinSet, time::sleep};
use tracing::error;

/// A task that panics at once, each time, shall not fill the log.
const PAUSE: Duration = Duration::from_secs(1);

/// Something that is done for as long as the server runs.
#[derive(Clone)]
pub(super) struct Task {
    what: &'static str,
    start: Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
}

impl Task {
    /// `what` it does, as in "the task that *asks Datadog* stopped", and how it begins.
    pub(super) fn new<F>(what: &'static str, start: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let start = move || -> BoxFuture<'static, ()> {
            let begun = start();
            Box::pin(async move {
                begun.await;
            })
        };
        Self {
            what,
            start: Arc::new(start),
        }
    }

    /// Runs it, and begins it again when it ends: a panic costs one round of one task,
    /// never the process. Dropped, it takes the task with it.
    pub(super) async fn run(self) -> Infallible {
        // A set aborts its tasks when it is dropped, which a bare handle does not.
        let mut running = JoinSet::new();
        loop {
            running.spawn((self.start)());
            let why = match running.join_next().await {
                Some(Err(panic)) => panic.to_string(),
                Some(Ok(())) | None => "it ended".to_owned(),
            };
            error!(
                "the task that {} stopped ({why}): starting it again",
                self.what
            );
            sleep(PAUSE).await;
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_or_ends_is_begun_again() {
        let begun = Arc::new(AtomicU32::new(0));
        let enough = Arc::new(Notify::new());
        let task = Task::new("is tried", {
            let (begun, enough) = (Arc::clone(&begun), Arc::clone(&enough));
            move || {
                let nth = begun.fetch_add(1, Ordering::Relaxed);
                let enough = Arc::clone(&enough);
                async move {
                    match nth {
                        0 => panic!("the first time"),
                        1 => {}
                        _ => enough.notify_one(),
                    }
                }
            }
        });
        tokio::select! {
            never = task.run() => match never {},
            () = enough.notified() => {}
        }
        assert_eq!(begun.load(Ordering::Relaxed), 3);
    }
}
