//! Asks Datadog for the newest value of metric queries, many in one call, and
//! tells for each query its value with its time, or exactly why there is none.
//! It brings no runtime, no TLS and no clock of its own: whoever calls brings
//! a [tower](https://docs.rs/tower) service that carries a request, and `now`.
//!
//! ```
//! use std::time::Duration;
//!
//! use datadog_query::{Client, Endpoint, ExchangeError, Keys, Point, Query, Window};
//! use time::macros::datetime;
//!
//! # futures_executor::block_on(async {
//! // A function stands in for Datadog.
//! let datadog = tower::service_fn(async |_request: http::Request<bytes::Bytes>| {
//!     Ok::<_, ExchangeError>(http::Response::new(bytes::Bytes::from_static(
//!         br#"{"status": "ok", "series": [{
//!             "query_index": 0, "interval": 30, "scope": "kube_container_name:nginx",
//!             "pointlist": [[1767225570000, 27.5], [1767225600000, 12.0]]
//!         }]}"#,
//!     )))
//! });
//! let endpoint = Endpoint::of_site("datadoghq.eu")?;
//! let keys = Keys::new(&"an-api-key".into(), &"an-application-key".into())?;
//! let client = Client::new(endpoint, keys, datadog);
//!
//! let query = Query::written("avg:nginx.net.request_per_s{kube_container_name:nginx}.rollup(30)")?;
//! let now = datetime!(2026-01-01 00:00:10 UTC);
//! let window = Window::ending(now, Duration::from_secs(300));
//! let answers = client.values([query.clone()], window, now).await;
//!
//! // The newer point covers a time that is not over yet.
//! let expected = Point { time: datetime!(2025-12-31 23:59:30 UTC), value: 27.5 };
//! assert_eq!(answers.by_query[&query], Ok(expected));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! The nouns, in the order of a value's journey: a [`MetricName`] and a
//! [`Scope`] of [`TagFilter`]s make a [`Query`]; queries over a [`Window`]
//! travel in a [`Batch`]; a [`Client`] with [`Keys`] asks an [`Endpoint`] over
//! an [`Exchange`]; the [`Reply`] holds [`Series`], of which the newest
//! complete [`Point`], or what another [`Reading`] takes, is the value in
//! [`Answers`], or [`NoValue`] says why not.
//!
//! A client may have several endpoints, each with its own keys: it goes from one that fails to the
//! next, and back, tells of each [`Turn`], and knows the [`Standing`] of all. Its
//! [`Validation`] says what the keys are good for.
//!
//! Two features add to the crate: `ureq` an exchange that speaks HTTP, `Leaf`, and
//! `simulator` a Datadog that answers from a scenario.
//!
//! This crate never remembers an answer and never asks by itself.

mod account;
mod accounts;
mod answers;
mod api_version;
mod batch;
mod budget;
mod client;
mod endpoint;
mod error;
mod exchange;
mod health;
mod keys;
#[cfg(feature = "ureq")]
mod leaf;
mod loose;
mod metric;
mod point;
mod query;
mod rate_limit;
mod reply;
mod request;
mod said;
mod scope;
#[cfg(feature = "simulator")]
pub mod simulator;
mod tag;
mod unit;
mod validation;
mod window;

pub use metric::{InvalidMetricName, MetricName};

pub use tag::{InvalidTag, TagFilter};

pub use scope::Scope;

pub use query::{Aggregator, InvalidAggregator, InvalidQuery, Query, Rollup};

pub use query::{
    Argument, Expression, Filter, Mistake, Modifier, NamedValue, Operator, Parsed, Quoted,
    SeriesQuery, Symbol, Warning, Words, parse,
};

pub use query::{InvalidTemplate, InvalidValue, QueryTemplate, Unresolved, Variable};

pub use window::Window;

pub use batch::{Batch, BatchLimits, batches};

pub use endpoint::{Endpoint, InvalidEndpoint};

pub use keys::{InvalidKey, Keys};

pub use exchange::{Exchange, ExchangeError};

#[cfg(feature = "ureq")]
pub use leaf::{InvalidLeaf, Job, Leaf, LeafSettings};

pub use client::Client;

pub use accounts::{Standing, Turn};

pub use validation::{Finding, Validation};

pub use api_version::{ApiVersion, InvalidApiVersion};

pub use reply::{Reply, Series, Slot};

pub use unit::Unit;

pub use rate_limit::RateLimit;

pub use budget::{Allowance, Budget};

pub use error::Error;

pub use point::{
    InvalidPointMode, Merged, NoPoint, Point, PointMode, Reading, SeveralSeries, Share,
    UnequalBuckets, Verdict, merge,
};

pub use answers::{Answers, NoValue};
