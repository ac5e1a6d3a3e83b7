//! External metrics that there are not, and questions that cannot be answered.

use http::Method;
use serde_json::{Value, json};

use crate::conformance::{
    Subject,
    answer::{equal, holds},
    case::{Case, Miss, Verdict},
    protobuf,
    subject::named,
};

pub(in crate::conformance) const CASES: &[Case] = &[
    Case {
        name: "external/unknown-metric",
        promise: "a metric that does not exist is a 404 Status that names it",
        relied_on: "the message is all that a person reads in kubectl describe hpa",
        check: |subject| Box::pin(unknown_metric(subject)),
    },
    Case {
        name: "external/unknown-namespace",
        promise: "a namespace that does not exist is like any other: an answer or a refusal, no failure",
        relied_on: "nobody looks up namespaces here",
        check: |subject| Box::pin(unknown_namespace(subject)),
    },
    Case {
        name: "external/bad-selector",
        promise: "a selector that cannot be parsed is a 400",
        relied_on: "taken for no selector, it would sum the wrong series",
        check: |subject| Box::pin(bad_selector(subject)),
    },
    Case {
        name: "external/bad-field-selector",
        promise: "a field selector on a field that there is not is a 400",
        relied_on: "a filter that is ignored is a wrong answer",
        check: |subject| Box::pin(bad_field_selector(subject)),
    },
    Case {
        name: "external/bad-timeout",
        promise: "a timeout that is no duration is a 400",
        relied_on: "Kubernetes' own servers say so",
        check: |subject| Box::pin(bad_timeout(subject)),
    },
    Case {
        name: "external/no-such-path",
        promise: "a path without a namespace, without a metric, or with something after the metric is a 404",
        relied_on: "there is one form of path, and the rest must not be taken for it",
        check: |subject| Box::pin(no_such_path(subject)),
    },
    Case {
        name: "external/name-with-a-slash",
        promise: "a slash in the name is a 404, also when it is encoded",
        relied_on: "the authorizer and the provider must not read two different paths",
        check: |subject| Box::pin(name_with_a_slash(subject)),
    },
    Case {
        name: "external/reserved-name",
        promise: "the metrics `status` and `finalize` are never answered as another metric",
        relied_on: "Kubernetes' path parser takes them for subresources of the namespace",
        check: |subject| Box::pin(reserved_name(subject)),
    },
    Case {
        name: "external/methods",
        promise: "POST, PUT, PATCH, DELETE and OPTIONS on a metric are a 405",
        relied_on: "metrics are read",
        check: |subject| Box::pin(methods(subject)),
    },
    Case {
        name: "external/head",
        promise: "HEAD on a metric is a 405 without a body",
        relied_on: "a body after HEAD garbles the connection",
        check: |subject| Box::pin(head(subject)),
    },
    Case {
        name: "external/watch",
        promise: "?watch=true is a 405 with the group in its details",
        relied_on: "a client that watches must not wait for ever",
        check: |subject| Box::pin(watch(subject)),
    },
    Case {
        name: "external/not-acceptable",
        promise: "an Accept without anything that is served is a 406: XML, a table alone, metadata alone",
        relied_on: "a client would decode what it did not ask for",
        check: |subject| Box::pin(not_acceptable(subject)),
    },
    Case {
        name: "external/refusal-in-protobuf",
        promise: "a refusal comes in the format that was asked for",
        relied_on: "the HPA controller prints a message only if it can decode it",
        check: |subject| Box::pin(refusal_in_protobuf(subject)),
    },
    Case {
        name: "external/unavailable",
        promise: "a source that cannot be reached is a 503 Status with its message",
        relied_on: "kubectl describe hpa",
        check: |subject| Box::pin(unavailable(subject)),
    },
    Case {
        name: "external/throttled",
        promise: "a source that asks for patience is a 429 Status that says how long",
        relied_on: "clients that wait as long as they are told",
        check: |subject| Box::pin(throttled(subject)),
    },
    Case {
        name: "external/no-long-retry-after",
        promise: "no refusal has a Retry-After of more than a second",
        relied_on: "client-go sleeps through it, up to ten times, and other autoscalers wait for that worker",
        check: |subject| Box::pin(no_long_retry_after(subject)),
    },
    Case {
        name: "external/timeout",
        promise: "what takes longer than ?timeout= is a 504 Status of reason Timeout",
        relied_on: "the client has given up by then, and the work should end",
        check: |subject| Box::pin(timeout(subject)),
    },
    Case {
        name: "external/panic",
        promise: "a panic of the provider is a 500 Status, and the next request is answered",
        relied_on: "one metric's trouble is not another's",
        check: |subject| Box::pin(panic(subject)),
    },
];

