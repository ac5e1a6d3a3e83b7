//! The account behind the simulator's lock, and the way of a call through it.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use time::OffsetDateTime;

use super::{
    Answer, Delivery,
    body::Body,
    call::{Call, QueryCall},
    control::{self, Answered},
    fault::{Failure, Fault},
    quota::{Quota, Standing},
    scenario::{Keys, Scenario, Series},
    series::rows,
    window::Moment,
};
use crate::api_version::ApiVersion;

/// All that a simulator knows.
#[derive(Debug)]
pub(super) struct Account {
    keys: Option<Keys>,
    start: OffsetDateTime,
    pub(super) series: Vec<Series>,
    pub(super) faults: Vec<Fault>,
    /// Either version of the query route has its own, with the same limit.
    quota: Quota,
    quota_v2: Quota,
    pub(super) calls: VecDeque<Answered>,
}

/// Calls that are remembered.
const CALLS: usize = 1000;

/// A request target of this length was refused by the real front proxy.
const LONGEST_TARGET: usize = 7600;

impl Account {
    pub(super) fn new(scenario: Scenario, now: OffsetDateTime) -> Self {
        let Scenario {
            keys,
            rate_limit,
            series,
            faults,
            start,
        } = scenario;
        Self {
            keys,
            start: start.unwrap_or(now),
            series,
            faults,
            quota: Quota::new(rate_limit),
            quota_v2: Quota::new(rate_limit),
            calls: VecDeque::new(),
        }
    }

    pub(super) fn level(&self, metric: &str, now: OffsetDateTime) -> Option<f64> {
        let (start, now) = (self.start.unix_timestamp(), now.unix_timestamp());
        let sources = self.series.iter().filter(|series| series.metric == metric);
        let levels: Vec<f64> = sources
            .filter_map(|series| {
                let interval = i64::try_from(series.interval.as_secs()).ok()?;
                let newest = series
                    .shape
                    .samples(start, interval, now - interval + 1..=now);
                newest.last().map(|(_, value)| *value)
            })
            .collect();
        (!levels.is_empty()).then(|| levels.iter().sum::<f64>() / levels.len() as f64)
    }

    pub(super) fn answer(&mut self, request: &Request<Bytes>, now: OffsetDateTime) -> Answer {
        if let Some(body) = control::answer(self, request) {
            return Answer {
                response: body.into_response(),
                delivery: Delivery::AtOnce,
            };
        }
        let call = Call::of(request);
        let offset = (now - self.start).as_seconds_f64();
        let failure = self
            .faults
            .iter()
            .find_map(|fault| fault.strikes(&call, offset));
        let (mut body, standing) = self.reply(request, &call, failure, now);
        if failure == Some(Failure::Malformed) {
            let half = body.text.floor_char_boundary(body.text.len() / 2);
            body.text.truncate(half);
        }
        self.remember(Answered {
            time: now,
            path: request.uri().path().to_owned(),
            queries: call.queries(),
            status: body.status.as_u16(),
        });
        let delivery = failure.map_or(Delivery::AtOnce, |it| it.delivery(body.text.len()));
        let mut response = body.into_response();
        if let Some(standing) = standing {
            standing.write(response.headers_mut());
        }
        Answer { response, delivery }
    }

    /// The way of a call: front proxy, keys, rate limit, route. The front proxy and the
    /// other routes tell nothing of the limit, and version 2 does when it is reached.
    fn reply(
        &mut self,
        request: &Request<Bytes>,
        call: &Call,
        failure: Option<Failure>,
        now: OffsetDateTime,
    ) -> (Body, Option<Standing>) {
        let target = request
            .uri()
            .path_and_query()
            .map_or(0, |target| target.as_str().len());
        let too_long = (target > LONGEST_TARGET).then_some(Failure::UriTooLong);
        if let Some(body) = too_long.or(failure).and_then(Failure::at_edge) {
            return (body, None);
        }
        if let Some(body) = self.refuse_keys(request.headers(), call) {
            return (body, None);
        }
        let version = call.version();
        let quota = match version {
            Some(ApiVersion::V2) => &mut self.quota_v2,
            Some(ApiVersion::V1) | None => &mut self.quota,
        };
        let standing = version.map(|_| quota.count(now.unix_timestamp()));
        if failure == Some(Failure::TooManyRequests) {
            return (
                self.quota.rate_limit.refusal(),
                standing.map(Standing::used_up),
            );
        }
        if standing.is_some_and(|standing| standing.over) {
            return (self.quota.rate_limit.refusal(), standing);
        }
        let body = failure
            .and_then(|failure| failure.instead(version))
            .unwrap_or_else(|| match call {
                Call::Query(query) if failure == Some(Failure::NoSeries) => {
                    self.time_series(query, &[], now)
                }
                Call::Query(query) => self.time_series(query, &self.series, now),
                Call::Metadata(name) => self.metadata(name),
                Call::Validate => Body::json(StatusCode::OK, &serde_json::json!({ "valid": true })),
                Call::Unknown => Body::edge(StatusCode::NOT_FOUND, "Not found"),
            });
        (body, standing.filter(|_| version == Some(ApiVersion::V1)))
    }

    /// A scenario without keys accepts any, but none is as wrong as on the real server.
    fn refuse_keys(&self, headers: &HeaderMap, call: &Call) -> Option<Body> {
        let good = |header: &str, known: Option<&String>| {
            let sent = headers
                .get(header)
                .map(|key| key.as_bytes())
                .filter(|key| !key.is_empty());
            sent.is_some_and(|sent| known.is_none_or(|known| known.as_bytes() == sent))
        };
        let validates = matches!(call, Call::Validate);
        if validates && !good("dd-api-key", None) {
            return Some(Body::errors(StatusCode::FORBIDDEN, &["API key required"]));
        }
        let known = self.keys.as_ref();
        let accepted = good("dd-api-key", known.map(|keys| &keys.api))
            && (validates || good("dd-application-key", known.map(|keys| &keys.app)));
        (!accepted).then(|| Body::edge(StatusCode::FORBIDDEN, "Forbidden"))
    }

    fn time_series(&self, call: &QueryCall, series: &[Series], now: OffsetDateTime) -> Body {
        let moment = Moment {
            start: self.start.unix_timestamp(),
            now: now.unix_timestamp(),
        };
        let (window, asked) = match (&call.window, &call.asked) {
            (Ok(window), Ok(asked)) => (*window, asked),
            (Err(error), _) | (_, Err(error)) => {
                return Body::errors(StatusCode::BAD_REQUEST, &[error]);
            }
        };
        let rows = asked.iter().map(|one| rows(one, series, window, moment));
        let rows: Vec<_> = rows.collect();
        match call.version {
            ApiVersion::V1 => Body::time_series(&call.texts.concat(), asked, &rows, window),
            ApiVersion::V2 => Body::time_series_v2(&rows),
        }
    }

    fn metadata(&self, name: &str) -> Body {
        match self.series.iter().find(|series| series.metric == name) {
            Some(series) => Body::metadata(series),
            None => Body::errors(StatusCode::NOT_FOUND, &["metric_name not found"]),
        }
    }

    fn remember(&mut self, call: Answered) {
        if self.calls.len() == CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }
}
