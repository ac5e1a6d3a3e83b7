//! A HorizontalPodAutoscaler and its external metrics.

use datadog_query::parse;
use k8s_adapter::{Asked, Autoscaler, InvalidField, demands_of};
use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, MetricSpec};
use metrics_store::Template;

use super::{Document, Finding, Object, Place, Told, named, unknown::unknown};

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
    let mut told: Vec<_> = lost.collect();
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

/// One metric alone, by the rules that the agent itself and the demo's autoscaler go by.
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
    let Asked {
        demands, problems, ..
    } = demands_of(&alone);
    let name = &external.metric.name;
    let mut told = Vec::new();
    let mut tell = |told_of: Told| told.push(Of::Metric(told_of));
    let type_ = &metric.type_;
    if type_ != "External" {
        let wrong = format!("{name}: its type is `{type_}`, and of `external` it is `External`");
        tell(Told::Mistake(wrong));
    }
    let target = &external.target;
    if target.value.is_some() && target.average_value.is_some() {
        tell(Told::Mistake(format!(
            "{name}: external.target: it has a `value` and an `averageValue`, and one is wanted"
        )));
    }
    let found = &target.type_;
    // Kubernetes takes the third as well, and goes by what else stands there.
    if !["Value", "AverageValue", "Utilization"].contains(&found.as_str()) {
        tell(Told::Mistake(format!(
            "{name}: external.target.type: it is `{found}`: write Value or AverageValue"
        )));
    }
    for problem in problems {
        let why = crate::chain(&problem.why);
        tell(Told::Mistake(format!("{name}: {why}")));
    }
    for demand in demands {
        match template.query(&demand.metric) {
            Err(why) => tell(Told::Mistake(format!("{name}: {}", crate::chain(&why)))),
            Ok(query) => {
                let warnings = parse(query.text()).map(|parsed| parsed.warnings);
                for warning in warnings.unwrap_or_default() {
                    tell(Told::Warning(format!("{name}: {}", warning.message)));
                }
                tell(Told::Asks(query));
            }
        }
    }
    if let Err(invalid) = Autoscaler::of(&alone) {
        let (field, why) = (&invalid.field, &invalid.why);
        match (field.strip_prefix("spec.metrics[0]."), &**why) {
            // It was a problem above.
            (_, InvalidField::Metric(_)) => {}
            (Some(field), why) => {
                told.insert(
                    0,
                    Of::Metric(Told::Mistake(format!("{name}: {field}: {why}"))),
                );
            }
            (None, why) => {
                told.insert(0, Of::Autoscaler(Told::Mistake(format!("{field}: {why}"))));
            }
        }
    }
    told
}
