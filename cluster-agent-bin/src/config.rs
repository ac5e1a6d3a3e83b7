//! What the operator set: the environment variables of Datadog's cluster agent,
//! read once and all their mistakes told together.

use std::{
    collections::BTreeMap,
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    str::FromStr,
};

use datadog_query::{Aggregator, BatchLimits, Endpoint, Keys, Rollup};
use metrics_store::{Policy, Template};
use secrecy::SecretString;
use time::Duration;

/// Everything `start` needs to know.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) datadog: Datadog,
    pub(crate) template: Template,
    pub(crate) policy: Policy,
    /// How often every query is asked.
    pub(crate) refresh_period: Duration,
    /// How far back a query looks.
    pub(crate) window: Duration,
    pub(crate) server: Serving,
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
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// Made at start, for these names.
    SelfSigned { names: Vec<String> },
    /// Read from PEM files.
    Files { certificate: PathBuf, key: PathBuf },
}

impl Config {
    /// The configuration in `variables`.
    pub(crate) fn of(variables: &Variables) -> Result<Self, Mistakes> {
        let mut read = Reader {
            variables,
            mistakes: Vec::new(),
        };
        read.refuse_to_be_switched_off();
        let datadog = read.datadog();
        let rollup: NonZeroU32 = read.parsed(
            "DD_EXTERNAL_METRICS_PROVIDER_ROLLUP",
            "a whole number of seconds above 0",
            const { NonZeroU32::new(30).expect("not zero") },
        );
        let aggregator = read.parsed(
            "DD_EXTERNAL_METRICS_AGGREGATOR",
            "avg, sum, min or max",
            Aggregator::Avg,
        );
        let max_age = read.seconds("DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE", 120);
        let window = read.seconds("DD_EXTERNAL_METRICS_PROVIDER_BUCKET_SIZE", 300);
        let refresh_period = read.seconds("DD_EXTERNAL_METRICS_PROVIDER_REFRESH_PERIOD", 30);
        let server = read.serving();
        match datadog {
            Some(datadog) if read.mistakes.is_empty() => Ok(Self {
                datadog,
                template: Template {
                    aggregator,
                    rollup: Rollup(rollup),
                },
                policy: Policy::up_to(max_age, Duration::seconds(rollup.get().into())),
                refresh_period,
                window: window.max(max_age),
                server,
            }),
            _ => Err(Mistakes(read.mistakes)),
        }
    }
}

/// Settings of Datadog's cluster agent that are set and change nothing here, a
/// sentence each: whoever counts on one should know.
pub(crate) fn remarks(variables: &Variables) -> Vec<String> {
    let set = variables
        .0
        .keys()
        .filter(|name| variables.value(name).is_some());
    set.filter(|name| name.starts_with(PREFIX) && !READ.contains(&&name[PREFIX.len()..]))
        .filter(|name| {
            !variables
                .value(name)
                .is_some_and(|value| matches!(value.parse(), Ok(Switch(false))))
        })
        .map(|name| format!("{name} is set, and this version does not know it: it has no effect"))
        .collect()
}

const PREFIX: &str = "DD_EXTERNAL_METRICS_PROVIDER_";

/// The settings with this prefix that are read.
const READ: [&str; 12] = [
    "API_KEY",
    "APP_KEY",
    "BUCKET_SIZE",
    "CHUNK_SIZE",
    "CONFIG",
    "ENABLED",
    "ENDPOINT",
    "MAX_AGE",
    "MAX_PARALLEL_QUERIES",
    "PORT",
    "REFRESH_PERIOD",
    "ROLLUP",
];

/// The environment, as a value.
#[derive(Default)]
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// The variables of this process.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the environment is read"
    )]
    pub(crate) fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of `name`; an empty one counts as not set, as for every agent of
    /// Datadog's.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }
}

