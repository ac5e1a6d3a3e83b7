//! What the cluster tells of our API: the API server reads the agent's OpenAPI documents, and
//! passes them on.

use crate::support::{Cluster, Verified, eventually, requests, seconds};
use serde_json::{Value, json};

const PATH: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metricName}";
const VALUE: &str = "io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValue";

#[test]
#[ignore = "needs the control plane: cargo test -p cluster-agent-bin --test cluster -- --ignored"]
fn the_api_server_passes_our_schema_on_and_complains_of_nothing() {
    // It would complain of a certificate in the seconds before it knows the authority.
    let Cluster { cp, .. } = &Cluster::trusting(Verified::Not, &requests(0));
    let read = |path: &str| -> Result<Value, String> {
        let document = cp.kubectl(&["get", "--raw", path]).success()?;
        serde_json::from_str(&document).map_err(|error| error.to_string())
    };

    // Version 2 is one document of the whole cluster, into which ours is merged.
    let merged = eventually(seconds(60), "our path is in the cluster's document", || {
        let document = read("/openapi/v2")?;
        if document["paths"][PATH].is_object() {
            Ok(document)
        } else {
            Err("it is not there".to_owned())
        }
    });
    assert_eq!(
        merged["paths"][PATH]["get"]["x-kubernetes-group-version-kind"]["kind"],
        "ExternalMetricValueList"
    );
    assert_eq!(
        merged["definitions"][VALUE]["required"],
        json!(["metricName", "metricLabels", "timestamp", "value"])
    );

    // Of version 3 there is a document of ours alone, and an index that leads there.
    let version = "/openapi/v3/apis/external.metrics.k8s.io/v1beta1";
    let url = eventually(
        seconds(60),
        "our document is in the cluster's index",
        || {
            let index = read("/openapi/v3")?;
            let entry = &index["paths"]["apis/external.metrics.k8s.io/v1beta1"];
            entry["serverRelativeURL"]
                .as_str()
                .map(String::from)
                .ok_or("it is not there".to_owned())
        },
    );
    let document = read(version).unwrap();
    assert!(document["paths"][PATH].is_object(), "{document}");
    assert!(url.starts_with(&format!("{version}?hash=")), "{url}");
    assert_eq!(read(&url).as_ref(), Ok(&document));

    let complaints: Vec<_> = cp
        .apiserver_log()
        .lines()
        .filter(|line| line.contains("v1beta1.external.metrics.k8s.io"))
        .filter(|line| line.to_lowercase().contains("openapi"))
        .map(String::from)
        .collect();
    assert_eq!(complaints, Vec::<String>::new());
}
