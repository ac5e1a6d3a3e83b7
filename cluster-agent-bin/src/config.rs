//! What the operator set: the environment variables of Datadog's cluster agent,
//! read once and all their mistakes told together.

mod reader;
mod variables;

use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    str::FromStr,
};

use datadog_query::{Aggregator, BatchLimits, Budget, Endpoint, Keys, Rollup};
use k8s_adapter::{InvalidServiceName, ServiceName};
use metrics_store::{Policy, Template};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::Error};
use time::Duration;

use self::reader::{Mistakes, Reader};
pub(crate) use self::variables::Variables;

/// Everything `start` needs to know.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) datadog: Datadog,
    pub(crate) asking: Asking,
    pub(crate) server: Serving,
    /// Settings of Datadog's cluster agent that are set and change nothing here:
    /// whoever counts on one should know.
    pub(crate) ignored: Vec<String>,
}

/// What we ask, and how often.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) template: Template,
    pub(crate) policy: Policy,
    /// How often every query is asked.
    pub(crate) refresh_period: Duration,
    /// How far back a query looks.
    pub(crate) window: Duration,
    pub(crate) budget: Budget,
}

/// Whom we ask, and how much at once.
#[derive(Debug)]
pub(crate) struct Datadog {
    pub(crate) endpoint: Endpoint,
    pub(crate) keys: Keys,
    pub(crate) limits: BatchLimits,
    pub(crate) parallel: NonZeroUsize,
    /// A URL, which may hold a password.
    pub(crate) proxy: Option<SecretString>,
    /// Hosts that are asked without it.
    pub(crate) no_proxy: Vec<String>,
}

/// Where we answer.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) port: u16,
    pub(crate) certificate: Certificate,
}

/// The certificate that the server shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// Issued by the agent itself, for these Services.
    Own { services: [ServiceName; 3] },
    /// Read from files that somebody else renews.
    Files(CertificateFiles),
}

/// Where PEM texts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Config {
    /// The configuration in `variables`.
    ///
    /// # Errors
    /// All mistakes in it.
    pub(crate) fn of(variables: &Variables) -> Result<Self, Mistakes> {
        let mut read = Reader::new(variables);
        if !read.is_on("DD_EXTERNAL_METRICS_PROVIDER_ENABLED", true) {
            read.mistake(
                "DD_EXTERNAL_METRICS_PROVIDER_ENABLED is false, and serving external metrics is all this agent does: \
                 set it to true, or do not start it"
                    .to_owned(),
            );
        }
        let datadog = datadog(&mut read);
        let asking = asking(&mut read);
        let server = serving(&mut read);
        let ignored = read.ignored("DD_EXTERNAL_METRICS_PROVIDER_");
        read.finish()?;
        Ok(Self {
            datadog: datadog
                .expect("where there is none, there is a mistake, and that has ended this above"),
            asking,
            server,
            ignored,
        })
    }
}

impl Asking {
    /// What the queries are made of, without Datadog and without a cluster.
    ///
    /// # Errors
    /// All mistakes in it.
    pub(crate) fn of(variables: &Variables) -> Result<Self, Mistakes> {
        let mut read = Reader::new(variables);
        let asking = asking(&mut read);
        read.finish()?;
        Ok(asking)
    }
}

impl Datadog {
    /// What is needed to ask Datadog, without a cluster.
    ///
    /// # Errors
    /// All mistakes in it.
    pub(crate) fn of(variables: &Variables) -> Result<Self, Mistakes> {
        let mut read = Reader::new(variables);
        let datadog = datadog(&mut read);
        read.finish()?;
        Ok(
            datadog
                .expect("where there is none, there is a mistake, and that has ended this above"),
        )
    }
}

/// A part of a limit that is left to others.
struct Percent(u8);

impl FromStr for Percent {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let percent = text.parse().ok().filter(|percent| *percent <= 90);
        percent.map(Self).ok_or(())
    }
}

/// The defaults of Datadog's cluster agent, in seconds.
const ROLLUP: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
const MAX_AGE: NonZeroU32 = NonZeroU32::new(120).expect("not zero");
const WINDOW: NonZeroU32 = NonZeroU32::new(300).expect("not zero");
const REFRESH_PERIOD: NonZeroU32 = NonZeroU32::new(30).expect("not zero");
/// Calls at once.
const PARALLEL: NonZeroUsize = NonZeroUsize::new(10).expect("not zero");

