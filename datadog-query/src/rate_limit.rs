//! How many calls Datadog still allows.

use std::{str::FromStr, time::Duration};

use http::HeaderMap;

/// What Datadog tells about the rate limit that a call counted against, in its
/// [`X-RateLimit-*` headers](https://docs.datadoghq.com/api/latest/rate-limits/).
/// Any of them may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// The calls that one period allows.
    pub limit: Option<u64>,
    /// The length of a period. Periods follow the calendar.
    pub period: Option<Duration>,
    /// The calls left in this period.
    pub remaining: Option<u64>,
    /// The time until the next period.
    pub reset: Option<Duration>,
    /// The limit's name, which Datadog wants to hear when it is to be raised.
    pub name: Option<String>,
}

/// Longer than any period that Datadog is known to count. What says more is no span of
/// time, but a time of day perhaps, as other programs send it.
const LONGEST_PERIOD: Duration = Duration::from_hours(24);

/// The same of a reset, where no period is told.
const LONGEST_RESET: Duration = Duration::from_hours(1);

impl RateLimit {
    /// What the headers tell, if they tell anything.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let limit = Self {
            limit: number(headers, "x-ratelimit-limit"),
            period: period(headers),
            remaining: number(headers, "x-ratelimit-remaining"),
            reset: wait(headers, "x-ratelimit-reset"),
            name: number(headers, "x-ratelimit-name"),
        };
        (limit != Self::default()).then_some(limit)
    }
}

/// How long to wait after a call too many, where the headers tell it.
///
/// Datadog sends no `Retry-After`; a proxy on the way may.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    wait(headers, "x-ratelimit-reset").or_else(|| wait(headers, "retry-after"))
}

/// A wait lasts a period at most. Where no period is told, one that cannot be is not told
/// either.
fn wait(headers: &HeaderMap, name: &str) -> Option<Duration> {
    let wait = seconds(headers, name)?;
    match period(headers) {
        Some(period) => Some(wait.min(period)),
        None => (wait <= LONGEST_RESET).then_some(wait),
    }
}

fn period(headers: &HeaderMap) -> Option<Duration> {
    seconds(headers, "x-ratelimit-period")
        .filter(|period| !period.is_zero() && *period <= LONGEST_PERIOD)
}

fn seconds(headers: &HeaderMap, name: &str) -> Option<Duration> {
    number(headers, name).map(Duration::from_secs)
}

fn number<T: FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        lines.iter().map(header).collect()
    }

    #[test]
    fn all_five_headers_are_read() {
        // After a recorded answer of the list of active metrics.
        let headers = headers(&[
            ("x-ratelimit-limit", "1600"),
            ("x-ratelimit-period", "3600"),
            ("x-ratelimit-remaining", "1599"),
            ("x-ratelimit-reset", "904"),
            ("x-ratelimit-name", "metrics_list_v2_api"),
        ]);
        assert_eq!(
            RateLimit::of(&headers),
            Some(RateLimit {
                limit: Some(1600),
                period: Some(Duration::from_secs(3600)),
                remaining: Some(1599),
                reset: Some(Duration::from_secs(904)),
                name: Some("metrics_list_v2_api".into()),
            })
        );
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(904)));
    }

    #[test]
    fn a_header_that_is_missing_or_no_number_is_unknown() {
        assert_eq!(RateLimit::of(&headers(&[])), None);
        assert_eq!(
            RateLimit::of(&headers(&[
                ("x-ratelimit-limit", "many"),
                ("x-ratelimit-remaining", " 7 ")
            ])),
            Some(RateLimit {
                remaining: Some(7),
                ..RateLimit::default()
            })
        );
    }

    #[test]
    fn nobody_waits_longer_than_a_period() {
        let period = |text| ("x-ratelimit-period", text);
        let reset = |text| ("x-ratelimit-reset", text);
        for (lines, waited, why) in [
            (
                vec![reset("1767225600")],
                None,
                "a time of day, as other programs send it",
            ),
            (
                vec![reset("1767225600"), period("60")],
                Some(60),
                "the same",
            ),
            (vec![reset("3600")], Some(3600), "an hour's limit"),
            (
                vec![reset("7200"), period("3600")],
                Some(3600),
                "longer than its period",
            ),
            (vec![reset("-5"), period("3600")], None, "gone by"),
            (vec![reset("soon")], None, "no number"),
            (
                vec![reset("900"), period("1767225600")],
                Some(900),
                "no period",
            ),
            (
                vec![reset("99999999999999999999999"), period("60")],
                None,
                "a number that nothing holds",
            ),
        ] {
            let headers = headers(&lines);
            let waited = waited.map(Duration::from_secs);
            assert_eq!(retry_after(&headers), waited, "{why}");
            assert_eq!(
                RateLimit::of(&headers).and_then(|limit| limit.reset),
                waited,
                "{why}"
            );
        }
    }

    #[test]
    fn the_word_of_a_proxy_counts_where_datadog_is_silent() {
        assert_eq!(
            retry_after(&headers(&[("retry-after", "5")])),
            Some(Duration::from_secs(5))
        );
        assert_eq!(
            retry_after(&headers(&[(
                "retry-after",
                "Fri, 31 Dec 1999 23:59:59 GMT"
            )])),
            None
        );
    }
}
