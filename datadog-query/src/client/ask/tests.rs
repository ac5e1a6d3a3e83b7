use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_executor::block_on;
use http::{Request, Response};
use proptest::prelude::*;
use time::{OffsetDateTime, macros::datetime};

use super::*;
use crate::{
    accounts::{Standing, Turn},
    endpoint::Endpoint,
    exchange::ExchangeError,
    keys::Keys,
    query::Query,
};

const START: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);
const SITES: [&str; 3] = ["datadoghq.eu", "datadoghq.com", "us3.datadoghq.com"];

fn at(seconds: u64) -> OffsetDateTime {
    START + Duration::from_secs(seconds)
}

fn endpoint(index: usize) -> Endpoint {
    Endpoint::of_site(SITES[index]).unwrap()
}

/// How an endpoint ends a call: a status and a body, or no answer.
type End = Result<(u16, &'static str), ExchangeError>;

const WELL: End = Ok((200, r#"{"series":[]}"#));
const BROKEN: End = Ok((502, ""));

/// A few endpoints, each with keys of its own, and what they were asked.
struct World {
    ends: Arc<Mutex<[End; 3]>>,
    /// The site and the keys of each call.
    calls: Arc<Mutex<Vec<[String; 3]>>>,
    turns: Arc<Mutex<Vec<Turn>>>,
}

impl World {
    fn of(ends: [End; 3]) -> Self {
        Self {
            ends: Arc::new(Mutex::new(ends)),
            calls: Arc::default(),
            turns: Arc::default(),
        }
    }

    fn becomes(&self, ends: [End; 3]) {
        *self.ends.lock().unwrap() = ends;
    }

    /// A client of the first so many endpoints.
    fn client(&self, count: usize) -> Client<impl Exchange + use<>> {
        let (ends, calls) = (Arc::clone(&self.ends), Arc::clone(&self.calls));
        let exchange = tower::service_fn(move |request: Request<Bytes>| {
            let site = request.uri().host().unwrap().replacen("api.", "", 1);
            let index = SITES.iter().position(|known| *known == site).unwrap();
            let key = |name| request.headers()[name].to_str().unwrap().to_owned();
            let call = [site, key("dd-api-key"), key("dd-application-key")];
            calls.lock().unwrap().push(call);
            let end = ends.lock().unwrap()[index].clone();
            let answer = end.map(|(status, body)| {
                Response::builder()
                    .status(status)
                    .body(Bytes::from_static(body.as_bytes()))
                    .unwrap()
            });
            async { answer }
        });
        let keys = |index: usize| {
            let [api, app] = ["api", "app"].map(|key| format!("{key}-{}", SITES[index]));
            Keys::new(&api.into(), &app.into()).unwrap()
        };
        let turns = Arc::clone(&self.turns);
        let first = Client::new(endpoint(0), keys(0), exchange);
        (1..count)
            .fold(first, |client, index| {
                client.or_at(endpoint(index), keys(index))
            })
            .telling(move |turn| turns.lock().unwrap().push(turn))
    }

    /// The endpoints that were asked since the last look.
    fn asked(&self) -> Vec<usize> {
        let calls = std::mem::take(&mut *self.calls.lock().unwrap());
        let index = |[site, ..]: &[String; 3]| SITES.iter().position(|known| known == site);
        calls.iter().filter_map(index).collect()
    }

    fn turns(&self) -> Vec<Turn> {
        std::mem::take(&mut self.turns.lock().unwrap())
    }
}

fn ask<S: Exchange>(client: &Client<S>, seconds: u64) -> Result<Reply, Error> {
    let batch = Batch::of(Query::written("avg:a{*}").unwrap());
    block_on(client.ask(&batch, Window::ending(at(seconds), Duration::from_secs(60))))
}

fn broken(index: usize) -> Error {
    Error::Server {
        host: endpoint(index).host().to_owned(),
        status: 502,
        text: String::new(),
    }
}

#[test]
fn a_call_goes_on_to_the_next_endpoint_and_later_calls_begin_there() {
    let world = World::of([BROKEN, BROKEN, WELL]);
    let client = world.client(3);
    assert!(ask(&client, 0).is_ok());
    assert_eq!(world.asked(), [0, 1, 2]);
    assert!(ask(&client, 10).is_ok());
    assert_eq!(world.asked(), [2]);
    assert_eq!(client.endpoint(), &endpoint(2));
}

#[test]
fn an_earlier_endpoint_is_tried_again_by_one_call_and_used_once_it_answers() {
    let world = World::of([BROKEN, WELL, WELL]);
    let client = world.client(2);
    let asked = |seconds| {
        assert!(ask(&client, seconds).is_ok());
        world.asked()
    };
    assert_eq!([asked(0), asked(29)], [vec![0, 1], vec![1]]);
    // The call that tries it in vain has its answer from the other one.
    assert_eq!([asked(30), asked(30)], [vec![0, 1], vec![1]]);
    world.becomes([WELL, WELL, WELL]);
    assert_eq!([asked(89), asked(90), asked(91)], [[1], [0], [0]]);
}

#[test]
fn an_endpoint_that_fails_in_reserve_is_no_reason_to_turn() {
    let world = World::of([BROKEN, BROKEN, WELL]);
    let client = world.client(3);
    assert!(ask(&client, 0).is_ok());
    world.turns();
    assert!(ask(&client, 30).is_ok());
    assert_eq!(world.asked(), [0, 1, 2, 0, 1, 2]);
    assert_eq!(world.turns(), []);
}

#[test]
fn each_turn_is_told_once() {
    let world = World::of([BROKEN, WELL, WELL]);
    let client = world.client(2);
    let turns = |seconds| {
        let _ = ask(&client, seconds);
        world.turns()
    };
    let over = Turn::Over {
        from: endpoint(0),
        cause: Arc::new(broken(0)),
        retry_at: at(30),
        to: endpoint(1),
    };
    assert_eq!([turns(0), turns(1)], [vec![over], vec![]]);
    world.becomes([WELL, BROKEN, WELL]);
    let over = Turn::Over {
        from: endpoint(1),
        cause: Arc::new(broken(1)),
        retry_at: at(32),
        to: endpoint(0),
    };
    assert_eq!([turns(2), turns(3)], [vec![over], vec![]]);
    world.becomes([BROKEN, WELL, WELL]);
    assert_eq!(turns(4).len(), 1);
    world.becomes([WELL, WELL, WELL]);
    let back = Turn::Back { to: endpoint(0) };
    assert_eq!([turns(300), turns(301)], [vec![back], vec![]]);
}

#[test]
fn a_call_that_fails_everywhere_turns_nothing() {
    let world = World::of([BROKEN, BROKEN, WELL]);
    let client = world.client(2);
    assert!(ask(&client, 0).is_err());
    assert_eq!(world.turns(), []);
    world.asked();
    world.becomes([WELL, WELL, WELL]);
    assert!(ask(&client, 1).is_ok());
    assert_eq!(world.asked(), [0]);
}

#[test]
fn where_all_fail_every_call_asks_all_and_the_first_one_is_blamed() {
    let world = World::of([BROKEN, Err(ExchangeError::TimedOut), BROKEN]);
    let client = world.client(3);
    let expected = Error::AllFailed {
        count: 3,
        first: Box::new(broken(0)),
    };
    for seconds in [0, 1, 30] {
        assert_eq!(ask(&client, seconds), Err(expected.clone()));
        assert_eq!(world.asked(), [0, 1, 2]);
    }
    assert_eq!(
        crate::error::Chain(&expected).to_string(),
        "all 3 endpoints failed, the first of them so: api.datadoghq.eu failed (HTTP 502)"
    );
    // The middle one is the first that answers, and is asked first from then on.
    world.becomes([BROKEN, WELL, WELL]);
    assert!(ask(&client, 31).is_ok() && ask(&client, 32).is_ok());
    assert_eq!(world.asked(), [0, 1, 1]);
}

#[test]
fn a_single_endpoint_is_always_asked_and_says_itself_what_is_wrong() {
    let world = World::of([BROKEN, WELL, WELL]);
    let client = world.client(1);
    for seconds in [0, 1, 2] {
        assert_eq!(ask(&client, seconds), Err(broken(0)));
        assert_eq!(world.asked(), [0]);
    }
    assert_eq!(world.turns(), []);
}

#[test]
fn what_another_endpoint_would_answer_as_well_counts_against_none() {
    let rows: [(End, bool); 17] = [
        (BROKEN, true),
        (Ok((500, "")), true),
        (Ok((504, "")), true),
        (Ok((408, "")), true),
        (Ok((401, "")), true),
        (Ok((403, r#"{"errors":["Forbidden"]}"#)), true),
        (
            Ok((
                403,
                r#"{"errors":["Failed permission authorization checks"]}"#,
            )),
            true,
        ),
        (Ok((404, "")), true),
        (Ok((200, "<html>log in</html>")), true),
        (Err(ExchangeError::TimedOut), true),
        (Err(ExchangeError::Unreachable("dns".into())), true),
        (Err(ExchangeError::CutOff("eof".into())), true),
        (Ok((429, "")), false),
        (Ok((422, "")), false),
        (Ok((414, "")), false),
        (Ok((400, r#"{"errors":["Error parsing query"]}"#)), false),
        // Datadog is well, and this query takes too long.
        (
            Ok((200, r#"{"status":"error","error":"Query timed out"}"#)),
            false,
        ),
    ];
    for (end, blamed) in rows {
        let world = World::of([end.clone(), WELL, WELL]);
        let client = world.client(2);
        let outcome = ask(&client, 0);
        let expected: &[usize] = if blamed { &[0, 1] } else { &[0] };
        assert_eq!(world.asked(), expected, "{end:?}");
        assert_eq!(outcome.is_ok(), blamed, "{end:?}");
    }
    for end in [ExchangeError::TooLarge { limit: 1 }, ExchangeError::GivenUp] {
        let world = World::of([Err(end.clone()), WELL, WELL]);
        assert!(ask(&world.client(2), 0).is_err());
        assert_eq!(world.asked(), [0], "{end:?}");
    }
}

#[test]
fn where_each_endpoint_stands_can_be_asked() {
    let world = World::of([WELL, WELL, WELL]);
    let client = world.client(3);
    let in_use = |seconds: Option<u64>| Standing::InUse {
        since: seconds.map(at),
    };
    let standings = || client.standings().into_iter().map(|(_, standing)| standing);
    let expected = [in_use(None), Standing::Spare, Standing::Spare];
    assert_eq!(standings().collect::<Vec<_>>(), expected);

    assert!(ask(&client, 1).is_ok());
    world.becomes([BROKEN, WELL, WELL]);
    assert!(ask(&client, 7).is_ok());
    let failing = Standing::Failing {
        since: at(7),
        cause: Arc::new(broken(0)),
        retry_at: at(37),
    };
    let expected = [failing, in_use(Some(7)), Standing::Spare];
    assert_eq!(standings().collect::<Vec<_>>(), expected);

    // The second one is in use since the first failed, though it has been good for longer.
    world.becomes([WELL; 3]);
    assert!(ask(&client, 37).is_ok());
    world.becomes([BROKEN, WELL, WELL]);
    assert!(ask(&client, 50).is_ok());
    assert_eq!(standings().nth(1), Some(in_use(Some(50))));
}

#[test]
fn a_call_that_may_not_have_been_sent_tells_nothing_of_the_endpoint() {
    for end in [Err(ExchangeError::GivenUp), Ok((414, ""))] {
        let world = World::of([BROKEN, WELL, WELL]);
        let client = world.client(2);
        assert!(ask(&client, 0).is_ok());
        world.turns();
        world.becomes([end, WELL, WELL]);
        assert!(ask(&client, 30).is_err());
        assert_eq!((world.turns(), client.endpoint()), (vec![], &endpoint(1)));
    }
}

/// Which endpoints are well, for how many seconds.
fn weather() -> impl Strategy<Value = Vec<([bool; 3], u64)>> {
    prop::collection::vec((any::<[bool; 3]>(), 1_u64..600), 1..12)
}

proptest! {
    /// The seconds are those between two calls.
    #[test]
    fn whatever_fails_every_call_is_answered_by_who_can_and_no_key_goes_astray(
        weather in weather(), pause in 1_u64..90,
    ) {
        let world = World::of([WELL; 3]);
        let client = world.client(3);
        let (mut second, mut in_use) = (0, endpoint(0));
        for (well, lasting) in weather {
            world.becomes(well.map(|well| if well { WELL } else { BROKEN }));
            let end = second + lasting;
            while second < end {
                prop_assert_eq!(ask(&client, second).is_ok(), well.contains(&true));
                for [site, api, app] in &*world.calls.lock().unwrap() {
                    prop_assert_eq!([api, app], [&format!("api-{site}"), &format!("app-{site}")]);
                }
                let mut asked = world.asked();
                let calls = asked.len();
                asked.sort_unstable();
                asked.dedup();
                prop_assert_eq!(asked.len(), calls, "one endpoint was asked twice");
                for turn in world.turns() {
                    let (Turn::Over { to, .. } | Turn::Back { to }) = turn;
                    in_use = to;
                }
                let standing = client.standings();
                let standing = standing.iter().find(|(_, standing)| matches!(standing, Standing::InUse { .. }));
                prop_assert_eq!(standing.map(|(endpoint, _)| endpoint), Some(&in_use));
                second += pause;
            }
            // Weather that holds for longer than the longest wait and the calls after it.
            if let Some(best) = well.iter().position(|well| *well)
                && lasting > 300 + 2 * pause
            {
                prop_assert_eq!(&in_use, &endpoint(best));
            }
        }
    }
}
