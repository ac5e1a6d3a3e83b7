//! What a query call answered.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use time::OffsetDateTime;

use crate::{
    account::Account, api_version::ApiVersion, batch::Batch, error::Error, rate_limit::RateLimit,
    unit::Unit, window::Window,
};

mod v1;
mod v2;
mod width;

/// The permission that an application key with scopes needs for a query.
const SCOPE: Option<&str> = Some("timeseries_query");

/// The answer to one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The series of all its queries, in no particular order. A query without
    /// data has none, and one that groups by a tag has several.
    pub series: Vec<Series>,
    /// What Datadog told about its rate limit.
    pub rate_limit: Option<RateLimit>,
}

/// One series of points.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The position in its batch of the query that this answers.
    pub query_index: Option<usize>,
    /// The width of a bucket. Answers of version 2 do not tell it: there it is what the query
    /// asks for, or the distance of two values.
    pub interval: Option<Duration>,
    /// The tags that the series was read over, those it is grouped by
    /// included. Answers of version 2 tell these alone.
    pub scope: String,
    /// What it counts. The values are in this unit, as Datadog sent them.
    pub unit: Option<Unit>,
    /// The buckets, usually from old to new.
    pub points: Vec<Slot>,
}

/// One bucket of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// When the bucket starts.
    pub time: OffsetDateTime,
    /// Its value. Several queries in one call share their times, so that one
    /// has holes where another has values.
    pub value: Option<f64>,
}

impl Reply {
    /// Reads the answer to a batch over a window.
    pub(crate) fn read(
        response: &Response<Bytes>,
        account: &Account,
        version: ApiVersion,
        batch: &Batch,
        window: Window,
    ) -> Result<Self, Error> {
        if response.status() != StatusCode::OK {
            return Err(account.refusal(response, SCOPE));
        }
        let series = match version {
            ApiVersion::V1 => v1::series(response, account),
            ApiVersion::V2 => v2::series(response, account, batch, window),
        }?;
        Ok(Self {
            series,
            rate_limit: RateLimit::of(response.headers()),
        })
    }
}

/// A number that is no time of a point.
#[derive(Debug, thiserror::Error)]
#[error("{0} ms is no time of a point")]
struct NoTime(f64);

/// The instant so many milliseconds after the Unix epoch.
fn instant(milliseconds: f64) -> Result<OffsetDateTime, NoTime> {
    // A number out of range becomes the largest one, which is no time.
    let whole = milliseconds as i64;
    let rest = u16::try_from(whole.rem_euclid(1000)).expect("it is below 1000");
    OffsetDateTime::from_unix_timestamp(whole.div_euclid(1000))
        .and_then(|second| second.replace_millisecond(rest))
        .map_err(|_| NoTime(milliseconds))
}
