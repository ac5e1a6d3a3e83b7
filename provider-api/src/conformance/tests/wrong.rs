//! Servers that are wrong, each in one way that has been seen in the wild or nearly.

use http::request::Parts;

/// A server that does not see the parameters of the query which begin like this.
macro_rules! dropping {
    ($name:literal, $parameter:literal, $caught_by:expr $(,)?) => {
        super::asking(
            $name,
            |asked| super::drop_parameter(asked, $parameter),
            $caught_by,
        )
    };
}

mod access;
mod custom;
mod discovery;
mod external;
mod quantity;
mod quirk;
mod reply;
mod serving;

pub(super) use self::{quirk::Quirk, reply::Reply};

/// One way to be wrong, and the cases that catch it.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    /// All cases that fail, of the families that they belong to.
    pub(super) caught_by: &'static [&'static str],
    /// What becomes of a request before the good server reads it.
    pub(super) request: fn(&mut Parts),
    /// What becomes of its answer to what was asked.
    pub(super) answer: fn(&Parts, &mut Reply),
    /// What is wrong within.
    pub(super) quirk: Quirk,
    /// Whether it is a matter of chance what else of the families fails.
    pub(super) by_chance: bool,
}

/// No fault at all.
pub(super) const GOOD: Fault = Fault {
    name: "good",
    caught_by: &[],
    request: |_| {},
    answer: |_, _| {},
    quirk: Quirk::None,
    by_chance: false,
};

pub(super) fn faults() -> impl Iterator<Item = &'static Fault> {
    [
        discovery::FAULTS,
        external::FAULTS,
        quantity::FAULTS,
        custom::FAULTS,
        access::FAULTS,
        serving::FAULTS,
    ]
    .into_iter()
    .flatten()
}

const fn asking(
    name: &'static str,
    request: fn(&mut Parts),
    caught_by: &'static [&'static str],
) -> Fault {
    Fault {
        name,
        caught_by,
        request,
        ..GOOD
    }
}

const fn answering(
    name: &'static str,
    answer: fn(&Parts, &mut Reply),
    caught_by: &'static [&'static str],
) -> Fault {
    Fault {
        name,
        caught_by,
        answer,
        ..GOOD
    }
}

const fn within(name: &'static str, quirk: Quirk, caught_by: &'static [&'static str]) -> Fault {
    Fault {
        name,
        caught_by,
        quirk,
        ..GOOD
    }
}

const fn by_chance(name: &'static str, quirk: Quirk, caught_by: &'static [&'static str]) -> Fault {
    Fault {
        name,
        caught_by,
        quirk,
        by_chance: true,
        ..GOOD
    }
}

fn drop_parameter(asked: &mut Parts, parameter: &str) {
    let query = asked.uri.query().unwrap_or_default();
    let kept: Vec<_> = query
        .split('&')
        .filter(|part| !part.starts_with(parameter))
        .collect();
    let path = asked.uri.path();
    asked.uri = format!("{path}?{}", kept.join("&")).parse().unwrap();
}
