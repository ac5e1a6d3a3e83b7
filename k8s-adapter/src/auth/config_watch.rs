//! Keeps the cluster's authentication configuration current.

use std::{pin::pin, sync::Arc};

use arc_swap::ArcSwap;
use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube_client::{Api, Client};
use kube_runtime::watcher::{self, Event, watcher};

use super::AuthenticationConfig;
use crate::{
    api_error::{ApiError, chain},
    pauses::with_pauses,
};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "extension-apiserver-authentication";
const PERMISSION: &str = "bind this server's ServiceAccount to the Role extension-apiserver-authentication-reader in kube-system";

/// The configuration that authenticators read, replaced whole when the cluster's
/// ConfigMap changes. The default lets nobody in by certificate.
pub type CurrentConfig = Arc<ArcSwap<AuthenticationConfig>>;

/// Watches the ConfigMap `kube-system/extension-apiserver-authentication`, and
/// replaces `current` by what it says; never ends.
///
/// A server may start before the ConfigMap can be read: until then only bearer
/// tokens are accepted, and a warning says why. Content that cannot be used, a
/// deleted ConfigMap and an API server that is away leave the last good
/// configuration in place.
pub async fn keep_current(client: Client, current: CurrentConfig) {
    let only_ours = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
    let maps = Api::<ConfigMap>::namespaced(client, NAMESPACE);
    let mut events = pin!(with_pauses(watcher(maps, only_ours)));
    let mut follower = Follower {
        current,
        listed: false,
    };
    while let Some(event) = events.next().await {
        match follower.step(event) {
            Step::Nothing => {}
            Step::Replaced => {
                tracing::info!(
                    "ConfigMap {NAMESPACE}/{NAME} is in use: {}",
                    follower.current.load()
                );
            }
            Step::Kept(why) if follower.current.load().is_off() => tracing::warn!(
                "ConfigMap {NAMESPACE}/{NAME} {why}; until it can be used, requests that the API server passes on are \
                 refused"
            ),
            Step::Kept(why) => {
                tracing::warn!(
                    "ConfigMap {NAMESPACE}/{NAME} {why}; the last good configuration stays in use"
                );
            }
        }
    }
}

struct Follower {
    current: CurrentConfig,
    /// Whether the ConfigMap was in the list that is coming in.
    listed: bool,
}

/// What an event did to the configuration.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Replaced,
    /// It stays as it is, for this reason.
    Kept(String),
}

impl Follower {
    fn step(&mut self, event: Result<Event<ConfigMap>, watcher::Error>) -> Step {
        match event {
            Ok(Event::Init) => {
                self.listed = false;
                Step::Nothing
            }
            Ok(Event::InitApply(map)) => {
                self.listed = true;
                self.follow(map)
            }
            Ok(Event::InitDone) if !self.listed => Step::Kept("does not exist".to_owned()),
            Ok(Event::InitDone) => Step::Nothing,
            Ok(Event::Apply(map)) => self.follow(map),
            Ok(Event::Delete(_)) => Step::Kept("was deleted".to_owned()),
            Err(error) => match ApiError::of_watch(error, PERMISSION) {
                // This happens in the ordinary course of things, and a new list follows.
                ApiError::Expired => Step::Nothing,
                error => Step::Kept(format!("cannot be read: {}", chain(&error))),
            },
        }
    }

