//! Custom metrics, in both versions of their group.

mod access;
mod listed;
mod refused;
mod selected;
mod served;

use serde_json::Value;

use super::{
    Subject,
    case::{Case, Miss},
    subject::{CustomMetrics, encoded},
};

pub(super) const CASES: &[&[Case]] = &[
    listed::CASES,
    served::CASES,
    selected::CASES,
    refused::CASES,
    access::CASES,
];

const VERSIONS: [&str; 2] = ["v1beta1", "v1beta2"];

impl CustomMetrics {
    /// The path below the version for one object or, with `*`, for all.
    fn tail(&self, namespace: &str, object: &str, metric: &str) -> String {
        let Self { resource, .. } = self;
        format!(
            "namespaces/{namespace}/{resource}/{object}/{}",
            encoded(metric)
        )
    }

    /// The query of both selectors, and more.
    fn query(&self, selector: &str, more: &str) -> String {
        let parameters = [
            ("labelSelector", selector),
            ("metricLabelSelector", &self.metric_selector),
        ];
        let mut query: Vec<String> = parameters
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        if !more.is_empty() {
            query.push(more.to_owned());
        }
        format!("?{}", query.join("&"))
    }
}

/// The path of the object's metric that there is.
pub(super) fn one(subject: &Subject, version: &str) -> Result<String, Miss> {
    let custom = subject.custom()?;
    let tail = custom.tail(
        &subject.surroundings.namespace,
        &custom.object,
        &custom.metric,
    );
    Ok(subject.custom_path(version, &tail) + &custom.query("", ""))
}

/// The path of that metric for all objects that the selector chooses.
fn all(subject: &Subject, version: &str, star: &str, selector: &str) -> Result<String, Miss> {
    let custom = subject.custom()?;
    let tail = custom.tail(&subject.surroundings.namespace, star, &custom.metric);
    Ok(subject.custom_path(version, &tail) + &custom.query(selector, ""))
}

/// The list at a path.
async fn list(subject: &Subject, path: &str) -> Result<Value, Miss> {
    subject.get(path).send().await?.document()
}

/// The only item of the list at a path.
async fn item(subject: &Subject, path: &str) -> Result<Value, Miss> {
    let list = list(subject, path).await?;
    match list["items"].as_array().map(Vec::as_slice) {
        Some([item]) => Ok(item.clone()),
        _ => Err(Miss::fault("items: exactly one", &list["items"])),
    }
}

/// The names of the objects in a list.
fn objects(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
    items
        .iter()
        .filter_map(|item| item["describedObject"]["name"].as_str())
        .collect()
}
