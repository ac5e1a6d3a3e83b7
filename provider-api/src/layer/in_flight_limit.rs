//! A bound on how many requests are worked on at a time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{HeaderName, Request};
use tower::Layer;

use super::{
    Terminated,
    around::{Answer, Around, Below, Layered},
    is_health,
};
use crate::{Format, MASTERS, PeerCertificates, Status};

/// Lets so many requests in at a time and refuses the others at once, with a
/// request to come back in a second. Health checks are let in at any load.
///
/// Kubernetes exempts the group `system:masters`, by which an API server finds out
/// whether this one is there. Who is in it is known only after authentication, and that
/// has to be protected here: it may cost a call to the API server. So whoever shows a
/// client certificate and says to pass on a request of that group has as many places
/// apart from everybody's; whether it is true is found out below, as for all.
#[derive(Clone, Debug)]
pub struct InFlightLimit {
    everybody: Places,
    masters: Places,
}

impl InFlightLimit {
    /// At most `limit` requests at a time, and as many of `system:masters`, over all clones
    /// and services made of it.
    pub fn new(limit: usize) -> Self {
        Self {
            everybody: Places::new(limit),
            masters: Places::new(limit),
        }
    }
}

/// Kubernetes' own limit for requests that read.
impl Default for InFlightLimit {
    fn default() -> Self {
        Self::new(400)
    }
}

impl<S> Layer<S> for InFlightLimit {
    type Service = Layered<Self, S>;

    fn layer(&self, below: S) -> Self::Service {
        Layered::of(self.clone(), below)
    }
}

impl<B: Send + 'static> Around<B> for InFlightLimit {
    async fn around<S: Below<B>>(&self, request: Box<Request<B>>, below: S) -> Answer {
        if is_health(request.uri().path()) {
            return below.answer(request).await;
        }
        let places = if says_masters(&request) {
            &self.masters
        } else {
            &self.everybody
        };
        let Some(_place) = places.take() else {
            let mut answer = Status::too_many_requests().answer(Format::of_status(&request));
            answer.extensions_mut().insert(Terminated);
            return answer;
        };
        below.answer(request).await
    }
}

/// Where a front proxy names the groups of a user.
const REMOTE_GROUP: HeaderName = HeaderName::from_static("x-remote-group");

/// Whether the request says that it is passed on for a member of `system:masters`, by
/// somebody who may be the front proxy.
fn says_masters<B>(request: &Request<B>) -> bool {
    let certificates = request.extensions().get::<PeerCertificates>();
    let shows_one = certificates.is_some_and(|shown| !shown.0.is_empty());
    let mut groups = request.headers().get_all(REMOTE_GROUP).iter();
    shows_one && groups.any(|group| group == MASTERS)
}

/// The places that are free.
#[derive(Clone, Debug)]
struct Places(Arc<AtomicUsize>);

/// A place that is taken until this is dropped, be it by an answer, by a client
/// that went away or by a panic.
#[derive(Debug)]
struct Place<'a>(&'a Places);

impl Places {
    fn new(free: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(free)))
    }

    fn take(&self) -> Option<Place<'_>> {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
                free.checked_sub(1)
            })
            .ok()
            .map(|_| Place(self))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::layer::testing::{ask, get, silence};

    const ANSWERED: &str = "would be answered";

    #[tokio::test]
    async fn a_request_beyond_the_limit_is_sent_away_for_a_second_and_health_is_not() {
        let service = InFlightLimit::new(1).layer(silence());
        let mut first = Box::pin(ask(service.clone(), get("/apis")));
        assert!(first.as_mut().now_or_never().is_none());

        let refused = ask(service.clone(), get("/apis"))
            .now_or_never()
            .expect("nobody waits for a place");
        assert_eq!(
            (refused.code(), refused.header("retry-after")),
            (429, Some("1"))
        );
        assert!(
            ask(service, get("/readyz?verbose"))
                .now_or_never()
                .is_none(),
            "{ANSWERED}"
        );
    }

    #[tokio::test]
    async fn masters_have_places_of_their_own_if_they_show_a_certificate() {
        let master = |certificates: &[Vec<u8>]| {
            let mut request = get("/apis");
            let group = http::HeaderValue::from_static(MASTERS);
            request.headers_mut().insert("x-remote-group", group);
            let shown = PeerCertificates(certificates.into());
            request.extensions_mut().insert(shown);
            request
        };
        let service = InFlightLimit::new(1).layer(silence());
        let mut first = Box::pin(ask(service.clone(), get("/apis")));
        assert!(first.as_mut().now_or_never().is_none());

        let refused = ask(service.clone(), master(&[])).now_or_never();
        assert_eq!(refused.expect("a header is no proof").code(), 429);
        let own = [b"a certificate".to_vec()];
        let mut let_in = Box::pin(ask(service.clone(), master(&own)));
        assert!(let_in.as_mut().now_or_never().is_none(), "{ANSWERED}");
        let refused = ask(service, master(&own)).now_or_never();
        assert_eq!(refused.expect("there is no second place").code(), 429);
    }

    #[tokio::test]
    async fn a_client_that_goes_away_leaves_its_place_to_the_next() {
        let service = InFlightLimit::new(1).layer(silence());
        let mut first = Box::pin(ask(service.clone(), get("/apis")));
        assert!(first.as_mut().now_or_never().is_none());
        drop(first);
        assert!(
            ask(service, get("/apis")).now_or_never().is_none(),
            "{ANSWERED}"
        );
    }

    #[test]
    fn as_many_places_are_free_as_were_given_back() {
        let places = Places::new(2);
        let (first, second) = (places.take(), places.take());
        assert!(first.is_some() && second.is_some() && places.take().is_none());
        drop(first);
        assert!(places.take().is_some());
    }
}
