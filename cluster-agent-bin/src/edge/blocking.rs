//! Threads for calls that block.

use std::{num::NonZeroUsize, sync::Arc};

use datadog_query::Job;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Runs calls on threads that may block, `parallel` at a time. The place belongs to
/// the call and not to whoever waits for it, since a call that nobody waits for any
/// longer still goes on until its time-out.
pub(crate) fn bounded(parallel: NonZeroUsize) -> impl Fn(Job) + Send + Sync + 'static {
    let places = Arc::new(Semaphore::new(parallel.get()));
    move |job| {
        let places = Arc::clone(&places);
        tokio::spawn(async move {
            // The semaphore is never closed.
            if let Ok(place) = places.acquire_owned().await {
                spawn_blocking(move || {
                    job();
                    drop(place);
                });
            }
        });
    }
}
