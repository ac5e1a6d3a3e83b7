//! What Datadog would answer: a function from a request and the time to a response.
//!
//! A [`Scenario`] says what an account holds and what goes wrong in it. A [`Simulator`]
//! answers the routes that this crate asks, and is as unkind as the real server:
//! incomplete last buckets, nulls, calls spoilt by one query, rate limits. It opens no
//! socket and reads no clock; whoever serves it does what [`Delivery`] says.

mod account;
mod asked;
mod body;
mod bucket;
mod call;
mod control;
mod fault;
mod quota;
mod scenario;
mod series;
mod shape;
mod spell;
mod window;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use time::OffsetDateTime;

use self::account::Account;
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
pub struct Simulator(Mutex<Account>);

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

impl Simulator {
    /// Starts a scenario: now, unless it names its start.
    pub fn new(scenario: Scenario, now: OffsetDateTime) -> Self {
        Self(Mutex::new(Account::new(scenario, now)))
    }

    /// Answers a request as it would have been answered at this time.
    pub fn answer(&self, request: &Request<Bytes>, now: OffsetDateTime) -> Answer {
        self.account().answer(request, now)
    }

    /// What the sources of a metric are at, on average, at this moment: what a person
    /// would see there before any of it is a point of Datadog's.
    pub fn level(&self, metric: &str, now: OffsetDateTime) -> Option<f64> {
        self.account().level(metric, now)
    }

    /// Replaces the series, their past included.
    pub fn set_series(&self, series: Vec<Series>) {
        self.account().series = series;
    }

