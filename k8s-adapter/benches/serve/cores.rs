//! Where servers and load run.

use std::{fmt, io, str::FromStr};

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use tokio::runtime::Builder;

use crate::Outcome;

/// Some cores of the machine, by their numbers.
#[derive(Clone, Debug)]
pub(crate) struct Cores(Vec<usize>);

impl Cores {
    /// Two of those that this program may use, or the only one.
    pub(crate) fn two() -> Outcome<Self> {
        let ours = sched_getaffinity(None::<Pid>)?;
        let cores = (0..CpuSet::MAX_CPU).filter(|core| ours.is_set(*core));
        Ok(Self(cores.take(2).collect()))
    }

    /// One for the load and one for the server.
    pub(crate) fn apart(&self) -> (Self, Self) {
        let one = |core: Option<&usize>| Self(core.into_iter().copied().collect());
        (one(self.0.first()), one(self.0.last()))
    }

    /// Runs there and nowhere else, with a thread for each. What it starts inherits that,
    /// until it is told other cores.
    pub(crate) fn run<T>(&self, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let mut cores = CpuSet::new();
        for core in &self.0 {
            cores.set(*core);
        }
        sched_setaffinity(None, &cores)?;
        let runtime = match self.0.len() {
            1 => Builder::new_current_thread().enable_all().build(),
            several => Builder::new_multi_thread()
                .worker_threads(several)
                .enable_all()
                .build(),
        };
        runtime
            .map_err(io::Error::into)
            .and_then(|runtime| runtime.block_on(work))
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&numbers.join(","))
    }
}

impl FromStr for Cores {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}
