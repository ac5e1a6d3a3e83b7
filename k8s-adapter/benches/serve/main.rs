//! What a whole server costs: the one of [`k8s_adapter::delegated`], which asks who
//! sends a request and whether they may, against a *floor*, a bare server of hyper and
//! rustls that sends the same bytes to everybody.
//!
//! Each server is a process of its own on one core, the load is made on another. Both
//! are measured in turn within one run, so that noise hits both alike. Run it by
//! `cargo bench -p k8s-adapter --all-features --bench serve`; it takes about a minute.
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures time, and is a program"
)]

mod connection;
mod floor;
mod http2;
mod load;
mod memory;
mod ours;
mod process;
mod scene;
mod throughput;

use std::{env, error::Error, fs, path::Path};

use process::{Process, Role};
use scene::Scene;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let arguments: Vec<_> = env::args().collect();
    match arguments.get(1..).unwrap_or_default() {
        [word, role, folder] if word == process::SERVE => {
            process::serve(role.parse()?, Path::new(folder))
        }
        _ => process::on_one_core(process::LOAD_CORE, compare()),
    }
}

/// Both servers, measured in turn.
async fn compare() -> Outcome<()> {
    let scene = Scene::set().await?;
    let ours = Process::start(Role::Ours, &scene).await?;
    scene.keep_answer(&ours).await?;
    let floor = Process::start(Role::Floor, &scene).await?;
    let idle = ours.resident()?;

    throughput::at_full_speed(&scene, &ours, &floor).await?;
    throughput::at_a_fixed_rate(&scene, &ours, &floor).await?;

    println!("\nmemory                                  kB");
    println!("resident, idle                    {idle:8}");
    println!("resident, after this load         {:8}", ours.resident()?);
    drop((ours, floor));
    memory::of_idle_connections(&scene).await?;
    let size = fs::metadata(env::current_exe()?)?.len() / 1024;
    println!("this program, load and floor too  {size:8}");
    Ok(())
}
