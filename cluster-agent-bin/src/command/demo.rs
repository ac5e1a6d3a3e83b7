//! `demo`: the whole journey on this machine.

use std::{
    future::pending,
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    sync::Arc,
};

use datadog_query::{
    Aggregator, BatchLimits, Budget, Endpoint, Keys, LeafSettings, Rollup,
    simulator::{Scenario, Simulator},
};
use k8s_adapter::{DemandIndex, demands_of};
use kube_client::config::AuthInfo;
use metrics_store::{Plan, Policy, Store, Template, Wishes};
use provider_api::{Clock, MetricsServer, Server, ServingCertificate, Shutdown};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use time::Duration;
use tokio::sync::Notify;

use super::{Ended, simulate_datadog};
use crate::{
    config::{Datadog, Variables},
    demands,
    demo::{Actor, DemoReader, DemoToken, Manifests, Moment, Opening, Scene, View, traffic_for},
    edge::{SimulatedDatadog, WallClock, block_on, log_to_stderr},
    refresh::Refresh,
    replicas::Reach,
    wiring,
};

/// The story on its own clock, which runs fast for so long and no longer: the rush ends
/// in the seventh minute, and an autoscaler waits five minutes before it takes replicas
/// away.
const LENGTH: Duration = Duration::minutes(14);
const REFRESH: Duration = Duration::seconds(30);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A folder with HorizontalPodAutoscalers (autoscaling/v2) and Deployments of your own
    #[arg(long, value_name = "DIR")]
    manifests: Option<PathBuf>,
    /// The traffic, as a scenario of the simulated Datadog (docs/simulator.md)
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Go on serving when the story is told
    #[arg(long)]
    keep: bool,
    /// Where the metrics server listens; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// How many times as fast as ours the clock of the story runs
    #[arg(long, value_name = "TIMES", default_value = "24", value_parser = clap::value_parser!(u16).range(1..=60))]
    speed: u16,
}

pub(crate) fn run(arguments: &Arguments, variables: &Variables) -> Ended {
    // The story is what is to be read; a log is for those who ask for one.
    log_to_stderr(variables, "off");
    let manifests = match &arguments.manifests {
        None => Manifests::example()?,
        Some(folder) => Manifests::in_folder(folder)?,
    };
    let scenario = scenario(arguments, &manifests)?;
    block_on(play(arguments, &manifests, scenario))?
}

fn scenario(arguments: &Arguments, manifests: &Manifests) -> Result<Scenario, String> {
    match (&arguments.scenario, &arguments.manifests) {
        (Some(path), _) => simulate_datadog::read(path),
        (None, None) => simulate_datadog::parse(simulate_datadog::NGINX),
        (None, Some(_)) => traffic_for(&manifests.autoscalers),
    }
}

async fn play(arguments: &Arguments, manifests: &Manifests, scenario: Scenario) -> Ended {
    let shutdown = Shutdown::on_signal()?;
    let speed = f64::from(arguments.speed);
    let clock = WallClock::catching_up(LENGTH, speed);

    // Datadog: simulated, and asked over HTTP as the real one is.
    let simulator = Arc::new(Simulator::new(scenario, clock.now()));
    let datadog = SimulatedDatadog::bind(([127, 0, 0, 1], 0).into()).await?;
    let datadog_url = datadog.url();
    let account = Datadog {
        endpoint: Endpoint::at(&datadog_url)?,
        keys: Keys::new(&"demo".into(), &"demo".into())?,
        fallbacks: Vec::new(),
        limits: BatchLimits::default(),
        parallel: const { NonZeroUsize::new(10).expect("not zero") },
        connection: LeafSettings::default(),
    };
    let client = wiring::datadog(account, clock)?;

    // The store, and the demands that a cluster's watch would bring.
    let rollup = const { NonZeroU32::new(30).expect("not zero") };
    let template = Template {
        aggregator: Aggregator::Avg,
        rollup: Rollup(rollup),
    };
    let policy = Policy::up_to(Duration::minutes(2), Duration::seconds(30));
    let store = Store::new(template, policy, Arc::new(clock));
    let news = Notify::new();
    let asked = manifests.autoscalers.iter();
    let asked = asked.map(|hpa| demands_of(hpa, Wishes::PREFIX));
    demands::apply(
        DemandIndex::default().reset("HorizontalPodAutoscaler", asked),
        &store,
        &news,
    );
    store.synced();

    // The server, as in a cluster but for who may read.
    let certificate = ServingCertificate::self_signed(["localhost"])?;
    let token = DemoToken::new();
    let socket = Server::bind(arguments.listen).await?;
    let server_url = format!("https://{}", socket.local_addr());
    let reader = reader(&server_url, &certificate, &token)?;
    let server = MetricsServer::guarded(
        wiring::metrics_api(store.clone()),
        vec![Arc::new(token.clone())],
        Arc::new(DemoReader),
        Arc::new(clock),
    )
    .certificate(Arc::new(certificate));

    let actors = manifests
        .autoscalers
        .iter()
        .map(|hpa| Actor::of(hpa, manifests, clock.now()))
        .collect::<Result<Vec<_>, _>>()?;
    let path = actors
        .iter()
        .flat_map(Actor::metrics)
        .map(|metric| metric.path())
        .next()
        .unwrap_or_default();
    let opening = Opening {
        manifests: manifests.name.clone(),
        datadog: datadog_url.clone(),
        server: server_url.clone(),
        queries: store.queries().iter().map(ToString::to_string).collect(),
        refresh_period: REFRESH,
        length: LENGTH,
        speed,
        ask: vec![
            format!(
                "curl -k -H 'Authorization: Bearer {}' '{server_url}{path}'",
                token.as_str()
            ),
            format!(
                "kubectl --server={server_url} --insecure-skip-tls-verify --token={} get --raw '{path}'",
                token.as_str()
            ),
        ],
    };

    let mut scene = Scene::new(actors, reader, Arc::clone(&simulator), clock);
    let mut refresh = Refresh::new(
        store,
        client,
        Duration::seconds(300),
        Plan::new(REFRESH, BatchLimits::default(), Budget::keeping_free(0), 0),
        Reach::default(),
        clock,
    );
    let story = async {
        let mut view = View::open(&opening)?;
        let ending = tell(&mut scene, &mut view, &shutdown).await?;
        view.closing(&closing(&ending, arguments.keep, &datadog_url))?;
        if arguments.keep && !shutdown.is_asked() {
            tokio::select! {
                never = scene.go_on() => match never {},
                () = shutdown.clone().asked() => {}
            }
        }
        Ok(())
    };
    tokio::select! {
        ended = story => ended,
        never = datadog.serve(simulator, clock) => match never {},
        never = refresh.run(&news) => match never {},
        ended = server.serve_on(socket, pending()) => Ok(ended.map(|_| ())?),
    }
}

