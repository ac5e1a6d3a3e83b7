//! The server that is asked, and how it is asked.

mod ask;
mod surroundings;

use std::{io, time::Duration};

use http::{Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::sync::OnceCell;

pub(super) use self::ask::Ask;
pub use self::surroundings::{CustomMetrics, Surroundings};
use super::{
    Handout, Pair, Unanswered,
    case::Miss,
    lifecycle::{Ending, Launch},
};
use crate::CustomMetric;

/// How long a server may take to do what it does of its own accord: to close a
/// connection whose request does not come, to show a new certificate.
const PATIENCE: Duration = Duration::from_secs(65);
/// How quickly discovery is read.
const QUICK: Duration = Duration::from_millis(50);

/// What a path segment and a query value hold as they are.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The server under test.
pub struct Subject {
    pub(super) base: Uri,
    pub(super) surroundings: Surroundings,
    pub(super) patience: Duration,
    pub(super) quick: Duration,
    pub(super) launch: Option<Box<dyn Launch>>,
    pub(super) ending: OnceCell<Result<Ending, String>>,
    pub(super) install: Option<Install>,
    handout: Option<Handout>,
    run: String,
}

/// Puts a certificate into the place where the server reads its own.
pub type Install = Box<dyn Fn(&Pair) -> io::Result<()> + Send + Sync>;

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
            patience: PATIENCE,
            quick: QUICK,
            launch: None,
            ending: OnceCell::new(),
            install: None,
            handout,
            run: run.to_owned(),
        })
    }

    /// The same server, which the suite starts, and ends, by itself.
    #[must_use]
    pub fn launched_by(self, launch: impl Launch + 'static) -> Self {
        Self {
            launch: Some(Box::new(launch)),
            ..self
        }
    }

    /// The same server, whose certificate can be replaced.
    #[must_use]
    pub fn installing(self, install: Install) -> Self {
        Self {
            install: Some(install),
            ..self
        }
    }

    pub(super) fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    /// A request of the user that may do everything, if there are users.
    pub(super) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let ask = Ask::new(&self.base, method, path);
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
        let answer = Ask::new(&base(&handout.url)?, Method::GET, "/conformance/reviews")
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
        self.tell_stub(&format!("/conformance/allowed-names/{name}"), Value::Null)
            .await
    }

    /// Has the stub change these keys of the authentication ConfigMap; a null is a key
    /// that is not there.
    pub(super) async fn configure(&self, keys: Value) -> Result<(), Miss> {
        self.tell_stub("/conformance/config", keys).await
    }

    async fn tell_stub(&self, path: &str, body: Value) -> Result<(), Miss> {
        let base = base(&self.handout()?.url)?;
        let ask = Ask::new(&base, Method::PUT, path).body(body.to_string());
        ask.send().await?.coded(200)?;
        Ok(())
    }

    /// The path of a group-version that the server has.
    pub(super) fn group_version(&self) -> &'static str {
        match self.surroundings.external {
            true => "/apis/external.metrics.k8s.io/v1beta1",
            false => "/apis/custom.metrics.k8s.io/v1beta1",
        }
    }

    /// Skips a case of a server that serves no external metrics.
    pub(super) fn external(&self) -> Result<(), Miss> {
        match self.surroundings.external {
            true => Ok(()),
            false => Err(Miss::Skipped("serves no external metrics".to_owned())),
        }
    }

    /// The custom metrics that the server has, or the reason why the case is skipped.
    pub(super) fn custom(&self) -> Result<&CustomMetrics, Miss> {
        let custom = self.surroundings.custom.as_ref();
        custom.ok_or_else(|| Miss::Skipped("needs --custom".to_owned()))
    }

    /// A path of custom metrics, below the version `v1beta1` or `v1beta2`.
    pub(super) fn custom_path(&self, version: &str, tail: &str) -> String {
        format!("/apis/{}/{version}/{tail}", CustomMetric::GROUP)
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
