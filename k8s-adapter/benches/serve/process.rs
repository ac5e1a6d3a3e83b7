//! A server as a process of its own: on cores that it is told, and with its own account
//! of time and memory.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    str::FromStr,
    time::Duration,
};

use rustix::process::{Signal, set_parent_process_death_signal};

use crate::{
    Outcome,
    connection::{Connection, Protocol},
    cores::Cores,
    floor, ours,
    scene::Scene,
};

/// The word by which this program is told to be a server.
pub(crate) const SERVE: &str = "serve";

/// Our server takes this long at most to read the stub's authentication.
const PATIENCE: u32 = 500;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Ours,
    Floor,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Floor => "floor",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Ours, Self::Floor]
            .into_iter()
            .find(|role| role.name() == name)
            .ok_or_else(|| format!("{name:?} is neither ours nor floor"))
    }
}

pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// A server on these cores that has answered once.
    pub(crate) async fn start(role: Role, cores: &Cores, scene: &Scene) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([SERVE, role.name(), &cores.to_string()])
            .arg(scene.folder())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let process = Self {
            child,
            address: line.trim().parse()?,
        };
        for _ in 0..PATIENCE {
            let mut connection = Connection::open(scene, process.address, Protocol::Http1).await?;
            connection.begin();
            if connection.answered().await.is_ok() {
                return Ok(process);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(format!("{role:?} does not answer as it should").into())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The time that all of its threads have had of a core.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let account = fs::read_to_string(thread?.path().join("schedstat"))?;
            let ran = account.split_whitespace().next().unwrap_or_default();
            nanoseconds += ran.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The resident memory in kB, pages of the program's file among it.
    pub(crate) fn resident(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.unwrap_or_default().split_whitespace().next();
        Ok(number.unwrap_or_default().parse()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends with this process, if not now.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Is the server of this role, until it is killed.
pub(crate) fn serve(role: Role, cores: &Cores, folder: &Path) -> Outcome<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    match role {
        Role::Ours => cores.run(ours::serve(folder)),
        Role::Floor => cores.run(floor::serve(folder)),
    }
}
