//! Entries as people, older agents and chance write them.

use proptest::{collection::vec, option, prelude::*};
use time::macros::datetime;

use super::*;
use crate::{
    kept::{
        key::key_of,
        testing::{demand, kept, value},
    },
    testing::NOW,
};

#[test]
fn a_value_is_written_as_people_and_tools_know_it() {
    let time = datetime!(2018-07-19 23:18:42 UTC);
    let mut metric = kept(
        "nginxext",
        "nginx.net.request_per_s{kube_container_name=nginx}",
        Known::Fresh(value("2472", time)),
    );
    metric.uid = Some("2a9c".into());
    assert_eq!(
        print(&metric),
        r#"{"metricName":"nginx.net.request_per_s","labels":{"kube_container_name":"nginx"},"ts":1532042322,"reference":{"type":"horizontal","name":"nginxext","namespace":"shop","uid":"2a9c"},"value":2472,"valid":true}"#
    );
}

#[test]
fn what_their_form_would_lose_has_fields_of_its_own() {
    let time = datetime!(2026-06-01 12:00:00.5 UTC);
    let since = datetime!(2026-06-01 12:01 UTC);
    let known = Known::Held(
        value("1234567890.123456789", time),
        Failure::new("no series came", since),
    );
    assert_eq!(
        print(&kept("nginxext", "queue.depth{app=x,tier in (a,b)}", known)),
        r#"{"metricName":"queue.depth","labels":{"app":"x"},"ts":1780315200,"reference":{"type":"horizontal","name":"nginxext","namespace":"shop"},"value":1234567890.1234567,"valid":true,"quantity":"1234567890123456789n","time":"2026-06-01T12:00:00.5Z","selector":"app=x,tier in (a,b)","held":true,"error":"no series came","since":"2026-06-01T12:01:00Z"}"#
    );
}

