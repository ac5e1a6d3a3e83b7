//! The words of the language that Datadog documents.

pub(in crate::query) fn is_metric(character: char) -> bool {
    character == '_' || character == '.' || character.is_ascii_alphanumeric()
}

pub(super) fn is_aggregator(name: &str) -> bool {
    let is_percentile = |rest: &str| {
        rest.parse::<f64>()
            .is_ok_and(|p| (0.0..=100.0).contains(&p))
    };
    matches!(name, "avg" | "sum" | "min" | "max" | "count" | "histogram")
        || name.strip_prefix('p').is_some_and(is_percentile)
}

pub(super) fn is_function(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "abs",
        "anomalies",
        "autosmooth",
        "clamp_max",
        "clamp_min",
        "count_nonzero",
        "count_not_null",
        "cumsum",
        "cutoff_max",
        "cutoff_min",
        "day_before",
        "default_zero",
        "derivative",
        "diff",
        "dt",
        "ewma_10",
        "ewma_20",
        "ewma_3",
        "ewma_5",
        "ewma_7",
        "exclude_null",
        "forecast",
        "hour_before",
        "integral",
        "log10",
        "log2",
        "median_3",
        "median_5",
        "median_7",
        "median_9",
        "monotonic_diff",
        "month_before",
        "moving_rollup",
        "outliers",
        "per_hour",
        "per_minute",
        "per_second",
        "piecewise_constant",
        "robust_trend",
        "rollingavg",
        "throughput",
        "timeshift",
        "trend_line",
        "week_before",
    ];
    NAMES.binary_search(&name).is_ok() || is_rank(name)
}

/// `top`, `bottom`, and `top5` to `bottom20_l2norm`.
fn is_rank(name: &str) -> bool {
    let Some(rest) = name
        .strip_prefix("top")
        .or_else(|| name.strip_prefix("bottom"))
    else {
        return false;
    };
    let (count, order) = rest.split_once('_').unwrap_or((rest, "mean"));
    rest.is_empty()
        || matches!(count, "5" | "10" | "15" | "20")
            && matches!(order, "mean" | "min" | "max" | "last" | "area" | "l2norm")
}

pub(super) fn is_modifier(name: &str, arguments: &[String]) -> bool {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let is_seconds = |text: &str| text.parse::<u32>().is_ok_and(|seconds| seconds > 0);
    let is_rollup = |text: &str| matches!(text, "avg" | "sum" | "min" | "max" | "count");
    let is_fill = |text: &str| matches!(text, "linear" | "last" | "zero" | "null");
    match (name, &*arguments) {
        ("as_count" | "as_rate" | "weighted", []) => true,
        ("rollup", [one]) => is_rollup(one) || is_seconds(one),
        ("rollup", [how, seconds]) => is_rollup(how) && is_seconds(seconds),
        ("fill", [how]) => is_fill(how),
        ("fill", [how, seconds]) => is_fill(how) && is_seconds(seconds),
        _ => false,
    }
}
