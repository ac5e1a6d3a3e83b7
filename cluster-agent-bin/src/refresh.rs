//! The one place where the store's questions meet Datadog's answers.

mod report;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, convert::Infallible, pin::Pin};

use datadog_query::{
    Answers, Client, Endpoint, Error, Exchange, MetricName, NoValue, Query, Window,
};
use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use metrics_store::{Answer, Call, Existence, Plan, Reason, Store};
use provider_api::Clock;
use time::{Duration, OffsetDateTime};
use tokio::{sync::Notify, time::sleep_until};
use tracing::debug;

use crate::{edge::WallClock, replicas::Reach};

/// How long demands are gathered before Datadog is asked for them: many HPAs
/// applied at once cost a few calls and not one each.
const SETTLE: Duration = Duration::seconds(1);

/// How often it is chosen what goes out, at most: among very many queries that takes
/// milliseconds, and each answer may have changed it.
const CHOICE: Duration = Duration::milliseconds(100);

/// How often Datadog is asked again whether it has a metric that it did not have.
const EXISTENCE_AGAIN: Duration = Duration::minutes(10);

/// How many names are looked up after one answer; each is a call of its own.
const LOOK_UPS: u32 = 10;

/// Asks Datadog what the store wants to know.
pub(crate) struct Refresh<S> {
    store: Store,
    client: Client<S>,
    /// How far back a query looks.
    window: Duration,
    plan: Plan,
    /// Whose limit the plan knows,
    endpoint: Endpoint,
    /// and when one before it is tried again, which that limit does not keep waiting.
    retry_at: Option<OffsetDateTime>,
    existence: Existence,
    /// The names that Datadog is asked for now.
    looked_up: BTreeSet<MetricName>,
    reach: Reach,
    clock: WallClock,
    under_way: FuturesUnordered<Pin<Box<dyn Future<Output = Came> + Send>>>,
}

/// What comes back.
enum Came {
    /// The answers to a call that was made at a time.
    Answers(Answers, OffsetDateTime),
    /// Whether Datadog has metrics of these names, and the queries that wait for it.
    Names(
        Vec<(MetricName, Result<bool, Error>)>,
        Vec<(Query, NoValue)>,
    ),
}

