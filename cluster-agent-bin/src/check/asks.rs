//! What Datadog is asked for an autoscaler, by the rules that the agent itself goes by.

use std::error::Error;

use datadog_query::parse;
use k8s_adapter::Asked;
use metrics_store::Template;

use super::Told;

pub(super) fn told(asked: &Asked, template: Template) -> Vec<Told> {
    let mistake = |name: &str, why: &(dyn Error + 'static)| {
        Told::Mistake(format!("{name}: {}", crate::chain(why)))
    };
    let mut told: Vec<_> = asked
        .problems
        .iter()
        .map(|problem| match problem.name.as_str() {
            "" => mistake(&problem.field, &problem.why),
            name => mistake(name, &problem.why),
        })
        .collect();
    for demand in &asked.demands {
        let name = demand.metric.name().as_str();
        match template.query(&demand.metric) {
            Err(why) => told.push(mistake(name, &why)),
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
