//! What the server has to serve.

/// What the server has to serve, as far as it can: a case that needs a metric which
/// is not named here is skipped.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The namespace in which the metrics are asked for.
    pub namespace: String,
    /// Whether there are external metrics at all.
    pub external: bool,
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
    /// What the names of metrics begin with that have as their value the quantity with
    /// which the name ends.
    pub echo_value: Option<String>,
    /// Metrics whose source has no number for them now: NaN, an infinity.
    pub no_number: Vec<String>,
    /// A metric with a negative value.
    pub negative: Option<String>,
    /// A metric whose newest value is too old to be served.
    pub stale: Option<String>,
    /// A metric that exists and has no values.
    pub empty: Option<String>,
    /// A metric with several values, always in the same order.
    pub several: Option<String>,
    /// A metric whose source refuses for now: 503.
    pub unavailable: Option<String>,
    /// A metric whose source asks for patience: 429.
    pub throttled: Option<String>,
    /// A metric that takes longer than three seconds.
    pub slow: Option<String>,
    /// A metric that is answered, and takes between one and three seconds for it.
    pub late: Option<String>,
    /// A metric that makes the provider panic, or throw what nobody expects.
    pub panicking: Option<String>,
    /// How many resources discovery may list at most, of a server that has more metrics.
    pub most_listed: Option<usize>,
    /// How many requests the server works on at a time.
    pub in_flight: Option<usize>,
    /// A name that the server's certificate is good for: `<service>.<namespace>.svc`.
    pub san: Option<String>,
    /// The custom metrics, if there are any.
    pub custom: Option<CustomMetrics>,
}

/// Custom metrics that the server serves.
#[derive(Clone, Debug)]
pub struct CustomMetrics {
    /// The resource of an object in the namespace: `pods`, `deployments.apps`.
    pub resource: String,
    /// The object's name.
    pub object: String,
    /// A metric that the object has.
    pub metric: String,
    /// Its value, as Kubernetes prints it.
    pub value: Option<String>,
    /// A selector of labels that the object has; may be empty.
    pub selector: String,
    /// A selector of series with which the metric has a value; may be empty.
    pub metric_selector: String,
    /// Resource, name and metric of an object that lies in no namespace.
    pub root: Option<(String, String, String)>,
    /// A metric of the namespace itself.
    pub of_namespace: Option<String>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            namespace: "default".to_owned(),
            external: true,
            metric: None,
            selector: String::new(),
            value: None,
            unknown: "conformance-no-such-metric".to_owned(),
            echo: None,
            echo_value: None,
            no_number: Vec::new(),
            negative: None,
            stale: None,
            empty: None,
            several: None,
            unavailable: None,
            throttled: None,
            slow: None,
            late: None,
            panicking: None,
            most_listed: None,
            in_flight: None,
            san: None,
            custom: None,
        }
    }
}