/// What the queries are made of, and how long their values count.
fn asking(read: &mut Reader<'_>) -> Asking {
    let rollup = read.parsed(
        "DD_EXTERNAL_METRICS_PROVIDER_ROLLUP",
        "a whole number of seconds above 0",
        ROLLUP,
    );
    let aggregator = read.parsed(
        "DD_EXTERNAL_METRICS_AGGREGATOR",
        "avg, sum, min or max",
        Aggregator::Avg,
    );
    let max_age = read.seconds("DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE", MAX_AGE);
    let window = read.seconds("DD_EXTERNAL_METRICS_PROVIDER_BUCKET_SIZE", WINDOW);
    let refresh_period = read.seconds(
        "DD_EXTERNAL_METRICS_PROVIDER_REFRESH_PERIOD",
        REFRESH_PERIOD,
    );
    let reserve = read.parsed(
        "DD_EXTERNAL_METRICS_PROVIDER_RATE_LIMIT_RESERVE",
        "a whole number of percent from 0 to 90",
        Percent(10),
    );
    let policy = Policy::up_to(max_age, Duration::seconds(rollup.get().into()));
    if refresh_period > policy.max_age() {
        read.mistake(format!(
            "DD_EXTERNAL_METRICS_PROVIDER_REFRESH_PERIOD is {} s, and a value is too old after {} s: \
             ask more often, or raise DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE",
            refresh_period.whole_seconds(),
            policy.max_age().whole_seconds()
        ));
    }
    Asking {
        template: Template {
            aggregator,
            rollup: Rollup(rollup),
        },
        policy,
        refresh_period,
        // What may be served has to be asked for.
        window: window.max(policy.max_age()),
        budget: Budget::keeping_free(reserve.0),
    }
}

