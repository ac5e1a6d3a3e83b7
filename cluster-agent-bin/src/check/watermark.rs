//! A WatermarkPodAutoscaler and its external metrics.

use k8s_adapter::demands_of_watermark;
use metrics_store::{Template, Wishes};
use serde_json::Value;

use super::{Document, Finding, Object, Told, asks, named};

pub(super) fn check(document: &Document<'_>, object: &Object, template: Template) -> Vec<Finding> {
    let finding = |place, told| Finding {
        place,
        object: named(&object.value),
        told,
    };
    let at_begin = |told| finding(object.begin, told);
    // Without its metrics, of which each has a place of its own.
    let mut alone = object.value.clone();
    let metrics = alone.pointer_mut("/spec/metrics").map(Value::take);
    let asked = match demands_of_watermark(&alone, Wishes::PREFIX) {
        Ok(asked) => asked,
        Err(why) => return vec![at_begin(Told::Mistake(why.to_string()))],
    };
    let (_, invalid) = Wishes::read(&*asked.circumstances.annotations, false);
    let invalid = invalid.into_iter();
    let mut found: Vec<_> = invalid
        .map(|why| at_begin(Told::Mistake(why.to_string())))
        .collect();
    let metrics = match metrics {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(metrics)) => metrics,
        Some(_) => {
            let why = "spec.metrics: it is no list".to_owned();
            found.push(at_begin(Told::Mistake(why)));
            Vec::new()
        }
    };
    let count = metrics.len();
    for (index, metric) in metrics.into_iter().enumerate() {
        // At its index, by which it is told if it has no name.
        let mut others = vec![Value::Null; count];
        others[index] = metric;
        alone["spec"]["metrics"] = Value::Array(others);
        let asked = demands_of_watermark(&alone, Wishes::PREFIX);
        let told = asked.map(|asked| asks::told(&asked, template));
        let place = object.metric(document, index);
        found.extend(told.into_iter().flatten().map(|told| finding(place, told)));
    }
    found
}
