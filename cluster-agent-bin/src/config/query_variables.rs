//! What is put in for the variables of written queries, be they of the command line or of a
//! DatadogMetric.

use datadog_query::{Query, QueryTemplate, Unresolved, Variable};

use super::Variables;

/// Why a variable of a query has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoVariable {
    /// It has none in this environment.
    #[error("{0} is not set")]
    NotSet(String),
    /// A query is sent, logged and shown to whoever may read its metric.
    #[error("{0} is named like a secret, and is put into no query")]
    Secret(String),
}

impl Variables {
    /// The query in which every variable has its value.
    ///
    /// # Errors
    /// The first variable that cannot be put in, and why.
    pub(crate) fn resolve(
        &self,
        template: &QueryTemplate,
    ) -> Result<Query, Unresolved<NoVariable>> {
        template.resolve(|variable| self.of_query(variable))
    }

    /// The value of a variable of a query.
    pub(crate) fn of_query(&self, variable: &Variable) -> Result<&str, NoVariable> {
        let name = match variable {
            Variable::ClusterName => "DD_CLUSTER_NAME",
            Variable::Environment(name) if is_secret(name) => {
                return Err(NoVariable::Secret(name.clone()));
            }
            Variable::Environment(name) => name,
        };
        self.value(name)
            .ok_or_else(|| NoVariable::NotSet(name.to_owned()))
    }
}

/// Whoever may write a DatadogMetric may not read the agent's keys by it.
fn is_secret(name: &str) -> bool {
    // The address of a proxy may hold a password, and the list of endpoints holds keys.
    const WORDS: [&str; 10] = [
        "KEY",
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "PASS",
        "CREDENTIAL",
        "PROXY",
        "ENDPOINT",
    ];
    let name = name.to_ascii_uppercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| {
        let one = word.strip_suffix('S').unwrap_or(word);
        WORDS
            .iter()
            .any(|end| word.ends_with(end) || one.ends_with(end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        [
            ("DD_CLUSTER_NAME", "blue"),
            ("DD_ENV", " prod "),
            ("DD_EMPTY", ""),
            ("DD_API_KEY", "0123456789abcdef"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect()
    }

    fn resolved(text: &str) -> Result<String, Unresolved<NoVariable>> {
        let template = QueryTemplate::written(text).unwrap();
        let query = variables().resolve(&template)?;
        Ok(query.text().to_owned())
    }

    fn why(text: &str) -> String {
        crate::chain(&resolved(text).unwrap_err())
    }

    #[test]
    fn the_clusters_name_and_the_environment_are_put_in() {
        assert_eq!(
            resolved("avg:a{cluster:%%tag_kube_cluster_name%%,env:%%env_DD_ENV%%}"),
            Ok("avg:a{cluster:blue,env:prod}".to_owned())
        );
    }

    #[test]
    fn what_is_not_set_is_told_by_its_name() {
        assert_eq!(
            why("avg:a{env:%%env_DD_EMPTY%%}"),
            "`%%env_DD_EMPTY%%` at character 11 has no value: DD_EMPTY is not set"
        );
        let nothing = Variables::default();
        assert_eq!(
            nothing.of_query(&Variable::ClusterName),
            Err(NoVariable::NotSet("DD_CLUSTER_NAME".to_owned()))
        );
    }

    #[test]
    fn no_secret_is_put_into_a_query() {
        assert_eq!(
            why("avg:a{b:%%env_DD_API_KEY%%}"),
            "`%%env_DD_API_KEY%%` at character 9 has no value: DD_API_KEY is named like a secret, and is put into no query"
        );
        for name in [
            "DD_EXTERNAL_METRICS_PROVIDER_APP_KEY",
            "DD_CLUSTER_AGENT_AUTH_TOKEN",
            "https_proxy",
            "SMTP_PASSWORD",
            "app-secrets",
            "DD_EXTERNAL_METRICS_PROVIDER_ENDPOINTS",
            "DD_APIKEY",
            "MYSQL_PASSWD",
            "SSH_PASSPHRASE",
            "DB_PASS",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["DD_ENV", "KEYSPACE", "TEAM", "AUTHOR", "KUBERNETES_PORT"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
