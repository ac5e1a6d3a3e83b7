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

/// Longer than any period that Datadog is known to count. A reset beyond it is
/// not a span of time, and nobody should wait for it.
const LONGEST_RESET: Duration = Duration::from_hours(1);

impl RateLimit {
    /// What the headers tell, if they tell anything.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let limit = Self {
            limit: number(headers, "x-ratelimit-limit"),
            period: seconds(headers, "x-ratelimit-period"),
            remaining: number(headers, "x-ratelimit-remaining"),
            reset: seconds(headers, "x-ratelimit-reset"),
            name: number(headers, "x-ratelimit-name"),
        };
        (limit != Self::default()).then_some(limit)
    }
}

/// How long to wait after a call too many, where the headers tell it.
///
/// Datadog sends no `Retry-After`; a proxy on the way may.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let longest = seconds(headers, "x-ratelimit-period").unwrap_or(LONGEST_RESET);
    seconds(headers, "x-ratelimit-reset")
        .or_else(|| seconds(headers, "retry-after"))
        .map(|wait| wait.min(longest))
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
        // A time of day in place of a span, as other programs send it.
        let epoch = ("x-ratelimit-reset", "1767225600");
        assert_eq!(retry_after(&headers(&[epoch])), Some(LONGEST_RESET));
        let minute = ("x-ratelimit-period", "60");
        assert_eq!(
            retry_after(&headers(&[epoch, minute])),
            Some(Duration::from_secs(60))
        );
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
