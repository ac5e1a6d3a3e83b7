//! What the operator set: the environment variables of Datadog's cluster agent,
//! read once and all their mistakes told together.

mod asking;
mod connection;
mod datadog;
mod demanding;
mod fallbacks;
mod query_variables;
mod reader;
mod replicas;
mod serving;
mod variables;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    asking::Asking,
    datadog::Datadog,
    demanding::{Demanding, ReadMetrics},
    query_variables::NoVariable,
    replicas::{Election, Replicas},
    serving::{Certificate, CertificateFiles, Serving},
    variables::Variables,
};
use self::{
    asking::asking,
    datadog::datadog,
    demanding::demanding,
    reader::{Mistakes, Reader},
    replicas::replicas,
    serving::serving,
};

/// Where the agent's own objects are, and its Services.
const NAMESPACE: &str = "DD_KUBE_RESOURCES_NAMESPACE";

/// Everything `start` needs to know.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) datadog: Datadog,
    pub(crate) asking: Asking,
    pub(crate) demanding: Demanding,
    pub(crate) server: Serving,
    pub(crate) replicas: Replicas,
    /// Settings of Datadog's cluster agent that are set and change nothing here:
    /// whoever counts on one should know.
    pub(crate) ignored: Vec<String>,
}

impl Config {
    /// The configuration in `variables`, of an agent in the namespace `own`, where it is
    /// known.
    ///
    /// # Errors
    /// All mistakes in it.
    pub(crate) fn of(variables: &Variables, own: Option<&str>) -> Result<Self, Mistakes> {
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
        let demanding = demanding(&mut read);
        let namespace = read.value(NAMESPACE).or(own);
        let namespace = namespace.unwrap_or("default");
        let server = serving(&mut read, namespace);
        let replicas = replicas(&mut read, namespace, asking.policy.max_age());
        let ignored = read.ignored("DD_EXTERNAL_METRICS_PROVIDER_");
        read.finish()?;
        Ok(Self {
            datadog: datadog
                .expect("where there is none, there is a mistake, and that has ended this above"),
            asking,
            demanding,
            server,
            replicas,
            ignored,
        })
    }
}