    /// Replaces the faults.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.account().faults = faults;
    }

    /// The last thousand calls, oldest first.
    pub fn calls(&self) -> Vec<Answered> {
        self.account().calls.iter().cloned().collect()
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        // A panic leaves nothing half-changed: each change is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-01-02 03:00:00 UTC);

    fn at(seconds: i64) -> OffsetDateTime {
        START + time::Duration::seconds(seconds)
    }

    fn simulator(scenario: &str) -> Simulator {
        Simulator::new(serde_saphyr::from_str(scenario).unwrap(), START)
    }

    const FLAT: &str = "series: [ { metric: m, shape: { constant: 42 } } ]";

    fn request(method: &str, path: &str, body: &Value) -> Request<Bytes> {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header("DD-API-KEY", "demo")
            .header("DD-APPLICATION-KEY", "demo");
        request.body(Bytes::from(body.to_string())).unwrap()
    }

    fn get(path: &str) -> Request<Bytes> {
        request("GET", path, &Value::Null)
    }

    /// A query over the last minute before this second of the scenario.
    fn query(text: &str, seconds: i64) -> Request<Bytes> {
        let now = at(seconds).unix_timestamp();
        let text = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
        get(&format!(
            "/api/v1/query?from={}&to={now}&query={text}",
            now - 60
        ))
    }

    fn body(answer: &Answer) -> Value {
        serde_json::from_slice(answer.response.body()).unwrap()
    }

    /// The status and the body.
    fn said(simulator: &Simulator, request: &Request<Bytes>, seconds: i64) -> (u16, Value) {
        let answer = simulator.answer(request, at(seconds));
        (answer.response.status().as_u16(), body(&answer))
    }

    fn forbidden() -> (u16, Value) {
        let error = json!({
            "status": "error", "code": 403, "errors": ["Forbidden"],
            "statuspage": "http://status.datadoghq.com", "twitter": "http://twitter.com/datadogops",
            "email": "support@datadoghq.com",
        });
        (403, error)
    }

    #[test]
    fn a_constant_series_is_answered_from_the_start_on() {
        let (status, reply) = said(&simulator(FLAT), &query("avg:m{*}.rollup(30)", 5), 5);
        let start = START.unix_timestamp() * 1000;
        let points = json!([[(start - 30_000) as f64, 42.0], [start as f64, 42.0]]);
        assert_eq!((status, &reply["series"][0]["pointlist"]), (200, &points));
    }

    #[test]
    fn the_level_of_a_metric_is_the_mean_of_its_sources_now() {
        let simulator = simulator(
            "series:
              - { metric: m, shape: { steps: [ { at: 0s, value: 1 }, { at: 60s, value: 9 } ] } }
              - { metric: m, tags: { shard: 2 }, shape: { constant: 3 } }",
        );
        assert_eq!(simulator.level("m", at(59)), Some(2.0));
        assert_eq!(simulator.level("m", at(60)), Some(6.0));
        assert_eq!(simulator.level("n", at(60)), None);
    }

    #[test]
    fn a_query_without_a_match_has_no_series() {
        let (status, reply) = said(&simulator(FLAT), &query("avg:other{*}", 0), 0);
        assert_eq!(
            (status, &reply["status"], &reply["series"]),
            (200, &json!("ok"), &json!([]))
        );
    }

    #[test]
    fn one_bad_query_spoils_its_neighbours() {
        let (status, reply) = said(&simulator(FLAT), &query("avg:m{*},avg:m", 0), 0);
        let error = "Error parsing query: \nunable to parse avg:m{*},avg:m: Rule 'scope_expr' \
                     didn't match at '' (line 1, column 15).";
        assert_eq!((status, reply), (400, json!({ "errors": [error] })));
    }

    #[test]
    fn a_call_without_a_window_is_refused() {
        let rows = [
            ("from=5&query=m{*}", "The parameter 'to' is required"),
            (
                "from=5&to=5&query=m{*}",
                "query end is not after query start",
            ),
            ("from=1&to=5", "Invalid query input:\n"),
        ];
        for (parameters, error) in rows {
            // Braces are escaped: they are not of a URI.
            let parameters = parameters.replace('{', "%7B").replace('}', "%7D");
            let answer = said(
                &simulator(FLAT),
                &get(&format!("/api/v1/query?{parameters}")),
                0,
            );
            assert_eq!(answer, (400, json!({ "errors": [error] })), "{parameters}");
        }
    }

    #[test]
    fn an_endless_target_is_refused_by_the_front_proxy() {
        let answer = simulator(FLAT).answer(&query(&"m{*},".repeat(800), 0), START);
        assert_eq!(answer.response.status(), StatusCode::URI_TOO_LONG);
        assert_eq!(answer.response.headers()["content-type"], "text/html");
    }

    #[test]
    fn metadata_tells_whether_a_metric_is_known() {
        let known = json!({
            "description": null, "short_name": null, "integration": null, "statsd_interval": 10,
            "per_unit": null, "type": "gauge", "unit": null,
        });
        let simulator = simulator(FLAT);
        assert_eq!(said(&simulator, &get("/api/v1/metrics/m"), 0), (200, known));
        let unknown = json!({ "errors": ["metric_name not found"] });
        assert_eq!(
            said(&simulator, &get("/api/v1/metrics/n"), 0),
            (404, unknown)
        );
    }

    #[test]
    fn keys_are_needed_and_have_to_be_the_scenarios() {
        let locked = simulator("keys: { api: demo, app: sesame }");
        assert_eq!(said(&locked, &query("m{*}", 0), 0), forbidden());
        assert_eq!(
            said(&locked, &get("/api/v1/validate"), 0),
            (200, json!({ "valid": true }))
        );
        let open = simulator(FLAT);
        let mut without = get("/api/v1/validate");
        without.headers_mut().remove("dd-api-key");
        assert_eq!(
            said(&open, &without, 0),
            (403, json!({ "errors": ["API key required"] }))
        );
        let mut empty = query("m{*}", 0);
        empty
            .headers_mut()
            .insert("dd-application-key", http::HeaderValue::from_static(""));
        assert_eq!(said(&open, &empty, 0), forbidden());
    }

    /// The status, and the headers of the rate limit: limit, period, remaining, reset.
    fn standing(answer: &Answer) -> (u16, Vec<&str>) {
        let names =
            ["limit", "period", "remaining", "reset"].map(|name| format!("x-ratelimit-{name}"));
        let headers = names
            .iter()
            .filter_map(|name| answer.response.headers().get(name));
        (
            answer.response.status().as_u16(),
            headers.map(|value| value.to_str().unwrap()).collect(),
        )
    }

    #[test]
    fn queries_are_counted_in_calendar_periods_and_refused_when_there_are_too_many() {
        let simulator = simulator("rate_limit: { limit: 1, period: 1m }");
        let ask = |seconds| simulator.answer(&query("m{*}", seconds), at(seconds));
        assert_eq!(standing(&ask(50)), (200, vec!["1", "60", "0", "10"]));
        assert_eq!(standing(&ask(59)), (429, vec!["1", "60", "0", "1"]));
        assert_eq!(standing(&ask(60)), (200, vec!["1", "60", "0", "60"]));
        let other = simulator.answer(&get("/api/v1/validate"), at(61));
        assert_eq!(standing(&other), (200, vec![]));
    }

    #[test]
    fn a_fault_has_the_answer_of_its_kind() {
        let limited = vec!["1600", "3600", "1599", "3600"];
        let rows = [
            ("forbidden", 403, vec![]),
            ("missing_permission", 403, limited.clone()),
            ("missing_aggregation", 400, limited.clone()),
            ("uri_too_long", 414, vec![]),
            ("no_data", 422, limited.clone()),
            ("no_series", 200, limited.clone()),
            ("too_many_requests", 429, vec!["1600", "3600", "0", "3600"]),
            ("too_many_requests_at_edge", 429, vec![]),
            ("server_error", 500, limited.clone()),
            ("bad_gateway", 502, vec![]),
            ("bad_gateway_page", 502, vec![]),
            ("gateway_timeout", 504, limited.clone()),
            ("status_error", 200, limited.clone()),
            ("status_error_of_query", 200, limited),
        ];
        for (fault, status, headers) in rows {
            let simulator = simulator(&format!("faults: [ {{ answer: {fault} }} ]"));
            let answer = simulator.answer(&query("m{*}", 0), START);
            assert_eq!(standing(&answer), (status, headers), "{fault}");
            assert_eq!(answer.delivery, Delivery::AtOnce, "{fault}");
        }
    }

    #[test]
    fn a_good_answer_may_be_ill_delivered() {
        let whole = simulator(FLAT)
            .answer(&query("m{*}", 0), START)
            .response
            .into_body();
        let half = whole.len() / 2;
        let second = Duration::from_secs(1);
        let rows = [
            ("{ slow: 1s }", Delivery::After(second), whole.clone()),
            (
                "{ trickle: 1s }",
                Delivery::Trickled { pause: second },
                whole.clone(),
            ),
            ("cut_off", Delivery::CutOff { after: half }, whole.clone()),
            ("hang_up", Delivery::HangUp, whole.clone()),
            ("malformed", Delivery::AtOnce, whole.slice(..half)),
        ];
        for (fault, delivery, body) in rows {
            let simulator = simulator(&format!("{FLAT}\nfaults: [ {{ answer: {fault} }} ]"));
            let answer = simulator.answer(&query("m{*}", 0), START);
            assert_eq!(
                (answer.delivery, answer.response.into_body()),
                (delivery, body),
                "{fault}"
            );
        }
    }

    #[test]
    fn a_running_simulator_is_changed_and_asked_over_http() {
        let simulator = simulator(FLAT);
        let series = json!([{ "metric": "m", "shape": { "constant": 7 } }]);
        assert_eq!(
            said(&simulator, &request("PUT", "/simulator/series", &series), 1),
            (200, json!({}))
        );
        let (_, reply) = said(&simulator, &query("m{*}.rollup(60)", 60), 60);
        assert_eq!(reply["series"][0]["pointlist"][0][1], json!(7.0));
        let faults = json!([{ "answer": "no_data", "from": "90s", "for": "30s" }]);
        assert_eq!(
            said(
                &simulator,
                &request("PUT", "/simulator/faults", &faults),
                61
            ),
            (200, json!({}))
        );
        assert_eq!(said(&simulator, &query("m{*}", 100), 100).0, 422);
        let calls = json!([
            { "time": "2026-01-02T03:01:00Z", "path": "/api/v1/query", "queries": ["m{*}.rollup(60)"], "status": 200 },
            { "time": "2026-01-02T03:01:40Z", "path": "/api/v1/query", "queries": ["m{*}"], "status": 422 },
        ]);
        assert_eq!(
            said(&simulator, &get("/simulator/calls"), 101),
            (200, calls)
        );
    }

    #[test]
    fn a_bad_change_is_refused_and_changes_nothing() {
        let simulator = simulator(FLAT);
        let series = json!([{ "metric": "a-b", "shape": { "constant": 7 } }]);
        let (status, reply) = said(&simulator, &request("PUT", "/simulator/series", &series), 1);
        assert!(
            status == 400
                && reply["errors"][0]
                    .as_str()
                    .unwrap()
                    .contains("no metric name"),
            "{reply}"
        );
        assert_eq!(said(&simulator, &get("/api/v1/metrics/m"), 2).0, 200);
        assert_eq!(
            said(
                &simulator,
                &request("POST", "/simulator/series", &series),
                3
            )
            .0,
            404
        );
    }
}
