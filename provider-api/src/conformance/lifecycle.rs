//! How the server begins and ends. The suite starts it for this, and ends it.

mod program;

use std::{io, time::Duration};

use async_trait::async_trait;
use tokio::time::{Instant, sleep, timeout};

pub use self::program::Program;
use super::{
    Subject,
    answer::{Answer, holds},
    case::{Case, Miss, Verdict},
    client::connected,
    subject::named,
};

/// Starts the server under test.
#[async_trait]
pub trait Launch: Send + Sync {
    /// Starts it. It need not be ready yet.
    ///
    /// # Errors
    /// When it cannot be started.
    async fn start(&self) -> io::Result<Box<dyn Running>>;
}

/// The server under test. It ends at once with this value.
#[async_trait]
pub trait Running: Send + Sync {
    /// Asks it to end, as SIGTERM does.
    ///
    /// # Errors
    /// When it cannot be asked.
    async fn ask_to_end(&mut self) -> io::Result<()>;

    /// Its exit code, if it has ended.
    ///
    /// # Errors
    /// When nobody can say.
    fn ended(&mut self) -> io::Result<Option<i32>>;
}

pub(super) const NAME: &str = "lifecycle";

pub(super) const CASES: &[Case] = &[
    Case {
        name: "lifecycle/not-ready",
        promise: "asked to end, the server is at once no longer ready",
        relied_on: "the cluster sends requests elsewhere only when it sees this",
        check: |subject| Box::pin(not_ready(subject)),
    },
    Case {
        name: "lifecycle/finishes",
        promise: "a request that has begun before the end is answered",
        relied_on: "an HPA that is cut off in each rollout does not scale then",
        check: |subject| Box::pin(finishes(subject)),
    },
    Case {
        name: "lifecycle/refuses",
        promise: "new connections are refused in the end",
        relied_on: "whoever connects must find out at once that nobody is there",
        check: |subject| Box::pin(refuses(subject)),
    },
    Case {
        name: "lifecycle/exit-code",
        promise: "the process ends within a pod's 30 seconds, with the code 0",
        relied_on: "Kubernetes kills what takes longer, and counts other codes as crashes",
        check: |subject| Box::pin(exit_code(subject)),
    },
    Case {
        name: "lifecycle/second-signal",
        promise: "a second signal ends the process at once",
        relied_on: "a person at a terminal who has no time",
        check: |subject| Box::pin(second_signal(subject)),
    },
];

/// So long a server may take until it is ready.
const BEGINNING: Duration = Duration::from_secs(60);
/// So long a pod has to end.
const PARTING: Duration = Duration::from_secs(30);
/// A request that was sent has arrived after this long.
const ARRIVAL: Duration = Duration::from_millis(300);
const LOOK: Duration = Duration::from_millis(20);

/// What was seen of one server's end.
pub(super) struct Ending {
    readyz: Option<u16>,
    late: Option<Result<Answer, String>>,
    is_refused: bool,
    code: Option<i32>,
}

impl Subject {
    /// Starts the server, and waits until it is ready.
    pub(super) async fn start(&self) -> Result<Box<dyn Running>, Miss> {
        let launch = self
            .launch
            .as_ref()
            .ok_or_else(|| Miss::Skipped("needs --command".to_owned()))?;
        let mut server = launch
            .start()
            .await
            .map_err(|error| told("a server that starts", &error))?;
        let begun = Instant::now();
        loop {
            if let Ok(answer) = self.get_as_nobody("/readyz").send().await
                && answer.code == 200
            {
                return Ok(server);
            }
            if let Some(code) = server
                .ended()
                .map_err(|error| told("a server that runs", &error))?
            {
                return Err(Miss::fault(
                    "a server that runs",
                    format!("its end, with the code {code}"),
                ));
            }
            if begun.elapsed() > BEGINNING {
                return Err(Miss::fault(
                    "/readyz: HTTP 200 within a minute",
                    "no such answer",
                ));
            }
            sleep(LOOK).await;
        }
    }

