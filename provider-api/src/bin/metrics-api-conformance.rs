//! Asks a metrics API server whether it keeps the contract, and stands in for the
//! cluster that it runs in. See docs/conformance.md.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{self, ExitCode},
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use provider_api::conformance::{Handout, Stub, Subject, Surroundings, run};

#[derive(Parser)]
#[command(
    version,
    about = "Asks a metrics API server whether it keeps the contract of Kubernetes"
)]
enum Command {
    /// Stand in for a Kubernetes API server, until interrupted
    Stub(StubArguments),
    /// Ask a server all cases
    Run(Box<RunArguments>),
}

#[derive(clap::Args)]
struct StubArguments {
    /// Where to write kubeconfig, certificates and handout.json
    #[arg(long)]
    dir: PathBuf,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Serve the list of objects in this JSON file under an API path
    #[arg(long = "list", value_name = "PATH=FILE", value_parser = list)]
    lists: Vec<(String, PathBuf)>,
}

#[derive(clap::Args)]
struct RunArguments {
    /// The server: https://host:port
    #[arg(long)]
    url: String,
    /// The folder of the stub that the server was started against
    #[arg(long, value_name = "DIR")]
    stub: Option<PathBuf>,
    /// The namespace in which metrics are asked for
    #[arg(long, default_value = "default")]
    namespace: String,
    /// A metric with exactly one value
    #[arg(long)]
    metric: Option<String>,
    /// The selector that it is asked with
    #[arg(long, default_value = "")]
    selector: String,
    /// Its value, as Kubernetes prints it: 1500m
    #[arg(long)]
    value: Option<String>,
    /// A metric that does not exist
    #[arg(long, default_value = "conformance-no-such-metric")]
    unknown: String,
    /// A metric whose value has a label `selector` with the selector that was asked for
    #[arg(long, value_name = "METRIC")]
    echo: Option<String>,
    /// A metric without values
    #[arg(long, value_name = "METRIC")]
    empty: Option<String>,
    /// A metric with several values
    #[arg(long, value_name = "METRIC")]
    several: Option<String>,
    /// A metric whose source cannot be reached
    #[arg(long, value_name = "METRIC")]
    unavailable: Option<String>,
    /// A metric whose source asks for patience
    #[arg(long, value_name = "METRIC")]
    throttled: Option<String>,
    /// A metric that takes longer than two seconds
    #[arg(long, value_name = "METRIC")]
    slow: Option<String>,
    /// A metric that makes the provider panic
    #[arg(long, value_name = "METRIC")]
    panicking: Option<String>,
    /// Only the cases with this text in their names
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Also write the report as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let ended = match (Command::parse(), runtime) {
        (_, Err(why)) => Err(why.into()),
        (Command::Stub(arguments), Ok(runtime)) => runtime.block_on(stand_in(arguments)),
        (Command::Run(arguments), Ok(runtime)) => runtime.block_on(ask(*arguments)),
    };
    match ended {
        Ok(code) => code,
        Err(why) => {
            let mut told = format!("error: {why}");
            let mut cause = why.source();
            while let Some(why) = cause {
                told = format!("{told}: {why}");
                cause = why.source();
            }
            eprintln!("{told}");
            ExitCode::from(2)
        }
    }
}

async fn stand_in(arguments: StubArguments) -> Result<ExitCode, Box<dyn Error>> {
    let StubArguments { dir, listen, lists } = arguments;
    let mut served = BTreeMap::new();
    for (path, file) in lists {
        served.insert(path, serde_json::from_str(&read(&file)?)?);
    }
    let stub = Stub::start(listen, served).await?;
    fs::create_dir_all(&dir)?;
    for (name, content) in stub.files() {
        fs::write(dir.join(name), content)?;
    }
    println!("{}", dir.join("kubeconfig").display());
    std::future::pending().await
}

/// Exits with 0 when no case failed, 1 when one did, 2 when none could be asked.
async fn ask(arguments: RunArguments) -> Result<ExitCode, Box<dyn Error>> {
    let handout: Option<Handout> = match &arguments.stub {
        None => None,
        Some(dir) => Some(serde_json::from_str(&read(&dir.join("handout.json"))?)?),
    };
    let surroundings = Surroundings {
        namespace: arguments.namespace,
        metric: arguments.metric,
        selector: arguments.selector,
        value: arguments.value,
        unknown: arguments.unknown,
        echo: arguments.echo,
        empty: arguments.empty,
        several: arguments.several,
        unavailable: arguments.unavailable,
        throttled: arguments.throttled,
        slow: arguments.slow,
        panicking: arguments.panicking,
    };
    let subject = Subject::new(&arguments.url, surroundings, handout, &this_run())?;
    let report = run(&subject, &arguments.only).await;
    if report.lines.is_empty() {
        return Err(format!("no case has `{}` in its name", arguments.only).into());
    }
    println!("{report}");
    if let Some(file) = arguments.junit {
        fs::write(file, report.junit())?;
    }
    Ok(match report.failed().count() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn list(text: &str) -> Result<(String, PathBuf), String> {
    let (path, file) = text.split_once('=').ok_or("PATH=FILE is expected")?;
    Ok((path.to_owned(), file.into()))
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))
}

/// A name that no other run has.
#[expect(clippy::disallowed_methods, reason = "this is the rim of the suite")]
fn this_run() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    format!("{}-{}", now.unwrap_or_default().as_millis(), process::id())
}
