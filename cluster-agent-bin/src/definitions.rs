//! The one place where DatadogMetrics enter the store, and where their status comes from.

mod standing;

use std::{convert::Infallible, sync::Arc};

use datadog_query::{Query, QueryTemplate};
use futures_util::StreamExt as _;
use k8s_adapter::{
    ApiError, DatadogMetrics, Defined, Leadership, MetricsChange, MetricsError, MetricsWatched,
    MetricsWritten,
};
use metrics_store::{Definition, Key, MetricReference, Store, Wishes};
use provider_api::{Clock as _, ExternalMetric, MetricsServer, ObjectReference, Selector};
use time::Duration;
use tokio::sync::{Notify, watch};
use tracing::{info, warn};

use self::standing::{told, wanted};
use crate::{chain, config::Variables, edge::WallClock, replicas::while_so};

/// What joins the DatadogMetrics of a cluster and the store.
pub(crate) struct Definitions {
    pub(crate) metrics: DatadogMetrics,
    pub(crate) store: Store,
    /// What is put in for the variables of their queries.
    pub(crate) variables: Variables,
    /// Who is told when there is something new to ask Datadog.
    pub(crate) news: Arc<Notify>,
    /// Where there is one for each query that is asked for by a plain name, if anywhere.
    pub(crate) generated_in: Option<String>,
    pub(crate) clock: WallClock,
}

impl Definitions {
    /// The server, which heeds them, and tells how they stand while this replica leads.
    pub(crate) fn of(
        self,
        server: MetricsServer,
        leadership: watch::Receiver<Leadership>,
    ) -> MetricsServer {
        let (followed, told) = {
            let definitions = Arc::new(self);
            (Arc::clone(&definitions), definitions)
        };
        server
            .alongside("watches the DatadogMetrics", move || {
                let definitions = Arc::clone(&followed);
                async move { definitions.follow().await }
            })
            .alongside("tells how the DatadogMetrics stand", move || {
                let told = Arc::clone(&told);
                let work = move || {
                    let definitions = Arc::clone(&told);
                    async move { definitions.tell().await }
                };
                while_so(leadership.clone(), Leadership::is_leading, work)
            })
    }

    /// Carries what the objects define into the store. Ends with the watch.
    async fn follow(&self) {
        let mut watch = std::pin::pin!(self.metrics.watch());
        while let Some(watched) = watch.next().await {
            match watched {
                MetricsWatched::Changed(change) => {
                    if apply(change, &self.store, &self.variables) {
                        self.news.notify_one();
                    }
                }
                MetricsWatched::Synced => {
                    self.store.defined();
                    info!("the DatadogMetrics of the cluster are known");
                }
                // The API server forgets places in a watch in the ordinary course of things.
                MetricsWatched::Failing(ApiError::Expired) => {}
                MetricsWatched::Failing(why) => {
                    warn!("cannot watch the DatadogMetrics: {}", chain(&why));
                }
            }
        }
    }

    /// Writes how it stands with each metric. Never ends.
    async fn tell(&self) -> Infallible {
        let mut failed = [None, None];
        loop {
            self.clock.sleep(PERIOD).await;
            if !(self.store.is_synced() && self.store.is_defined()) {
                continue;
            }
            let now = self.clock.now();
            let standings = self.store.standings(now);
            let told = told(&standings, &self.metrics.defined());
            let outcome = self.metrics.write(&told, MOST, now).await;
            report(outcome, &mut failed[0]);
            // What somebody refers to again says so before it could be removed.
            if let Some(namespace) = &self.generated_in {
                let wanted = wanted(&standings);
                let outcome = self
                    .metrics
                    .generate(namespace, &wanted, MOST_GENERATED, now);
                report(outcome.await, &mut failed[1]);
            }
        }
    }
}

/// How often it is looked at what is worth a write.
const PERIOD: Duration = Duration::seconds(5);
/// So many at a time: the API server has other things to do.
const MOST: usize = 10;
const MOST_GENERATED: usize = 10;