    /// What is seen of a server's end. It is ended once, for all cases.
    async fn ending(&self) -> Result<&Ending, Miss> {
        if self.launch.is_none() {
            return Err(Miss::Skipped("needs --command".to_owned()));
        }
        let seen = self.ending.get_or_init(|| async {
            self.ended().await.map_err(|miss| match miss {
                Miss::Fault { expected, seen } => format!("{seen}, not {expected}"),
                Miss::Skipped(reason) => reason,
            })
        });
        seen.await
            .as_ref()
            .map_err(|seen| Miss::fault("a server that begins and ends", seen))
    }

    async fn ended(&self) -> Result<Ending, Miss> {
        let mut server = self.start().await?;
        let mut open = self.get_as_nobody("/readyz").open().await?;
        open.send(self.get_as_nobody("/readyz").request()?)
            .await?
            .coded(200)?;
        let late = match &self.surroundings.late {
            None => None,
            Some(name) => {
                let ask = self.get(&self.path_of(name));
                let mut connection = ask.open().await?;
                let request = ask.request()?;
                let asked = tokio::spawn(async move { connection.send(request).await });
                sleep(ARRIVAL).await;
                Some(asked)
            }
        };
        server
            .ask_to_end()
            .await
            .map_err(|error| told("a signal", &error))?;
        sleep(ARRIVAL).await;
        // Some servers close what is open; the next connection meets the same.
        let request = self.get_as_nobody("/readyz").request()?;
        let readyz = match open.send(request).await {
            Ok(answer) => Some(answer),
            Err(_closed) => self.get_as_nobody("/readyz").send().await.ok(),
        };
        drop(open);
        let late = match late {
            None => None,
            Some(late) => Some(match late.await {
                Ok(answer) => answer.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            }),
        };
        let code = exited(&mut *server, PARTING.min(self.patience)).await?;
        let is_refused = connected(&self.base).await.is_err();
        Ok(Ending {
            readyz: readyz.map(|answer| answer.code.as_u16()),
            late,
            is_refused,
            code,
        })
    }
}

fn told(expected: &str, error: &io::Error) -> Miss {
    Miss::fault(expected, error)
}

/// The exit code of a server that ends in time.
async fn exited(server: &mut dyn Running, within: Duration) -> Result<Option<i32>, Miss> {
    let waited = timeout(within, async {
        loop {
            match server.ended() {
                Ok(None) => sleep(LOOK).await,
                ended => return ended,
            }
        }
    });
    match waited.await {
        Ok(ended) => ended.map_err(|error| told("an exit code", &error)),
        Err(_elapsed) => Ok(None),
    }
}

async fn not_ready(subject: &Subject) -> Verdict {
    let seen = subject.ending().await?.readyz;
    let fine = matches!(seen, None | Some(500 | 503));
    holds(fine, "/readyz: HTTP 500", format!("{seen:?}"))
}

async fn finishes(subject: &Subject) -> Verdict {
    named(&subject.surroundings.late, "late")?;
    match &subject.ending().await?.late {
        Some(Ok(answer)) => holds(answer.code == 200, "HTTP 200", answer.shown()),
        Some(Err(seen)) => Err(Miss::fault("HTTP 200", seen)),
        None => Err(Miss::fault("HTTP 200", "no request")),
    }
}

async fn refuses(subject: &Subject) -> Verdict {
    let is_refused = subject.ending().await?.is_refused;
    holds(is_refused, "a refused connection", "an accepted one")
}

async fn exit_code(subject: &Subject) -> Verdict {
    match subject.ending().await?.code {
        Some(0) => Ok(()),
        Some(code) => Err(Miss::fault("exit code 0", code)),
        None => Err(Miss::fault("an end within 30 seconds", "a running process")),
    }
}

async fn second_signal(subject: &Subject) -> Verdict {
    let slow = named(&subject.surroundings.slow, "slow")?;
    let mut server = subject.start().await?;
    let ask = subject.get(&subject.path_of(slow));
    let mut connection = ask.open().await?;
    let request = ask.request()?;
    let asked = tokio::spawn(async move { connection.send(request).await });
    for _ in 0..2 {
        sleep(ARRIVAL).await;
        server
            .ask_to_end()
            .await
            .map_err(|error| told("a signal", &error))?;
    }
    let ended = exited(&mut *server, Duration::from_secs(2)).await?;
    asked.abort();
    holds(
        ended.is_some(),
        "an end within two seconds",
        "a running process",
    )
}
