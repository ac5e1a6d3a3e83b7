//! The one place where the store's questions meet Datadog's answers.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, convert::Infallible};

use datadog_query::{
    Answers, Budget, Client, Exchange, MetricName, NoValue, Query, RateLimit, Window,
};
use futures_util::future::join_all;
use metrics_store::{Answer, Existence, Store, Turn};
use provider_api::{Clock, ObjectReference};
use time::Duration;
use tokio::{sync::Notify, time::sleep_until};
use tracing::{debug, info, warn};

use crate::edge::WallClock;

/// How long demands are gathered before Datadog is asked for them: many HPAs
/// applied at once cost a few calls and not one each.
const SETTLE: Duration = Duration::seconds(1);

/// How long Datadog is left alone when it refuses a call and does not say for how long.
const UNTOLD_PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

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
    budget: Budget,
    spent: Spent,
    clock: WallClock,
}

/// What the last round took of Datadog's limit.
#[derive(Default)]
struct Spent {
    calls: u32,
    limit: Option<RateLimit>,
}

impl<S: Exchange> Refresh<S> {
    pub(crate) fn new(
        store: Store,
        client: Client<S>,
        window: Duration,
        budget: Budget,
        clock: WallClock,
    ) -> Self {
        Self {
            store,
            client,
            window,
            existence: Existence::new(EXISTENCE_AGAIN),
            budget,
            spent: Spent::default(),
            clock,
        }
    }

    /// Asks for every query once a `period`, or as often as Datadog's limit allows, and in
    /// between for those that are new as `news` tells of them. Never ends.
    pub(crate) async fn run(&mut self, period: Duration, news: &Notify) -> Infallible {
        let clock = self.clock;
        let mut pause = Duration::ZERO;
        loop {
            let begun = clock.now();
            let (together, alone) = self.store.due(begun);
            let patience = self.ask(together, alone).await;
            pause = self.pause(period, pause);
            // A clock that was set meanwhile makes no round late, nor two of one.
            let took = (clock.now() - begun).clamp(Duration::ZERO, pause);
            let next = clock.after(pause - took);
            let mut resume = patience.map(|patience| clock.after(patience));
            loop {
                let until = resume.map_or(next, |resume| resume.max(next));
                tokio::select! {
                    () = sleep_until(until.into()) => break,
                    () = news.notified() => {}
                }
                clock.sleep(SETTLE).await;
                // While Datadog wants to be left alone, what is new waits with the rest.
                if resume.is_none_or(|resume| resume <= clock.after(Duration::ZERO)) {
                    let patience = self.ask(self.store.waiting(), Vec::new()).await;
                    resume = patience.map(|patience| clock.after(patience));
                }
            }
        }
    }

    /// How long after the beginning of this round the next one begins; `since` is the time
    /// from the one before to this one.
    fn pause(&mut self, period: Duration, since: Duration) -> Duration {
        let Spent { calls, limit } = &self.spent;
        let (period, since) = (period.unsigned_abs(), since.unsigned_abs());
        let pause = self.budget.pause(period, *calls, limit.as_ref(), since);
        // A few seconds more or less are no news.
        let is_new = pause.abs_diff(since) > since / 4;
        if pause > period && is_new {
            warn!(
                "Datadog's rate limit allows {calls} calls every {} s and not every {} s: values are so much older, \
                 and too old ones are not served; ask Datadog for a higher limit, or raise \
                 DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE",
                pause.as_secs(),
                period.as_secs()
            );
        }
        pause.try_into().unwrap_or(Duration::MAX)
    }

    /// Asks for the queries that travel `together`, and for each that goes `alone`, and
    /// records what came back. Returns for how long Datadog wants to be left alone, where
    /// it says so.
    pub(crate) async fn ask(
        &mut self,
        together: Vec<Query>,
        alone: Vec<Query>,
    ) -> Option<Duration> {
        if together.is_empty() && alone.is_empty() {
            return None;
        }
        let asked = self.clock.now();
        let window = Window::ending(asked, self.window.unsigned_abs());
        let rounds = std::iter::once(together).chain(alone.into_iter().map(|query| vec![query]));
        let rounds = rounds.map(|queries| self.client.values(queries, window, asked));
        let mut answers = Answers::default();
        for round in join_all(rounds).await {
            answers.extend(round);
        }
        self.spent = Spent {
            calls: answers.calls,
            limit: answers.rate_limit.take(),
        };
        debug!(
            queries = answers.by_query.len(),
            calls = answers.calls,
            "asked Datadog"
        );
        let patience = answers
            .patience(UNTOLD_PATIENCE)
            .map(|patience| patience.try_into().unwrap_or(Duration::MAX));
        if let Some(patience) = patience {
            warn!(
                "Datadog's rate limit is reached: nothing is asked for {} s",
                patience.whole_seconds()
            );
        }
        let mut silent = Vec::new();
        for (query, answer) in answers.by_query {
            match (query.metric(), &answer) {
                (Some(_), Err(NoValue::NoSeries { .. })) => silent.push((query, answer)),
                (Some(name), Ok(_)) => {
                    self.existence.saw(name, asked);
                    self.record(&query, answer.into());
                }
                _ => self.record(&query, answer.into()),
            }
        }
        // Values do not wait for what follows, which may take calls of its own.
        if patience.is_none() {
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
        patience
    }

    /// Asks Datadog whether it has metrics of these names, which have no series.
    async fn look_up(&mut self, names: impl Iterator<Item = &MetricName>) {
        let now = self.clock.now();
        let unsure: BTreeSet<_> = names
            .filter(|name| self.existence.is_unsure(name, now))
            .collect();
        let look_ups = unsure
            .into_iter()
            .take(LOOK_UPS)
            .map(async |name| (name, self.client.knows(name).await));
        for (name, answer) in join_all(look_ups).await {
            match answer {
                Ok(exists) => self.existence.learn(name.clone(), exists, now),
                // That the query has no series is true all the same.
                Err(why) => debug!("cannot tell whether Datadog has the metric {name}: {why}"),
            }
        }
    }

    fn record(&self, query: &Query, answer: Answer) {
        if let Some(turn) = self.store.record(query, answer, self.clock.now()) {
            report(query, &turn);
        }
    }
}

/// Tells the log of a turn, once and not each refresh.
fn report(query: &Query, turn: &Turn) {
    let askers = some_of(&turn.askers);
    match &turn.failing {
        Some(why) => warn!("no value for {query:.500}, asked for by {askers}: {why}"),
        None => info!("{query:.500}, asked for by {askers}, has a value"),
    }
}

/// The first three, and how many more there are.
fn some_of(askers: &BTreeSet<ObjectReference>) -> String {
    let shown: Vec<_> = askers.iter().take(3).map(ToString::to_string).collect();
    let shown = shown.join(", ");
    match askers.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
