//! A HorizontalPodAutoscaler and its external metrics.

use datadog_query::parse;
use k8s_adapter::{Asked, demands_of};
use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, MetricSpec};
use metrics_store::Template;
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::{Document, Finding, Place, Told, named};

/// Where the names of the metrics stand.
#[derive(Deserialize)]
struct Outline {
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    external: Option<External>,
}

#[derive(Deserialize)]
struct External {
    metric: Identifier,
}

#[derive(Deserialize)]
struct Identifier {
    name: Spanned<String>,
}

pub(super) fn check(document: &Document<'_>, object: Value, template: Template) -> Vec<Finding> {
    let named = named(&object);
    let finding = |place, told| Finding {
        place,
        object: named.clone(),
        told,
    };
    let hpa: HorizontalPodAutoscaler = match serde_json::from_value(object) {
        Ok(hpa) => hpa,
        Err(why) => return vec![finding(document.begin(), Told::Mistake(why.to_string()))],
    };
    let outline = document
        .read::<Outline>()
        .ok()
        .and_then(|outline| outline.spec);
    let outline = outline.map(|spec| spec.metrics).unwrap_or_default();
    let place = |index: usize| -> Place {
        let external = outline
            .get(index)
            .and_then(|metric| metric.external.as_ref());
        external.map_or(document.begin(), |external| {
            document.place(external.metric.name.referenced)
        })
    };
    let metrics = hpa
        .spec
        .iter()
        .flat_map(|spec| spec.metrics.iter().flatten());
    let told = metrics.enumerate().flat_map(|(index, metric)| {
        let told = of_metric(&hpa, metric, template).into_iter();
        told.map(move |told| (index, told))
    });
    told.map(|(index, told)| finding(place(index), told))
        .collect()
}

pub(super) fn of_another_version(
    document: &Document<'_>,
    object: &Value,
    version: &str,
) -> Vec<Finding> {
    // Version 1 knows no metrics but the processor's.
    if version == "autoscaling/v1" {
        return Vec::new();
    }
    vec![Finding {
        place: document.begin(),
        object: named(object),
        told: Told::Mistake(format!(
            "Kubernetes 1.26 and newer have no {version}: write it as autoscaling/v2"
        )),
    }]
}

/// One metric alone, by the rules that the agent itself goes by.
fn of_metric(hpa: &HorizontalPodAutoscaler, metric: &MetricSpec, template: Template) -> Vec<Told> {
    let Some(external) = &metric.external else {
        return Vec::new();
    };
    let mut alone = hpa.clone();
    if let Some(spec) = &mut alone.spec {
        spec.metrics = Some(vec![metric.clone()]);
    }
    let Asked {
        demands, problems, ..
    } = demands_of(&alone);
    let name = &external.metric.name;
    let mut told: Vec<_> = problems
        .into_iter()
        .map(|problem| Told::Mistake(format!("{name}: {}", crate::chain(&problem.why))))
        .collect();
    if external.target.value.is_none() && external.target.average_value.is_none() {
        told.push(Told::Mistake(format!(
            "{name}: the target has neither a `value` nor an `averageValue`"
        )));
    }
    for demand in demands {
        match template.query(&demand.metric) {
            Err(why) => told.push(Told::Mistake(format!("{name}: {}", crate::chain(&why)))),
            Ok(query) => {
                let warnings = parse(query.text()).map(|parsed| parsed.warnings);
                let warnings = warnings.unwrap_or_default().into_iter();
                told.extend(
                    warnings.map(|warning| Told::Warning(format!("{name}: {}", warning.message))),
                );
                told.push(Told::Asks(query));
            }
        }
    }
    told
}
