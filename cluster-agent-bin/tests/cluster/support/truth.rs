//! Series whose values tell their own time, so that whoever reads one can say whether it is
//! right.

use provider_api::Quantity;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

/// What the agent is told in tests that read all the time: everything is quicker than an
/// operator has it, in about the same proportions.
pub(crate) const SWIFT: [(&str, &str); 3] = [
    ("DD_EXTERNAL_METRICS_PROVIDER_REFRESH_PERIOD", "2"),
    ("DD_EXTERNAL_METRICS_PROVIDER_ROLLUP", "5"),
    ("DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE", "60"),
];

/// The width of a bucket, and how old a served value may be: those of [`SWIFT`].
const ROLLUP: i64 = 5;
const MAX_AGE: Duration = Duration::seconds(60);

/// A reading takes a moment, and times are served in whole seconds.
const MOMENT: Duration = Duration::seconds(2);

/// What separates the values of one series from those of the next.
const STRIDE: i64 = 1_000_000;

/// A metric `shop.clock` with a series for each shop: the seconds since the truth began, and
/// a million for each shop before.
///
/// A sample stands on each second, so that the mean of a whole bucket is that of its middle
/// and the mean of one that is still open is less.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truth {
    begin: OffsetDateTime,
}

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Flaw {
    /// The value is not that of its time, or of a bucket that is still open.
    Wrong(String),
    /// It is older than a served value may be, or says that it is newer than it can be.
    Stale(String),
}

impl Truth {
    /// The truth since an hour before `now`.
    pub(crate) fn at(now: OffsetDateTime) -> Self {
        let begin = now.replace_nanosecond(0).expect("zero is in every second");
        Self {
            begin: begin - Duration::HOUR,
        }
    }

    /// A Datadog that knows these shops and has calls enough, with these faults.
    pub(crate) fn scenario(self, shops: u32, faults: &Value) -> String {
        let start = self.begin.format(&Rfc3339).expect("a year of four digits");
        json!({
            "start": start,
            "rate_limit": { "limit": 100_000, "period": "1h" },
            "series": self.series(shops),
            "faults": faults,
        })
        .to_string()
    }

    /// The series of these shops.
    pub(crate) fn series(self, shops: u32) -> Value {
        (0..shops).map(Self::clock).collect()
    }

    fn clock(shop: u32) -> Value {
        let day = 24 * 60 * 60;
        let first = i64::from(shop) * STRIDE;
        json!({
            "metric": "shop.clock",
            "tags": { "shop": shop.to_string() },
            "interval": "1s",
            "shape": { "line": [
                { "at": "0s", "value": first },
                { "at": format!("{day}s"), "value": first + day },
            ] },
        })
    }

    /// Where the metric of a shop is read.
    pub(crate) fn path(namespace: &str, shop: u32) -> String {
        format!(
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/shop.clock?labelSelector=shop%3D{shop}"
        )
    }

    /// An HPA that scales on the metric of a shop.
    pub(crate) fn hpa(name: &str, namespace: &str, shop: u32) -> Value {
        json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": { "name": name, "namespace": namespace },
            "spec": {
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": name },
                "maxReplicas": 3,
                "metrics": [{ "type": "External", "external": {
                    "metric": {
                        "name": "shop.clock",
                        "selector": { "matchLabels": { "shop": shop.to_string() } },
                    },
                    "target": { "type": "AverageValue", "averageValue": "9" },
                }}],
            },
        })
    }

    /// Whether a list that was served for a shop is right at `now`.
    pub(crate) fn judge(self, shop: u32, list: &str, now: OffsetDateTime) -> Result<(), Flaw> {
        let Some((value, time)) = read(list) else {
            return Err(Flaw::Wrong(list.to_owned()));
        };
        let told = |what: &str| format!("at {now} {what}: shop {shop} is {value} at {time}");
        let since = (time - self.begin).whole_seconds();
        let right = i64::from(shop) * STRIDE + since + (ROLLUP - 1) / 2;
        if time.unix_timestamp() % ROLLUP != 0 || value != Quantity::from(right) {
            return Err(Flaw::Wrong(told(&format!("{right} would be right"))));
        }
        if time + Duration::seconds(ROLLUP) > now + MOMENT {
            return Err(Flaw::Stale(told("its bucket is not over")));
        }
        if now - time > MAX_AGE + MOMENT {
            return Err(Flaw::Stale(told("it is too old")));
        }
        Ok(())
    }
}

/// The one value of a list and its time.
fn read(list: &str) -> Option<(Quantity, OffsetDateTime)> {
    let list: Value = serde_json::from_str(list).ok()?;
    let [item] = list["items"].as_array()?.as_slice() else {
        return None;
    };
    let time = OffsetDateTime::parse(item["timestamp"].as_str()?, &Rfc3339).ok()?;
    Some((item["value"].as_str()?.parse().ok()?, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-01-02 03:00:00 UTC);

    fn judged(shop: u32, value: &str, age: i64) -> Result<(), Flaw> {
        let time = (NOW - Duration::seconds(age)).format(&Rfc3339).unwrap();
        let list = json!({ "items": [{ "timestamp": time, "value": value }] }).to_string();
        Truth::at(NOW).judge(shop, &list, NOW)
    }

    fn flaw(shop: u32, value: &str, age: i64) -> &'static str {
        match judged(shop, value, age) {
            Ok(()) => "none",
            Err(Flaw::Wrong(_)) => "wrong",
            Err(Flaw::Stale(_)) => "stale",
        }
    }

    #[test]
    fn only_the_value_of_a_whole_and_young_bucket_is_right() {
        let rows = [
            (0, "3592", 10, "none"),
            (2, "2003592", 10, "none"),
            // The first two of five seconds, in a bucket that is not over.
            (0, "3590500m", 10, "wrong"),
            (0, "3591", 10, "wrong"),
            // Another shop's.
            (1, "3592", 10, "wrong"),
            // Between two buckets.
            (0, "3593", 9, "wrong"),
            (0, "3602", 0, "stale"),
            (0, "3537", 65, "stale"),
            (0, "3542", 60, "none"),
        ];
        for (shop, value, age, expected) in rows {
            assert_eq!(flaw(shop, value, age), expected, "{value} of {age} s");
        }
    }
}
