//! How long a watch rests after a failure.

use std::mem;

use futures_util::{Stream, StreamExt as _, stream};
use kube_runtime::{WatchStreamExt as _, watcher::Event};

/// The events, with a pause after each failure, which grows while failures follow each other.
///
/// The pauses of `kube` begin anew after any event, and each try to list begins with one,
/// `Init`. So that is held back until something of the list has come.
pub(crate) fn with_pauses<K, E>(
    events: impl Stream<Item = Result<Event<K>, E>>,
) -> impl Stream<Item = Result<Event<K>, E>> {
    let mut begins = false;
    let held_back = events.flat_map(move |event| {
        let told = match event {
            Ok(Event::Init) => {
                begins = true;
                [None, None]
            }
            Ok(event) if mem::take(&mut begins) => [Some(Ok(Event::Init)), Some(Ok(event))],
            other => [Some(other), None],
        };
        stream::iter(told.into_iter().flatten())
    });
    held_back.default_backoff()
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_pauses_grow_while_lists_fail_and_begin_anew_with_one_that_comes() {
        let failing = || [Ok(Event::Init), Err("no")];
        let tries = std::iter::repeat_with(failing).take(5).flatten();
        let listed = [
            Ok(Event::Init),
            Ok(Event::InitApply("a")),
            Ok(Event::InitDone),
            Err("no"),
            Ok(Event::Apply("b")),
        ];
        let mut events = Box::pin(with_pauses(stream::iter(tries.chain(listed.clone()))));
        let mut told = Vec::new();
        let mut last = Instant::now();
        while let Some(event) = events.next().await {
            told.push((event, last.elapsed()));
            last = Instant::now();
        }
        let (told, pauses): (Vec<_>, Vec<_>) = told.into_iter().unzip();
        assert_eq!(format!("{:?}", &told[5..]), format!("{listed:?}"));
        assert!(told[..5].iter().all(Result::is_err), "{told:?}");
        // Each is made longer by chance, up to twice as long.
        let is_of = |pause: usize, millis: u64| {
            (millis..=2 * millis).contains(&(pauses[pause].as_millis() as u64))
        };
        let grown = [800, 1_600, 3_200, 6_400, 12_800];
        for (before, millis) in grown.into_iter().enumerate() {
            assert!(is_of(before + 1, millis), "{pauses:?}");
        }
        assert!(is_of(9, 800), "{pauses:?}");
    }
}
