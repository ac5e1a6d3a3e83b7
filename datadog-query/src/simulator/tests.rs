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

/// The same query by version 2.
fn query_v2(text: &str, seconds: i64) -> Request<Bytes> {
    let now = at(seconds).unix_timestamp() * 1000;
    let attributes = json!({
        "from": now - 60_000, "to": now,
        "queries": [{ "data_source": "metrics", "query": text }],
    });
    let body = json!({ "data": { "type": "timeseries_request", "attributes": attributes } });
    request("POST", "/api/v2/query/timeseries", &body)
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
fn version_2_answers_with_times_and_values_in_lists_of_their_own() {
    let answer = simulator(FLAT).answer(&query_v2("avg:m{*}.rollup(30)", 5), at(5));
    let start = START.unix_timestamp() * 1000;
    let attributes = json!({
        "series": [{ "group_tags": [], "query_index": 0, "unit": null }],
        "times": [start - 30_000, start],
        "values": [[42, 42]],
    });
    let data = json!({ "id": "0", "type": "timeseries_response", "attributes": attributes });
    assert_eq!(
        (standing(&answer), body(&answer)),
        ((200, vec![]), json!({ "data": data }))
    );
    assert_eq!(
        answer.response.headers()["content-type"],
        "application/vnd.api+json"
    );
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
    let names = ["limit", "period", "remaining", "reset"].map(|name| format!("x-ratelimit-{name}"));
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
fn either_version_is_counted_by_itself_and_version_2_tells_the_limit_when_it_is_reached() {
    let simulator = simulator("rate_limit: { limit: 1, period: 1m }");
    let ask = |request: Request<Bytes>| simulator.answer(&request, at(50));
    let reached = (429, vec!["1", "60", "0", "10"]);
    assert_eq!(standing(&ask(query_v2("m{*}", 50))), (200, vec![]));
    assert_eq!(standing(&ask(query_v2("m{*}", 50))), reached);
    assert_eq!(standing(&ask(query("m{*}", 50))).0, 200);
    assert_eq!(standing(&ask(query("m{*}", 50))), reached);
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
        let answer = simulator.answer(&query_v2("m{*}", 0), START);
        assert_eq!(standing(&answer).0, status, "{fault}");
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
