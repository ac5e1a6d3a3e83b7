//! Which objects ask for metrics.

use k8s_adapter::AutoscalerWatch;
use metrics_store::Wishes;
use provider_api::Selector;

use super::Reader;

/// Which objects ask for metrics.
#[derive(Debug)]
pub(crate) struct Demanding {
    pub(crate) autoscalers: AutoscalerWatch,
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
    Demanding {
        autoscalers: AutoscalerWatch {
            prefix: Wishes::PREFIX,
            watermark: read.is_on("DD_EXTERNAL_METRICS_PROVIDER_WPA_CONTROLLER", false),
            only: only.unwrap_or_default(),
        },
    }
}