fn datadog(read: &mut Reader<'_>) -> Option<Datadog> {
    // The key that is for this provider alone comes before the agent's.
    let mut key = |own, general, what| {
        let key = read.first(&[own, general]);
        if key.is_none() {
            read.mistake(format!(
                "{general} is not set: Datadog answers only with {what}"
            ));
        }
        key.map(|(_, key)| SecretString::from(key))
    };
    let api = key(
        "DD_EXTERNAL_METRICS_PROVIDER_API_KEY",
        "DD_API_KEY",
        "an API key",
    );
    let app = key(
        "DD_EXTERNAL_METRICS_PROVIDER_APP_KEY",
        "DD_APP_KEY",
        "an application key",
    );
    let endpoint = endpoint(read);
    let most = BatchLimits::default().queries;
    let queries = read.parsed(
        "DD_EXTERNAL_METRICS_PROVIDER_CHUNK_SIZE",
        "a whole number from 1 to 35",
        most,
    );
    let parallel = read.parsed(
        "DD_EXTERNAL_METRICS_PROVIDER_MAX_PARALLEL_QUERIES",
        "a whole number above 0",
        PARALLEL,
    );
    let proxy = read.first(&["DD_PROXY_HTTPS", "HTTPS_PROXY", "https_proxy"]);
    let no_proxy = read.first(&["DD_PROXY_NO_PROXY", "NO_PROXY", "no_proxy"]);
    let no_proxy = no_proxy.map_or("", |(_, hosts)| hosts).split([',', ' ']);
    let keys = Keys::new(&api?, &app?)
        .map_err(|why| read.mistake(format!("DD_API_KEY or DD_APP_KEY: {why}")))
        .ok()?;
    Some(Datadog {
        endpoint: endpoint?,
        keys,
        limits: BatchLimits {
            queries: queries.min(most),
            ..BatchLimits::default()
        },
        parallel,
        proxy: proxy.map(|(_, url)| SecretString::from(url)),
        no_proxy: no_proxy
            .filter(|host| !host.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

fn endpoint(read: &mut Reader<'_>) -> Option<Endpoint> {
    let site = read.value("DD_SITE").unwrap_or("datadoghq.com");
    let (name, endpoint) =
        match read.first(&["DD_EXTERNAL_METRICS_PROVIDER_ENDPOINT", "DATADOG_HOST"]) {
            Some((name, url)) => (name, Endpoint::at(url)),
            None => ("DD_SITE", Endpoint::of_site(site)),
        };
    endpoint
        .map_err(|why| read.mistake(format!("{name}: {why}")))
        .ok()
}

fn serving(read: &mut Reader<'_>) -> Serving {
    const CONFIG: &str = "DD_EXTERNAL_METRICS_PROVIDER_CONFIG";
    let port = read.parsed("DD_EXTERNAL_METRICS_PROVIDER_PORT", "a port", 8443);
    let flags = serde_json::from_str(read.value(CONFIG).unwrap_or("{}")).unwrap_or_else(|why| {
        read.mistake(format!(
            "{CONFIG} is not a JSON object of the settings this agent has: {why}"
        ));
        Flags::default()
    });
    let certificate = match (flags.tls_cert_file, flags.tls_private_key_file) {
        (Some(certificate), Some(key)) => Certificate::Files(CertificateFiles { certificate, key }),
        (None, None) => own(read),
        _ => {
            read.mistake(format!(
                "{CONFIG}: tls-cert-file and tls-private-key-file go together"
            ));
            own(read)
        }
    };
    Serving {
        port: flags.secure_port.unwrap_or(port),
        certificate,
    }
}

/// For each of the Services by which manifests reach this pod: ours, and Datadog's.
fn own(read: &mut Reader<'_>) -> Certificate {
    const NAMESPACE: &str = "DD_KUBE_RESOURCES_NAMESPACE";
    let services = |namespace: &str| {
        Ok([
            ServiceName::new(namespace, "datadog-custom-metrics-server")?,
            ServiceName::new(namespace, "datadog-cluster-agent-metrics-api")?,
            ServiceName::new(namespace, "datadog-cluster-agent")?,
        ])
    };
    let namespace = read.value(NAMESPACE).unwrap_or("default");
    let services = services(namespace).unwrap_or_else(|why: InvalidServiceName| {
        read.mistake(format!("{NAMESPACE}: {why}"));
        services("default").expect("these are names of Services")
    });
    Certificate::Own { services }
}

/// What Datadog's agent hands to the API server as flags.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Flags {
    tls_cert_file: Option<PathBuf>,
    tls_private_key_file: Option<PathBuf>,
    #[serde(deserialize_with = "flag")]
    secure_port: Option<u16>,
}

/// Flags are texts for Datadog's agent; a number is understood as well.
fn flag<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u16>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a port is wanted")]
    enum Flag {
        Number(u16),
        Text(String),
    }
    match Flag::deserialize(value)? {
        Flag::Number(port) => Ok(Some(port)),
        Flag::Text(text) => text.parse().map(Some).map_err(D::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [(&str, &str); 2] = [
        ("DD_API_KEY", "0123456789abcdef"),
        ("DD_APP_KEY", "fedcba9876543210"),
    ];

    fn variables(more: &[(&str, &str)]) -> Variables {
        let all = KEYS.iter().chain(more);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn mistakes(more: &[(&str, &str)]) -> String {
        Config::of(&variables(more)).unwrap_err().to_string()
    }

    #[test]
    fn the_keys_alone_are_enough() {
        let config = Config::of(&variables(&[])).unwrap();
        assert_eq!(
            config.datadog.endpoint,
            Endpoint::of_site("datadoghq.com").unwrap()
        );
        assert_eq!(
            config.asking.policy,
            Policy::up_to(Duration::seconds(120), Duration::seconds(30))
        );
        assert_eq!(
            (config.asking.refresh_period, config.asking.window),
            (Duration::seconds(30), Duration::seconds(300))
        );
        assert_eq!(config.server.port, 8443);
    }

    #[test]
    fn every_mistake_is_told_and_no_key_is_shown() {
        let told = mistakes(&[
            ("DD_APP_KEY", "with a blank"),
            ("DD_EXTERNAL_METRICS_PROVIDER_PORT", "84430"),
            ("DD_EXTERNAL_METRICS_PROVIDER_ROLLUP", "0"),
            ("DD_EXTERNAL_METRICS_AGGREGATOR", "median"),
        ]);
        assert_eq!(
            told,
            "4 settings are wrong:\n  \
             - DD_API_KEY or DD_APP_KEY: the application key holds a character that no key has, such as a blank or a line break\n  \
             - DD_EXTERNAL_METRICS_PROVIDER_ROLLUP is `0`, and should be a whole number of seconds above 0\n  \
             - DD_EXTERNAL_METRICS_AGGREGATOR is `median`, and should be avg, sum, min or max\n  \
             - DD_EXTERNAL_METRICS_PROVIDER_PORT is `84430`, and should be a port"
        );
    }

    #[test]
    fn a_missing_key_says_which() {
        assert_eq!(
            mistakes(&[("DD_APP_KEY", " ")]),
            "DD_APP_KEY is not set: Datadog answers only with an application key"
        );
    }

    #[test]
    fn the_providers_own_key_and_endpoint_come_before_the_agents() {
        let config = Config::of(&variables(&[
            ("DD_API_KEY", ""),
            ("DD_EXTERNAL_METRICS_PROVIDER_API_KEY", "0123456789abcdef"),
            ("DD_SITE", "datadoghq.eu"),
            (
                "DD_EXTERNAL_METRICS_PROVIDER_ENDPOINT",
                "http://127.0.0.1:8126",
            ),
        ]));
        assert_eq!(
            config.unwrap().datadog.endpoint,
            Endpoint::at("http://127.0.0.1:8126").unwrap()
        );
    }

    #[test]
    fn nothing_that_is_printed_of_the_configuration_holds_a_key() {
        let variables = variables(&[("DD_PROXY_HTTPS", "http://user:hunter2@proxy:3128")]);
        let config = Config::of(&variables).unwrap();
        let printed = format!("{config:?} {config:#?} {variables:?}");
        for secret in ["0123456789abcdef", "fedcba9876543210", "hunter2"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }

    #[test]
    fn values_are_asked_for_before_the_last_ones_are_too_old() {
        assert_eq!(
            mistakes(&[("DD_EXTERNAL_METRICS_PROVIDER_REFRESH_PERIOD", "121")]),
            "DD_EXTERNAL_METRICS_PROVIDER_REFRESH_PERIOD is 121 s, and a value is too old after 120 s: \
             ask more often, or raise DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE"
        );
        // Buckets of ten minutes are served for half an hour, and asked for over as long.
        let config = Config::of(&variables(&[(
            "DD_EXTERNAL_METRICS_PROVIDER_ROLLUP",
            "600",
        )]))
        .unwrap();
        assert_eq!(config.asking.window, Duration::minutes(30));
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let told = mistakes(&[(
            "DD_EXTERNAL_METRICS_PROVIDER_CONFIG",
            r#"{"tls-cert-file": "/tls.crt"}"#,
        )]);
        assert!(
            told.ends_with("tls-cert-file and tls-private-key-file go together"),
            "{told}"
        );
        let told = mistakes(&[(
            "DD_EXTERNAL_METRICS_PROVIDER_CONFIG",
            r#"{"audit-log-path": "-"}"#,
        )]);
        assert!(told.contains("unknown field `audit-log-path`"), "{told}");
    }

    #[test]
    fn a_port_among_the_flags_is_a_text_or_a_number() {
        for (flags, port) in [
            (r#"{"secure-port": "6443"}"#, 6443),
            (r#"{"secure-port": 443}"#, 443),
            ("{}", 8443),
        ] {
            let config = Config::of(&variables(&[(
                "DD_EXTERNAL_METRICS_PROVIDER_CONFIG",
                flags,
            )]));
            assert_eq!(config.unwrap().server.port, port, "{flags}");
        }
    }

    #[test]
    fn a_setting_without_effect_is_remarked_unless_it_is_off() {
        let variables = variables(&[
            ("DD_EXTERNAL_METRICS_PROVIDER_USE_DATADOGMETRIC_CRD", "true"),
            ("DD_EXTERNAL_METRICS_PROVIDER_WPA_CONTROLLER", "false"),
            ("DD_EXTERNAL_METRICS_PROVIDER_ROLLUP", "60"),
        ]);
        assert_eq!(
            Config::of(&variables).unwrap().ignored,
            ["DD_EXTERNAL_METRICS_PROVIDER_USE_DATADOGMETRIC_CRD"]
        );
    }

    #[test]
    fn the_agent_refuses_to_start_for_nothing() {
        assert!(
            mistakes(&[("DD_EXTERNAL_METRICS_PROVIDER_ENABLED", "False")])
                .contains("serving external metrics is all this agent does")
        );
    }
}
