//! What Datadog would answer: a pure function from a request and the time to a response.
//!
//! A [`Scenario`] says what the account holds and what goes wrong in it. The
//! [`Simulator`] answers the routes that this crate asks, and is as unkind as the real
//! server: incomplete last buckets, nulls, calls spoilt by one query, rate limits. It
//! opens no socket and reads no clock; whoever serves it does what [`Delivery`] says.

mod asked;
mod body;
mod call;
mod control;
mod fault;
mod quota;
mod scenario;
mod series;
mod shape;
mod spell;

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use time::OffsetDateTime;

use self::{
    body::Body,
    call::{Call, QueryCall},
    fault::Failure,
    quota::{Quota, Standing},
    scenario::Keys,
    series::{Moment, Window, rows},
};
pub use self::{
    control::Answered,
    fault::Fault,
    scenario::{Scenario, Series},
};

/// A Datadog account in memory.
///
/// The same request at the same time has the same answer, but for the calls counted
/// against the rate limit.
#[derive(Debug)]
pub struct Simulator {
    keys: Option<Keys>,
    start: OffsetDateTime,
    state: Mutex<State>,
}

/// A response, and how the socket hands it over.
#[derive(Debug)]
pub struct Answer {
    /// The whole response, even where only a part of it is to be delivered.
    pub response: Response<Bytes>,
    /// What is to be done with it.
    pub delivery: Delivery,
}

/// What the socket does with a response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delivery {
    /// Sends it.
    AtOnce,
    /// Waits, then sends it.
    After(Duration),
    /// Sends the head, then each byte of the body after this pause.
    Trickled {
        /// The wait before each byte.
        pause: Duration,
    },
    /// Announces the whole body, sends this many bytes of it and closes the connection.
    CutOff {
        /// Bytes of the body.
        after: usize,
    },
    /// Closes the connection without a word.
    HangUp,
}

/// What changes while a simulator runs.
#[derive(Debug)]
struct State {
    series: Vec<Series>,
    faults: Vec<Fault>,
    quota: Quota,
    calls: VecDeque<Answered>,
}

/// Calls that are remembered.
const CALLS: usize = 1000;

/// A request target of this length was refused by the real front proxy.
const LONGEST_TARGET: usize = 7600;

impl Simulator {
    /// Starts a scenario: now, unless it names its start.
    pub fn new(scenario: Scenario, now: OffsetDateTime) -> Self {
        let Scenario {
            keys,
            rate_limit,
            series,
            faults,
            start,
        } = scenario;
        let (quota, calls) = (Quota::new(rate_limit), VecDeque::new());
        let state = Mutex::new(State {
            series,
            faults,
            quota,
            calls,
        });
        Self {
            keys,
            start: start.unwrap_or(now),
            state,
        }
    }

