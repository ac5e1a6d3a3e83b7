//! A manifest line is an arrow, and arrows go down.

use std::{collections::BTreeSet, fs, path::Path};

/// Each crate, and those of ours that it may know.
const ARROWS: [(&str, &[&str]); 5] = [
    ("provider-api", &[]),
    ("datadog-query", &[]),
    ("metrics-store", &["datadog-query", "provider-api"]),
    ("k8s-adapter", &["provider-api"]),
    (
        "cluster-agent-bin",
        &[
            "datadog-query",
            "k8s-adapter",
            "metrics-store",
            "provider-api",
        ],
    ),
];

/// What keeps the ground crates small: `datadog-query` can be embedded without a
/// runtime, a TLS stack or a cluster, and the store does no IO at all.
const FOREIGN: [(&str, &[&str]); 3] = [
    (
        "datadog-query",
        &[
            "tokio",
            "kube-client",
            "kube-core",
            "kube-runtime",
            "k8s-openapi",
            "hyper",
            "rustls",
        ],
    ),
    (
        "provider-api",
        &[
            "kube-client",
            "kube-core",
            "kube-runtime",
            "k8s-openapi",
            "ureq",
        ],
    ),
    (
        "metrics-store",
        &[
            "tokio",
            "kube-client",
            "hyper",
            "ureq",
            "futures-util",
            "tower",
            "tracing",
        ],
    ),
];

/// The names that a manifest depends on, tests excepted and optional ones too:
/// those come with a feature that whoever wants them names.
fn dependencies(manifest: &str) -> BTreeSet<&str> {
    let section = manifest
        .split("\n[")
        .find_map(|section| section.strip_prefix("dependencies]"));
    let lines = section.unwrap_or_default().lines().map(str::trim);
    lines
        .filter(|line| {
            !line.is_empty() && !line.starts_with('#') && !line.contains("optional = true")
        })
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .collect()
}

/// The arrows of `manifest` that point up or sideways, or at what the crate keeps out.
fn violations<'a>(name: &str, manifest: &'a str) -> Vec<&'a str> {
    let ours = ARROWS.map(|(name, _)| name);
    let may = ARROWS
        .iter()
        .find(|(own, _)| *own == name)
        .expect("a crate has a row")
        .1;
    let foreign = FOREIGN
        .iter()
        .find(|(own, _)| *own == name)
        .map_or(&[][..], |row| row.1);
    let wrong =
        |other: &&str| (ours.contains(other) && !may.contains(other)) || foreign.contains(other);
    dependencies(manifest).into_iter().filter(wrong).collect()
}

#[test]
fn every_arrow_points_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace");
    for (name, _) in ARROWS {
        let path = root.join(name).join("Cargo.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        assert!(
            dependencies(&manifest).len() > 1,
            "{} was not read rightly",
            path.display()
        );
        assert_eq!(
            violations(name, &manifest),
            Vec::<&str>::new(),
            "{}",
            path.display()
        );
    }
    let workspace = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = workspace
        .lines()
        .find(|line| line.starts_with("members"))
        .unwrap();
    assert_eq!(
        members.matches('"').count() / 2,
        ARROWS.len(),
        "a crate without a row: {members}"
    );
}

#[test]
fn an_arrow_that_points_up_is_seen() {
    let manifest = "[package]\n\n[dependencies]\nk8s-adapter.workspace = true\nserde = \"1\"\ntokio = { workspace = true }\n\n[dev-dependencies]\nhyper = \"1\"\n";
    assert_eq!(
        violations("metrics-store", manifest),
        ["k8s-adapter", "tokio"]
    );
}