async fn unknown_metric(subject: &Subject) -> Verdict {
    let name = &subject.surroundings.unknown;
    let status = subject
        .get(&subject.path_of(name))
        .send()
        .await?
        .refusal(404, "NotFound")?;
    let message = status["message"].as_str().unwrap_or_default();
    holds(
        message.contains(name.as_str()),
        format!("a message with {name} in it"),
        message,
    )
}

async fn unknown_namespace(subject: &Subject) -> Verdict {
    let path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/conformance-nowhere";
    let path = format!("{path}/{}", subject.surroundings.unknown);
    let answer = subject.get(&path).send().await?;
    let code = answer.code.as_u16();
    let fine = code == 200 || (400..500).contains(&code);
    holds(fine, "200 or 4xx", answer.shown())?;
    match answer.json()?["kind"].as_str() {
        Some("ExternalMetricValueList" | "Status") => Ok(()),
        _ => Err(Miss::fault(
            "ExternalMetricValueList or Status",
            answer.shown(),
        )),
    }
}

async fn refused(subject: &Subject, query: &str) -> Result<Value, Miss> {
    // With a metric that nobody knows it would be the question that is wrong first.
    let known = subject.surroundings.metric.as_ref();
    let path = subject.path_of(known.unwrap_or(&subject.surroundings.unknown));
    let answer = subject.get(&format!("{path}?{query}")).send().await?;
    answer.refusal(400, "BadRequest")
}

async fn bad_selector(subject: &Subject) -> Verdict {
    for selector in [
        "%3D%3D",
        "a%20b",
        "a+in+x",
        "a%3Db%2C%2Cc",
        "a%3Dx%2Fy",
        "a%3E1%2E5",
        "-a",
    ] {
        refused(subject, &format!("labelSelector={selector}")).await?;
    }
    Ok(())
}

async fn bad_field_selector(subject: &Subject) -> Verdict {
    refused(subject, "fieldSelector=foo%3Dbar").await?;
    Ok(())
}

async fn bad_timeout(subject: &Subject) -> Verdict {
    refused(subject, "timeout=bogus").await?;
    Ok(())
}

async fn not_found(subject: &Subject, path: &str) -> Verdict {
    subject.get(path).send().await?.refusal(404, "NotFound")?;
    Ok(())
}

async fn no_such_path(subject: &Subject) -> Verdict {
    let group_version = "/apis/external.metrics.k8s.io/v1beta1";
    let metric = &subject.surroundings.unknown;
    not_found(subject, &format!("{group_version}/{metric}")).await?;
    not_found(subject, &subject.namespace()).await?;
    not_found(subject, &format!("{}/x", subject.path_of(metric))).await?;
    not_found(
        subject,
        &format!("/apis/external.metrics.k8s.io/v1/namespaces/default/{metric}"),
    )
    .await
}

async fn name_with_a_slash(subject: &Subject) -> Verdict {
    not_found(subject, &format!("{}/a%2Fb", subject.namespace())).await
}

async fn reserved_name(subject: &Subject) -> Verdict {
    for name in ["status", "finalize"] {
        let answer = subject.get(&subject.path_of(name)).send().await?;
        let document = answer.json()?;
        match document["kind"].as_str() {
            Some("Status") => {}
            Some("ExternalMetricValueList") => {
                for item in document["items"].as_array().into_iter().flatten() {
                    equal("metricName", &item["metricName"], name)?;
                }
            }
            _ => {
                return Err(Miss::fault(
                    "ExternalMetricValueList or Status",
                    answer.shown(),
                ));
            }
        }
    }
    Ok(())
}