    /// Answers a request as it would have been answered at this time.
    pub fn answer(&self, request: &Request<Bytes>, now: OffsetDateTime) -> Answer {
        let mut state = self.state();
        if let Some(body) = control::answer(&mut state, request) {
            return Answer {
                response: body.into_response(),
                delivery: Delivery::AtOnce,
            };
        }
        let call = Call::of(request.method(), request.uri());
        let offset = (now - self.start).as_seconds_f64();
        let failure = state
            .faults
            .iter()
            .find_map(|fault| fault.strikes(&call, offset));
        let (mut body, standing) = self.reply(&mut state, request, &call, failure, now);
        if failure == Some(Failure::Malformed) {
            let half = body.text.floor_char_boundary(body.text.len() / 2);
            body.text.truncate(half);
        }
        state.remember(Answered {
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

    /// Replaces the series, their past included.
    pub fn set_series(&self, series: Vec<Series>) {
        self.state().series = series;
    }

    /// Replaces the faults.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.state().faults = faults;
    }

    /// The last calls, oldest first.
    pub fn calls(&self) -> Vec<Answered> {
        self.state().calls.iter().cloned().collect()
    }

    /// The way of a call: front proxy, keys, rate limit, route.
    fn reply(
        &self,
        state: &mut State,
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
        // The query route alone counts calls and tells so.
        let standing = match call {
            Call::Query(_) => Some(state.quota.count(now.unix_timestamp())),
            _ => None,
        };
        if failure == Some(Failure::TooManyRequests) {
            return (
                state.quota.rate_limit.refusal(),
                standing.map(Standing::used_up),
            );
        }
        if standing.is_some_and(|standing| standing.over) {
            return (state.quota.rate_limit.refusal(), standing);
        }
        let body = failure
            .and_then(Failure::instead)
            .unwrap_or_else(|| match call {
                Call::Query(query) => {
                    let none = failure == Some(Failure::NoSeries);
                    let series = if none { &[] } else { state.series.as_slice() };
                    let (start, now) = (self.start.unix_timestamp(), now.unix_timestamp());
                    time_series(query, series, Moment { start, now })
                }
                Call::Metadata(name) => match state.series.iter().find(|s| s.metric == *name) {
                    Some(series) => Body::metadata(series),
                    None => Body::errors(StatusCode::NOT_FOUND, &["metric_name not found"]),
                },
                Call::Validate => Body::json(StatusCode::OK, &serde_json::json!({ "valid": true })),
                Call::Unknown => Body::edge(StatusCode::NOT_FOUND, "Not found"),
            });
        (body, standing)
    }

    /// A scenario without keys accepts any, but none is as wrong as on the real server.
    fn refuse_keys(&self, headers: &HeaderMap, call: &Call) -> Option<Body> {
        let sent = |name: &str| {
            headers
                .get(name)
                .map(|key| key.as_bytes())
                .filter(|key| !key.is_empty())
        };
        let good = |name: &str, key: fn(&Keys) -> &String| {
            let known = self.keys.as_ref().map(|keys| key(keys).as_bytes());
            sent(name).is_some_and(|sent| known.is_none_or(|known| known == sent))
        };
        let validates = matches!(call, Call::Validate);
        if validates && sent("dd-api-key").is_none() {
            return Some(Body::errors(StatusCode::FORBIDDEN, &["API key required"]));
        }
        let accepted = good("dd-api-key", |keys| &keys.api)
            && (validates || good("dd-application-key", |keys| &keys.app));
        (!accepted).then(|| Body::edge(StatusCode::FORBIDDEN, "Forbidden"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is left half-changed by a panic: each change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, call: Answered) {
        if self.calls.len() == CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }
}

fn time_series(call: &QueryCall, series: &[Series], moment: Moment) -> Body {
    let bad = |error: &str| Body::errors(StatusCode::BAD_REQUEST, &[error]);
    let window = match window(call) {
        Ok(window) => window,
        Err(error) => return bad(&error),
    };
    match &call.asked {
        Ok(asked) => {
            let rows: Vec<_> = asked
                .iter()
                .map(|asked| rows(asked, series, window, moment))
                .collect();
            Body::time_series(
                call.text.as_deref().unwrap_or_default(),
                asked,
                &rows,
                window,
            )
        }
        Err(refused) => bad(&refused.to_string()),
    }
}

fn window(call: &QueryCall) -> Result<Window, String> {
    let from = seconds("from", call.from.as_deref())?;
    let to = seconds("to", call.to.as_deref())?;
    if to <= from {
        return Err("query end is not after query start".to_owned());
    }
    Ok(Window { from, to })
}

/// Seconds since the epoch, cut to whole ones, up to the year 9999.
fn seconds(name: &str, text: Option<&str>) -> Result<i64, String> {
    let text = text.ok_or_else(|| format!("The parameter '{name}' is required"))?;
    let whole = text.split('.').next().and_then(|whole| whole.parse().ok());
    whole
        .filter(|seconds| (0..253_402_300_800).contains(seconds))
        .ok_or_else(|| format!("The value provided for parameter '{name}' is invalid"))
}
