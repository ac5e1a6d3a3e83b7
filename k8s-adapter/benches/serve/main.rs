//! What a whole server costs: the one of [`k8s_adapter::delegated`], which asks who
//! sends a request and whether they may, against a *floor*, a bare server of hyper and
//! rustls that sends the same bytes to everybody.
//!
//! Each server is a process of its own. First the load has one core and the server the
//! other, and the load costs less than any server, so that the server is what is measured.
//! Then both have both cores, as other servers were measured, and the load is an ordinary
//! client. Both servers take turns within one run, so that noise hits both alike. Run it by
//! `cargo bench -p k8s-adapter --all-features --bench serve`; it takes about two minutes.
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures time, and is a program"
)]

mod connection;
mod cores;
mod floor;
mod http2;
mod load;
mod memory;
mod ordinary;
mod ours;
mod process;
mod scene;
mod throughput;

use std::{env, error::Error, fs, path::Path};

use cores::Cores;
use process::{Process, Role};
use scene::Scene;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let arguments: Vec<_> = env::args().collect();
    match arguments.get(1..).unwrap_or_default() {
        [word, role, cores, folder] if word == process::SERVE => {
            process::serve(role.parse()?, &cores.parse()?, Path::new(folder))
        }
        _ => {
            let cores = Cores::two()?;
            let (load, server) = cores.apart();
            cores.run(share(&cores))?;
            load.run(compare(&server))
        }
    }
}

/// Both servers in turn, each with the load on the same cores.
async fn share(cores: &Cores) -> Outcome<()> {
    let scene = Scene::set().await?;
    let ours = Process::start(Role::Ours, cores, &scene).await?;
    scene.keep_answer(&ours).await?;
    let floor = Process::start(Role::Floor, cores, &scene).await?;
    throughput::with_an_ordinary_client(&scene, &ours, &floor).await
}

/// Both servers in turn, on a core of their own.
async fn compare(cores: &Cores) -> Outcome<()> {
    let scene = Scene::set().await?;
    let ours = Process::start(Role::Ours, cores, &scene).await?;
    scene.keep_answer(&ours).await?;
    let floor = Process::start(Role::Floor, cores, &scene).await?;
    let idle = ours.resident()?;

    throughput::at_full_speed(&scene, &ours, &floor).await?;
    throughput::at_a_fixed_rate(&scene, &ours, &floor).await?;

    println!("\nmemory                                  kB");
    println!("resident, idle                    {idle:8}");
    println!("resident, after this load         {:8}", ours.resident()?);
    drop((ours, floor));
    memory::of_idle_connections(&scene, cores).await?;
    let size = fs::metadata(env::current_exe()?)?.len() / 1024;
    println!("this program, load and floor too  {size:8}");
    Ok(())
}
