//! `validate`: whether the keys are good, for a person or a build server.

use std::io::{self, Write};

use provider_api::Clock;

use super::Ended;
use crate::{
    config::{Datadog, Variables},
    edge::{WallClock, block_on, log_to_stderr},
    wiring,
};

pub(crate) fn run(variables: &Variables) -> Ended {
    log_to_stderr(variables, "off");
    let clock = WallClock::real();
    let client = wiring::datadog(Datadog::of(variables)?, clock)?;
    let validations = block_on(client.validate(clock.now()))?;
    let mut out = io::stdout().lock();
    for validation in &validations {
        writeln!(out, "{validation}")?;
    }
    let bad = validations.iter().filter(|it| !it.is_good()).count();
    match (bad, validations.len()) {
        (0, _) => Ok(()),
        (_, 1) => Err("not everything is good".into()),
        (bad, all) => Err(format!("not everything is good at {bad} of {all} endpoints").into()),
    }
}
