use std::num::NonZeroU32;

use datadog_query::{Aggregator, ApiVersion, Endpoint, PointMode, Reading, SeveralSeries};
use metrics_store::{Otherwise, Policy, Wishes};
use time::Duration;

use k8s_adapter::{AutoscalerWatch, Timing};

use super::*;

const KEYS: [(&str, &str); 2] = [
    ("DD_API_KEY", "0123456789abcdef"),
    ("DD_APP_KEY", "fedcba9876543210"),
];

fn variables(more: &[(&str, &str)]) -> Variables {
    let all = KEYS.iter().chain(more);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn mistakes(more: &[(&str, &str)]) -> String {
    Config::of(&variables(more), None).unwrap_err().to_string()
}

#[test]
fn the_keys_alone_are_enough() {
    let config = Config::of(&variables(&[]), None).unwrap();
    assert_eq!(
        config.datadog.endpoint,
        Endpoint::of_site("datadoghq.com").unwrap()
    );
    assert_eq!(
        config.asking.policy,
        Policy::up_to(Duration::seconds(120), Duration::seconds(30))
    );
    assert_eq!(
        (config.asking.refresh_period, config.asking.window),
        (Duration::seconds(30), Duration::seconds(300))
    );
    assert_eq!(config.asking.reading, Reading::default());
    assert_eq!(config.server.port, 8443);
}

#[test]
fn every_mistake_is_told_and_no_key_is_shown() {
    let told = mistakes(&[
        ("DD_APP_KEY", "with a blank"),
        ("DD_EXTERNAL_METRICS_PROVIDER_PORT", "84430"),
        ("DD_EXTERNAL_METRICS_PROVIDER_ROLLUP", "0"),
        ("DD_EXTERNAL_METRICS_AGGREGATOR", "median"),
    ]);
    assert_eq!(
        told,
        "4 settings are wrong:\n  \
         - DD_API_KEY or DD_APP_KEY: the application key holds a character that no key has, such as a blank or a line break\n  \
         - DD_EXTERNAL_METRICS_PROVIDER_ROLLUP is `0`, and should be a whole number of seconds above 0\n  \
         - DD_EXTERNAL_METRICS_AGGREGATOR is `median`, and should be avg, sum, min or max\n  \
         - DD_EXTERNAL_METRICS_PROVIDER_PORT is `84430`, and should be a port"
    );
}

#[test]
fn what_stands_in_for_a_value_is_stated_for_all_metrics() {
    let config = Config::of(
        &variables(&[
            ("DD_EXTERNAL_METRICS_PROVIDER_HOLD", "600"),
            ("DD_EXTERNAL_METRICS_PROVIDER_ON_NO_DATA", "0"),
        ]),
        None,
    );
    let rollup = Duration::seconds(30);
    let wishes = Wishes {
        hold: Some(Duration::minutes(10)),
        on_no_data: Some(Otherwise::Value(0.into())),
        ..Wishes::default()
    };
    assert_eq!(
        config.unwrap().asking.policy,
        Policy::up_to(Duration::minutes(2), rollup).with(&wishes, rollup)
    );
    assert_eq!(
        mistakes(&[("DD_EXTERNAL_METRICS_PROVIDER_ON_ERROR", "none")]),
        "DD_EXTERNAL_METRICS_PROVIDER_ON_ERROR is `none`, and should be `refuse`, or the number that is served"
    );
}

#[test]
fn a_missing_key_says_which() {
    assert_eq!(
        mistakes(&[("DD_APP_KEY", " ")]),
        "DD_APP_KEY is not set: Datadog answers only with an application key"
    );
}

#[test]
fn the_providers_own_key_and_endpoint_come_before_the_agents() {
    let config = Config::of(
        &variables(&[
            ("DD_API_KEY", ""),
            ("DD_EXTERNAL_METRICS_PROVIDER_API_KEY", "0123456789abcdef"),
            ("DD_SITE", "datadoghq.eu"),
            (
                "DD_EXTERNAL_METRICS_PROVIDER_ENDPOINT",
                "http://127.0.0.1:8126",
            ),
        ]),
        None,
    );
    assert_eq!(
        config.unwrap().datadog.endpoint,
        Endpoint::at("http://127.0.0.1:8126").unwrap()
    );
}

#[test]
fn the_query_route_is_version_1_or_2() {
    let asked = |version| {
        Config::of(
            &variables(&[("DD_EXTERNAL_METRICS_PROVIDER_QUERY_API", version)]),
            None,
        )
    };
    assert_eq!(asked("").unwrap().datadog.limits.version, ApiVersion::V1);
    assert_eq!(asked("v2").unwrap().datadog.limits.version, ApiVersion::V2);
    assert_eq!(
        asked("2").unwrap_err().to_string(),
        "DD_EXTERNAL_METRICS_PROVIDER_QUERY_API is `2`, and should be v1 or v2"
    );
}

#[test]
fn nothing_that_is_printed_of_the_configuration_holds_a_key() {
    let variables = variables(&[("DD_PROXY_HTTPS", "http://user:hunter2@proxy:3128")]);
    let config = Config::of(&variables, None).unwrap();
    let printed = format!("{config:?} {config:#?} {variables:?}");
    for secret in ["0123456789abcdef", "fedcba9876543210", "hunter2"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn values_are_asked_for_before_the_last_ones_are_too_old() {
    assert_eq!(
        mistakes(&[("DD_EXTERNAL_METRICS_PROVIDER_REFRESH_PERIOD", "121")]),
        "DD_EXTERNAL_METRICS_PROVIDER_REFRESH_PERIOD is 121 s, and a value is too old after 120 s: \
         ask more often, or raise DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE"
    );
    // Buckets of ten minutes are served for half an hour, and asked for over as long.
    let config = Config::of(
        &variables(&[("DD_EXTERNAL_METRICS_PROVIDER_ROLLUP", "600")]),
        None,
    )
    .unwrap();
    assert_eq!(config.asking.window, Duration::minutes(30));
}

#[test]
fn which_point_counts_is_set_and_all_that_it_needs_is_asked_for() {
    let config = Config::of(
        &variables(&[
            ("DD_EXTERNAL_METRICS_PROVIDER_POINT", "max:20"),
            ("DD_EXTERNAL_METRICS_PROVIDER_SETTLING", "20"),
            ("DD_EXTERNAL_METRICS_PROVIDER_SEVERAL_SERIES", "sum"),
        ]),
        None,
    );
    let asking = config.unwrap().asking;
    let twenty = NonZeroU32::new(20).unwrap();
    assert_eq!(
        asking.reading,
        Reading {
            mode: PointMode::Max(twenty),
            settling: std::time::Duration::from_secs(20),
            several: SeveralSeries::Merged(Aggregator::Sum),
        }
    );
    // Twenty buckets of 30 s, and what is not complete yet.
    assert_eq!(asking.window, Duration::seconds(650));
    assert_eq!(
        mistakes(&[("DD_EXTERNAL_METRICS_PROVIDER_POINT", "newest")]),
        "DD_EXTERNAL_METRICS_PROVIDER_POINT is `newest`, and should be last-complete, penultimate, \
         last, or one of avg:5, max:5, min:5 for the last five"
    );
}

#[test]
fn a_value_that_is_too_old_once_it_has_settled_is_a_mistake() {
    assert_eq!(
        mistakes(&[("DD_EXTERNAL_METRICS_PROVIDER_SETTLING", "61")]),
        "DD_EXTERNAL_METRICS_PROVIDER_SETTLING is 61 s, so that a value is up to 121 s old, and it is \
         too old after 120 s: let it settle for less, or raise DD_EXTERNAL_METRICS_PROVIDER_MAX_AGE"
    );
}

#[test]
fn a_certificate_needs_its_key() {
    let told = mistakes(&[(
        "DD_EXTERNAL_METRICS_PROVIDER_CONFIG",
        r#"{"tls-cert-file": "/tls.crt"}"#,
    )]);
    assert!(
        told.ends_with("tls-cert-file and tls-private-key-file go together"),
        "{told}"
    );
    let told = mistakes(&[(
        "DD_EXTERNAL_METRICS_PROVIDER_CONFIG",
        r#"{"audit-log-path": "-"}"#,
    )]);
    assert!(told.contains("unknown field `audit-log-path`"), "{told}");
}

#[test]
fn a_port_among_the_flags_is_a_text_or_a_number() {
    for (flags, port) in [
        (r#"{"secure-port": "6443"}"#, 6443),
        (r#"{"secure-port": 443}"#, 443),
        ("{}", 8443),
    ] {
        let config = Config::of(
            &variables(&[("DD_EXTERNAL_METRICS_PROVIDER_CONFIG", flags)]),
            None,
        );
        assert_eq!(config.unwrap().server.port, port, "{flags}");
    }
}

#[test]
fn which_objects_ask_is_set_by_the_names_of_datadogs_agent() {
    let config = Config::of(
        &variables(&[
            ("DD_EXTERNAL_METRICS_PROVIDER_WPA_CONTROLLER", "true"),
            (
                "DD_EXTERNAL_METRICS_PROVIDER_AUTOSCALER_AUTOGEN_LABEL_SELECTOR",
                "team!=payments",
            ),
        ]),
        None,
    );
    let AutoscalerWatch {
        watermark, only, ..
    } = config.unwrap().demanding.autoscalers;
    assert_eq!((watermark, only), (true, "team!=payments".parse().unwrap()));
    let mistake = mistakes(&[("DD_EXTERNAL_METRICS_PROVIDER_HPA_LABEL_SELECTOR", "a in b")]);
    assert!(
        mistake.starts_with("DD_EXTERNAL_METRICS_PROVIDER_HPA_LABEL_SELECTOR is `a in b`: "),
        "{mistake}"
    );
}

#[test]
fn the_agents_objects_are_in_the_namespace_that_is_set_or_else_its_own() {
    let set = [("DD_KUBE_RESOURCES_NAMESPACE", "monitoring")];
    for (variables, own, namespace) in [
        (variables(&set), Some("datadog"), "monitoring"),
        (variables(&[]), Some("datadog"), "datadog"),
        (variables(&[]), None, "default"),
    ] {
        let config = Config::of(&variables, own).unwrap();
        assert_eq!(config.replicas.namespace, namespace);
    }
}

#[test]
fn a_namespace_that_is_none_is_told_as_every_mistake_is() {
    let told = mistakes(&[("DD_KUBE_RESOURCES_NAMESPACE", "a/b")]);
    let expected = "DD_KUBE_RESOURCES_NAMESPACE: `a/b` is no namespace: small letters, digits and hyphens are wanted";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn several_replicas_are_one_by_the_names_of_datadogs_agent() {
    let config = Config::of(
        &variables(&[
            ("DD_KUBE_RESOURCES_NAMESPACE", "monitoring"),
            ("DD_POD_NAME", "agent-1"),
            ("HOSTNAME", "a-machine"),
            ("DD_LEADER_LEASE_DURATION", "60"),
            ("DD_LEADER_LEASE_NAME", "leader"),
            ("DD_LEADER_ELECTION_RELEASE_ON_SHUTDOWN", "false"),
            ("DD_HPA_CONFIGMAP_NAME", "kept"),
        ]),
        None,
    );
    let replicas = config.unwrap().replicas;
    assert_eq!(replicas.identity.as_deref(), Some("agent-1"));
    assert_eq!(replicas.kept.to_string(), "monitoring/kept");
    assert_eq!(
        replicas.election,
        Some(Election {
            lease: "leader".parse().unwrap(),
            timing: Timing::default(),
            release: false,
        })
    );
    let alone = Config::of(&variables(&[("DD_LEADER_ELECTION", "false")]), None);
    assert_eq!(alone.unwrap().replicas.election, None);
    let mistake = mistakes(&[
        ("DD_LEADER_LEASE_DURATION", "7200"),
        ("DD_HPA_CONFIGMAP_NAME", "not/a/name"),
        ("DD_LEADER_LEASE_NAME", "not a name"),
    ]);
    for name in [
        "DD_LEADER_LEASE_DURATION: ",
        "DD_HPA_CONFIGMAP_NAME: ",
        "DD_LEADER_LEASE_NAME is `not a name`",
    ] {
        assert!(mistake.contains(name), "{mistake}");
    }
}

#[test]
fn a_setting_without_effect_is_remarked_unless_it_is_off() {
    let variables = variables(&[
        (
            "DD_EXTERNAL_METRICS_PROVIDER_SPLIT_BATCHES_WITH_BACKOFF",
            "true",
        ),
        ("DD_EXTERNAL_METRICS_PROVIDER_BATCH_WINDOW", "0"),
        ("DD_EXTERNAL_METRICS_PROVIDER_ROLLUP", "60"),
    ]);
    assert_eq!(
        Config::of(&variables, None).unwrap().ignored,
        ["DD_EXTERNAL_METRICS_PROVIDER_SPLIT_BATCHES_WITH_BACKOFF"]
    );
}

#[test]
fn the_agent_refuses_to_start_for_nothing() {
    assert!(
        mistakes(&[("DD_EXTERNAL_METRICS_PROVIDER_ENABLED", "False")])
            .contains("serving external metrics is all this agent does")
    );
}
