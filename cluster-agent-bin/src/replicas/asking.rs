//! Whether a replica asks Datadog.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_adapter::Leadership;
use metrics_store::Store;
use parking_lot::Mutex;
use provider_api::Clock as _;
use tokio::{sync::watch, time::timeout};
use tracing::{info, warn};

use crate::edge::WallClock;

/// How often a replica sees whether it lacks values,
const PERIOD: Duration = Duration::from_secs(5);
/// or will so soon, that it is time to ask for others.
const SOON: time::Duration = time::Duration::seconds(15);

/// When another replica has told something last.
#[derive(Clone, Debug)]
pub(super) struct Told(Arc<Mutex<Instant>>);

impl Told {
    pub(super) fn at(start: Instant) -> Self {
        Self(Arc::new(Mutex::new(start)))
    }

    pub(super) fn again(&self, now: Instant) {
        *self.0.lock() = now;
    }

    fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.0.lock())
    }
}

/// Says whether this replica asks Datadog. Never ends.
///
/// A leader tells what it knows at least once in `silence`. Whoever was told nothing for
/// longer has none that tells; nor has who does not reach the API server, by which it is told.
/// If its values run out, it asks by itself.
pub(super) async fn decide(
    mut leadership: watch::Receiver<Leadership>,
    store: &Store,
    told: &Told,
    asks: &watch::Sender<bool>,
    silence: Duration,
    clock: WallClock,
) -> Infallible {
    let (mut duty, mut was_starving) = (Duty::default(), false);
    loop {
        let (has_duty, is_cut_off) = {
            let leadership = leadership.borrow_and_update();
            let is_cut_off = matches!(*leadership, Leadership::Failing(_));
            (duty.after(&leadership), is_cut_off)
        };
        let silent = told.since(clock.after(time::Duration::ZERO));
        let is_starving = !has_duty
            && (is_cut_off || silent > silence)
            && (was_starving || store.is_synced() && store.waiting(clock.now() + SOON) > 0);
        match (was_starving, is_starving) {
            (false, true) => warn!(
                "no replica has told anything for {} s, and values run out: this one asks Datadog too",
                silent.as_secs()
            ),
            (true, false) => info!("another replica tells what it knows, or this one leads"),
            _ => {}
        }
        was_starving = is_starving;
        let asks_now = has_duty || is_starving;
        asks.send_if_modified(|asks| std::mem::replace(asks, asks_now) != asks_now);
        // Whoever held the election is gone, and it stays as it was.
        if let Ok(Err(_)) = timeout(PERIOD, leadership.changed()).await {
            tokio::time::sleep(PERIOD).await;
        }
    }
}

/// Whether it is this replica's duty to ask Datadog.
///
/// Two that ask cost calls, and none that asks costs values. So whoever has asked goes on
/// until it hears who does in its place; and where nobody may hold an election, each replica
/// asks.
#[derive(Debug, Default)]
struct Duty(bool);

impl Duty {
    fn after(&mut self, leadership: &Leadership) -> bool {
        let Self(has) = self;
        let had = *has;
        *has = match leadership {
            Leadership::Leading { .. } => true,
            Leadership::Following { leader: Some(_) } => false,
            Leadership::Following { leader: None } | Leadership::Unknown => had,
            // Nobody will lead before somebody grants a permission, or makes the namespace.
            Leadership::Failing(why) => had || !why.is_transient(),
        };
        if *has && !had && !leadership.is_leading() {
            warn!("no election can be held: each replica asks Datadog, and uses up the rate limit");
        }
        *has
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use datadog_query::{Aggregator, Point, Rollup};
    use futures_util::FutureExt as _;
    use k8s_adapter::ApiError;
    use metrics_store::{Answer, Key, MetricReference, Policy, Template, Wishes};
    use provider_api::{ExternalMetric, Selector};
    use time::macros::datetime;

    use super::*;

    fn leading() -> Leadership {
        let since = datetime!(2026-01-02 03:00 UTC);
        Leadership::Leading { since }
    }

    fn following(leader: Option<&str>) -> Leadership {
        let leader = leader.map(ToOwned::to_owned);
        Leadership::Following { leader }
    }

    fn unreachable() -> Leadership {
        Leadership::Failing(Arc::new(ApiError::TimedOut(Duration::from_secs(1))))
    }

    fn forbidden() -> Leadership {
        Leadership::Failing(Arc::new(ApiError::Forbidden {
            message: "no".to_owned(),
            permission: "grant it",
        }))
    }

    fn course(turns: &[Leadership]) -> Vec<bool> {
        let mut duty = Duty::default();
        turns.iter().map(|turn| duty.after(turn)).collect()
    }

    /// Whether a replica asks whose one value was measured so many seconds ago.
    fn asks(leadership: Leadership, age: i64) -> bool {
        asks_after(Duration::ZERO, leadership, age)
    }

    /// The same, where nobody has told anything for so long.
    fn asks_after(silent: Duration, leadership: Leadership, age: i64) -> bool {
        let clock = WallClock::real();
        let rollup = Rollup(const { NonZeroU32::new(30).expect("not zero") });
        let template = Template {
            aggregator: Aggregator::Avg,
            rollup,
        };
        let policy = Policy::up_to(time::Duration::minutes(2), time::Duration::seconds(30));
        let store = Store::new(template, policy, Arc::new(clock));
        let metric = ExternalMetric::new(
            "shop".parse().unwrap(),
            "queue.depth".parse().unwrap(),
            Selector::everything(),
        );
        let asker = MetricReference::new("shop", "web").unwrap().object();
        let key = Key { asker, metric };
        store.demand(key, &Wishes::default()).unwrap();
        store.synced();
        let time = clock.now() - time::Duration::seconds(age);
        let value = Answer::Value(Point { time, value: 7.0 });
        store.record(&store.queries()[0], value, time);

        let (_tell, leadership) = watch::channel(leadership);
        let told = Told::at(clock.after(time::Duration::ZERO) - silent);
        let asks = watch::Sender::new(false);
        let silence = Duration::from_secs(90);
        let decided = decide(leadership, &store, &told, &asks, silence, clock);
        assert!(decided.now_or_never().is_none());
        asks.send_replace(false)
    }

    #[tokio::test]
    async fn whoever_does_not_reach_the_api_server_asks_before_its_values_run_out() {
        assert!(asks(leading(), 30));
        assert!(!asks(following(Some("other")), 110));
        assert!(!asks(unreachable(), 100));
        assert!(asks(unreachable(), 110));
    }

    #[tokio::test]
    async fn whoever_is_told_nothing_for_too_long_asks_before_its_values_run_out() {
        let asks_after = |seconds, age| {
            let other = following(Some("other"));
            asks_after(Duration::from_secs(seconds), other, age)
        };
        assert!(!asks_after(85, 110));
        assert!(!asks_after(95, 100));
        assert!(asks_after(95, 110));
    }

    #[test]
    fn whoever_asked_goes_on_until_it_hears_who_does() {
        assert_eq!(
            course(&[
                Leadership::Unknown,
                leading(),
                following(None),
                unreachable(),
                following(Some("other")),
                unreachable(),
                following(None),
                leading(),
            ]),
            [false, true, true, true, false, false, false, true]
        );
    }

    #[test]
    fn where_no_election_can_be_held_each_replica_asks() {
        assert_eq!(
            course(&[forbidden(), unreachable(), following(Some("other"))]),
            [true, true, false]
        );
    }
}
