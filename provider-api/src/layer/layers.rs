//! Many layers as one.

use http::Request;
use tower::Layer;

use super::around::{Answer, Around, Below, Layered};

/// Layers in travel order, as one layer.
///
/// Each could be laid upon the next by a [`ServiceBuilder`](tower::ServiceBuilder) as
/// well. Together they make one service with one future, so that a request is moved
/// and a clone is counted once, and not once for each layer.
#[derive(Clone, Debug)]
pub struct Layers<L>(L);

impl<L> Layers<L> {
    /// The topmost layer.
    pub fn of(topmost: L) -> Self {
        Self(topmost)
    }

    /// With another layer below all that are there.
    pub fn then<M>(self, next: M) -> Layers<(L, M)> {
        Layers((self.0, next))
    }
}

impl<L: Clone, S> Layer<S> for Layers<L> {
    type Service = Layered<L, S>;

    fn layer(&self, below: S) -> Self::Service {
        Layered::of(self.0.clone(), below)
    }
}

impl<L: Around<B>, M: Around<B>, B: Send + 'static> Around<B> for (L, M) {
    fn around<S: Below<B>>(
        &self,
        request: Box<Request<B>>,
        below: S,
    ) -> impl Future<Output = Answer> + Send {
        let (upper, lower) = self;
        upper.around(request, Upon { lower, below })
    }
}

/// A layer upon what is below it, for one request.
struct Upon<'a, L, S> {
    lower: &'a L,
    below: S,
}

impl<L: Around<B>, S: Below<B>, B: Send + 'static> Below<B> for Upon<'_, L, S> {
    fn answer(self, request: Box<Request<B>>) -> impl Future<Output = Answer> + Send {
        self.lower.around(request, self.below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::testing::{ask, echo, get};

    /// Writes its name into the request on the way down, and into the answer on the way up.
    #[derive(Clone)]
    struct Named(&'static str);

    impl<B: Send + 'static> Around<B> for Named {
        async fn around<S: Below<B>>(&self, mut request: Box<Request<B>>, below: S) -> Answer {
            let name = self.0.parse().unwrap();
            request.headers_mut().append("down", name);
            let mut answer = below.answer(request).await;
            answer.headers_mut().append("up", self.0.parse().unwrap());
            answer
        }
    }

    #[tokio::test]
    async fn a_request_goes_down_the_list_and_its_answer_up() {
        let seen = |values: http::header::GetAll<'_, http::HeaderValue>| {
            let values: Vec<_> = values.iter().map(|value| value.to_str().unwrap()).collect();
            values.join(" ")
        };
        let below = echo(move |request| seen(request.headers().get_all("down")));
        let layers = Layers::of(Named("first"))
            .then(Named("second"))
            .then(Named("third"));
        let answer = ask(layers.layer(below), get("/")).await;
        assert_eq!(answer.text(), "first second third");
        assert_eq!(answer.headers("up"), ["third", "second", "first"]);
    }
}
