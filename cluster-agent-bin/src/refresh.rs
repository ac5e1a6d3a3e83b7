//! The one place where the store's questions meet Datadog's answers.

use std::{collections::BTreeSet, convert::Infallible};

use datadog_query::{Answers, Client, Error, Exchange, MetricName, NoValue, Query, Window};
use metrics_store::{Answer, Existence, Store, Turn};
use provider_api::Clock;
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;
use tracing::{debug, info, warn};

use crate::edge::WallClock;

/// How long demands are gathered before Datadog is asked for them: many HPAs
/// applied at once cost a few calls and not one each.
const SETTLE: Duration = Duration::seconds(1);

/// How long Datadog is left alone when it refuses a call and does not say for how long.
const UNTOLD_PATIENCE: Duration = Duration::minutes(1);

/// How often Datadog is asked again whether it has a metric that it did not have.
const EXISTENCE_AGAIN: Duration = Duration::minutes(10);

/// How many names are looked up in one refresh; each is a call of its own.
const LOOK_UPS: usize = 10;

/// Asks Datadog what the store wants to know.
pub(crate) struct Refresh<S> {
    store: Store,
    client: Client<S>,
    /// How far back a query looks.
    window: Duration,
    existence: Existence,
    clock: WallClock,
}

impl<S: Exchange> Refresh<S> {
    pub(crate) fn new(store: Store, client: Client<S>, window: Duration, clock: WallClock) -> Self {
        Self {
            store,
            client,
            window,
            existence: Existence::new(EXISTENCE_AGAIN),
            clock,
        }
    }

    /// Asks for every query once a `period`, and in between for those that are new
    /// as `news` tells of them. Never ends.
    pub(crate) async fn run(&mut self, period: Duration, news: &Notify) -> Infallible {
        loop {
            let started = self.clock.now();
            let mut next = started + period;
            if let Some(resume) = self.ask(self.store.queries()).await {
                next = next.max(resume);
            }
            loop {
                tokio::select! {
                    () = self.clock.sleep(next - self.clock.now()) => break,
                    () = news.notified() => {}
                }
                self.clock.sleep(SETTLE).await;
                // Datadog asked for patience: what is new waits with the rest.
                let may_ask = self.clock.now() < next && next <= started + period;
                if may_ask && let Some(resume) = self.ask(self.store.waiting()).await {
                    next = next.max(resume);
                }
            }
        }
    }

    /// Asks for `queries` and records what came back. Returns when Datadog may be
    /// asked again, where it asked for patience.
    pub(crate) async fn ask(&mut self, queries: Vec<Query>) -> Option<OffsetDateTime> {
        if queries.is_empty() {
            return None;
        }
        let asked = self.clock.now();
        let answers = self
            .client
            .values(
                queries,
                Window::ending(asked, self.window.unsigned_abs()),
                asked,
            )
            .await;
        debug!(
            queries = answers.by_query.len(),
            calls = answers.calls,
            "asked Datadog"
        );
        let resume = patience(&answers).map(|patience| asked + patience);
        if let Some(resume) = resume {
            warn!("Datadog's rate limit is reached: nothing is asked before {resume}");
        }
        let mut silent = Vec::new();
        for (query, answer) in answers.by_query {
            match (query.metric(), &answer) {
                (Some(_), Err(NoValue::NoSeries { .. })) => silent.push((query, answer)),
                (Some(name), Ok(_)) => {
                    self.existence.saw(name);
                    self.record(&query, answer.into());
                }
                _ => self.record(&query, answer.into()),
            }
        }
        // Values do not wait for what follows, which may take calls of its own.
        if resume.is_none() {
            self.look_up(silent.iter().filter_map(|(query, _)| query.metric()))
                .await;
        }
        for (query, answer) in silent {
            let is_unknown = query
                .metric()
                .is_some_and(|name| self.existence.is_unknown(name));
            self.record(
                &query,
                if is_unknown {
                    Answer::UnknownMetric
                } else {
                    answer.into()
                },
            );
        }
        resume
    }

    /// Asks Datadog whether it has metrics of these names, which have no series.
    async fn look_up(&mut self, names: impl Iterator<Item = &MetricName>) {
        let now = self.clock.now();
        let unsure: BTreeSet<_> = names
            .filter(|name| self.existence.is_unsure(name, now))
            .collect();
        for name in unsure.into_iter().take(LOOK_UPS) {
            match self.client.knows(name).await {
                Ok(exists) => self.existence.learn(name.clone(), exists, now),
                Err(why) => {
                    // That the query has no series is true all the same.
                    debug!("cannot tell whether Datadog has the metric {name}: {why}");
                    break;
                }
            }
        }
    }

    fn record(&self, query: &Query, answer: Answer) {
        if let Some(turn) = self.store.record(query, answer, self.clock.now()) {
            report(query, &turn);
        }
    }
}

/// How long Datadog wants to be left alone. It says so with a refused call, and not
/// always for how long.
fn patience(answers: &Answers) -> Option<Duration> {
    let errors = answers.by_query.values().filter_map(|answer| match answer {
        Err(NoValue::Failed(error)) => Some(error.as_ref()),
        _ => None,
    });
    let limited = errors.filter_map(|error| match error {
        Error::RateLimited { retry_after, .. } => {
            retry_after.map_or(Some(UNTOLD_PATIENCE), |told| told.try_into().ok())
        }
        _ => None,
    });
    limited.max()
}

/// Tells the log of a turn, once and not each refresh.
fn report(query: &Query, turn: &Turn) {
    let askers: Vec<_> = turn.askers.iter().map(ToString::to_string).collect();
    let askers = askers.join(", ");
    match &turn.failing {
        Some(why) => warn!("no value for {query}, which {askers} asks for: {why}"),
        None => info!("{query}, which {askers} asks for, has a value"),
    }
}
