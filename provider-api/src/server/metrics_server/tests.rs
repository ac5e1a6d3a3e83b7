use futures_util::FutureExt;
use http::StatusCode;
use http_body_util::BodyExt;
use time::macros::datetime;
use tokio::sync::{Notify, oneshot};

use super::*;
use crate::{
    ExternalMetric, ExternalMetricValue, ExternalMetricsProvider, MetricName, Presented, Refusal,
    Rejected,
    server::tests::client::{Client, Protocol},
};

struct Queue;

#[async_trait]
impl ExternalMetricsProvider for Queue {
    async fn external_metric(
        &self,
        metric: &ExternalMetric,
    ) -> Result<Vec<ExternalMetricValue>, Refusal> {
        if metric.name().as_str() == "broken" {
            panic!("as told");
        }
        let measured = datetime!(2026-01-02 03:04:05 UTC);
        let value = ExternalMetricValue::new(metric.name().clone(), 7.into(), measured);
        Ok(vec![value])
    }

    fn external_metrics(&self) -> Vec<MetricName> {
        Vec::new()
    }
}

/// Takes `x-user: <name>` at its word.
struct ByName;

#[async_trait]
impl Authenticator for ByName {
    async fn authenticate(&self, presented: Presented<'_>) -> Result<Option<Arc<User>>, Rejected> {
        let name = presented.headers["x-user"].to_str().unwrap().to_owned();
        Ok(Some(Arc::new(User {
            name,
            ..User::default()
        })))
    }
}

struct OnlyBob;

#[async_trait]
impl Authorizer for OnlyBob {
    async fn authorize(&self, user: &User, _action: &Action) -> Result<Decision, Undecided> {
        Ok(match user.name.as_str() {
            "bob" => Decision::Allowed,
            _ => Decision::Denied {
                reason: "only bob may".to_owned(),
            },
        })
    }
}

#[tokio::test]
async fn one_expression_is_a_whole_server() {
    let certificate = ServingCertificate::self_signed(["metrics.default.svc"]).unwrap();
    let socket = Server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = socket.local_addr();
    let begun = Arc::new(Notify::new());
    let (end, asked) = oneshot::channel::<()>();

    let server = MetricsServer::guarded(
        MetricsApi::new(Queue),
        vec![Arc::new(ByName)],
        Arc::new(OnlyBob),
        Arc::new(|| datetime!(2026-01-02 03:04:05 UTC)),
    )
    .certificate(Arc::new(certificate.clone()))
    .within(Limits::default())
    .ready_when(|| {
        vec![Check {
            name: "filled",
            outcome: Err("not yet".to_owned()),
        }]
    })
    .alongside("fills the queue", {
        let begun = Arc::clone(&begun);
        move || {
            begun.notify_one();
            std::future::pending::<()>()
        }
    });
    let serving = tokio::spawn(server.serve_on(socket, asked.map(drop)));
    begun.notified().await;

    let mut client = Client::connect(address, &certificate, Protocol::Http2, None)
        .await
        .unwrap();
    let mut told = Vec::new();
    for (path, name) in [
        (
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/length",
            "bob",
        ),
        (
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/length",
            "eve",
        ),
        (
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/broken",
            "bob",
        ),
        ("/readyz", "eve"),
        ("/metrics", "bob"),
    ] {
        let answer = client.get_with(path, "x-user", name).await.unwrap();
        assert!(
            answer.headers().contains_key("audit-id") || path == "/readyz",
            "{path}"
        );
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        told.push((status, String::from_utf8(body.to_vec()).unwrap()));
    }
    let statuses: Vec<_> = told.iter().map(|(status, _)| status.as_u16()).collect();
    assert_eq!(statuses, [200, 403, 500, 500, 200], "{told:?}");
    assert!(told[0].1.contains(r#""value":"7""#), "{}", told[0].1);
    assert!(told[1].1.contains("only bob may"), "{}", told[1].1);
    assert!(told[3].1.contains("[-]filled"), "{}", told[3].1);
    assert!(told[4].1.contains(r#"code="403""#), "{}", told[4].1);
    assert_eq!(StatusCode::OK, told[4].0);

    end.send(()).unwrap();
    drop(client);
    assert_eq!(serving.await.unwrap().unwrap(), Ended { cut_off: 0 });
}