impl<S: Exchange + 'static> Refresh<S> {
    pub(crate) fn new(
        store: Store,
        client: Client<S>,
        window: Duration,
        plan: Plan,
        reach: Reach,
        clock: WallClock,
    ) -> Self {
        Self {
            store,
            endpoint: client.endpoint().clone(),
            retry_at: None,
            client,
            window,
            plan,
            existence: Existence::new(EXISTENCE_AGAIN),
            looked_up: BTreeSet::new(),
            reach,
            clock,
            under_way: FuturesUnordered::new(),
        }
    }

    /// Asks for what the plan says when it says it, and soon for what is new as `news` tells
    /// of it. Never ends.
    pub(crate) async fn run(&mut self, news: &Notify) -> Infallible {
        // Another that asked before, and was dropped, waits for nothing any longer.
        self.store.none_is_under_way();
        let clock = self.clock;
        let mut next = clock.after(Duration::ZERO);
        let (mut chosen, mut settled) = (next, next);
        loop {
            tokio::select! {
                () = sleep_until(next.into()) => {
                    let wait = self.send(clock.now());
                    chosen = clock.after(CHOICE);
                    next = clock.after(wait).max(chosen);
                }
                Some(came) = self.under_way.next() => {
                    self.take_in(came, clock.now());
                    next = next.min(chosen.max(settled));
                }
                () = news.notified() => {
                    // News that never stops does not keep Datadog from being asked.
                    if settled <= clock.after(Duration::ZERO) {
                        settled = clock.after(SETTLE);
                        next = settled;
                    }
                }
            }
        }
    }

    /// Makes the calls that are due at `now`. Returns how long there are no others.
    fn send(&mut self, now: OffsetDateTime) -> Duration {
        if self.retry_at.take_if(|at| *at <= now).is_some() {
            self.plan.forget_limit();
        }
        let next = self.store.next(&mut self.plan, now);
        if let Some(strain) = next.strain {
            report::strain(strain);
        }
        for call in next.calls {
            let Call {
                queries, look_back, ..
            } = call;
            // What may be served has to be asked for.
            let window = Window::ending(now, self.window.max(look_back).unsigned_abs());
            let values = self.client.values(queries, window, now);
            self.under_way
                .push(Box::pin(async move { Came::Answers(values.await, now) }));
        }
        let again = self.retry_at.map_or(next.again, |at| at.min(next.again));
        again - now
    }

    fn take_in(&mut self, came: Came, now: OffsetDateTime) {
        match came {
            Came::Answers(answers, asked) => self.take_in_answers(answers, asked, now),
            Came::Names(names, silent) => self.take_in_names(names, silent, now),
        }
    }

    fn take_in_answers(&mut self, answers: Answers, asked: OffsetDateTime, now: OffsetDateTime) {
        debug!(
            queries = answers.by_query.len(),
            calls = answers.calls,
            "asked Datadog"
        );
        let mut said = answers.by_query.values();
        let is_answered = said.any(|answer| !answer.as_ref().is_err_and(is_no_answer));
        let at = self.clock.after(Duration::ZERO);
        self.reach.heard(is_answered, at.into());
        if self.client.endpoint() != &self.endpoint {
            self.endpoint = self.client.endpoint().clone();
            self.plan.forget_limit();
            // What one account lacks another may have.
            self.existence = Existence::new(EXISTENCE_AGAIN);
        }
        let resumes = self.plan.answered(&answers, now);
        if let Some(resumes) = resumes {
            report::refused(resumes - now);
            self.retry_at = self.client.retry_at();
        }
        let mut silent = Vec::new();
        for (query, answer) in answers.by_query {
            match answer {
                Err(why @ NoValue::NoSeries { .. }) if query.metric().is_some() => {
                    silent.push((query, why));
                }
                answer => {
                    if let (Some(name), Ok(_)) = (query.metric(), &answer) {
                        self.existence.saw(name, asked);
                    }
                    self.record(&query, answer.into(), now);
                }
            }
        }
        self.look_up(silent, now);
    }

    /// Asks Datadog whether it has the metrics of these queries, which have no series. What
    /// they are told waits for it.
    fn look_up(&mut self, silent: Vec<(Query, NoValue)>, now: OffsetDateTime) {
        let unsure = |name: &&MetricName| {
            self.existence.is_unsure(name, now) && !self.looked_up.contains(*name)
        };
        let metrics = silent.iter().filter_map(|(query, _)| query.metric());
        let unsure: BTreeSet<_> = metrics.filter(unsure).cloned().collect();
        let most = u32::try_from(unsure.len()).map_or(LOOK_UPS, |all| all.min(LOOK_UPS));
        let calls = self.plan.look_ups(most, now);
        if calls == 0 {
            return self.record_silent(silent, now);
        }
        let names: Vec<_> = unsure.into_iter().take(calls as usize).collect();
        self.looked_up.extend(names.iter().cloned());
        let look_ups = join_all(names.into_iter().map(|name| {
            let knows = self.client.knows(&name);
            async move { (name, knows.await) }
        }));
        self.under_way
            .push(Box::pin(async move { Came::Names(look_ups.await, silent) }));
    }

    fn take_in_names(
        &mut self,
        names: Vec<(MetricName, Result<bool, Error>)>,
        silent: Vec<(Query, NoValue)>,
        now: OffsetDateTime,
    ) {
        for (name, answer) in names {
            self.plan.looked_up(now);
            self.looked_up.remove(&name);
            match answer {
                Ok(exists) => self.existence.learn(name, exists, now),
                // That the query has no series is true all the same.
                Err(why) => debug!("cannot tell whether Datadog has the metric {name}: {why}"),
            }
        }
        self.record_silent(silent, now);
    }

    fn record_silent(&self, silent: Vec<(Query, NoValue)>, now: OffsetDateTime) {
        for (query, why) in silent {
            let is_unknown = query
                .metric()
                .is_some_and(|name| self.existence.is_unknown(name));
            let answer = match is_unknown {
                true => Answer::UnknownMetric,
                false => Answer::NoValue(why),
            };
            self.record(&query, answer, now);
        }
    }

    fn record(&self, query: &Query, answer: Answer, now: OffsetDateTime) {
        if let Some(turn) = self.store.record(query, answer, now) {
            report::turn(query, &turn);
        }
    }
}

/// Whether Datadog has not answered at all.
fn is_no_answer(why: &NoValue) -> bool {
    Reason::from(why) == Reason::Unavailable
}
