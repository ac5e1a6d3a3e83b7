//! What became of all cases, for a person and for a machine.

use std::fmt;

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
}

/// What became of all cases. Its `Display` is the report that a person reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
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

    /// The report as JUnit's XML, which most build servers show.
    pub fn junit(&self) -> String {
        let (failed, skipped) = (self.failed().count(), self.skipped().count());
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"metrics-api-conformance\" tests=\"{}\" failures=\"{failed}\" skipped=\"{skipped}\">\n",
            self.lines.len()
        );
        for line in &self.lines {
            let family = line.name.split('/').next().unwrap_or_default();
            let case = format!(
                "  <testcase classname=\"{}\" name=\"{}\"",
                escaped(family),
                escaped(line.name)
            );
            xml += &match &line.outcome {
                Outcome::Passed => format!("{case}/>\n"),
                Outcome::Skipped(reason) => {
                    format!(
                        "{case}><skipped message=\"{}\"/></testcase>\n",
                        escaped(reason)
                    )
                }
                Outcome::Failed { expected, seen } => format!(
                    "{case}><failure message=\"{}\">expected: {}\nseen: {}</failure></testcase>\n",
                    escaped(line.promise),
                    escaped(expected),
                    escaped(seen)
                ),
            };
        }
        xml + "</testsuite>\n"
    }

    fn named(&self, is: impl Fn(&Outcome) -> bool) -> impl Iterator<Item = &'static str> {
        self.lines
            .iter()
            .filter(move |line| is(&line.outcome))
            .map(|line| line.name)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            match &line.outcome {
                Outcome::Passed => writeln!(f, "pass  {}", line.name)?,
                Outcome::Skipped(reason) => writeln!(f, "skip  {}: {reason}", line.name)?,
                Outcome::Failed { expected, seen } => {
                    writeln!(f, "FAIL  {}: {}", line.name, line.promise)?;
                    writeln!(f, "        expected  {expected}")?;
                    writeln!(f, "        seen      {seen}")?;
                    writeln!(f, "        matters   {}", line.relied_on)?;
                }
            }
        }
        let (passed, failed) = (self.passed().count(), self.failed().count());
        let skipped = self.skipped().count();
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// Text as XML holds it. Control characters, which XML cannot hold, become a mark.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            '\n' | '\t' => c.to_string(),
            c if c.is_control() => '\u{fffd}'.to_string(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let line = |name, outcome| Line {
            name,
            promise: "it is so",
            relied_on: "somebody",
            outcome,
        };
        Report {
            lines: vec![
                line("a/good", Outcome::Passed),
                line(
                    "a/bad",
                    Outcome::Failed {
                        expected: "\"x\"".to_owned(),
                        seen: "<y>\u{1b}".to_owned(),
                    },
                ),
                line("b/not-asked", Outcome::Skipped("needs z".to_owned())),
            ],
        }
    }

    #[test]
    fn a_person_reads_what_failed_and_who_cares() {
        let expected = "pass  a/good\n\
            FAIL  a/bad: it is so\n        expected  \"x\"\n        seen      <y>\u{1b}\n        matters   somebody\n\
            skip  b/not-asked: needs z\n\
            1 passed, 1 failed, 1 skipped";
        assert_eq!(report().to_string(), expected);
    }

    #[test]
    fn a_build_server_reads_it_as_junit() {
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="metrics-api-conformance" tests="3" failures="1" skipped="1">
  <testcase classname="a" name="a/good"/>
  <testcase classname="a" name="a/bad"><failure message="it is so">expected: &quot;x&quot;
seen: &lt;y&gt;�</failure></testcase>
  <testcase classname="b" name="b/not-asked"><skipped message="needs z"/></testcase>
</testsuite>
"#;
        assert_eq!(report().junit(), expected);
    }
}
