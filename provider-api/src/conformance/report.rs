//! What became of all cases, for a person and for a machine.

mod junit;

use std::{collections::BTreeMap, fmt, time::Duration};

use super::Outcome;

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The case: `external/unknown-metric`.
    pub name: &'static str,
    /// What holds when it passes.
    pub promise: &'static str,
    /// Who relies on it, and what they see otherwise.
    pub relied_on: &'static str,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// What became of all cases. Its `Display` is the report that a person reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The address of the server.
    pub server: String,
    /// What it says its version is.
    pub version: Option<String>,
    /// A line for each case, in the order of the families.
    pub lines: Vec<Line>,
}

impl Report {
    /// The names of the cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> {
        self.named(|outcome| matches!(outcome, Outcome::Failed { .. }))
    }

    /// The names of the cases that passed.
    pub fn passed(&self) -> impl Iterator<Item = &'static str> {
        self.named(|outcome| matches!(outcome, Outcome::Passed))
    }

    /// The names of the cases that could not be asked.
    pub fn skipped(&self) -> impl Iterator<Item = &'static str> {
        self.named(|outcome| matches!(outcome, Outcome::Skipped(_)))
    }

    fn named(&self, is: impl Fn(&Outcome) -> bool) -> impl Iterator<Item = &'static str> {
        self.lines
            .iter()
            .filter(move |line| is(&line.outcome))
            .map(|line| line.name)
    }
}

impl Line {
    /// The part of the name before the slash.
    fn family(&self) -> &'static str {
        self.name.split('/').next().unwrap_or_default()
    }
}

/// How many passed, failed and were skipped.
#[derive(Default)]
struct Counts([usize; 3]);

impl Counts {
    fn add(&mut self, outcome: &Outcome) {
        let [passed, failed, skipped] = &mut self.0;
        let count = match outcome {
            Outcome::Passed => passed,
            Outcome::Failed { .. } => failed,
            Outcome::Skipped(_) => skipped,
        };
        *count += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut skipped = BTreeMap::<&str, usize>::new();
        let mut families: Vec<(&str, Counts)> = Vec::new();
        for line in &self.lines {
            match &line.outcome {
                Outcome::Passed => writeln!(f, "pass  {}", line.name)?,
                // There may be many, for few reasons: those are what one can change.
                Outcome::Skipped(reason) => *skipped.entry(reason).or_default() += 1,
                Outcome::Failed { expected, seen } => {
                    writeln!(f, "FAIL  {}: {}", line.name, line.promise)?;
                    writeln!(f, "        expected  {expected}")?;
                    writeln!(f, "        seen      {seen}")?;
                    writeln!(f, "        matters   {}", line.relied_on)?;
                }
            }
            if families
                .last()
                .is_none_or(|(name, _)| *name != line.family())
            {
                families.push((line.family(), Counts::default()));
            }
            if let Some((_, counts)) = families.last_mut() {
                counts.add(&line.outcome);
            }
        }
        for (reason, count) in skipped {
            let cases = if count == 1 { "case" } else { "cases" };
            writeln!(f, "skip  {count} {cases}: {reason}")?;
        }
        writeln!(
            f,
            "\n{:<16}{:>6}{:>8}{:>9}",
            "", "passed", "failed", "skipped"
        )?;
        for (name, Counts([passed, failed, skipped])) in families {
            writeln!(f, "{name:<16}{passed:>6}{failed:>8}{skipped:>9}")?;
        }
        let version = self.version.as_deref().unwrap_or("version unknown");
        writeln!(f, "\n{}, {version}", self.server)?;
        let (passed, failed) = (self.passed().count(), self.failed().count());
        let skipped = self.skipped().count();
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn report() -> Report {
        let line = |name, outcome| Line {
            name,
            promise: "it is so",
            relied_on: "somebody",
            outcome,
            took: Duration::from_millis(1250),
        };
        let failed = Outcome::Failed {
            expected: "\"x\"".to_owned(),
            seen: "<y>\u{1b}".to_owned(),
        };
        let skipped = || Outcome::Skipped("needs z".to_owned());
        Report {
            server: "https://127.0.0.1:6443".to_owned(),
            version: Some("v1.2.3".to_owned()),
            lines: vec![
                line("a/good", Outcome::Passed),
                line("a/bad", failed),
                line("b/not-asked", skipped()),
                line("b/nor-this", skipped()),
            ],
        }
    }

    #[test]
    fn a_person_reads_what_failed_and_who_cares_what_is_missing_and_a_sum() {
        let expected = "\
pass  a/good
FAIL  a/bad: it is so
        expected  \"x\"
        seen      <y>\u{1b}
        matters   somebody
skip  2 cases: needs z

                passed  failed  skipped
a                    1       1        0
b                    0       0        2

https://127.0.0.1:6443, v1.2.3
1 passed, 1 failed, 2 skipped";
        assert_eq!(report().to_string(), expected);
    }
}
