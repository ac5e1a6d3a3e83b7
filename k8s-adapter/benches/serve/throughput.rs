//! How fast both servers are, in turn.

use std::time::Duration;

use crate::{
    Outcome,
    connection::Protocol,
    load::{Clients, Load},
    ordinary::Ordinary,
    process::Process,
    scene::Scene,
};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(1);
const PER_SECOND: u32 = 1_000;

/// As fast as two cores can, from which the load takes its part.
pub(crate) async fn with_an_ordinary_client(
    scene: &Scene,
    ours: &Process,
    floor: &Process,
) -> Outcome<()> {
    println!("with the load     requests/s    CPU each  core busy       p50       p99");
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let our_client = Ordinary::of(scene, ours, protocol).await?;
        let floor_client = Ordinary::of(scene, floor, protocol).await?;
        let (mut our_loads, mut floor_loads) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            floor_loads.push(floor_client.without_a_pause(floor, ROUND).await?);
            our_loads.push(our_client.without_a_pause(ours, ROUND).await?);
        }
        print(protocol, &our_loads, &floor_loads);
    }
    Ok(())
}

/// As fast as one core can.
pub(crate) async fn at_full_speed(scene: &Scene, ours: &Process, floor: &Process) -> Outcome<()> {
    println!("\nat full speed     requests/s    CPU each  core busy       p50       p99");
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut our_clients = Clients::of(scene, ours, protocol).await?;
        let mut floor_clients = Clients::of(scene, floor, protocol).await?;
        let (mut our_loads, mut floor_loads) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            floor_loads.push(floor_clients.without_a_pause(floor, ROUND).await?);
            our_loads.push(our_clients.without_a_pause(ours, ROUND).await?);
        }
        print(protocol, &our_loads, &floor_loads);
    }
    Ok(())
}

/// As a cluster of 15 000 autoscalers asks.
pub(crate) async fn at_a_fixed_rate(scene: &Scene, ours: &Process, floor: &Process) -> Outcome<()> {
    println!("\nat {PER_SECOND}/s         requests/s    CPU each  core busy       p50       p99");
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut our_clients = Clients::of(scene, ours, protocol).await?;
        let mut floor_clients = Clients::of(scene, floor, protocol).await?;
        let (mut our_loads, mut floor_loads) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            floor_loads.push(floor_clients.at_a_rate(floor, PER_SECOND, ROUND).await?);
            our_loads.push(our_clients.at_a_rate(ours, PER_SECOND, ROUND).await?);
        }
        print(protocol, &our_loads, &floor_loads);
    }
    Ok(())
}

fn print(protocol: Protocol, ours: &[Load], floor: &[Load]) {
    for (name, loads) in [("floor", floor), ("ours", ours)] {
        let of = |figure: fn(&Load) -> f64| median(loads.iter().map(figure));
        println!(
            "{:8} {name:6} {:10.0}/s {:8.1} µs {:8.0} % {:6.2} ms {:6.2} ms",
            format!("{protocol:?}").to_lowercase(),
            of(Load::per_second),
            of(Load::cpu_per_request),
            of(|load| load.busy() * 100.0),
            of(|load| load.within(0.5)),
            of(|load| load.within(0.99)),
        );
    }
    let ratio = |figure: fn(&Load) -> f64| {
        let pairs = ours.iter().zip(floor);
        median(pairs.map(|(ours, floor)| figure(ours) / figure(floor)))
    };
    println!(
        "         ratio  {:10.2}   {:8.2}",
        ratio(Load::per_second),
        ratio(Load::cpu_per_request),
    );
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
