//! The events of one kind of object, in whichever version the API server has it.

use futures_util::{Stream, StreamExt as _, stream, stream::BoxStream};
use kube_client::{Api, Client};
use kube_runtime::watcher::{self, Event, watcher};

use crate::{ApiError, object::Object, pauses::with_pauses, source::Source};

/// The events of all objects of the kind; never ends, and pauses after each failure.
///
/// The API server tells with a 404 that it does not serve a version. Then the next one is
/// listed, so that an upgrade of the cluster is one more list: whoever follows the events
/// sees no object go that is there in the other version.
pub(crate) fn events(
    client: Client,
    source: &'static Source,
) -> impl Stream<Item = Result<Event<Object>, ApiError>> + Send {
    let events = stream::unfold(Versions::new(client, source), async |mut versions| {
        let event = versions.next().await?;
        Some((event, versions))
    });
    with_pauses(events)
}

struct Versions {
    client: Client,
    source: &'static Source,
    /// Which of its versions is watched.
    place: usize,
    watch: BoxStream<'static, watcher::Result<Event<Object>>>,
    /// How many versions in a row turned out not to be served.
    unserved: usize,
}

impl Versions {
    fn new(client: Client, source: &'static Source) -> Self {
        Self {
            watch: watch(client.clone(), source, 0),
            client,
            source,
            place: 0,
            unserved: 0,
        }
    }

    async fn next(&mut self) -> Option<Result<Event<Object>, ApiError>> {
        loop {
            let error = match self.watch.next().await? {
                Ok(event) => {
                    // It is said before anything is asked.
                    if !matches!(event, Event::Init) {
                        self.unserved = 0;
                    }
                    return Some(Ok(event));
                }
                Err(error) => error,
            };
            if !is_unserved(&error) {
                return Some(Err(ApiError::of_watch(error, self.source.permission)));
            }
            let versions = self.source.kind.versions.len();
            self.place = (self.place + 1) % versions;
            self.watch = watch(self.client.clone(), self.source, self.place);
            self.unserved += 1;
            if self.unserved == versions {
                self.unserved = 0;
                return Some(Err(ApiError::Unserved {
                    kind: self.source.kind.name,
                    mend: self.source.unserved,
                }));
            }
        }
    }
}

fn watch(
    client: Client,
    source: &Source,
    place: usize,
) -> BoxStream<'static, watcher::Result<Event<Object>>> {
    let resource = source.kind.resource(source.kind.versions[place]);
    let objects = Api::all_with(client, &resource);
    watcher(objects, watcher::Config::default()).boxed()
}

fn is_unserved(error: &watcher::Error) -> bool {
    use watcher::Error::{InitialListFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube_client::Error::Api(status))
        | WatchStartFailed(kube_client::Error::Api(status)) => status.code == 404,
        _ => false,
    }
}
