//! `start`: serves the external metrics of a cluster.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use datadog_query::{Client, Exchange, Finding};
use k8s_adapter::{DatadogMetrics, delegated, watch_autoscalers};
use metrics_store::{Plan, Store, Wishes};
use provider_api::{Clock, Server, ServerError, Shutdown};
use time::Duration;
use tokio::{sync::Notify, time::timeout};
use tracing::{error, info, warn};

use super::Ended;
use crate::{
    chain,
    config::{Asking, Config, Demanding, ReadMetrics, Variables},
    definitions::Definitions,
    demands,
    edge::{WallClock, block_on, log_to_stderr, own_namespace, seed, with_certificate},
    readiness::Readiness,
    refresh::Refresh,
    replicas::{Replica, while_so},
    wiring,
};

/// How often a replica that does not lead compares its clock with Datadog's.
const DATES: Duration = Duration::minutes(2);
/// How long a start waits for it: Datadog may be away.
const FIRST_DATES: std::time::Duration = std::time::Duration::from_secs(3);

pub(crate) fn run(variables: &Variables) -> Ended {
    log_to_stderr(variables, "info");
    let config = Config::of(variables, own_namespace().as_deref())?;
    for name in &config.ignored {
        warn!("{name} is set, and this version does not know it: it has no effect");
    }
    block_on(serve(config, variables.clone()))?
}

async fn serve(config: Config, variables: Variables) -> Ended {
    let Config {
        datadog,
        asking:
            Asking {
                template,
                reading,
                policy,
                refresh_period,
                window,
                budget,
            },
        demanding: Demanding {
            autoscalers,
            datadog_metrics,
        },
        server: serving,
        replicas,
        ignored: _,
    } = config;
    let clock = WallClock::real();
    let shutdown = Shutdown::on_signal()?;
    // What can fail for good fails here, before anybody is told that we serve.
    let socket = listen(serving.port).await?;
    let limits = datadog.limits;
    let client = wiring::datadog(datadog, clock)?.with_reading(reading);
    let cluster = cluster().await?;
    // By a clock that is off, old values would be new.
    let _ = timeout(FIRST_DATES, compare_clocks(&client, clock)).await;

    let mut store = Store::new(template, policy, Arc::new(clock));
    match datadog_metrics {
        Some(ReadMetrics { from, .. }) => store = store.with_definitions(from),
        // There is nothing to wait for.
        None => store.defined(),
    }
    let news = Arc::new(Notify::new());
    let api = wiring::metrics_api(store.clone()).ready_when({
        let readiness = Readiness::new(store.clone(), clock);
        move || readiness.checks()
    });
    let groups = api.group_versions();
    let server = delegated(api, cluster.clone(), Arc::new(clock));
    let server = with_certificate(server, serving.certificate, &cluster, &groups, clock)?;
    let namespace = replicas.namespace.clone();
    let replica = Replica::new(replicas, &cluster, store.clone(), shutdown.clone(), clock)?;
    let server = replica.of(server);
    let server = match datadog_metrics {
        None => server,
        Some(ReadMetrics { are_generated, .. }) => {
            let definitions = Definitions {
                metrics: DatadogMetrics::new(cluster.clone(), Wishes::PREFIX),
                store: store.clone(),
                variables,
                news: Arc::clone(&news),
                generated_in: are_generated.then_some(namespace),
                clock,
            };
            definitions.of(server, replica.leadership())
        }
    };

    info!(datadog = %client.endpoint(), "where the metrics come from");
    let keys = client.clone();
    let server = server
        .alongside("watches the autoscalers", {
            let (cluster, store, news) = (cluster.clone(), store.clone(), Arc::clone(&news));
            move || {
                let (cluster, store, news) = (cluster.clone(), store.clone(), Arc::clone(&news));
                let autoscalers = autoscalers.clone();
                async move {
                    let watched = watch_autoscalers(cluster, autoscalers);
                    demands::follow(watched, &store, &news).await;
                }
            }
        })
        .alongside("asks Datadog", move || {
            let (store, client, budget) = (store.clone(), client.clone(), budget.clone());
            let (news, reach) = (Arc::clone(&news), replica.reach().clone());
            let work = move || {
                let plan = Plan::new(refresh_period, limits, budget.clone(), seed());
                let mut refresh = Refresh::new(
                    store.clone(),
                    client.clone(),
                    window,
                    plan,
                    reach.clone(),
                    clock,
                );
                let news = Arc::clone(&news);
                async move { refresh.run(&news).await }
            };
            while_so(replica.asks(), |asks| *asks, work)
        });
    tokio::select! {
        ended = server.serve_on(socket, shutdown.asked()) => ended?,
        never = ask_besides(&keys, clock) => match never {},
    };
    Ok(())
}

/// On every address of the machine. A socket of IPv6 takes the calls of both families; where
/// there is none, all calls are IPv4's.
async fn listen(port: u16) -> Result<Server, ServerError> {
    match Server::bind((Ipv6Addr::UNSPECIFIED, port).into()).await {
        Ok(both) => Ok(both),
        Err(_) => Server::bind((Ipv4Addr::UNSPECIFIED, port).into()).await,
    }
}

/// The cluster that this process runs in, or that of the kubeconfig.
async fn cluster() -> Result<kube_client::Client, Box<dyn std::error::Error>> {
    let config = kube_client::Config::infer().await.map_err(|why| {
        format!(
            "no cluster is found: run inside one, or name a kubeconfig in KUBECONFIG (`demo` needs none): {}",
            first_line(&chain(&why))
        )
    })?;
    info!(api_server = %config.cluster_url, "the cluster");
    Ok(kube_client::Client::try_from(config)?)
}

/// Where a kubeconfig cannot be parsed, the lines around the mistake follow, and one of
/// them may be a token.
fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// Asks Datadog what no autoscaler asks for. Never ends.
async fn ask_besides<S: Exchange>(client: &Client<S>, clock: WallClock) -> Infallible {
    check_keys(client, clock).await;
    loop {
        clock.sleep(DATES).await;
        compare_clocks(client, clock).await;
    }
}

/// Has Datadog tell the time, which the clock hears.
async fn compare_clocks<S: Exchange>(client: &Client<S>, clock: WallClock) {
    // The date of any answer will do, and it is the refresh that tells of failures.
    let _ = tokio::join!(client.validate_api_key(), client.validate_api_key());
    clock.expire();
}

/// Tells at once of a key that is refused, and not only when the first autoscaler
/// has asked. It ends nothing, since the key may be mended at Datadog.
async fn check_keys<S: Exchange>(client: &Client<S>, clock: WallClock) {
    for validation in client.validate(clock.now()).await {
        let endpoint = &validation.endpoint;
        if validation.is_good() {
            info!("{endpoint} accepts both keys, and they may do what is needed");
        }
        for (what, finding) in validation.findings() {
            match finding {
                Finding::Good | Finding::Unasked => {}
                Finding::Bad(why) => error!("{what} of {endpoint}: {}", chain(why)),
                Finding::Unknown(why) => warn!("{what} of {endpoint}: {}", chain(why)),
            }
        }
    }
}