#[test]
fn the_forms_of_older_agents_are_read() {
    let at = |time| Known::Fresh(value("268435456", time));
    let metric = |known| kept("nginxext", "docker.mem.limit{dcos_version=1.9.4}", known);
    let labels = r#""labels":{"dcos_version":"1.9.4"},"metricName":"docker.mem.limit""#;
    let hpa = r#""hpa":{"name":"nginxext","namespace":"shop"}"#;
    let time = datetime!(2018-07-19 23:18:42 UTC);
    for (text, expected) in [
        // A float for a time, and the autoscaler under its own name.
        (
            format!(r#"{{{hpa},{labels},"ts":1.532042322e9,"valid":true,"value":2.68435456e8}}"#),
            metric(at(time)),
        ),
        // Both, where one of them is empty.
        (
            format!(
                r#"{{{hpa},"reference":{{"type":"","name":"","namespace":"","uid":""}},{labels},"ts":1532042322,"valid":true,"value":268435456}}"#
            ),
            metric(at(time)),
        ),
        // What was never valid was the mark of a metric that waits.
        (
            format!(r#"{{{hpa},{labels},"ts":1532042322,"valid":false,"value":0}}"#),
            metric(Known::Waiting),
        ),
        // A reference of which the kind was not written.
        (
            format!(
                r#"{{"reference":{{"name":"nginxext","namespace":"shop"}},{labels},"ts":1532042322,"valid":true,"value":268435456}}"#
            ),
            metric(at(time)),
        ),
    ] {
        assert_eq!(parse(&text).unwrap(), expected, "{text}");
    }
    let text = r#"{"metricName":"m","labels":null,"ts":0,"reference":{"type":"watermark","name":"w","namespace":"shop","uid":"9"},"value":0,"valid":false}"#;
    let watermark = parse(text).unwrap();
    assert_eq!(
        (watermark.demand.asker.to_string(), watermark.uid.as_deref()),
        ("WatermarkPodAutoscaler shop/w".to_owned(), Some("9"))
    );
}

#[test]
fn nonsense_tells_what_it_lacks() {
    let told = |text: &str| parse(text).unwrap_err().to_string();
    let entry = |name: &str, more: &str| {
        format!(
            r#"{{"metricName":"{name}","reference":{{"type":"horizontal","name":"h","namespace":"shop"}}{more}}}"#
        )
    };
    assert_eq!(
        told("{}"),
        "it is not the JSON of an entry: missing field `metricName` at line 1 column 2"
    );
    assert_eq!(
        told(r#"{"metricName":"x"}"#),
        "it does not say which object asks: `reference` has no name"
    );
    assert!(told(&entry("a/b", "")).starts_with("`a/b` is no metric name"));
    assert!(told(&entry("a", r#","labels":{"a b":"c"}"#)).contains("`a b` is no label key"));
    assert_eq!(
        told(&entry("a", r#","ts":1780315200,"valid":true"#)),
        "it is `valid` without a `value`"
    );
    assert_eq!(
        told(&entry("a", r#","ts":1e300,"value":1,"valid":true"#)),
        "`1e+300` is no time: seconds since 1970 are wanted, or 2026-01-02T03:04:05Z"
    );
    assert!(told(&entry("a", r#","value":1e300,"valid":true"#)).contains("too large"));
}

fn instants() -> impl Strategy<Value = OffsetDateTime> {
    (
        0..4_000_000_000_i64,
        prop_oneof![Just(0), 0..1_000_000_000_i64],
    )
        .prop_map(|(s, nanos)| {
            OffsetDateTime::UNIX_EPOCH
                + time::Duration::new(s, 0)
                + time::Duration::nanoseconds(nanos)
        })
}

fn known() -> impl Strategy<Value = Known> {
    let quantity = prop_oneof![
        any::<i64>().prop_map(i128::from),
        any::<i32>().prop_map(|n| i128::from(n) * NANOS / 1000),
        any::<i64>().prop_map(|n| i128::from(n) * NANOS * 7),
        any::<i128>(),
    ];
    let value = (quantity, instants()).prop_map(|(nanos, time)| KeptValue {
        value: Quantity::from_nanos(nanos),
        time,
    });
    let failure =
        (".*", "[A-Za-z]{0,9}", instants(), instants()).prop_map(|(why, reason, since, heard)| {
            Failure::new(&why, since).because(&reason).heard_at(heard)
        });
    (option::of(value), option::of(failure)).prop_map(|known| match known {
        (None, None) => Known::Waiting,
        (Some(value), None) => Known::Fresh(value),
        (Some(value), Some(failure)) => Known::Held(value, failure),
        (None, Some(failure)) => Known::Missing(failure),
    })
}

proptest! {
    #[test]
    fn whatever_is_printed_parses_to_the_same(
        name in "[a-zA-Z\"\\\\|. é]{1,20}",
        kind in prop_oneof![Just("HorizontalPodAutoscaler"), Just("WatermarkPodAutoscaler"), Just("ScaledObject")],
        namespace in prop_oneof![Just("shop"), Just("bank")],
        labels in vec(prop_oneof![Just("a=b"), Just("a=c"), Just("x"), Just("t in (u,v)"), Just("z=")], 0..4),
        uid in option::of("[0-9a-f]{1,8}"),
        known in known(),
    ) {
        prop_assume!(name != "." && name != "..");
        let mut demand = demand("nginxext", "m");
        demand.asker.kind = kind.into();
        demand.metric = ExternalMetric::new(
            namespace.parse().unwrap(),
            name.parse().unwrap(),
            labels.join(",").parse().unwrap(),
        );
        let query = uid.clone().map(Into::into);
        let metric = KeptMetric { demand, uid: uid.map(Into::into), query, known };
        prop_assert_eq!(parse(&print(&metric)).unwrap(), metric);
    }

    #[test]
    fn no_text_is_too_odd_to_be_read_or_refused(text in ".*") {
        let _ = parse(&text);
    }
}

#[test]
fn the_example_of_the_documentation_is_what_is_written() {
    let page = include_str!("../../../../docs/cluster.md");
    let rate = kept(
        "nginxext",
        "nginx.net.request_per_s{kube_container_name=nginx}",
        Known::Fresh(value("90", NOW)),
    );
    let depth = kept(
        "orders",
        "queue.depth{queue=orders}",
        Known::Held(
            value("12500m", NOW),
            Failure::new("Datadog has no series for it", NOW),
        ),
    );
    for metric in [rate, depth] {
        let key = key_of(&metric.demand, |_| true);
        let line = format!("  {key}: '{}'\n", print(&metric));
        assert!(page.contains(&line), "{line}");
    }
}
