//! What Datadog is asked, and how often.

use std::{num::NonZeroU32, str::FromStr};

use datadog_query::{Aggregator, Budget, PointMode, Reading, Rollup, SeveralSeries};
use metrics_store::{Otherwise, Policy, Template, Wishes};
use time::Duration;

use super::{Mistakes, Reader, Variables};

/// What we ask, and how often.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) template: Template,
    /// How an answer becomes a value.
    pub(crate) reading: Reading,
    pub(crate) policy: Policy,
    /// How often every query is asked.
    pub(crate) refresh_period: Duration,
    /// How far back a query looks.
    pub(crate) window: Duration,
    pub(crate) budget: Budget,
}

impl Asking {
    /// What the queries are made of, without Datadog and without a cluster.
    ///
    /// # Errors
    /// All mistakes in it.
    pub(crate) fn of(variables: &Variables) -> Result<Self, Mistakes> {
        let mut read = Reader::new(variables);
        let asking = asking(&mut read);
        read.finish()?;
        Ok(asking)
    }
}

/// The defaults of Datadog's cluster agent, in seconds.
const ROLLUP: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
const MAX_AGE: NonZeroU32 = NonZeroU32::new(120).expect("not zero");
const WINDOW: NonZeroU32 = NonZeroU32::new(300).expect("not zero");
const REFRESH_PERIOD: NonZeroU32 = NonZeroU32::new(30).expect("not zero");

/// What the queries are made of, and how long their values count.
pub(super) fn asking(read: &mut Reader<'_>) -> Asking {
    let rollup = read.parsed(
        "DD_EXTERNAL_METRICS_PROVIDER_ROLLUP",
        "a whole number of seconds above 0",
        ROLLUP,
    );
    let aggregator = read.parsed(
        "DD_EXTERNAL_METRICS_AGGREGATOR",
        "avg, sum, min or max",
        Aggregator::Avg,
    );
    let settling: u32 = read.parsed(
        "DD_EXTERNAL_METRICS_PROVIDER_SETTLING",
        "a whole number of seconds",
        0,
    );
    let reading = Reading {
        mode: read.parsed(
            "DD_EXTERNAL_METRICS_PROVIDER_POINT",
            "last-complete, penultimate, last, or one of avg:5, max:5, min:5 for the last five",
            PointMode::LastComplete,
        ),
        settling: std::time::Duration::from_secs(settling.into()),
        several: read.parsed(
            "DD_EXTERNAL_METRICS_PROVIDER_SEVERAL_SERIES",
            "refuse, avg, sum, min or max",
            SeveralSeries::Refused,
        ),
    };
    let max_age = read.seconds("DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE", MAX_AGE);
    let window = read.seconds("DD_EXTERNAL_METRICS_PROVIDER_BUCKET_SIZE", WINDOW);
    let refresh_period = read.seconds(
        "DD_EXTERNAL_METRICS_PROVIDER_REFRESH_PERIOD",
        REFRESH_PERIOD,
    );
    let reserve = read.parsed(
        "DD_EXTERNAL_METRICS_PROVIDER_RATE_LIMIT_RESERVE",
        "a whole number of percent from 0 to 90",
        Percent(10),
    );
    let policy = policy(read, max_age, Duration::seconds(rollup.get().into()));
    if refresh_period > policy.max_age() {
        read.mistake(format!(
            "DD_EXTERNAL_METRICS_PROVIDER_REFRESH_PERIOD is {} s, and a value is too old after {} s: \
             ask more often, or raise DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE",
            refresh_period.whole_seconds(),
            policy.max_age().whole_seconds()
        ));
    }
    // A bucket carries the time of its start, and is served until the next one has settled.
    let oldest = Duration::seconds(2 * i64::from(rollup.get()) + i64::from(settling));
    if oldest > policy.max_age() {
        read.mistake(format!(
            "DD_EXTERNAL_METRICS_PROVIDER_SETTLING is {settling} s, so that a value is up to {} s old, and \
             it is too old after {} s: let it settle for less, or raise DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE",
            oldest.whole_seconds(),
            policy.max_age().whole_seconds()
        ));
    }
    // So many buckets, and those that are not complete yet.
    let buckets = i64::from(reading.mode.points().get()) + 1;
    let buckets = i64::from(rollup.get()).saturating_mul(buckets);
    let read_over = Duration::seconds(buckets.saturating_add(settling.into()));
    let look_back = policy.max_age();
    Asking {
        template: Template {
            aggregator,
            rollup: Rollup(rollup),
        },
        reading,
        policy,
        refresh_period,
        // What may be served has to be asked for.
        window: window.max(look_back).max(read_over),
        budget: Budget::keeping_free(reserve.0),
    }
}

/// What is served of every metric whose object wishes nothing else.
fn policy(read: &mut Reader<'_>, max_age: Duration, rollup: Duration) -> Policy {
    let hold: u32 = read.parsed(
        "DD_EXTERNAL_METRICS_PROVIDER_HOLD",
        "a whole number of seconds",
        0,
    );
    let mut otherwise = |name| {
        let what = "`refuse`, or the number that is served";
        Some(read.parsed(name, what, Otherwise::Refuse))
    };
    let wishes = Wishes {
        max_age: None,
        hold: Some(Duration::seconds(hold.into())),
        on_error: otherwise("DD_EXTERNAL_METRICS_PROVIDER_ON_ERROR"),
        on_no_data: otherwise("DD_EXTERNAL_METRICS_PROVIDER_ON_NO_DATA"),
        at_zero: otherwise("DD_EXTERNAL_METRICS_PROVIDER_AT_ZERO"),
        is_at_zero: true,
    };
    Policy::up_to(max_age, rollup).with(&wishes, rollup)
}

/// A part of a limit that is left to others.
struct Percent(u8);

impl FromStr for Percent {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let percent = text.parse().ok().filter(|percent| *percent <= 90);
        percent.map(Self).ok_or(())
    }
}
