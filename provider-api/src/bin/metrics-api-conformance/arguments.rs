//! What is known of the server under test.

use std::path::PathBuf;

use provider_api::conformance::{CustomMetrics, Surroundings};

#[derive(clap::Args)]
pub(super) struct RunArguments {
    /// The server: https://host:port
    #[arg(long)]
    pub(super) url: String,
    /// The folder of the stub that the server was started against
    #[arg(long, value_name = "DIR")]
    pub(super) stub: Option<PathBuf>,
    /// Only the cases with this text in their names
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) only: String,
    /// Also write the report as JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
    /// The namespace in which metrics are asked for
    #[arg(long, default_value = "default")]
    namespace: String,
    /// A metric that does not exist
    #[arg(
        long,
        value_name = "METRIC",
        default_value = "conformance-no-such-metric"
    )]
    unknown: String,

    #[command(flatten)]
    external: External,
    #[command(flatten)]
    custom: Custom,

    /// How many resources discovery may list at most
    #[arg(long, value_name = "COUNT", help_heading = "The server itself")]
    most_listed: Option<usize>,
    /// How many requests the server works on at a time (also needs --slow)
    #[arg(long, value_name = "COUNT", help_heading = "The server itself")]
    in_flight: Option<usize>,
    /// A name that its certificate is good for: `<service>.<namespace>.svc`
    #[arg(long, value_name = "NAME", help_heading = "The server itself")]
    san: Option<String>,
    /// The file of its certificate, which the suite replaces
    #[arg(
        long,
        value_name = "FILE",
        requires = "key",
        help_heading = "The server itself"
    )]
    pub(super) certificate: Option<PathBuf>,
    /// The file of its private key, which the suite replaces
    #[arg(
        long,
        value_name = "FILE",
        requires = "certificate",
        help_heading = "The server itself"
    )]
    pub(super) key: Option<PathBuf>,
    /// What starts it, as the last option: the suite starts it and ends it
    #[arg(
        long,
        value_name = "PROGRAM",
        num_args = 1..,
        allow_hyphen_values = true,
        help_heading = "The server itself"
    )]
    pub(super) command: Vec<String>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "External metrics, each asked for in the namespace")]
struct External {
    /// There are none
    #[arg(long)]
    no_external: bool,
    /// Has exactly one value
    #[arg(long)]
    metric: Option<String>,
    /// The selector that --metric is asked with
    #[arg(long, default_value = "")]
    selector: String,
    /// The value of --metric, as Kubernetes prints it: 1500m
    #[arg(long)]
    value: Option<String>,
    /// Its value has a label `selector`: the selector that was asked for
    #[arg(long, value_name = "METRIC")]
    echo: Option<String>,
    /// A metric named PREFIX1.5 has the value 1.5, and so with any quantity
    #[arg(long, value_name = "PREFIX")]
    echo_value: Option<String>,
    /// Its source says NaN or an infinity; may be repeated
    #[arg(long, value_name = "METRIC")]
    no_number: Vec<String>,
    /// Has a negative value
    #[arg(long, value_name = "METRIC")]
    negative: Option<String>,
    /// Its newest value is too old to be served
    #[arg(long, value_name = "METRIC")]
    stale: Option<String>,
    /// Exists and has no values
    #[arg(long, value_name = "METRIC")]
    empty: Option<String>,
    /// Has several values
    #[arg(long, value_name = "METRIC")]
    several: Option<String>,
    /// Its source cannot be reached
    #[arg(long, value_name = "METRIC")]
    unavailable: Option<String>,
    /// Its source asks for patience
    #[arg(long, value_name = "METRIC")]
    throttled: Option<String>,
    /// Takes longer than three seconds
    #[arg(long, value_name = "METRIC")]
    slow: Option<String>,
    /// Is answered, after one to three seconds
    #[arg(long, value_name = "METRIC")]
    late: Option<String>,
    /// Makes the provider panic
    #[arg(long, value_name = "METRIC")]
    panicking: Option<String>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Custom metrics")]
struct Custom {
    /// One that there is, of an object in the namespace: pods/web-1/requests
    #[arg(long, value_name = "RESOURCE/OBJECT/METRIC", value_parser = parts)]
    custom: Option<[String; 3]>,
    /// Its value, as Kubernetes prints it
    #[arg(long, value_name = "VALUE", requires = "custom")]
    custom_value: Option<String>,
    /// Labels that the object has
    #[arg(long, value_name = "SELECTOR", default_value = "")]
    custom_selector: String,
    /// A selector of series with which the metric has a value
    #[arg(long, value_name = "SELECTOR", default_value = "")]
    custom_metric_selector: String,
    /// One of an object that lies in no namespace: nodes/node-1/load
    #[arg(long, value_name = "RESOURCE/OBJECT/METRIC", value_parser = parts, requires = "custom")]
    custom_root: Option<[String; 3]>,
    /// A metric of the namespace itself
    #[arg(long, value_name = "METRIC", requires = "custom")]
    custom_of_namespace: Option<String>,
}

impl RunArguments {
    pub(super) fn surroundings(&self) -> Surroundings {
        let External {
            no_external,
            metric,
            selector,
            value,
            echo,
            echo_value,
            no_number,
            negative,
            stale,
            empty,
            several,
            unavailable,
            throttled,
            slow,
            late,
            panicking,
        } = &self.external;
        Surroundings {
            namespace: self.namespace.clone(),
            external: !no_external,
            metric: metric.clone(),
            selector: selector.clone(),
            value: value.clone(),
            unknown: self.unknown.clone(),
            echo: echo.clone(),
            echo_value: echo_value.clone(),
            no_number: no_number.clone(),
            negative: negative.clone(),
            stale: stale.clone(),
            empty: empty.clone(),
            several: several.clone(),
            unavailable: unavailable.clone(),
            throttled: throttled.clone(),
            slow: slow.clone(),
            late: late.clone(),
            panicking: panicking.clone(),
            most_listed: self.most_listed,
            in_flight: self.in_flight,
            san: self.san.clone(),
            custom: self.custom.metrics(),
        }
    }
}

impl Custom {
    fn metrics(&self) -> Option<CustomMetrics> {
        let [resource, object, metric] = self.custom.clone()?;
        Some(CustomMetrics {
            resource,
            object,
            metric,
            value: self.custom_value.clone(),
            selector: self.custom_selector.clone(),
            metric_selector: self.custom_metric_selector.clone(),
            root: self
                .custom_root
                .clone()
                .map(<(String, String, String)>::from),
            of_namespace: self.custom_of_namespace.clone(),
        })
    }
}

fn parts(text: &str) -> Result<[String; 3], String> {
    let parts: Vec<String> = text.split('/').map(str::to_owned).collect();
    <[String; 3]>::try_from(parts).map_err(|_| "RESOURCE/OBJECT/METRIC is expected".to_owned())
}