/// The names alone: some values are secrets.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// Every mistake in the configuration, a line each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Mistakes(Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(mistakes) = self;
        match mistakes.as_slice() {
            [mistake] => f.write_str(mistake),
            _ => {
                write!(f, "{} settings are wrong:", mistakes.len())?;
                mistakes
                    .iter()
                    .try_for_each(|mistake| write!(f, "\n  - {mistake}"))
            }
        }
    }
}

/// Reads variable by variable and keeps the mistakes.
struct Reader<'a> {
    variables: &'a Variables,
    mistakes: Vec<String>,
}

impl Reader<'_> {
    fn refuse_to_be_switched_off(&mut self) {
        const NAME: &str = "DD_EXTERNAL_METRICS_PROVIDER_ENABLED";
        if !self.parsed(NAME, "true or false", Switch(true)).0 {
            self.mistakes.push(format!("{NAME} is false, and serving external metrics is all this agent does: set it to true, or do not start it"));
        }
    }

    fn datadog(&mut self) -> Option<Datadog> {
        let api = self.key(
            "DD_EXTERNAL_METRICS_PROVIDER_API_KEY",
            "DD_API_KEY",
            "an API key",
        );
        let app = self.key(
            "DD_EXTERNAL_METRICS_PROVIDER_APP_KEY",
            "DD_APP_KEY",
            "an application key",
        );
        let endpoint = self.endpoint();
        let queries = self.parsed(
            "DD_EXTERNAL_METRICS_PROVIDER_CHUNK_SIZE",
            "a whole number from 1 to 35",
            BatchLimits::default().queries,
        );
        let parallel = self.parsed(
            "DD_EXTERNAL_METRICS_PROVIDER_MAX_PARALLEL_QUERIES",
            "a whole number above 0",
            const { NonZeroUsize::new(10).expect("not zero") },
        );
        let proxy = self.first(&["DD_PROXY_HTTPS", "HTTPS_PROXY", "https_proxy"]);
        let no_proxy = self
            .first(&["DD_PROXY_NO_PROXY", "NO_PROXY", "no_proxy"])
            .unwrap_or_default();
        let no_proxy = no_proxy.split([',', ' ']).filter(|host| !host.is_empty());
        let keys = match Keys::new(&api?, &app?) {
            Ok(keys) => keys,
            Err(why) => {
                self.mistakes
                    .push(format!("DD_API_KEY or DD_APP_KEY: {why}"));
                return None;
            }
        };
        Some(Datadog {
            endpoint: endpoint?,
            keys,
            limits: BatchLimits {
                queries: queries.min(BatchLimits::default().queries),
                ..BatchLimits::default()
            },
            parallel,
            proxy: proxy.map(SecretString::from),
            no_proxy: no_proxy.map(str::to_owned).collect(),
        })
    }

    /// The key that is for this provider alone, or the agent's.
    fn key(&mut self, own: &str, general: &str, what: &str) -> Option<SecretString> {
        let key = self
            .variables
            .value(own)
            .or_else(|| self.variables.value(general));
        if key.is_none() {
            self.mistakes.push(format!(
                "{general} is not set: Datadog answers only with {what}"
            ));
        }
        key.map(SecretString::from)
    }

    /// The value of the first of these variables that has one.
    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.variables.value(name))
    }

    fn endpoint(&mut self) -> Option<Endpoint> {
        let written = ["DD_EXTERNAL_METRICS_PROVIDER_ENDPOINT", "DATADOG_HOST"];
        let url = written
            .into_iter()
            .find_map(|name| Some((name, self.variables.value(name)?)));
        let (name, endpoint) = match url {
            Some((name, url)) => (name, Endpoint::at(url)),
            None => (
                "DD_SITE",
                Endpoint::of_site(self.variables.value("DD_SITE").unwrap_or("datadoghq.com")),
            ),
        };
        endpoint
            .map_err(|why| self.mistakes.push(format!("{name}: {why}")))
            .ok()
    }

    fn serving(&mut self) -> Serving {
        let port = self.parsed("DD_EXTERNAL_METRICS_PROVIDER_PORT", "a port", 8443);
        let config = self
            .variables
            .value("DD_EXTERNAL_METRICS_PROVIDER_CONFIG")
            .unwrap_or("{}");
        match serde_json::from_str(config) {
            Ok(Flags {
                tls_cert_file: Some(certificate),
                tls_private_key_file: Some(key),
                secure_port,
            }) => Serving {
                port: secure_port.unwrap_or(port),
                certificate: Certificate::Files { certificate, key },
            },
            Ok(Flags {
                tls_cert_file: None,
                tls_private_key_file: None,
                secure_port,
            }) => Serving {
                port: secure_port.unwrap_or(port),
                certificate: self.self_signed(),
            },
            Ok(_) => {
                self.mistakes.push("DD_EXTERNAL_METRICS_PROVIDER_CONFIG: tls-cert-file and tls-private-key-file go together".to_owned());
                Serving {
                    port,
                    certificate: self.self_signed(),
                }
            }
            Err(why) => {
                self.mistakes.push(format!("DD_EXTERNAL_METRICS_PROVIDER_CONFIG is not a JSON object of the settings this agent has: {why}"));
                Serving {
                    port,
                    certificate: self.self_signed(),
                }
            }
        }
    }

    /// For every name by which the Services of the manifests reach this pod.
    fn self_signed(&self) -> Certificate {
        let namespace = self
            .variables
            .value("DD_KUBE_RESOURCES_NAMESPACE")
            .unwrap_or("default");
        let services = [
            "datadog-custom-metrics-server",
            "datadog-cluster-agent-metrics-api",
            "datadog-cluster-agent",
        ];
        let names = services
            .iter()
            .map(|service| format!("{service}.{namespace}.svc"));
        Certificate::SelfSigned {
            names: names
                .chain(["localhost".to_owned(), "127.0.0.1".to_owned()])
                .collect(),
        }
    }

    fn seconds(&mut self, name: &str, default: u32) -> Duration {
        let default = NonZeroU32::new(default).expect("the defaults below are above zero");
        Duration::seconds(
            self.parsed(name, "a whole number of seconds above 0", default)
                .get()
                .into(),
        )
    }

    /// The value of `name`, or the default; a mistake where it is not `what`.
    fn parsed<T: FromStr>(&mut self, name: &str, what: &str, default: T) -> T {
        match self.variables.value(name).map(|text| (text, text.parse())) {
            None => default,
            Some((_, Ok(value))) => value,
            Some((text, Err(_))) => {
                self.mistakes
                    .push(format!("{name} is `{text}`, and should be {what}"));
                default
            }
        }
    }
}

