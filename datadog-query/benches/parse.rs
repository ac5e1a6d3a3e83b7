//! What it costs to read a query and to print it.

use datadog_query::{Query, QueryTemplate, parse};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// As most are, and as they are made of an autoscaler's metric.
const TYPICAL: &str =
    "avg:nginx.net.request_per_s{kube_container_name:nginx,kube_cluster_name:shop-eu}.rollup(30)";

/// A ratio with a function, a scope in words and several modifiers.
const RATIO: &str = "100 * default_zero(sum:trace.http.request.errors{env:prod AND (service:checkout OR service:cart) AND NOT kube_cluster_name:canary}.as_count().rollup(sum, 60)) / sum:trace.http.request.hits{env:prod AND service IN (checkout,cart,payment)}.as_count().rollup(sum, 60)";

const NAMES: [&str; 3] = ["typical", "ratio", "a thousand values"];

fn text(name: &str) -> String {
    match name {
        "typical" => TYPICAL.to_owned(),
        "ratio" => RATIO.to_owned(),
        _ => {
            let values: Vec<_> = (0..1000).map(|n| format!("worker-{n}")).collect();
            format!(
                "sum:queue.depth{{env:prod AND pod IN ({})}}",
                values.join(",")
            )
        }
    }
}

#[divan::bench(args = NAMES)]
fn understand(bencher: Bencher<'_, '_>, name: &str) {
    let text = text(name);
    bencher.bench(|| parse(black_box(&text)));
}

#[divan::bench(args = NAMES)]
fn print(bencher: Bencher<'_, '_>, name: &str) {
    let parsed = parse(&text(name)).expect("it is a query");
    bencher.bench(|| black_box(&parsed.expression).to_string());
}

/// The gate, and the metric that is read.
#[divan::bench(args = NAMES)]
fn written(bencher: Bencher<'_, '_>, name: &str) {
    let text = text(name);
    bencher.bench(|| Query::written(black_box(&text)));
}

#[divan::bench]
fn resolve(bencher: Bencher<'_, '_>) {
    let text = TYPICAL.replace("shop-eu", "%%tag_kube_cluster_name%%");
    let template = QueryTemplate::written(&text).expect("it is a query");
    bencher.bench(|| template.resolve(|_| Ok::<_, std::fmt::Error>(black_box("shop-eu"))));
}
