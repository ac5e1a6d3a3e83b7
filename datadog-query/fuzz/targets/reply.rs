//! Whatever answers in Datadog's place, it is read without a panic, and nothing is served
//! that it has not sent. The first byte is the route and the status, the rest the body.

#![no_main]

use std::time::Duration;

use bytes::Bytes;
use datadog_query::{
    ApiVersion, Batch, BatchLimits, Client, Endpoint, ExchangeError, Keys, Query, Window,
};
use futures_executor::block_on;
use http::{Request, Response, StatusCode};
use libfuzzer_sys::fuzz_target;
use time::macros::datetime;

fuzz_target!(|sent: &[u8]| {
    let Some((&how, body)) = sent.split_first() else {
        return;
    };
    let (version, status) = match how {
        b'1' => (ApiVersion::V1, StatusCode::OK),
        b'2' => (ApiVersion::V2, StatusCode::OK),
        other => {
            let status = StatusCode::from_u16(400 + u16::from(other));
            (
                ApiVersion::V1,
                status.expect("these are numbers of a status"),
            )
        }
    };
    let body = Bytes::copy_from_slice(body);
    let numbers = numbers(&body);
    let was_sent = |value| numbers.iter().any(|sent| are_equal(*sent, value));
    let datadog = tower::service_fn(async |_: Request<Bytes>| {
        let mut response = Response::new(body.clone());
        *response.status_mut() = status;
        Ok::<_, ExchangeError>(response)
    });
    let endpoint = Endpoint::of_site("datadoghq.eu").expect("it is a site");
    let keys = Keys::new(&"api".into(), &"app".into()).expect("they hold no blank");
    let client = Client::new(endpoint, keys, datadog).with_limits(BatchLimits {
        version,
        ..BatchLimits::default()
    });

    let now = datetime!(2026-01-01 00:05:10 UTC);
    let window = Window::ending(now, Duration::from_secs(300));
    let query = |text| Query::written(text).expect("it has a scope");
    let (one, other) = (query("avg:a{*}.rollup(30)"), query("sum:b{*}"));

    if let Ok(reply) = block_on(client.ask(&Batch::of(one.clone()), window)) {
        for slot in reply.series.iter().flat_map(|series| &series.points) {
            let time = (slot.time.unix_timestamp_nanos() / 1_000_000) as f64;
            assert!(
                numbers.iter().any(|sent| are_equal(sent.trunc(), time)),
                "{slot:?}"
            );
            assert!(slot.value.is_none_or(was_sent), "{slot:?}");
        }
    }
    let answers = block_on(client.values([one, other], window, now));
    assert_eq!(answers.by_query.len(), 2);
    for point in answers.by_query.values().flatten() {
        assert!(was_sent(point.value), "{point:?}");
    }
});

/// Whatever in a text could be a number, be the text JSON or not.
fn numbers(body: &[u8]) -> Vec<f64> {
    let text = String::from_utf8_lossy(body);
    let of_number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    let words = text.split(|c| !of_number(c));
    words.filter_map(|word| word.parse().ok()).collect()
}

/// Whether two numbers are one, as far as a parser rounds.
fn are_equal(one: f64, other: f64) -> bool {
    (one - other).abs() <= one.abs() * 1e-15
}
