//! Tasks that do not end.

use std::convert::Infallible;

use tokio::task::JoinSet;
use tracing::error;

use crate::edge::WallClock;

/// Runs what `start` makes, and starts it again when it ends: a panic costs one
/// round of one task, never the process. Dropped, it takes the task with it.
pub(crate) async fn supervised<F>(
    what: &'static str,
    clock: WallClock,
    start: impl Fn() -> F,
) -> Infallible
where
    F: Future<Output: Send> + Send + 'static,
{
    // A set aborts its tasks when it is dropped, which a bare handle does not.
    let mut task = JoinSet::new();
    loop {
        task.spawn(start());
        let why = match task.join_next().await {
            Some(Err(panic)) => panic.to_string(),
            Some(Ok(_)) | None => "it ended".to_owned(),
        };
        error!("the task that {what} stopped ({why}): starting it again");
        clock.sleep(time::Duration::seconds(1)).await;
    }
}