/// Tells whether there is something new to ask Datadog.
fn apply(change: MetricsChange, store: &Store, variables: &Variables) -> bool {
    let mut is_news = false;
    for defined in change.defined {
        let Some(reference) = reference(&defined.metric) else {
            continue;
        };
        is_news |= store.define(&reference, definition(&defined, variables));
        let key = by_itself(&defined.metric, &reference);
        if !defined.is_always_active {
            store.withdraw(&key);
            continue;
        }
        // What cannot be asked is told by its status.
        is_news |= store.demand(key, &Wishes::default()).unwrap_or(false);
    }
    for gone in change.removed {
        if let Some(reference) = reference(&gone.metric) {
            store.undefine(&reference);
            store.withdraw(&by_itself(&gone.metric, &reference));
        }
    }
    for problem in change.problems {
        warn!("{problem}; it is as if it were not there");
    }
    is_news
}

/// Nothing, where no autoscaler can refer to it.
fn reference(metric: &ObjectReference) -> Option<MetricReference> {
    MetricReference::new(&metric.namespace, &metric.name)
        .inspect_err(|why| warn!("{metric} cannot be referred to: {why}"))
        .ok()
}

/// The demand of an object that is always active.
fn by_itself(metric: &ObjectReference, reference: &MetricReference) -> Key {
    let namespace = metric.namespace.parse();
    let name = reference.to_string().parse();
    Key {
        asker: metric.clone(),
        metric: ExternalMetric::new(
            namespace.expect("the reference has been read"),
            name.expect("the reference has been read"),
            Selector::everything(),
        ),
    }
}

fn definition(defined: &Defined, variables: &Variables) -> Definition {
    let (wishes, invalid) = Wishes::read(&*defined.annotations, false);
    for why in invalid {
        warn!("{}: {why}; it is as if it were not there", defined.metric);
    }
    let span = |span: Option<std::time::Duration>| span.and_then(|span| span.try_into().ok());
    Definition {
        query: query(&defined.query, variables).map_err(Into::into),
        wishes,
        max_age: span(defined.max_age),
        window: span(defined.time_window),
    }
}

fn query(text: &str, variables: &Variables) -> Result<Query, String> {
    if text.is_empty() {
        return Err("spec.query is empty".to_owned());
    }
    let template = QueryTemplate::written(text).map_err(|why| format!("spec.query: {why}"))?;
    let query = variables.resolve(&template);
    query.map_err(|why| format!("spec.query: {}", chain(&why)))
}

/// The log hears of a failure once.
fn report(outcome: Result<MetricsWritten, MetricsError>, failed: &mut Option<String>) {
    let words = outcome.err().map(|why| chain(&why));
    if let Some(words) = words
        .as_ref()
        .filter(|words| failed.as_ref() != Some(*words))
    {
        warn!("{words}");
    }
    *failed = words;
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use datadog_query::{Aggregator, Rollup};
    use metrics_store::{Namespaces, Policy, Template};

    use super::*;

    fn store() -> Store {
        let rollup = Rollup(const { NonZeroU32::new(30).expect("not zero") });
        let template = Template {
            aggregator: Aggregator::Avg,
            rollup,
        };
        let policy = Policy::up_to(Duration::minutes(2), Duration::seconds(30));
        let store = Store::new(template, policy, Arc::new(WallClock::real()));
        store.with_definitions(Namespaces::Any)
    }

    fn defined(is_always_active: bool) -> Defined {
        Defined {
            metric: ObjectReference {
                kind: "DatadogMetric".into(),
                namespace: "shop".into(),
                name: "depth".into(),
            },
            uid: None,
            query: "avg:depth{*}.rollup(30)".into(),
            generated_for: None,
            max_age: None,
            time_window: None,
            is_always_active,
            annotations: Arc::default(),
        }
    }

    #[test]
    fn an_object_is_asked_for_by_itself_as_long_as_it_is_there_and_says_so() {
        let store = store();
        let asked = |change: MetricsChange| {
            let is_news = apply(change, &store, &Variables::default());
            (is_news, store.queries().len())
        };
        let is = |is_always_active| MetricsChange {
            defined: vec![defined(is_always_active)],
            ..MetricsChange::default()
        };
        let gone = MetricsChange {
            removed: vec![defined(true)],
            ..MetricsChange::default()
        };
        assert_eq!(asked(is(true)), (true, 1));
        assert_eq!(asked(is(false)), (false, 0));
        assert_eq!(asked(is(true)), (true, 1));
        assert_eq!(asked(gone), (false, 0));
    }
}
