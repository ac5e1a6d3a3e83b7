//! A HorizontalPodAutoscaler and its external metrics.

use k8s_adapter::{Autoscaler, InvalidAutoscaler, InvalidField, demands_of, is_of_keda, wishes_of};
use k8s_openapi::api::autoscaling::v2::{
    ExternalMetricSource, HorizontalPodAutoscaler, MetricSpec,
};
use metrics_store::{Template, Wishes};

use super::{Document, Finding, Object, Place, Told, asks, named, unknown::unknown};

pub(super) fn check(document: &Document<'_>, object: &Object, template: Template) -> Vec<Finding> {
    let named = named(&object.value);
    let finding = |(place, told): (Place, Told)| Finding {
        place,
        object: named.clone(),
        told,
    };
    let hpa: HorizontalPodAutoscaler = match serde_json::from_value(object.value.clone()) {
        Ok(hpa) => hpa,
        Err(why) => {
            let (place, why) =
                unreadable(document, object).unwrap_or_else(|| (object.begin, why.to_string()));
            return vec![finding((place, Told::Mistake(why)))];
        }
    };
    let metrics = || {
        let spec = hpa.spec.iter();
        spec.flat_map(|spec| spec.metrics.iter().flatten())
            .enumerate()
    };
    let lost = serde_json::to_value(&hpa)
        .map(|read| unknown(&object.value, &read))
        .unwrap_or_default();
    let lost = lost.into_iter().map(|field| {
        let within = |index: &usize| field.starts_with(&format!("spec.metrics[{index}]"));
        let index = metrics().map(|(index, _)| index).find(within);
        let place = index.map_or(object.begin, |index| object.metric(document, index));
        let told =
            format!("{field} is no field of an autoscaler, and Kubernetes ignores or refuses it");
        (place, Told::Warning(told))
    });
    let wishes = wishes(&hpa).map(|why| (object.begin, why));
    let mut told: Vec<_> = lost.chain(wishes).collect();
    for (index, metric) in metrics() {
        let place = object.metric(document, index);
        for of_metric in of_metric(&hpa, metric, index, template) {
            // What is wrong with the autoscaler is found with each of its metrics.
            let of_metric = match of_metric {
                Of::Metric(told) => (place, told),
                Of::Autoscaler(told) => (object.begin, told),
            };
            if !told.contains(&of_metric) {
                told.push(of_metric);
            }
        }
    }
    told.into_iter().map(finding).collect()
}

/// What its annotations wish in words that nobody understands.
fn wishes(hpa: &HorizontalPodAutoscaler) -> impl Iterator<Item = Told> + use<> {
    let annotations = wishes_of(hpa, Wishes::PREFIX);
    let (_, invalid) = Wishes::read(&annotations, false);
    invalid
        .into_iter()
        .map(|why| Told::Mistake(why.to_string()))
}

pub(super) fn of_another_version(object: &Object, version: &str) -> Vec<Finding> {
    let why = match version {
        // Version 1 knows no metrics but the processor's.
        "autoscaling/v1" => return Vec::new(),
        "" => "apiVersion is missing: write autoscaling/v2".to_owned(),
        version => {
            format!("Kubernetes 1.26 and newer have no {version}: write it as autoscaling/v2")
        }
    };
    vec![Finding {
        place: object.begin,
        object: named(&object.value),
        told: Told::Mistake(why),
    }]
}

/// Where and why it cannot be read, if that is one of the metrics' fault.
fn unreadable(document: &Document<'_>, object: &Object) -> Option<(Place, String)> {
    let metrics = object.value.pointer("/spec/metrics")?.as_array()?;
    metrics.iter().enumerate().find_map(|(index, metric)| {
        let why = serde_json::from_value::<MetricSpec>(metric.clone()).err()?;
        let place = object.metric(document, index);
        Some((place, format!("spec.metrics[{index}]: {why}")))
    })
}

/// To what the words belong.
enum Of {
    Metric(Told),
    Autoscaler(Told),
}

/// One metric alone.
fn of_metric(
    hpa: &HorizontalPodAutoscaler,
    metric: &MetricSpec,
    index: usize,
    template: Template,
) -> Vec<Of> {
    let Some(external) = &metric.external else {
        let empty =
            format!("spec.metrics[{index}]: its type is External, and `external` is missing");
        return match metric.type_.as_str() {
            "External" => vec![Of::Metric(Told::Mistake(empty))],
            _ => Vec::new(),
        };
    };
    let mut alone = hpa.clone();
    if let Some(spec) = &mut alone.spec {
        spec.metrics = Some(vec![metric.clone()]);
    }
    let name = &external.metric.name;
    if external.metric.selector.as_ref().is_some_and(is_of_keda) {
        let another = format!(
            "{name}: it is KEDA's to serve (its selector names a ScaledObject), and Datadog is not asked for it"
        );
        return vec![Of::Metric(Told::Warning(another))];
    }
    let mut told: Vec<_> = invalid(&alone, name).into_iter().collect();
    let of_metric = refused(&metric.type_, external)
        .into_iter()
        .map(|why| Told::Mistake(format!("{name}: {why}")))
        .chain(asks::told(&demands_of(&alone, Wishes::PREFIX), template));
    told.extend(of_metric.map(Of::Metric));
    told
}

/// What the demo's autoscaler finds, save for the metric itself.
fn invalid(alone: &HorizontalPodAutoscaler, name: &str) -> Option<Of> {
    let InvalidAutoscaler { field, why, .. } = Autoscaler::of(alone).err()?;
    match (field.strip_prefix("spec.metrics[0]."), *why) {
        (_, InvalidField::Metric(_)) => None,
        (Some(field), why) => Some(Of::Metric(Told::Mistake(format!("{name}: {field}: {why}")))),
        (None, why) => Some(Of::Autoscaler(Told::Mistake(format!("{field}: {why}")))),
    }
}

/// What an API server refuses, and an autoscaler would not mind.
fn refused(type_: &str, external: &ExternalMetricSource) -> Vec<String> {
    let target = &external.target;
    let mut refused = Vec::new();
    if type_ != "External" {
        refused.push(format!(
            "its type is `{type_}`, and of `external` it is `External`"
        ));
    }
    if target.value.is_some() && target.average_value.is_some() {
        let both = "external.target: it has a `value` and an `averageValue`, and one is wanted";
        refused.push(both.to_owned());
    }
    let found = &target.type_;
    // Kubernetes takes the third as well, and goes by what else stands there.
    if !["Value", "AverageValue", "Utilization"].contains(&found.as_str()) {
        refused.push(format!(
            "external.target.type: it is `{found}`: write Value or AverageValue"
        ));
    }
    refused
}
