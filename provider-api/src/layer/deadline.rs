//! An answer in time, or none.

use std::{pin::pin, time::Duration};

use futures_util::future::poll_immediate;
use http::{Request, Uri};
use tokio::time::timeout;
use tower::Layer;

use super::{
    Terminated,
    around::{Answer, Around, Below, Layered},
};
use crate::{Format, Status, query};

/// Ends a request with 504 when its time is over. Its work is dropped.
///
/// A client may ask for less time by `?timeout=2s`, and not for more. A time that
/// cannot be read counts as none here: that it is refused is for the service to
/// say, to those who may ask at all.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    longest: Duration,
}

impl Deadline {
    /// Gives requests that ask for nothing, or for more, this long.
    pub fn of(longest: Duration) -> Self {
        Self { longest }
    }
}

/// Kubernetes' own 60 seconds.
impl Default for Deadline {
    fn default() -> Self {
        Self::of(Duration::from_secs(60))
    }
}

impl<S> Layer<S> for Deadline {
    type Service = Layered<Self, S>;

    fn layer(&self, below: S) -> Self::Service {
        Layered::of(*self, below)
    }
}

impl<B: Send + 'static> Around<B> for Deadline {
    async fn around<S: Below<B>>(&self, request: Box<Request<B>>, below: S) -> Answer {
        let format = Format::of_status(&request);
        let time = self.time_for(request.uri());
        // Pinned where it is: it is large, and would be moved into what follows.
        let mut answer = pin!(below.answer(request));
        // Most answers are there at once, and need no timer.
        if let Some(answer) = poll_immediate(answer.as_mut()).await {
            return answer;
        }
        match timeout(time, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                let mut answer = Status::timeout().answer(format);
                answer.extensions_mut().insert(Terminated);
                answer
            }
        }
    }
}

impl Deadline {
    fn time_for(self, uri: &Uri) -> Duration {
        match query::parameter(uri, "timeout").and_then(|text| query::duration(&text)) {
            // Kubernetes reads zero as no wish.
            None | Some(Duration::ZERO) => self.longest,
            Some(wished) => wished.min(self.longest),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::layer::testing::{ask, echo, get, silence};

    #[tokio::test(start_paused = true)]
    async fn a_request_without_an_answer_is_refused_when_its_time_is_over() {
        let begin = Instant::now();
        let answer = ask(Deadline::default().layer(silence()), get("/apis")).await;
        assert_eq!(begin.elapsed(), Duration::from_secs(60));
        let (code, reason, _) = answer.status();
        assert_eq!((code, reason.as_str()), (504, "Timeout"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_less_time_is_answered_in_less() {
        let begin = Instant::now();
        ask(
            Deadline::default().layer(silence()),
            get("/apis?timeout=2s"),
        )
        .await;
        assert_eq!(begin.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_time_passes() {
        let service = Deadline::of(Duration::from_millis(1)).layer(echo(|_| "in time".to_owned()));
        assert_eq!(ask(service, get("/apis")).await.text(), "in time");
    }

    #[test]
    fn a_wish_shortens_the_time_and_never_lengthens_it() {
        let deadline = Deadline::of(Duration::from_secs(60));
        for (uri, seconds) in [
            ("/", 60),
            ("/?timeout=1m30s", 60), // more than there is
            ("/?timeout=0s", 60),    // no wish, to Kubernetes
            ("/?timeout=bogus", 60), // refused by the service
            ("/?a=b&timeout=5s", 5),
        ] {
            assert_eq!(
                deadline.time_for(&Uri::from_static(uri)),
                Duration::from_secs(seconds),
                "{uri}"
            );
        }
    }
}
