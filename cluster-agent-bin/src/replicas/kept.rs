//! What one replica writes down for the others, and for its next start.

use std::{convert::Infallible, sync::Arc};

use futures_util::StreamExt as _;
use k8s_adapter::{
    ApiError, Demand, Failure, KeptChange, KeptError, KeptMetric, KeptMetrics, KeptPolicy,
    KeptValue, KeptWatched, KeptWritten, Known,
};
use metrics_store::{Sample, Store, Told, Word};
use provider_api::Clock as _;
use time::Duration;
use tracing::{info, warn};

use crate::{chain, edge::WallClock};

/// How often it is seen what is worth a write.
const PERIOD: Duration = Duration::seconds(5);
/// Where there are many objects to write, a write is worth so long a pause.
const PAUSE: Duration = Duration::milliseconds(250);

/// Carries what another replica has written into the store. Never ends.
pub(super) async fn follow(
    kept: &KeptMetrics,
    store: &Store,
    told: &super::asking::Told,
    clock: WallClock,
) {
    let mut watch = std::pin::pin!(kept.watch());
    while let Some(watched) = watch.next().await {
        match watched {
            KeptWatched::Changed(change) => {
                told.again(clock.after(Duration::ZERO));
                adopt(change, store, clock);
            }
            KeptWatched::Synced => {
                info!(at = %kept.place(), "what was kept of the metrics is known");
            }
            // The API server forgets places in a watch in the ordinary course of things.
            KeptWatched::Failing(ApiError::Expired) => {}
            KeptWatched::Failing(why) => {
                warn!("cannot watch ConfigMap {}: {}", kept.place(), chain(&why));
            }
        }
    }
}

fn adopt(change: KeptChange, store: &Store, clock: WallClock) {
    let now = clock.now();
    for metric in change.changed {
        let KeptMetric {
            demand,
            query,
            known,
            ..
        } = metric;
        if let Some(told) = told(&known) {
            store.adopt(&demand.metric, query, told, now);
        }
    }
    for demand in change.removed {
        store.retract(&demand.metric);
    }
    for unreadable in change.unreadable {
        warn!("{}", chain(&unreadable));
    }
}

/// Nothing, where it is no more than a replica knows that has just started, or is told in
/// another agent's words.
fn told(known: &Known) -> Option<Told> {
    let last = known
        .value()
        .map(|KeptValue { value, time }| Sample { value, time });
    let Some(failure) = known.failure() else {
        let heard = last.as_ref()?.time;
        return Some(Told {
            heard,
            last,
            failure: None,
        });
    };
    Some(Told {
        heard: failure.heard(),
        last,
        failure: Some(metrics_store::Failure {
            reason: failure.reason().parse().ok()?,
            why: failure.why().into(),
            since: failure.since(),
        }),
    })
}

/// Has written down what the store knows. Never ends.
pub(crate) async fn keep(
    kept: &KeptMetrics,
    store: &Store,
    policy: KeptPolicy,
    clock: WallClock,
) -> Infallible {
    let mut failed = None;
    loop {
        let mut written = KeptWritten::default();
        // Before all demands are known, and what they mean, what somebody asks for would count
        // as asked for by nobody.
        if store.is_synced() && store.is_defined() {
            let now = clock.now();
            // Of what cannot be asked of Datadog there is nothing to keep.
            let words = store.words(now).into_iter();
            let words = words.filter(|word| word.query.is_some());
            let wanted = words.flat_map(|word| {
                let is_served = store.read(&word.metric, now).is_ok();
                entries(word, is_served)
            });
            let wanted: Vec<_> = wanted.collect();
            let outcome = kept.write(&wanted, policy, now).await;
            report(&outcome, &mut failed);
            written = outcome.unwrap_or_default();
        }
        let writes = i32::try_from(written.writes).unwrap_or(i32::MAX);
        clock.sleep(PERIOD.max(PAUSE * writes)).await;
    }
}

/// An entry for each object that asks, as Datadog's agent has one.
fn entries(word: Word, is_served: bool) -> impl Iterator<Item = KeptMetric> {
    let Word {
        askers,
        metric,
        query,
        told,
    } = word;
    let known = told.map_or(Known::Waiting, |told| known(told, is_served));
    let query: Option<Arc<str>> = query.map(|query| query.text().into());
    askers.into_iter().map(move |asker| KeptMetric {
        demand: Demand {
            asker,
            metric: metric.clone(),
        },
        uid: None,
        query: query.clone(),
        known: known.clone(),
    })
}

/// A value that is served no longer is not held.
fn known(told: Told, is_served: bool) -> Known {
    let Told {
        heard,
        last,
        failure,
    } = told;
    let value = last.map(|Sample { value, time }| KeptValue { value, time });
    let failure = failure.map(|metrics_store::Failure { reason, why, since }| {
        Failure::new(&why, since)
            .because(reason.word())
            .heard_at(heard)
    });
    match (value, failure) {
        (None, None) => Known::Waiting,
        (Some(value), None) => Known::Fresh(value),
        (Some(value), Some(failure)) if is_served => Known::Held(value, failure),
        (_, Some(failure)) => Known::Missing(failure),
    }
}

/// The log hears of a failure once, and of its end.
fn report(outcome: &Result<KeptWritten, KeptError>, failed: &mut Option<String>) {
    let words = match outcome {
        // The watch has its own words for it.
        Err(KeptError::Unlisted(_)) => return,
        Ok(KeptWritten { too_large, .. }) if too_large.is_empty() => None,
        Ok(KeptWritten { too_large, .. }) => Some(format!(
            "{} metrics are too large to be kept, {} {} among them",
            too_large.len(),
            too_large[0].asker,
            too_large[0].metric
        )),
        Err(why) => Some(chain(why)),
    };
    match (&words, &failed) {
        (Some(words), _) if failed.as_ref() != Some(words) => {
            warn!("other replicas are not told what is known: {words}");
        }
        (None, Some(_)) => info!("other replicas are told again what is known"),
        _ => {}
    }
    *failed = words;
}

#[cfg(test)]
mod tests {
    use metrics_store::Reason;
    use time::{OffsetDateTime, macros::datetime};

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-02 03:00 UTC);

    fn said(last: Option<i64>, failure: Option<Reason>) -> Told {
        Told {
            heard: NOW,
            last: last.map(|value| Sample {
                value: value.into(),
                time: NOW,
            }),
            failure: failure.map(|reason| metrics_store::Failure {
                reason,
                why: "it says so".into(),
                since: NOW - Duration::MINUTE,
            }),
        }
    }

    #[test]
    fn what_one_replica_writes_down_is_what_another_is_told() {
        for words in [
            said(Some(7), None),
            said(Some(7), Some(Reason::Unavailable)),
            said(None, Some(Reason::UnknownMetric)),
        ] {
            assert_eq!(told(&known(words.clone(), true)), Some(words));
        }
        assert_eq!(told(&Known::Waiting), None);
    }

    #[test]
    fn a_value_that_is_no_longer_served_is_not_handed_on() {
        let old = said(Some(7), Some(Reason::NoData));
        let without = said(None, Some(Reason::NoData));
        assert_eq!(told(&known(old, false)), Some(without));
    }

    #[test]
    fn a_failure_in_words_of_another_agent_says_nothing() {
        let failure = Failure::new("no value", NOW).because("Whatever");
        assert_eq!(told(&Known::Missing(failure)), None);
    }
}