/// A switch as every agent of Datadog's reads one.
struct Switch(bool);

impl FromStr for Switch {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.to_lowercase().as_str() {
            "true" | "t" | "1" | "yes" | "on" => Ok(Self(true)),
            "false" | "f" | "0" | "no" | "off" => Ok(Self(false)),
            _ => Err(()),
        }
    }
}

/// What Datadog's agent hands to the API server as flags.
#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Flags {
    tls_cert_file: Option<PathBuf>,
    tls_private_key_file: Option<PathBuf>,
    secure_port: Option<u16>,
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
            config.policy,
            Policy::up_to(Duration::seconds(120), Duration::seconds(30))
        );
        assert_eq!(
            (config.refresh_period, config.window),
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
    fn a_setting_without_effect_is_remarked_unless_it_is_off() {
        let variables = variables(&[
            ("DD_EXTERNAL_METRICS_PROVIDER_USE_DATADOGMETRIC_CRD", "true"),
            ("DD_EXTERNAL_METRICS_PROVIDER_WPA_CONTROLLER", "false"),
            ("DD_EXTERNAL_METRICS_PROVIDER_ROLLUP", "60"),
        ]);
        assert_eq!(
            remarks(&variables),
            [
                "DD_EXTERNAL_METRICS_PROVIDER_USE_DATADOGMETRIC_CRD is set, and this version does not know it: it has no effect"
            ]
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
