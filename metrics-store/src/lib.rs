//! What is known of each metric that an autoscaler asks for: since when, or why
//! not. A [`Store`] takes demands from Kubernetes and answers from Datadog, and is
//! itself a provider that Kubernetes can read.
//!
//! ```
//! use datadog_query::{Aggregator, Point, Query, Rollup};
//! use metrics_store::{Answer, Key, Ledger, Origin, Policy, Template, Wishes};
//! use provider_api::{ExternalMetric, ObjectReference};
//! use time::{Duration, macros::datetime};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let template = Template { aggregator: Aggregator::Avg, rollup: Rollup(30.try_into()?) };
//! let policy = Policy::up_to(Duration::seconds(120), Duration::seconds(30));
//! let mut ledger = Ledger::new(template, policy);
//!
//! // An autoscaler asks for a metric, so there is a query to send to Datadog.
//! let metric = ExternalMetric::new("shop".parse()?, "nginx.requests".parse()?, "app=web".parse()?);
//! let asker = ObjectReference { kind: "HorizontalPodAutoscaler".into(), namespace: "shop".into(), name: "web".into() };
//! ledger.demand(Key { asker, metric: metric.clone() }, &Wishes::default())?;
//! let query = Query::written("avg:nginx.requests{app:web}.rollup(30)")?;
//! assert_eq!(ledger.queries(), [query.clone()]);
//!
//! // Datadog answers. The value is served with its own time, until it is too old.
//! let noon = datetime!(2026-01-02 12:00 UTC);
//! ledger.record(&query, Answer::Value(Point { time: noon, value: 42.0 }), noon + Duration::seconds(31));
//! let reading = ledger.read(&metric, noon + Duration::seconds(60)).map_err(|why| why.refusal(&metric))?;
//! assert_eq!((reading.sample.value, reading.sample.time), (42.into(), noon));
//! assert_eq!(reading.origin, Origin::Measured);
//! assert!(ledger.read(&metric, noon + Duration::minutes(3)).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! The crate does no IO, knows no clock and never awaits.

mod capitals;
mod definition;
mod demand;
mod existence;
mod few;
mod key;
mod known;
mod ledger;
mod plan;
mod policy;
mod reason;
mod reference;
mod sample;
mod standing;
mod state;
mod store;
mod unready;
mod wishes;
mod word;

pub use crate::{
    definition::{Definition, Namespaces},
    demand::{Inexpressible, Template},
    existence::Existence,
    key::Key,
    ledger::{Answer, Ledger, Turn},
    plan::{Call, Next, Plan, Round, Strain},
    policy::{Origin, Policy, Reading},
    reason::{Reason, UnknownReason},
    reference::{InvalidReference, MetricReference},
    sample::Sample,
    standing::{Standing, Subject},
    state::{Apart, Cause, State},
    store::Store,
    unready::Unready,
    wishes::{InvalidWish, Otherwise, Unwishable, Wishes},
    word::{Failure, Told, Word},
};
