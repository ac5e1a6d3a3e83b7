//! Reading variable by variable, and telling all mistakes together.

use std::{collections::BTreeSet, fmt, num::NonZeroU32, str::FromStr};

use time::Duration;

use super::Variables;

/// Reads variable by variable, and keeps what it asked for and the mistakes.
pub(super) struct Reader<'a> {
    variables: &'a Variables,
    asked: BTreeSet<&'static str>,
    mistakes: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(variables: &'a Variables) -> Self {
        Self {
            variables,
            asked: BTreeSet::new(),
            mistakes: Vec::new(),
        }
    }

    /// The value of a variable, if it is set.
    pub(super) fn value(&mut self, name: &'static str) -> Option<&'a str> {
        self.asked.insert(name);
        self.variables.value(name)
    }

    /// The name and the value of the first of these variables that is set.
    pub(super) fn first(&mut self, names: &[&'static str]) -> Option<(&'static str, &'a str)> {
        self.asked.extend(names);
        names
            .iter()
            .find_map(|name| Some((*name, self.variables.value(name)?)))
    }

    /// The value of a variable, or the default; a mistake where it is not `what`.
    pub(super) fn parsed<T: FromStr>(&mut self, name: &'static str, what: &str, default: T) -> T {
        let Some(text) = self.value(name) else {
            return default;
        };
        text.parse().unwrap_or_else(|_| {
            self.mistake(format!("{name} is `{text}`, and should be {what}"));
            default
        })
    }

    /// A span of time, written as a number of seconds.
    pub(super) fn seconds(&mut self, name: &'static str, default: NonZeroU32) -> Duration {
        let seconds = self.parsed(name, "a whole number of seconds above 0", default);
        Duration::seconds(seconds.get().into())
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&mut self, name: &'static str, default: bool) -> bool {
        self.parsed(name, "true or false", Switch(default)).0
    }

    /// Something is wrong, told in a sentence that names the variable.
    pub(super) fn mistake(&mut self, mistake: String) {
        self.mistakes.push(mistake);
    }

    /// Variables that begin with `prefix`, are set, not switched off, and were not
    /// asked for.
    pub(super) fn ignored(&self, prefix: &str) -> Vec<String> {
        let set = self
            .variables
            .set()
            .filter(|(name, _)| name.starts_with(prefix));
        set.filter(|(name, value)| {
            !self.asked.contains(name) && !matches!(value.parse(), Ok(Switch(false)))
        })
        .map(|(name, _)| name.to_owned())
        .collect()
    }

    pub(super) fn finish(self) -> Result<(), Mistakes> {
        if self.mistakes.is_empty() {
            Ok(())
        } else {
            Err(Mistakes(self.mistakes))
        }
    }
}

/// Every mistake in the configuration, a line each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Mistakes(Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(mistakes) = self;
        match mistakes.as_slice() {
            [mistake] => f.write_str(mistake),
            _ => {
                write!(f, "{} settings are wrong:", mistakes.len())?;
                mistakes
                    .iter()
                    .try_for_each(|mistake| write!(f, "\n  - {mistake}"))
            }
        }
    }
}

/// A switch as every agent of Datadog's reads one.
struct Switch(bool);

impl FromStr for Switch {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.to_lowercase().as_str() {
            "true" | "t" | "1" | "yes" | "on" => Ok(Self(true)),
            "false" | "f" | "0" | "no" | "off" => Ok(Self(false)),
            _ => Err(()),
        }
    }
}