/// Kubernetes' own client, which trusts the demo's certificate.
fn reader(
    url: &str,
    certificate: &ServingCertificate,
    token: &DemoToken,
) -> Result<kube_client::Client, Box<dyn std::error::Error>> {
    let mut config = kube_client::Config::new(url.parse()?);
    let certificate = certificate
        .ca_bundle()
        .ok_or("a certificate without a bundle")?;
    config.root_cert = Some(vec![
        CertificateDer::from_pem_slice(certificate.as_bytes())?.to_vec(),
    ]);
    config.auth_info = AuthInfo {
        token: Some(token.as_str().to_owned().into()),
        ..AuthInfo::default()
    };
    Ok(kube_client::Client::try_from(config)?)
}

/// How the story ended.
enum Ending {
    /// Every Deployment grew and is back where it began: replicas at the start and at
    /// the most.
    Told(Vec<(String, i32, i32)>),
    /// It did not come to its end in time.
    Unfinished,
    /// Somebody ended it.
    Stopped,
}

async fn tell(scene: &mut Scene, view: &mut View, shutdown: &Shutdown) -> std::io::Result<Ending> {
    let mut plot = Plot::default();
    let mut shown = Ok(());
    let mut ending = Ending::Stopped;
    let playing = scene.play(|moment| {
        shown = view.moment(moment);
        plot.follow(moment);
        if let Some(end) = plot.ending(moment.at) {
            ending = end;
            return true;
        }
        shown.is_err()
    });
    tokio::select! {
        () = playing => {}
        () = shutdown.clone().asked() => {}
    }
    shown.map(|()| ending)
}

/// What has become of the replicas so far.
#[derive(Default)]
struct Plot {
    /// For each autoscaler: its target, and the replicas at the start, at the most, now.
    targets: Vec<(String, i32, i32, i32)>,
}

impl Plot {
    fn follow(&mut self, moment: &Moment) {
        for (index, round) in moment.rounds.iter().enumerate() {
            let (before, after) = round.replicas;
            if index == self.targets.len() {
                self.targets
                    .push((round.reference.clone(), before, before, before));
            }
            let (_, _, most, now) = &mut self.targets[index];
            (*most, *now) = ((*most).max(after), after);
        }
    }

    fn ending(&self, at: Duration) -> Option<Ending> {
        if self
            .targets
            .iter()
            .all(|(_, start, most, now)| most > start && now == start)
        {
            let told = self
                .targets
                .iter()
                .map(|(target, start, most, _)| (target.clone(), *start, *most));
            return Some(Ending::Told(told.collect()));
        }
        (at >= LENGTH).then_some(Ending::Unfinished)
    }
}

fn closing(ending: &Ending, keep: bool, datadog: &str) -> Vec<String> {
    let mut lines = match ending {
        Ending::Told(targets) => targets
            .iter()
            .map(|(target, start, most)| format!("The story is told: {target} went from {start} to {most} replicas and back to {start}."))
            .collect(),
        Ending::Unfinished => vec!["The replicas are not back where they began, and the fourteen minutes of the story are over.".to_owned()],
        Ending::Stopped => vec!["Stopped.".to_owned()],
    };
    if keep && !matches!(ending, Ending::Stopped) {
        lines.push("Still serving, at your clock's speed, until Ctrl-C. Change the traffic as you like (docs/simulator.md):".to_owned());
        lines.push(format!(
            "  curl -X PUT {datadog}/simulator/series -d '[{{\"metric\": \"nginx.net.request_per_s\", \"tags\": {{\"kube_container_name\": \"nginx\"}}, \"shape\": {{\"constant\": 18}}}}]'"
        ));
    }
    lines
}
