//! Questions to the API server about users, asked more than once before giving up.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use http::{Request, header::CONTENT_TYPE};
use kube_client::Client;
use serde::{Serialize, de::DeserializeOwned};

use crate::ApiError;

const TIMEOUT: Duration = Duration::from_secs(10);
const PERMISSION: &str =
    "bind this server's ServiceAccount to the ClusterRole system:auth-delegator";

/// Posts a review to a path of the API server, and gives it back with its status filled in.
///
/// Five tries with growing pauses, as Kubernetes' own servers do: a restart of
/// the API server costs nobody a request.
pub(super) async fn post<R: Serialize + DeserializeOwned>(
    client: &Client,
    path: &'static str,
    review: &R,
) -> Result<R, ApiError> {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_factor(1.5)
        .with_jitter()
        .with_max_times(4);
    (|| post_once(client, path, review))
        .retry(pauses)
        .when(ApiError::is_transient)
        .await
}

async fn post_once<R: Serialize + DeserializeOwned>(
    client: &Client,
    path: &'static str,
    review: &R,
) -> Result<R, ApiError> {
    let unreadable = |error: serde_json::Error| ApiError::Unreadable {
        column: error.column(),
    };
    let request = Request::post(path)
        .header(CONTENT_TYPE, "application/json")
        .body(serde_json::to_vec(review).expect("a review is texts and maps of texts"))
        .expect("path and header are constants that fit");
    // The text is parsed here because the client would log what it cannot parse, a token with it.
    let text = tokio::time::timeout(TIMEOUT, client.request_text(request))
        .await
        .map_err(|_| ApiError::TimedOut(TIMEOUT))?
        .map_err(|error| ApiError::of(error, PERMISSION))?;
    serde_json::from_str(&text).map_err(unreadable)
}