async fn methods(subject: &Subject) -> Verdict {
    for method in [
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        let answer = subject.ask(method, &subject.metric()?).send().await?;
        let status = answer.refusal(405, "MethodNotAllowed")?;
        equal("details", &status["details"], json!({}))?;
    }
    Ok(())
}

async fn head(subject: &Subject) -> Verdict {
    let answer = subject
        .ask(Method::HEAD, &subject.metric()?)
        .send()
        .await?
        .coded(405)?;
    holds(answer.body.is_empty(), "no body", answer.shown())
}

async fn watch(subject: &Subject) -> Verdict {
    let answer = subject
        .get(&subject.metric_with("watch=true")?)
        .send()
        .await?;
    let status = answer.refusal(405, "MethodNotAllowed")?;
    equal(
        "details.group",
        &status["details"]["group"],
        "external.metrics.k8s.io",
    )
}

async fn not_acceptable(subject: &Subject) -> Verdict {
    for accepted in [
        "application/xml",
        "application/json;as=Table;v=v1;g=meta.k8s.io",
        "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    ] {
        let answer = subject
            .get(&subject.metric()?)
            .accept(accepted)
            .send()
            .await?;
        answer.refusal(406, "NotAcceptable")?;
    }
    Ok(())
}

async fn refusal_in_protobuf(subject: &Subject) -> Verdict {
    let accepted = "application/vnd.kubernetes.protobuf, */*";
    let path = subject.path_of(&subject.surroundings.unknown);
    let answer = subject
        .get(&path)
        .accept(accepted)
        .send()
        .await?
        .coded(404)?;
    answer.media_type("application/vnd.kubernetes.protobuf")?;
    let named = protobuf::envelope(&answer.body).map(|(api_version, kind, _)| (api_version, kind));
    let expected = Some(("v1".to_owned(), "Status".to_owned()));
    holds(
        named == expected,
        "a v1 Status",
        format!("{:?}", answer.body),
    )
}

async fn unavailable(subject: &Subject) -> Verdict {
    let path = subject.path_of(named(&subject.surroundings.unavailable, "unavailable")?);
    subject
        .get(&path)
        .send()
        .await?
        .refusal(503, "ServiceUnavailable")?;
    Ok(())
}

async fn throttled(subject: &Subject) -> Verdict {
    let path = subject.path_of(named(&subject.surroundings.throttled, "throttled")?);
    let status = subject
        .get(&path)
        .send()
        .await?
        .refusal(429, "TooManyRequests")?;
    let seconds = &status["details"]["retryAfterSeconds"];
    holds(
        seconds.as_u64().is_some(),
        "details.retryAfterSeconds: a number",
        &status,
    )
}

async fn no_long_retry_after(subject: &Subject) -> Verdict {
    let Subject { surroundings, .. } = subject;
    let refusing = [&surroundings.throttled, &surroundings.unavailable];
    let refusing: Vec<_> = refusing.into_iter().flatten().collect();
    if refusing.is_empty() {
        return Err(Miss::Skipped(
            "needs --throttled or --unavailable".to_owned(),
        ));
    }
    for name in refusing {
        let answer = subject.get(&subject.path_of(name)).send().await?;
        let after = answer.header("retry-after");
        let short = matches!(after, "" | "0" | "1");
        holds(
            short,
            "no Retry-After, or 1",
            format!("Retry-After: {after}"),
        )?;
    }
    Ok(())
}

async fn timeout(subject: &Subject) -> Verdict {
    let path = subject.path_of(named(&subject.surroundings.slow, "slow")?);
    let answer = subject.get(&format!("{path}?timeout=1s")).send().await?;
    answer.refusal(504, "Timeout")?;
    Ok(())
}

async fn panic(subject: &Subject) -> Verdict {
    let path = subject.path_of(named(&subject.surroundings.panicking, "panicking")?);
    let answer = subject.get(&path).send().await?.coded(500)?;
    equal("kind", &answer.json()?["kind"], "Status")?;
    subject.get("/livez").send().await?.coded(200)?;
    Ok(())
}
