//! What the server says of the shape of its answers.

use serde_json::Value;

use super::{
    Subject,
    answer::{Answer, equal, holds},
    case::{Case, Miss, Verdict},
};

const OURS: [&str; 2] = ["external.metrics.k8s.io", "custom.metrics.k8s.io"];

pub(super) const CASES: &[Case] = &[
    Case {
        name: "openapi/v2",
        promise: "/openapi/v2 is a Swagger 2.0 document of our groups alone, or a quiet 404",
        relied_on: "the API server merges it into its own, and logs an error a minute about anything else",
        check: |subject| Box::pin(v2(subject)),
    },
    Case {
        name: "openapi/v2-not-modified",
        promise: "/openapi/v2 has a quoted ETag, and a 304 to whoever has it already",
        relied_on: "each API server reads it each minute",
        check: |subject| Box::pin(v2_not_modified(subject)),
    },
    Case {
        name: "openapi/v3",
        promise: "/openapi/v3 names our group-versions alone, each with the address of its document and a hash",
        relied_on: "whoever advertises a key is sent the requests for it: a foreign key takes them from its owner",
        check: |subject| Box::pin(v3(subject)),
    },
    Case {
        name: "openapi/v3-hash",
        promise: "the right hash is cached for good, and a wrong one leads to the right one",
        relied_on: "kubectl keeps the documents by their hashes",
        check: |subject| Box::pin(v3_hash(subject)),
    },
];

async fn fetched(subject: &Subject, path: &str) -> Result<Answer, Miss> {
    let answer = subject.get(path).accept("application/json").send().await?;
    if answer.code == 404 {
        return Err(Miss::Skipped(format!(
            "serves no {path}, and says so by a 404"
        )));
    }
    answer.coded(200)
}

async fn v2(subject: &Subject) -> Verdict {
    let document = fetched(subject, "/openapi/v2").await?.json()?;
    equal("swagger", &document["swagger"], "2.0")?;
    let paths = document["paths"].as_object();
    for path in paths.into_iter().flat_map(serde_json::Map::keys) {
        let ours = OURS
            .iter()
            .any(|group| path.starts_with(&format!("/apis/{group}/")));
        holds(ours, "paths below our groups alone", path)?;
    }
    Ok(())
}

async fn v2_not_modified(subject: &Subject) -> Verdict {
    let first = fetched(subject, "/openapi/v2").await?;
    let tag = first.header("etag").to_owned();
    let quoted = tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"');
    holds(quoted, "ETag: a text in quotes", format!("ETag: {tag}"))?;
    let again = subject
        .get("/openapi/v2")
        .accept("application/json")
        .header("if-none-match", &tag);
    again.send().await?.coded(304)?;
    Ok(())
}

/// The address of each group-version's document.
async fn addresses(subject: &Subject) -> Result<Vec<(String, String)>, Miss> {
    let index = fetched(subject, "/openapi/v3").await?.json()?;
    let paths = index["paths"].as_object().cloned().unwrap_or_default();
    let url = |entry: &Value| {
        entry["serverRelativeURL"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    Ok(paths
        .iter()
        .map(|(key, entry)| (key.clone(), url(entry)))
        .collect())
}

async fn v3(subject: &Subject) -> Verdict {
    let addresses = addresses(subject).await?;
    holds(!addresses.is_empty(), "paths: at least one entry", "none")?;
    for (key, url) in addresses {
        let ours = OURS
            .iter()
            .any(|group| key.starts_with(&format!("apis/{group}/")));
        holds(ours, "group-versions of ours alone", &key)?;
        let expected = format!("/openapi/v3/{key}?hash=");
        holds(url.starts_with(&expected), format!("{expected}…"), &url)?;
    }
    Ok(())
}

async fn v3_hash(subject: &Subject) -> Verdict {
    for (_, url) in addresses(subject).await? {
        let answer = subject
            .get(&url)
            .accept("application/json")
            .send()
            .await?
            .coded(200)?;
        answer.header_has("cache-control", "immutable")?;
        let version = answer.json()?["openapi"].clone();
        let is_3 = version
            .as_str()
            .is_some_and(|version| version.starts_with("3."));
        holds(is_3, "openapi: 3.x", &version)?;
        let (path, _) = url.split_once('?').unwrap_or((&url, ""));
        let wrong = subject
            .get(&format!("{path}?hash=0123"))
            .accept("application/json")
            .send()
            .await?;
        let wrong = wrong.coded(301)?;
        holds(
            wrong.header("location").ends_with(&url),
            format!("Location: {url}"),
            wrong.header("location"),
        )?;
    }
    Ok(())
}
