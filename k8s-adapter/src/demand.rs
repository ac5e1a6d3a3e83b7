//! Who asks for which metric.

use std::{collections::BTreeMap, fmt, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use provider_api::{ExternalMetric, InvalidName, ObjectReference};

use crate::{
    keda::is_of_keda,
    label_selector::{InvalidLabelSelector, selector_of},
};

/// How the name of a metric begins that refers to a `DatadogMetric`, in any case.
const REFERENCE: &str = "datadogmetric@";

/// An object asks for a metric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Demand {
    /// The object that asks.
    pub asker: ObjectReference,
    /// The metric, as the autoscaler will ask for it over the metrics API.
    pub metric: ExternalMetric,
}

/// How an object asks, whatever it asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// What it wishes of its metrics: its annotations of some prefix, without it.
    pub annotations: Arc<BTreeMap<String, String>>,
    /// Whether it may have no replicas, and has none now.
    pub is_at_zero: bool,
    /// What tells it from an earlier or later object of its name. A manifest that was
    /// never sent to a cluster has none.
    pub uid: Option<Arc<str>>,
}

/// A metric of an object that nobody can serve as it is written. Its message
/// names object, field and mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{asker}: external metric {} cannot be served: {why}; correct {field} of the object",
    Named(name)
)]
pub struct Problem {
    /// The object that asks.
    pub asker: ObjectReference,
    /// The metric's name, as written; empty, where none can be read.
    pub name: String,
    /// Where in the object it stands: `spec.metrics[0].external.metric`.
    pub field: String,
    /// What is wrong with it.
    pub why: Unservable,
}

/// What makes a written metric unservable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unservable {
    /// Its name, or the namespace of the object.
    #[error(transparent)]
    Name(InvalidName),
    /// Its selector.
    #[error(transparent)]
    Selector(InvalidLabelSelector),
    /// Its form. An API server refuses such an object, as far as it knows the form.
    #[error("{0}")]
    Form(String),
}

/// All that one object asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The object that asks.
    pub asker: ObjectReference,
    /// How it asks.
    pub circumstances: Circumstances,
    /// Its demands in the order of the object, each once. What KEDA serves is none.
    pub demands: Vec<Demand>,
    /// What cannot be made a demand.
    pub problems: Vec<Problem>,
}

impl Asked {
    /// An object that asks for nothing yet.
    pub(crate) fn nothing(asker: ObjectReference, circumstances: Circumstances) -> Self {
        Self {
            asker,
            circumstances,
            demands: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The object names this metric in this field.
    pub(crate) fn name(&mut self, field: String, name: &str, selector: Option<&LabelSelector>) {
        if selector.is_some_and(is_of_keda) {
            return;
        }
        match metric_of(&self.asker, name, selector) {
            Ok(metric) => {
                let demand = Demand {
                    asker: self.asker.clone(),
                    metric,
                };
                if !self.demands.contains(&demand) {
                    self.demands.push(demand);
                }
            }
            Err(why) => self.cannot(field, name, why),
        }
    }

    /// What stands in this field nobody can serve.
    pub(crate) fn cannot(&mut self, field: String, name: &str, why: Unservable) {
        self.problems.push(Problem {
            asker: self.asker.clone(),
            name: name.to_owned(),
            field,
            why,
        });
    }

    /// Leaves of it what refers to a `DatadogMetric`.
    pub(crate) fn keep_references(&mut self) {
        self.demands
            .retain(|demand| is_reference(demand.metric.name().as_str()));
        self.problems.retain(|problem| is_reference(&problem.name));
    }
}

impl Circumstances {
    /// Those of the object with this metadata.
    pub(crate) fn of(metadata: &ObjectMeta, prefix: &str, is_at_zero: bool) -> Self {
        Self {
            annotations: Arc::new(wishes(metadata, prefix)),
            is_at_zero,
            uid: metadata.uid.as_deref().map(Arc::from),
        }
    }
}

/// The annotations that begin with `prefix`, without it.
pub(crate) fn wishes(metadata: &ObjectMeta, prefix: &str) -> BTreeMap<String, String> {
    let annotations = metadata.annotations.iter().flatten();
    let wishes = annotations.filter_map(|(name, text)| {
        let name = name.strip_prefix(prefix)?;
        Some((name.to_owned(), text.clone()))
    });
    wishes.collect()
}

/// The object's name. A manifest that was never sent to a cluster may leave out
/// the namespace, which then is the one that `kubectl` would put it into.
pub(crate) fn reference_to(kind: &str, metadata: &ObjectMeta) -> ObjectReference {
    ObjectReference {
        kind: kind.into(),
        namespace: metadata.namespace.as_deref().unwrap_or("default").into(),
        name: metadata.name.as_deref().unwrap_or_default().into(),
    }
}

/// The autoscaler asks in the namespace of its own object, always.
pub(crate) fn metric_of(
    asker: &ObjectReference,
    name: &str,
    selector: Option<&LabelSelector>,
) -> Result<ExternalMetric, Unservable> {
    let namespace = asker.namespace.parse().map_err(Unservable::Name)?;
    let name = name.parse().map_err(Unservable::Name)?;
    let selector = selector_of(selector).map_err(Unservable::Selector)?;
    let metric = ExternalMetric::new(namespace, name, selector);
    // A reference in other capitals is the same one. Were it another demand, then an object
    // that is written anew in small letters would take back what it has just asked for.
    let in_small_letters = metric
        .in_small_letters()
        .filter(|small| is_reference(small.name().as_str()));
    Ok(in_small_letters.unwrap_or(metric))
}

fn is_reference(name: &str) -> bool {
    let begin = name.get(..REFERENCE.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(REFERENCE))
}

/// The name of a metric in a sentence.
struct Named<'a>(&'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("without a name"),
            name => write!(f, "`{name}`"),
        }
    }
}
