//! Which objects ask for metrics.

use k8s_adapter::AutoscalerWatch;
use metrics_store::{Namespaces, Wishes};
use provider_api::Selector;

use super::Reader;

/// Which objects ask for metrics.
#[derive(Debug)]
pub(crate) struct Demanding {
    pub(crate) autoscalers: AutoscalerWatch,
    /// Nothing, where DatadogMetrics are not read.
    pub(crate) datadog_metrics: Option<ReadMetrics>,
}

/// How DatadogMetrics are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadMetrics {
    /// Whose an autoscaler may refer to.
    pub(crate) from: Namespaces,
    /// Whether there is one for each query that is asked for by a plain name.
    pub(crate) are_generated: bool,
}

pub(super) fn demanding(read: &mut Reader<'_>) -> Demanding {
    let only = read.first(&[
        "DD_EXTERNAL_METRICS_PROVIDER_AUTOSCALER_AUTOGEN_LABEL_SELECTOR",
        "DD_EXTERNAL_METRICS_PROVIDER_HPA_LABEL_SELECTOR",
    ]);
    let only = only.map(|(name, text)| {
        text.parse().unwrap_or_else(|why| {
            read.mistake(format!("{name} is `{text}`: {why}"));
            Selector::everything()
        })
    });
    let is_read = read.is_on("DD_EXTERNAL_METRICS_PROVIDER_USE_DATADOGMETRIC_CRD", false);
    let are_generated = read.is_on(
        "DD_EXTERNAL_METRICS_PROVIDER_ENABLE_DATADOGMETRIC_AUTOGEN",
        true,
    );
    let from = match read.is_on("DD_EXTERNAL_METRICS_PROVIDER_CROSS_NAMESPACE", true) {
        true => Namespaces::Any,
        false => Namespaces::Own,
    };
    Demanding {
        datadog_metrics: is_read.then_some(ReadMetrics {
            from,
            are_generated,
        }),
        autoscalers: AutoscalerWatch {
            prefix: Wishes::PREFIX,
            watermark: read.is_on("DD_EXTERNAL_METRICS_PROVIDER_WPA_CONTROLLER", false),
            only: only.unwrap_or_default(),
        },
    }
}
