//! Custom metrics that there are not, and questions that cannot be answered.

use http::Method;

use super::{VERSIONS, one};
use crate::conformance::{
    Subject,
    answer::holds,
    case::{Case, Verdict},
    client::Speaks,
};

pub(in crate::conformance) const CASES: &[Case] = &[
    Case {
        name: "custom/unknown-metric",
        promise: "a metric that the object does not have is a 404 Status that names metric, resource and object",
        relied_on: "the message is all that a person reads in kubectl describe hpa",
        check: |subject| Box::pin(unknown_metric(subject)),
    },
    Case {
        name: "custom/unknown-metric-of-all",
        promise: "a metric that no object has is a 404 Status that names metric, resource and selector",
        relied_on: "the message is all that a person reads in kubectl describe hpa",
        check: |subject| Box::pin(unknown_metric_of_all(subject)),
    },
    Case {
        name: "custom/unknown-object",
        promise: "an object that does not exist is a 404 Status",
        relied_on: "no value is not the value of another",
        check: |subject| Box::pin(unknown_object(subject)),
    },
    Case {
        name: "custom/short-paths",
        promise: "paths that end too early are refused with a Status, and the connection lives",
        relied_on: "older servers fell over at these: anybody could fell them",
        check: |subject| Box::pin(short_paths(subject)),
    },
    Case {
        name: "custom/bad-selector",
        promise: "a labelSelector that cannot be parsed is a 400",
        relied_on: "taken for no selector, it would sum the wrong objects",
        check: |subject| Box::pin(bad(subject, "labelSelector")),
    },
    Case {
        name: "custom/bad-metric-selector",
        promise: "a metricLabelSelector that cannot be parsed is a 400",
        relied_on: "taken for no selector, it would mean another number",
        check: |subject| Box::pin(bad(subject, "metricLabelSelector")),
    },
    Case {
        name: "custom/methods",
        promise: "POST, PUT, PATCH and DELETE on a metric are a 405, and so is HEAD, without a body",
        relied_on: "metrics are read",
        check: |subject| Box::pin(methods(subject)),
    },
    Case {
        name: "custom/not-acceptable",
        promise: "an Accept without anything that is served is a 406",
        relied_on: "a client would decode what it did not ask for",
        check: |subject| Box::pin(not_acceptable(subject)),
    },
];

async fn refused(subject: &Subject, tail: &str, words: &[&str]) -> Verdict {
    for version in VERSIONS {
        let path = subject.custom_path(version, tail);
        let status = subject.get(&path).send().await?.refusal(404, "NotFound")?;
        let message = status["message"].as_str().unwrap_or_default();
        for word in words {
            holds(
                message.contains(word),
                format!("a message with {word} in it"),
                message,
            )?;
        }
    }
    Ok(())
}

async fn unknown_metric(subject: &Subject) -> Verdict {
    let custom = subject.custom()?;
    let unknown = &subject.surroundings.unknown;
    let tail = custom.tail(&subject.surroundings.namespace, &custom.object, unknown);
    refused(subject, &tail, &[unknown, &custom.resource, &custom.object]).await
}

async fn unknown_metric_of_all(subject: &Subject) -> Verdict {
    let custom = subject.custom()?;
    let unknown = &subject.surroundings.unknown;
    let tail = custom.tail(&subject.surroundings.namespace, "*", unknown);
    let tail = format!("{tail}?labelSelector=app%3Dconformance");
    refused(
        subject,
        &tail,
        &[unknown, &custom.resource, "app=conformance"],
    )
    .await
}

async fn unknown_object(subject: &Subject) -> Verdict {
    let custom = subject.custom()?;
    let tail = custom.tail(
        &subject.surroundings.namespace,
        "conformance-nobody",
        &custom.metric,
    );
    refused(subject, &tail, &[]).await
}

async fn short_paths(subject: &Subject) -> Verdict {
    let custom = subject.custom()?;
    let namespace = &subject.surroundings.namespace;
    for tail in [
        format!("namespaces/{namespace}"),
        format!("namespaces/{namespace}/{}", custom.resource),
        format!(
            "namespaces/{namespace}/{}/{}",
            custom.resource, custom.object
        ),
        format!("namespaces/{namespace}/{}/*", custom.resource),
        custom.resource.clone(),
        format!(
            "namespaces/{namespace}/{}/{}/{}/x",
            custom.resource, custom.object, custom.metric
        ),
    ] {
        let path = subject.custom_path("v1beta1", &tail);
        let answer = subject.get(&path).by(Speaks::Http2).send().await?;
        let status = answer.json()?["kind"] == "Status";
        let refused = answer.code.is_client_error() && status;
        holds(refused, format!("{path}: a 4xx Status"), answer.shown())?;
    }
    Ok(())
}

async fn bad(subject: &Subject, parameter: &str) -> Verdict {
    let custom = subject.custom()?;
    let tail = custom.tail(&subject.surroundings.namespace, "*", &custom.metric);
    for version in VERSIONS {
        let path = subject.custom_path(version, &tail);
        for selector in ["%3D%3D%3D", "a%20b", "a+in+x"] {
            let answer = subject
                .get(&format!("{path}?{parameter}={selector}"))
                .send()
                .await?;
            answer.refusal(400, "BadRequest")?;
        }
    }
    Ok(())
}

async fn methods(subject: &Subject) -> Verdict {
    let path = one(subject, "v1beta2")?;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        subject
            .ask(method, &path)
            .send()
            .await?
            .refusal(405, "MethodNotAllowed")?;
    }
    let head = subject.ask(Method::HEAD, &path).send().await?.coded(405)?;
    holds(head.body.is_empty(), "no body", head.shown())
}

async fn not_acceptable(subject: &Subject) -> Verdict {
    for accepted in [
        "application/xml",
        "application/json;as=Table;v=v1;g=meta.k8s.io",
    ] {
        let answer = subject
            .get(&one(subject, "v1beta2")?)
            .accept(accepted)
            .send()
            .await?;
        answer.refusal(406, "NotAcceptable")?;
    }
    Ok(())
}
