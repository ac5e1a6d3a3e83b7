//! The world: clock, threads, signals, sockets and files.

mod blocking;
mod certificate;
mod clock;
mod log;
mod namespace;
mod runtime;
mod seed;
mod simulator;

pub(crate) use self::{
    blocking::bounded, certificate::with_certificate, clock::WallClock, log::log_to_stderr,
    namespace::own_namespace, runtime::block_on, seed::seed, simulator::SimulatedDatadog,
};
