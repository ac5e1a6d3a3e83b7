//! The server that is asked, and how it is asked.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{
    Handout, Pair, Unanswered,
    answer::Answer,
    case::Miss,
    client::{self, Speaks},
};

/// What a path segment and a query value hold as they are.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// What the server has to serve, as far as it can: a case that needs a metric which
/// is not named here is skipped.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The namespace in which the metrics are asked for.
    pub namespace: String,
    /// A metric with exactly one value, which does not change during the run.
    pub metric: Option<String>,
    /// The selector that it is asked with; may be empty.
    pub selector: String,
    /// Its value, as Kubernetes prints it: `1500m`.
    pub value: Option<String>,
    /// A metric that does not exist.
    pub unknown: String,
    /// A metric whose value has the label `selector`, which tells the selector that
    /// was asked for, as it was written.
    pub echo: Option<String>,
    /// A metric that exists and has no values.
    pub empty: Option<String>,
    /// A metric with several values, always in the same order.
    pub several: Option<String>,
    /// A metric whose source refuses for now: 503.
    pub unavailable: Option<String>,
    /// A metric whose source asks for patience: 429.
    pub throttled: Option<String>,
    /// A metric that takes longer than two seconds.
    pub slow: Option<String>,
    /// A metric that makes the provider panic, or throw what nobody expects.
    pub panicking: Option<String>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            namespace: "default".to_owned(),
            metric: None,
            selector: String::new(),
            value: None,
            unknown: "conformance-no-such-metric".to_owned(),
            echo: None,
            empty: None,
            several: None,
            unavailable: None,
            throttled: None,
            slow: None,
            panicking: None,
        }
    }
}

/// The server under test.
#[derive(Debug)]
pub struct Subject {
    base: Uri,
    pub(super) surroundings: Surroundings,
    handout: Option<Handout>,
    run: String,
}

impl Subject {
    /// The server at `url`, `https://host:port`. Its certificate is not looked at.
    ///
    /// With a [`Handout`], the requests come with the front proxy's certificate of the
    /// [`Stub`](super::Stub) that the server was started against. Without one they
    /// come from nobody, and what needs an identity is skipped.
    ///
    /// `run` tells this run from others: it is part of the users' names, so that what
    /// the server remembers of an earlier run is of no help to it.
    ///
    /// # Errors
    /// When `url` is not such an address.
    pub fn new(
        url: &str,
        surroundings: Surroundings,
        handout: Option<Handout>,
        run: &str,
    ) -> Result<Self, Unanswered> {
        Ok(Self {
            base: base(url)?,
            surroundings,
            handout,
            run: run.to_owned(),
        })
    }

