//! A cluster of any size: each of its autoscalers asks for a metric of its own.

use std::{num::NonZeroU32, sync::Arc};

use datadog_query::{Aggregator, Rollup};
use metrics_store::{Key, Policy, Store, Template, Wishes};
use provider_api::{ExternalMetric, ObjectReference};
use time::{Duration, OffsetDateTime, macros::datetime};

/// The metric's name: the same for all, which differ in their labels.
pub(crate) const NAME: &str = "nginx.net.request_per_s";

/// The benchmarks' time, which stands still. A bucket of thirty seconds closed
/// fifteen seconds ago.
pub(crate) const NOW: OffsetDateTime = datetime!(2026-01-02 03:00:15 UTC);

/// What the autoscaler of this number asks for.
pub(crate) fn metric(number: usize) -> ExternalMetric {
    ExternalMetric::new(
        namespace(number).parse().expect("a namespace of letters"),
        NAME.parse().expect("a name of letters"),
        format!("kube_container_name=nginx,kube_deployment=web-{number}")
            .parse()
            .expect("a selector of two labels"),
    )
}

/// A hundred autoscalers share a namespace.
fn namespace(number: usize) -> String {
    format!("shop-{}", number / 100)
}

/// A store in which so many autoscalers ask, and nothing is answered yet.
pub(crate) fn store(autoscalers: usize) -> Store {
    let template = Template {
        aggregator: Aggregator::Avg,
        rollup: Rollup(const { NonZeroU32::new(30).expect("not zero") }),
    };
    let policy = Policy::up_to(Duration::seconds(120), Duration::seconds(30));
    let store = Store::new(template, policy, Arc::new(|| NOW));
    for number in 0..autoscalers {
        let asker = ObjectReference {
            kind: "HorizontalPodAutoscaler".into(),
            namespace: namespace(number).into(),
            name: format!("web-{number}").into(),
        };
        let metric = metric(number);
        store
            .demand(Key { asker, metric }, &Wishes::default())
            .expect("Datadog has words for it");
    }
    store.synced();
    store
}
