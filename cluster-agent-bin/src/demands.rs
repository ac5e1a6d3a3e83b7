//! The one place where the demands of Kubernetes enter the store.

use futures_util::{Stream, StreamExt};
use k8s_adapter::{ApiError, Change, Circumstances, Demand, Watched};
use metrics_store::{Key, Store, Wishes};
use tokio::sync::Notify;
use tracing::{info, warn};

use crate::chain;

/// Carries what the watch tells into the store, and wakes whoever waits for `news`
/// when there is something new to ask Datadog. Ends with the watch.
pub(crate) async fn follow(watch: impl Stream<Item = Watched>, store: &Store, news: &Notify) {
    let mut watch = std::pin::pin!(watch);
    while let Some(watched) = watch.next().await {
        match watched {
            Watched::Changed(change) => apply(change, store, news),
            Watched::Synced => {
                store.synced();
                info!(
                    queries = store.queries().len(),
                    "the autoscalers of the cluster are known"
                );
            }
            // The API server forgets places in a watch in the ordinary course of things.
            Watched::Failing(ApiError::Expired) => {}
            Watched::Failing(why) => warn!("cannot watch the autoscalers: {}", chain(&why)),
        }
    }
}

/// Applies a change to the store. What is new comes first, so that a metric which
/// goes from one autoscaler to another is never forgotten in between.
pub(crate) fn apply(change: Change, store: &Store, news: &Notify) {
    let mut is_news = false;
    for asking in change.added {
        let Circumstances {
            annotations,
            is_at_zero,
            uid: _,
        } = asking.circumstances;
        let key = key(asking.demand);
        let (wishes, invalid) = Wishes::read(&*annotations, is_at_zero);
        for why in invalid {
            warn!("{key}: {why}; it is as if it were not there");
        }
        match store.demand(key.clone(), &wishes) {
            Ok(new) => is_news |= new,
            Err(why) => warn!("{key}: it cannot be asked of Datadog: {why}"),
        }
    }
    for demand in change.removed {
        store.withdraw(&key(demand));
    }
    for problem in change.problems {
        warn!("{problem}");
    }
    if is_news {
        news.notify_one();
    }
}

fn key(Demand { asker, metric }: Demand) -> Key {
    Key { asker, metric }
}