    pub(super) fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    /// A request of the user that may do everything, if there are users.
    pub(super) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let ask = Ask {
            base: &self.base,
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            own: None,
            speaks: Speaks::Http1,
        };
        match &self.handout {
            None => ask,
            Some(handout) => ask
                .holding(&handout.front_proxy)
                .header("x-remote-user", &self.user("reader")),
        }
    }

    /// A request that presents nothing.
    pub(super) fn get_as_nobody(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path).bare()
    }

    /// A request that the front proxy passes on for this user.
    pub(super) fn get_as(&self, user: &str, path: &str) -> Result<Ask<'_>, Miss> {
        let handout = self.handout()?;
        Ok(self
            .get_as_nobody(path)
            .holding(&handout.front_proxy)
            .header("x-remote-user", user))
    }

    /// A name that no other run uses. What it begins with decides what the stub says.
    pub(super) fn user(&self, word: &str) -> String {
        format!("{word}-{}", self.run)
    }

    pub(super) fn handout(&self) -> Result<&Handout, Miss> {
        self.handout.as_ref().ok_or_else(|| {
            Miss::Skipped("needs the stub that the server was started against".to_owned())
        })
    }

    /// What the stub was asked of this kind, oldest first: the specs of the reviews.
    pub(super) async fn reviews(&self, kind: &str) -> Result<Vec<Value>, Miss> {
        let handout = self.handout()?;
        let answer = Ask::of_stub(&base(&handout.url)?, Method::GET, "/conformance/reviews")
            .send()
            .await?;
        let all = answer.document()?;
        let all = all.as_array().cloned().unwrap_or_default();
        Ok(all
            .into_iter()
            .filter(|review| review["kind"] == kind)
            .map(|mut review| review["spec"].take())
            .collect())
    }

    /// The specs of the questions whether this user may do something.
    pub(super) async fn access_reviews(&self, user: &str) -> Result<Vec<Value>, Miss> {
        let mut reviews = self.reviews("SubjectAccessReview").await?;
        reviews.retain(|spec| spec["user"] == user);
        Ok(reviews)
    }

    /// Has the stub allow another common name to the front proxy, from now on.
    pub(super) async fn allow_name(&self, name: &str) -> Result<(), Miss> {
        let base = base(&self.handout()?.url)?;
        let path = format!("/conformance/allowed-names/{name}");
        Ask::of_stub(&base, Method::PUT, &path)
            .send()
            .await?
            .coded(200)?;
        Ok(())
    }

    /// The path of the metrics' namespace.
    pub(super) fn namespace(&self) -> String {
        format!(
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/{}",
            self.surroundings.namespace
        )
    }

    /// The path of a metric without a selector.
    pub(super) fn path_of(&self, metric: &str) -> String {
        format!(
            "{}/{}",
            self.namespace(),
            utf8_percent_encode(metric, PLAIN)
        )
    }

    /// The path of the metric that exists, with its selector and `more` of the query.
    pub(super) fn metric_with(&self, more: &str) -> Result<String, Miss> {
        let selector = match self.surroundings.selector.as_str() {
            "" => String::new(),
            written => format!("labelSelector={}&", encoded(written)),
        };
        let path = self.path_of(self.metric_name()?);
        let query = format!("{selector}{more}");
        let query = query.trim_end_matches('&');
        Ok(if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        })
    }

    pub(super) fn metric(&self) -> Result<String, Miss> {
        self.metric_with("")
    }

    pub(super) fn metric_name(&self) -> Result<&str, Miss> {
        named(&self.surroundings.metric, "metric")
    }
}

/// The metric of this role, or the reason why the case is skipped.
pub(super) fn named<'a>(metric: &'a Option<String>, role: &str) -> Result<&'a str, Miss> {
    metric
        .as_deref()
        .ok_or_else(|| Miss::Skipped(format!("needs --{role}")))
}

/// A text as a query's value.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

fn base(url: &str) -> Result<Uri, Unanswered> {
    let refused = || Unanswered::Address(url.to_owned());
    let base: Uri = url.parse().map_err(|_| refused())?;
    if base.scheme_str() == Some("https") && base.host().is_some() {
        Ok(base)
    } else {
        Err(refused())
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    base: &'a Uri,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    own: Option<&'a Pair>,
    speaks: Speaks,
}

impl<'a> Ask<'a> {
    fn of_stub(base: &'a Uri, method: Method, path: &str) -> Self {
        Self {
            base,
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            own: None,
            speaks: Speaks::Http1,
        }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn accept(self, media_types: &str) -> Self {
        self.header("accept", media_types)
    }

    pub(super) fn holding(self, own: &'a Pair) -> Self {
        Self {
            own: Some(own),
            ..self
        }
    }

    pub(super) fn with(self, method: Method) -> Self {
        Self { method, ..self }
    }

    pub(super) fn by(self, speaks: Speaks) -> Self {
        Self { speaks, ..self }
    }

    /// Without anything that tells who asks.
    fn bare(self) -> Self {
        Self {
            own: None,
            headers: Vec::new(),
            ..self
        }
    }

    pub(super) async fn send(self) -> Result<Answer, Unanswered> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name.as_str())
                .map_err(|error| Unanswered::Request(error.into()))?;
            let value =
                HeaderValue::from_str(value).map_err(|error| Unanswered::Request(error.into()))?;
            headers.append(name, value);
        }
        let request = client::request(self.base, self.method, &self.path, headers, Bytes::new())?;
        client::ask(self.base, self.speaks, self.own, request).await
    }
}
