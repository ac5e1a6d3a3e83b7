//! Keeps the cluster's authentication configuration current.

use std::{convert::Infallible, pin::pin, sync::Arc};

use arc_swap::ArcSwap;
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube_client::{Api, Client};
use kube_runtime::{
    WatchStreamExt as _,
    watcher::{self, Event, watcher},
};

use super::AuthenticationConfig;
use crate::ApiError;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "extension-apiserver-authentication";
const PERMISSION: &str = "bind this server's ServiceAccount to the Role extension-apiserver-authentication-reader in kube-system";

/// The configuration that authenticators read, replaced whole when the cluster's
/// ConfigMap changes. The default lets nobody in by certificate.
pub type CurrentConfig = Arc<ArcSwap<AuthenticationConfig>>;

/// Watches the ConfigMap, and replaces `current` by what it says; never ends.
///
/// A server may start before the ConfigMap can be read: until then only bearer
/// tokens are accepted, and a warning says why. Content that cannot be used, a
/// deleted ConfigMap and an API server that is away leave the last good
/// configuration in place.
pub async fn keep_current(client: Client, current: CurrentConfig) -> Infallible {
    let only_ours = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
    let events =
        watcher(Api::<ConfigMap>::namespaced(client, NAMESPACE), only_ours).default_backoff();
    let mut events = pin!(events);
    let mut listed = false;
    loop {
        let Some(event) = events.next().await else {
            // A watcher with backoff does not end; were it to, waiting is all that is left.
            return std::future::pending().await;
        };
        match event {
            Ok(Event::Apply(map) | Event::InitApply(map)) => {
                listed = true;
                replace(&current, &map);
            }
            Ok(Event::Init) => listed = false,
            Ok(Event::InitDone) if !listed => {
                tracing::warn!(
                    "ConfigMap {NAMESPACE}/{NAME} does not exist: {}",
                    consequence(&current.load())
                );
            }
            Ok(Event::Delete(_)) => {
                tracing::warn!(
                    "ConfigMap {NAMESPACE}/{NAME} was deleted: {}",
                    consequence(&current.load())
                );
            }
            Ok(Event::InitDone) => {}
            Err(error) => {
                let error = ApiError::of_watch(error, PERMISSION);
                // The API server forgets places in a watch in the ordinary course of things.
                if !matches!(error, ApiError::Expired) {
                    let consequence = consequence(&current.load());
                    tracing::warn!(
                        "ConfigMap {NAMESPACE}/{NAME} cannot be read: {}; {consequence}",
                        error.chain()
                    );
                }
            }
        }
    }
}

fn replace(current: &CurrentConfig, map: &ConfigMap) {
    let next = match AuthenticationConfig::of(map.data.as_ref().unwrap_or(&Default::default())) {
        Ok(next) => next,
        Err(error) => {
            let cause = std::error::Error::source(&error)
                .map(|cause| format!(": {cause}"))
                .unwrap_or_default();
            tracing::warn!("{error}{cause}; {}", consequence(&current.load()));
            return;
        }
    };
    if **current.load() != next {
        tracing::info!("clients are authenticated as ConfigMap {NAMESPACE}/{NAME} says: {next}");
        current.store(Arc::new(next));
    }
}

fn consequence(current: &AuthenticationConfig) -> &'static str {
    if *current == AuthenticationConfig::default() {
        "until it can be used, requests that the API server passes on are refused"
    } else {
        "the last good configuration stays in use"
    }
}
