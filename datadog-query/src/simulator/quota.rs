//! The rate limit: so many calls in each period of the calendar.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{body::Body, scenario::RateLimit};

/// Calls counted in the present period.
#[derive(Debug)]
pub(super) struct Quota {
    pub(super) rate_limit: RateLimit,
    period: i64,
    used: u64,
}

/// What a caller is told of the limit after a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Standing {
    limit: u64,
    period: i64,
    remaining: u64,
    /// Seconds until the next period, not a time of day.
    reset: i64,
    pub(super) over: bool,
}

impl Quota {
    pub(super) fn new(rate_limit: RateLimit) -> Self {
        Self {
            rate_limit,
            period: i64::MIN,
            used: 0,
        }
    }

    /// Counts a call made at this second since the epoch. Periods are the hours or
    /// minutes of the calendar, whenever the first call came.
    pub(super) fn count(&mut self, now: i64) -> Standing {
        let length = self.rate_limit.period.as_secs().cast_signed();
        let period = now.div_euclid(length);
        if period != self.period {
            (self.period, self.used) = (period, 0);
        }
        let over = self.used >= self.rate_limit.limit;
        self.used += u64::from(!over);
        Standing {
            limit: self.rate_limit.limit,
            period: length,
            remaining: self.rate_limit.limit - self.used,
            reset: length - now.rem_euclid(length),
            over,
        }
    }
}

impl RateLimit {
    /// What a call over the limit gets in place of an answer.
    pub(super) fn refusal(&self) -> Body {
        let (limit, period) = (self.limit, self.period.as_secs());
        let text = format!(
            "Rate limit of {limit} requests in {period} seconds reached. Please try again later."
        );
        Body::errors(StatusCode::TOO_MANY_REQUESTS, &[&text])
    }
}

impl Standing {
    /// The same standing with nothing left.
    pub(super) fn used_up(self) -> Self {
        Self {
            remaining: 0,
            ..self
        }
    }

    /// The four headers of the query route. The server never sends `Retry-After`.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let values = [
            ("x-ratelimit-limit", HeaderValue::from(self.limit)),
            ("x-ratelimit-period", HeaderValue::from(self.period)),
            ("x-ratelimit-remaining", HeaderValue::from(self.remaining)),
            ("x-ratelimit-reset", HeaderValue::from(self.reset)),
        ];
        headers.extend(values.map(|(name, value)| (HeaderName::from_static(name), value)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn quota() -> Quota {
        Quota::new(RateLimit {
            limit: 2,
            period: Duration::from_secs(60),
        })
    }

    fn standing(remaining: u64, reset: i64, over: bool) -> Standing {
        Standing {
            limit: 2,
            period: 60,
            remaining,
            reset,
            over,
        }
    }

    #[test]
    fn calls_are_counted_until_the_calendar_begins_a_new_period() {
        let mut quota = quota();
        let standings = [630, 640, 659, 660].map(|now| quota.count(now));
        let expected = [
            standing(1, 30, false),
            standing(0, 20, false),
            standing(0, 1, true),
            standing(1, 60, false),
        ];
        assert_eq!(standings, expected);
    }

    #[test]
    fn a_refusal_tells_the_limit_in_the_servers_words() {
        let text = r#"{"errors":["Rate limit of 2 requests in 60 seconds reached. Please try again later."]}"#;
        assert_eq!(quota().rate_limit.refusal().text, text);
    }
}
