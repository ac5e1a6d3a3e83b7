//! The election against a stub of the API server, which keeps one Lease.

use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

use super::*;
use crate::testing::{NOW, api_server};

/// The Lease in the stub, and how the stub misbehaves.
#[derive(Default)]
struct Cluster {
    lease: Option<Value>,
    version: u64,
    /// Every request is answered by this.
    broken: Option<u16>,
    /// Somebody annotates the Lease just before the next write.
    meddled: bool,
}

impl Cluster {
    fn answer(&mut self, body: &Value) -> (u16, Value) {
        if let Some(code) = self.broken {
            return failure(code);
        }
        if body.is_null() {
            return match &self.lease {
                Some(lease) => (200, lease.clone()),
                None => failure(404),
            };
        }
        if let Some(lease) = self
            .lease
            .as_mut()
            .filter(|_| std::mem::take(&mut self.meddled))
        {
            self.version += 1;
            lease["metadata"]["annotations"] = json!({"note": "by hand"});
            lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        }
        let version = &body["metadata"]["resourceVersion"];
        match &self.lease {
            None if !version.is_null() => return failure(404),
            Some(lease) if lease["metadata"]["resourceVersion"] != *version => return failure(409),
            _ => {}
        }
        self.put(body.clone());
        (200, self.lease.clone().unwrap())
    }

    fn put(&mut self, mut lease: Value) {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.lease = Some(lease);
    }

    fn spec(&self) -> Value {
        self.lease.as_ref().unwrap()["spec"].clone()
    }
}

fn failure(code: u16) -> (u16, Value) {
    let reason = if code == 404 { "NotFound" } else { "" };
    let status = json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "no"});
    (code, status)
}

fn cluster() -> (Client, Arc<Mutex<Cluster>>) {
    let cluster = Arc::new(Mutex::new(Cluster::default()));
    let answering = Arc::clone(&cluster);
    let (client, _) = api_server(move |path, body| {
        assert!(
            path.starts_with("/apis/coordination.k8s.io/v1/namespaces/agents/leases"),
            "{path}"
        );
        answering.lock().unwrap().answer(body)
    });
    (client, cluster)
}

