//! The world: clock, threads, signals, sockets and files.

mod blocking;
mod certificate;
mod clock;
mod log;
mod runtime;
mod signals;
mod simulator;
mod supervise;

pub(crate) use self::{
    blocking::bounded,
    certificate::{renew_certificate, serving_certificate},
    clock::WallClock,
    log::log_to_stderr,
    runtime::block_on,
    signals::Shutdown,
    simulator::SimulatedDatadog,
    supervise::supervised,
};
