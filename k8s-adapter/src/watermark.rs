//! What a WatermarkPodAutoscaler asks for.

use serde::Deserialize as _;
use serde_json::Value;

use crate::{Asked, object::Object, source::WATERMARKS};

/// What the autoscaler asks for, as [`demands_of`](crate::demands_of) tells of an HPA. What
/// cannot be read of its metrics is a problem.
///
/// # Errors
/// When it has no metadata that can be read.
pub fn demands_of_watermark(object: &Value, prefix: &str) -> Result<Asked, serde_json::Error> {
    let object = Object::deserialize(object)?;
    Ok(WATERMARKS.asked(&object, prefix))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manifest_asks_in_the_namespace_that_it_names_or_in_the_usual_one() {
        let metrics = json!([{"type": "External", "external": {"metricName": "rate"}}]);
        let metric = |metadata: Value| {
            let object = json!({"metadata": metadata, "spec": {"metrics": metrics}});
            let asked = demands_of_watermark(&object, "x/");
            asked.map(|asked| asked.demands[0].metric.to_string()).ok()
        };
        let of = |metric: &str| Some(metric.to_owned());
        assert_eq!(
            metric(json!({"name": "web", "namespace": "shop"})),
            of("shop/rate{}")
        );
        assert_eq!(metric(json!({"name": "web"})), of("default/rate{}"));
        assert_eq!(metric(json!("web")), None);
    }
}
