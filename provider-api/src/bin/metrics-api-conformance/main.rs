//! Asks a metrics API server whether it keeps the contract, and stands in for the
//! cluster that it runs in. See docs/conformance.md.

mod arguments;

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{self, ExitCode},
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use http::Uri;
use provider_api::conformance::{Handout, Program, Stub, Subject, listed, run};

use tokio::net::TcpStream;

use self::arguments::RunArguments;

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
    /// Tell what the cases are and what each promises
    List,
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

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let ended = match (Command::parse(), runtime) {
        (_, Err(why)) => Err(why.into()),
        (Command::Stub(arguments), Ok(runtime)) => runtime.block_on(stand_in(arguments)),
        (Command::Run(arguments), Ok(runtime)) => runtime.block_on(ask(*arguments)),
        (Command::List, Ok(_)) => say(&listed())
            .map(|()| ExitCode::SUCCESS)
            .map_err(Into::into),
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
    say(&format!("{}\n", dir.join("kubeconfig").display()))?;
    std::future::pending().await
}

/// Exits with 0 when no case failed, 1 when one did, 2 when none could be asked.
async fn ask(arguments: RunArguments) -> Result<ExitCode, Box<dyn Error>> {
    let handout: Option<Handout> = match &arguments.stub {
        None => None,
        Some(dir) => Some(serde_json::from_str(&read(&dir.join("handout.json"))?)?),
    };
    let surroundings = arguments.surroundings();
    let mut subject = Subject::new(&arguments.url, surroundings, handout, &this_run())?;
    let is_running = arguments.command.is_empty();
    if !is_running {
        subject = subject.launched_by(Program(arguments.command));
    }
    if let (Some(certificate), Some(key)) = (arguments.certificate, arguments.key) {
        subject = subject.installing(Box::new(move |pair| {
            fs::write(&key, &pair.key)?;
            fs::write(&certificate, &pair.certificate)
        }));
    }
    // Without a command of its own, the server has to be there already.
    if is_running {
        reach(&arguments.url).await?;
    }
    let report = run(&subject, &arguments.only).await;
    if report.lines.is_empty() {
        return Err(format!("no case has `{}` in its name", arguments.only).into());
    }
    say(&format!("{report}\n"))?;
    if let Some(file) = arguments.junit {
        fs::write(file, report.junit())?;
    }
    Ok(match report.failed().count() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Whether somebody listens there: 42 failures would not say so.
async fn reach(url: &str) -> Result<(), String> {
    let uri: Uri = url.parse().map_err(|why| format!("{url}: {why}"))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(443);
    let connected = TcpStream::connect((host, port)).await;
    let unreached = |why| format!("nobody answers at {url}: {why}");
    connected.map(drop).map_err(unreached)
}

/// Whoever has read enough of it, as `head` does, is not failed for it.
fn say(text: &str) -> io::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => Err(why),
        _ => Ok(()),
    }
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
