//! The scenarios that this project hands out are what their reader takes them for.
#![cfg(feature = "simulator")]

use bytes::Bytes;
use datadog_query::simulator::{Scenario, Series, Simulator};
use http::Request;
use serde_json::Value;
use time::{Duration, OffsetDateTime, macros::datetime};

const NGINX: &str = include_str!("../../cluster-agent-bin/scenarios/nginx.yaml");
const PAGE: &str = include_str!("../../docs/simulator.md");

const START: OffsetDateTime = datetime!(2026-01-02 03:00:00 UTC);

/// The last value of the walkthrough's query at this second of the scenario.
fn rate(simulator: &Simulator, seconds: i64) -> f64 {
    let now = START + Duration::seconds(seconds);
    let to = now.unix_timestamp();
    let uri = format!(
        "/api/v1/query?from={}&to={to}&query=avg:nginx.net.request_per_s%7Bkube_container_name:nginx%7D.rollup(10)",
        to - 300
    );
    let request = Request::builder()
        .uri(uri)
        .header("DD-API-KEY", "a")
        .header("DD-APPLICATION-KEY", "b")
        .body(Bytes::new())
        .expect("the parts are written above");
    let answer = simulator.answer(&request, now);
    let reply: Value = serde_json::from_slice(answer.response.body()).expect("it answers in JSON");
    let points = reply["series"][0]["pointlist"]
        .as_array()
        .and_then(|points| points.last());
    points
        .and_then(|point| point[1].as_f64())
        .expect("the walkthrough has a value at all times")
}

#[test]
fn the_walkthrough_is_quiet_then_busy_then_quiet() {
    let simulator = Simulator::new(serde_saphyr::from_str(NGINX).unwrap(), START);
    let moments = [0, 130, 170, 220, 360, 390, 420, 600];
    let expected = [0.0, 0.0, 40.0, 90.0, 90.0, 45.0, 0.0, 0.0];
    assert_eq!(moments.map(|seconds| rate(&simulator, seconds)), expected);
}

#[test]
fn every_example_on_the_page_can_be_read() {
    let blocks = PAGE
        .split("```yaml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap());
    let (shapes, scenarios): (Vec<_>, Vec<_>) =
        blocks.partition(|block| block.starts_with("shape:"));
    assert_eq!((shapes.len(), scenarios.len()), (5, 1));
    for scenario in scenarios {
        serde_saphyr::from_str::<Scenario>(scenario).unwrap();
    }
    for shape in shapes {
        serde_saphyr::from_str::<Series>(&format!("metric: m\n{shape}")).unwrap();
    }
}

#[test]
fn every_fault_on_the_page_can_be_read() {
    let table = PAGE
        .split("| `answer` | what the caller gets |")
        .nth(1)
        .unwrap();
    let rows = table
        .lines()
        .skip(2)
        .map_while(|row| row.strip_prefix("| `"));
    let answers: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(answers.len(), 19);
    for answer in answers {
        let answer = if answer.contains(':') {
            format!("{{ {answer} }}")
        } else {
            answer.to_owned()
        };
        let scenario = format!("faults: [ {{ answer: {answer} }} ]");
        serde_saphyr::from_str::<Scenario>(&scenario)
            .unwrap_or_else(|error| panic!("{answer}: {error}"));
    }
}