struct Replica {
    leadership: watch::Receiver<Leadership>,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Replica {
    /// Its clock shows noon when the test begins.
    fn start(client: &Client, identity: &str, begun: Instant) -> Self {
        let settings = ElectionSettings {
            namespace: "agents".to_owned(),
            lease: "leader".parse().unwrap(),
            identity: identity.to_owned(),
            timing: Timing::default(),
            release: true,
        };
        let clock = move || NOW + begun.elapsed();
        let election = Election::new(client.clone(), settings, Arc::new(clock)).unwrap();
        let leadership = election.leadership();
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(async move {
            election
                .run(async {
                    // A test that ends without a word is no end.
                    if ended.await.is_err() {
                        std::future::pending::<()>().await;
                    }
                })
                .await;
        });
        Self {
            leadership,
            end,
            task,
        }
    }

    /// The next words of it that start like this.
    async fn says(&mut self, words: &str) -> String {
        let said = self.leadership.wait_for(|it| it.words().starts_with(words));
        said.await.unwrap().words()
    }

    fn words(&self) -> String {
        self.leadership.borrow().words()
    }
}

const LEADS: &str = "this replica leads";

async fn seconds(seconds: u64) {
    // Paused time: nobody waits.
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_finds_no_lease_makes_one_and_renews_it() {
    let (client, cluster) = cluster();
    let mut a = Replica::start(&client, "a", Instant::now());
    assert_eq!(a.words(), "not known yet");
    a.says(LEADS).await;
    let spec = |renewed: &str| {
        json!({
            "holderIdentity": "a",
            "leaseDurationSeconds": 60,
            "acquireTime": "2026-06-01T12:00:00.000000Z",
            "renewTime": renewed,
            "leaseTransitions": 0,
        })
    };
    assert_eq!(
        cluster.lock().unwrap().spec(),
        spec("2026-06-01T12:00:00.000000Z")
    );
    a.leadership.mark_unchanged();
    seconds(40).await;
    assert_eq!(
        cluster.lock().unwrap().spec(),
        spec("2026-06-01T12:00:30.000000Z")
    );
    assert!(!a.leadership.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_dead_leader_is_followed_until_its_lease_has_run_out() {
    let (client, cluster) = cluster();
    let begun = Instant::now();
    let mut a = Replica::start(&client, "a", begun);
    a.says(LEADS).await;
    let mut b = Replica::start(&client, "b", begun);
    b.says("a leads").await;
    a.task.abort();
    a.says("nobody leads").await;
    b.says(LEADS).await;
    assert_eq!(begun.elapsed().as_secs(), 60);
    assert_eq!(
        cluster.lock().unwrap().spec(),
        json!({
            "holderIdentity": "b",
            "leaseDurationSeconds": 60,
            "acquireTime": "2026-06-01T12:01:00.000000Z",
            "renewTime": "2026-06-01T12:01:00.000000Z",
            "leaseTransitions": 1,
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_taken_at_the_next_look() {
    let (client, _cluster) = cluster();
    let begun = Instant::now();
    let mut a = Replica::start(&client, "a", begun);
    a.says(LEADS).await;
    let mut b = Replica::start(&client, "b", begun);
    b.says("a leads").await;
    a.end.send(()).unwrap();
    a.task.await.unwrap();
    assert_eq!(a.leadership.borrow().words(), "nobody leads");
    b.says(LEADS).await;
    assert_eq!(begun.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_ends_leaves_the_lease_alone() {
    let (client, cluster) = cluster();
    let mut a = Replica::start(&client, "a", Instant::now());
    a.says(LEADS).await;
    let mut b = Replica::start(&client, "b", Instant::now());
    b.says("a leads").await;
    b.end.send(()).unwrap();
    b.task.await.unwrap();
    assert_eq!(cluster.lock().unwrap().spec()["holderIdentity"], "a");
}

#[tokio::test(start_paused = true)]
async fn a_lease_deleted_by_hand_is_made_again_by_its_holder() {
    let (client, cluster) = cluster();
    let mut a = Replica::start(&client, "a", Instant::now());
    a.says(LEADS).await;
    seconds(1).await;
    let mut b = Replica::start(&client, "b", Instant::now());
    b.says("a leads").await;
    // Behind the look of a and before that of b.
    seconds(14).await;
    seconds(0).await;
    cluster.lock().unwrap().lease = None;
    seconds(40).await;
    assert_eq!(
        (a.words(), b.words()),
        (LEADS.to_owned(), "a leads".to_owned())
    );
    assert_eq!(cluster.lock().unwrap().spec()["holderIdentity"], "a");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_named_and_nobody_leads_until_it_is_granted() {
    let (client, cluster) = cluster();
    cluster.lock().unwrap().broken = Some(403);
    let mut a = Replica::start(&client, "a", Instant::now());
    assert_eq!(
        a.says("the API server").await,
        "the API server forbids it (no): grant this server's ServiceAccount get, create and update on leases in the \
         API group coordination.k8s.io in its namespace"
    );
    cluster.lock().unwrap().broken = None;
    a.says(LEADS).await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_its_lease_runs_out() {
    let (client, cluster) = cluster();
    let begun = Instant::now();
    let mut a = Replica::start(&client, "a", begun);
    a.says(LEADS).await;
    cluster.lock().unwrap().broken = Some(503);
    seconds(29).await;
    assert_eq!(a.words(), LEADS);
    a.says("the API server answers 503: no").await;
    assert_eq!(begun.elapsed().as_secs(), 30);
    cluster.lock().unwrap().broken = None;
    a.says(LEADS).await;
    assert_eq!(cluster.lock().unwrap().spec()["leaseTransitions"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_not_answered_stops_before_its_lease_runs_out() {
    let (client, cluster) = cluster();
    let silent = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let hangs = Arc::clone(&silent);
    let client = Client::new(
        tower::service_fn(move |request| {
            let (client, hangs) = (client.clone(), Arc::clone(&hangs));
            async move {
                if hangs.load(std::sync::atomic::Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
                client.send(request).await
            }
        }),
        "default",
    );
    let begun = Instant::now();
    let mut a = Replica::start(&client, "a", begun);
    a.says(LEADS).await;
    silent.store(true, std::sync::atomic::Ordering::Relaxed);
    a.says("the API server did not answer").await;
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(cluster.lock().unwrap().version, 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_else_writes_into_is_renewed_over_it() {
    let (client, cluster) = cluster();
    let begun = Instant::now();
    let mut a = Replica::start(&client, "a", begun);
    a.says(LEADS).await;
    cluster.lock().unwrap().meddled = true;
    seconds(20).await;
    let lease = cluster.lock().unwrap().lease.clone().unwrap();
    assert_eq!(lease["metadata"]["annotations"], json!({"note": "by hand"}));
    assert_eq!(lease["spec"]["renewTime"], "2026-06-01T12:00:18.000000Z");
    assert_eq!(a.words(), LEADS);
}

#[tokio::test(start_paused = true)]
async fn nonsense_in_a_lease_is_mended() {
    let mended = |transitions: u32, second: u32| {
        json!({
            "holderIdentity": "a",
            "leaseDurationSeconds": 60,
            "acquireTime": format!("2026-06-01T12:{:02}:00.000000Z", second / 60),
            "renewTime": format!("2026-06-01T12:{:02}:00.000000Z", second / 60),
            "leaseTransitions": transitions,
        })
    };
    let cases = [
        // Nobody holds it, whatever else it says.
        (
            json!({"holderIdentity": "", "leaseDurationSeconds": -5, "leaseTransitions": -7}),
            mended(0, 0),
        ),
        (Value::Null, mended(1, 0)),
        // Somebody does, for as long as this replica would.
        (
            json!({"holderIdentity": "x", "leaseDurationSeconds": -5}),
            mended(1, 60),
        ),
        (
            json!({"holderIdentity": "x", "leaseDurationSeconds": i32::MAX, "leaseTransitions": 4}),
            mended(5, 60),
        ),
    ];
    for (spec, expected) in cases {
        let (client, cluster) = cluster();
        let lease = json!({"metadata": {"name": "leader", "namespace": "agents"}, "spec": spec});
        cluster.lock().unwrap().put(lease);
        Replica::start(&client, "a", Instant::now())
            .says(LEADS)
            .await;
        assert_eq!(cluster.lock().unwrap().spec(), expected, "{spec}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_still_does_not_look_like_a_dead_leader() {
    let (client, cluster) = cluster();
    let settings = ElectionSettings {
        namespace: "agents".to_owned(),
        lease: "leader".parse().unwrap(),
        identity: "a".to_owned(),
        timing: Timing::default(),
        release: false,
    };
    let a = Election::new(client.clone(), settings, Arc::new(|| NOW)).unwrap();
    let leads = a.leadership();
    tokio::spawn(async move { a.run(std::future::pending()).await });
    seconds(1).await;
    let b = Replica::start(&client, "b", Instant::now());
    seconds(200).await;
    assert_eq!(
        (leads.borrow().words(), b.words()),
        (LEADS.to_owned(), "a leads".to_owned())
    );
    assert_eq!(cluster.lock().unwrap().spec()["leaseTransitions"], 0);
}

#[test]
fn a_replica_without_a_name_cannot_stand() {
    let settings = ElectionSettings {
        namespace: "agents".to_owned(),
        lease: "leader".parse().unwrap(),
        identity: String::new(),
        timing: Timing::default(),
        release: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _within = runtime.enter();
    let (client, _) = cluster();
    let refused = Election::new(client, settings, Arc::new(|| NOW)).err();
    assert_eq!(refused, Some(InvalidElection::Identity));
}
