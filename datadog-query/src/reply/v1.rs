//! The answer of version 1.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{SCOPE, Series, Slot, instant};
use crate::{
    account::Account,
    error::Error,
    unit::{self, Unit},
};

/// The series of an answer with status 200, which alone is no success.
pub(super) fn series(response: &Response<Bytes>, account: &Account) -> Result<Vec<Series>, Error> {
    let body: Body = serde_json::from_slice(response.body())
        .map_err(|error| account.malformed(&error.to_string()))?;
    if body.status.is_some_and(|status| status != "ok") {
        return Err(account.refusal(response, SCOPE));
    }
    let Some(series) = body.series else {
        return Err(account.malformed("it holds no series"));
    };
    Ok(series.into_iter().map(Series::from).collect())
}

/// The body as it comes. Datadog promises no field, so only what is used is
/// read, and only what cannot be guessed is asked for.
#[derive(Deserialize)]
struct Body {
    status: Option<String>,
    series: Option<Vec<RawSeries>>,
}

#[derive(Deserialize)]
struct RawSeries {
    query_index: Option<i64>,
    /// In seconds, whatever Datadog's documentation says.
    interval: Option<f64>,
    scope: Option<String>,
    #[serde(default, deserialize_with = "unit::read")]
    unit: Option<Unit>,
    pointlist: Vec<RawPoint>,
}

impl From<RawSeries> for Series {
    fn from(raw: RawSeries) -> Self {
        Self {
            query_index: raw.query_index.and_then(|index| index.try_into().ok()),
            interval: raw
                .interval
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .filter(|width| !width.is_zero()),
            scope: raw.scope.unwrap_or_default(),
            unit: raw.unit,
            points: raw.pointlist.into_iter().map(|point| point.0).collect(),
        }
    }
}

/// A slot, so that the points are read to where they stay.
struct RawPoint(Slot);

impl<'de> Deserialize<'de> for RawPoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (milliseconds, value) = Deserialize::deserialize(deserializer)?;
        let time = instant(milliseconds).map_err(D::Error::custom)?;
        Ok(Self(Slot { time, value }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;
    use crate::{endpoint::Endpoint, keys::Keys};

    fn read(body: impl Into<Bytes>) -> Result<Vec<Series>, Error> {
        let account = Account {
            endpoint: Endpoint::of_site("datadoghq.eu").unwrap(),
            keys: Keys::new(&"api".into(), &"app".into()).unwrap(),
        };
        series(&Response::new(body.into()), &account)
    }

    #[test]
    fn a_whole_answer_is_read() {
        // All fields of a recorded answer of 2020, with a hole added.
        let reply = read(
            r#"{"status":"ok","res_type":"time_series","resp_version":1,
                "query":"avg:load{role:db}by{host}","from_date":1767225600000,
                "to_date":1767225900000,"message":"","group_by":["host"],"series":[
                {"metric":"load","display_name":"load","expression":"avg:load{host:a,role:db}",
                 "scope":"host:a,role:db","tag_set":["host:a"],"query_index":0,"aggr":"avg",
                 "unit":[{"family":"network","id":19,"name":"request","plural":"requests",
                          "scale_factor":1.0,"short_name":"req"},null],
                 "pointlist":[[1767225600000.0,10.5],[1767225630000.0,null]],
                 "start":1767225600000,"end":1767225659000,"interval":30,"length":2,
                 "attributes":{}}]}"#,
        );
        assert_eq!(
            reply,
            Ok(vec![Series {
                query_index: Some(0),
                interval: Some(Duration::from_secs(30)),
                scope: "host:a,role:db".into(),
                unit: Some(Unit {
                    name: Some("request".into()),
                    per: None,
                }),
                points: vec![
                    Slot {
                        time: datetime!(2026-01-01 00:00:00 UTC),
                        value: Some(10.5)
                    },
                    Slot {
                        time: datetime!(2026-01-01 00:00:30 UTC),
                        value: None
                    },
                ],
            }])
        );
    }

    #[test]
    fn an_answer_of_bare_points_is_read() {
        // After an answer that a user pasted, without status or interval.
        let series = read(r#"{"series":[{"pointlist":[[1767225600000,1]]}]}"#).unwrap();
        assert_eq!(
            series,
            [Series {
                query_index: None,
                interval: None,
                scope: String::new(),
                unit: None,
                points: vec![Slot {
                    time: datetime!(2026-01-01 00:00:00 UTC),
                    value: Some(1.0)
                }],
            }]
        );
    }

    #[test]
    fn a_value_is_never_rescaled_to_its_unit() {
        // In percent, and in a unit that is 1024 of another one.
        for name in ["percent", "kibibyte"] {
            let body = serde_json::json!({ "series": [{
                "unit": [{ "name": name, "scale_factor": 1024.0 }, null],
                "pointlist": [[1767225600000_i64, 12.5]],
            }]});
            let series = read(body.to_string()).unwrap().remove(0);
            assert_eq!(series.unit.unwrap().to_string(), name);
            assert_eq!(series.points[0].value, Some(12.5));
        }
    }

    #[test]
    fn an_answer_without_data_is_an_answer() {
        let body = r#"{"status":"ok","series":[],"times":[],"values":[]}"#;
        assert_eq!(read(body), Ok(vec![]));
    }

    #[test]
    fn status_200_with_an_error_is_no_success() {
        let refused = read(r#"{"status":"error","error":"Invalid query input:\n","series":[]}"#);
        let text = "Invalid query input:".to_owned();
        assert_eq!(refused, Err(Error::InvalidQuery { status: 200, text }));
    }

    #[test]
    fn what_is_no_answer_of_datadog_is_malformed() {
        for body in [
            "",
            "<html>log in to the guest network</html>",
            "null",
            "[]",
            "{}",
            r#"{"status":"ok"}"#,
            r#"{"status":"ok","series":[{}]}"#,
            r#"{"status":"ok","series":[{"pointlist":[[1e300,1]]}]}"#,
            r#"{"status":"ok","series":[{"pointlist":[[0,NaN]]}]}"#,
            r#"{"status":"ok","series":[{"pointlist":[[0,1"#,
        ] {
            assert!(
                matches!(read(body), Err(Error::Malformed { .. })),
                "{body}: {:?}",
                read(body)
            );
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(body);
        }

        #[test]
        fn no_number_makes_it_panic(
            index: i64, interval: f64, time in any::<f64>(), value in prop::option::of(any::<f64>()),
        ) {
            let body = serde_json::json!({ "series": [{
                "query_index": index, "interval": interval, "pointlist": [[time, value]],
            }]});
            let _ = read(body.to_string());
        }
    }
}