    fn follow(&self, map: ConfigMap) -> Step {
        match AuthenticationConfig::of(&map.data.unwrap_or_default()) {
            Ok(next) if next == **self.current.load() => Step::Nothing,
            Ok(next) => {
                self.current.store(Arc::new(next));
                Step::Replaced
            }
            Err(error) => Step::Kept(format!("cannot be used: {}", chain(&error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use kube_core::Status;

    use super::*;
    use crate::auth::testing::Authority;

    fn map(client_ca: &str) -> ConfigMap {
        ConfigMap {
            metadata: ObjectMeta::default(),
            data: Some(BTreeMap::from([(
                "client-ca-file".to_owned(),
                client_ca.to_owned(),
            )])),
            ..ConfigMap::default()
        }
    }

    fn follower() -> Follower {
        Follower {
            current: CurrentConfig::default(),
            listed: false,
        }
    }

    fn trusting(authority: &Authority) -> AuthenticationConfig {
        AuthenticationConfig {
            client_ca: Some(authority.bundle()),
            request_header: None,
        }
    }

    fn failure(code: u16) -> watcher::Error {
        let status = Status::failure("no", "").with_code(code).boxed();
        watcher::Error::InitialListFailed(kube_client::Error::Api(status))
    }

    #[test]
    fn a_changed_config_map_is_in_use_at_once() {
        let mut follower = follower();
        let (old, new) = (Authority::new("old"), Authority::new("new"));
        assert_eq!(
            follower.step(Ok(Event::InitApply(map(&old.pem)))),
            Step::Replaced
        );
        assert_eq!(follower.step(Ok(Event::InitDone)), Step::Nothing);
        assert_eq!(**follower.current.load(), trusting(&old));
        assert_eq!(
            follower.step(Ok(Event::Apply(map(&old.pem)))),
            Step::Nothing
        );
        assert_eq!(
            follower.step(Ok(Event::Apply(map(&new.pem)))),
            Step::Replaced
        );
        assert_eq!(**follower.current.load(), trusting(&new));
    }

    #[test]
    fn whatever_goes_wrong_leaves_the_last_good_configuration_in_use() {
        let mut follower = follower();
        let authority = Authority::new("kubernetes");
        follower.step(Ok(Event::InitApply(map(&authority.pem))));
        for (event, why) in [
            (
                Ok(Event::Apply(map("none"))),
                "cannot be used: key client-ca-file is no bundle of certificates: it holds no certificate",
            ),
            (Ok(Event::Delete(map(""))), "was deleted"),
            (
                Err(failure(403)),
                "cannot be read: the API server forbids it (no): bind this server's ServiceAccount to the Role \
                 extension-apiserver-authentication-reader in kube-system",
            ),
        ] {
            assert_eq!(follower.step(event), Step::Kept(why.to_owned()));
        }
        assert_eq!(follower.step(Ok(Event::Init)), Step::Nothing);
        assert_eq!(
            follower.step(Ok(Event::InitDone)),
            Step::Kept("does not exist".to_owned())
        );
        assert_eq!(**follower.current.load(), trusting(&authority));
    }

    #[test]
    fn a_watch_that_lists_anew_is_nothing_to_warn_of() {
        assert_eq!(follower().step(Err(failure(410))), Step::Nothing);
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_config_map_is_watched_until_it_can_be_read() {
        let authority = Authority::new("kubernetes");
        let pem = authority.pem.clone();
        let tries = std::sync::atomic::AtomicU32::new(0);
        let (client, asked) = crate::testing::api_server(move |_, _| {
            use serde_json::json;
            match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 | 1 => (
                    500,
                    json!({"kind": "Status", "status": "Failure", "code": 500, "message": "starting"}),
                ),
                _ => (
                    200,
                    json!({"metadata": {"resourceVersion": "7"}, "items": [{"data": {"client-ca-file": pem}}]}),
                ),
            }
        });
        let current = CurrentConfig::default();
        let in_use = async {
            while current.load().is_off() {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            () = keep_current(client, Arc::clone(&current)) => panic!("a watch does not end"),
            () = in_use => {}
        }
        assert_eq!(**current.load(), trusting(&authority));
        let first = asked.lock().unwrap()[0].0.clone();
        let path = "/api/v1/namespaces/kube-system/configmaps?";
        let selector = "fieldSelector=metadata.name%3Dextension-apiserver-authentication";
        assert!(
            first.starts_with(path) && first.contains(selector),
            "{first}"
        );
    }
}
