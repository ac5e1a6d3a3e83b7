//! The runtime under a command.

use std::{io, time::Duration};

use tokio::runtime::Builder;

/// Runs `future` to its end. Calls that still block then are not waited for.
///
/// # Errors
/// When the machine has no threads to give.
pub(crate) fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let output = runtime.block_on(future);
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(output)
}
