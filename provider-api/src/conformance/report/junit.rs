//! The report for a build server.

use std::fmt::Write;

use super::Report;
use crate::conformance::Outcome;

impl Report {
    /// The report as JUnit's XML, which most build servers show.
    pub fn junit(&self) -> String {
        let mut xml = String::new();
        self.write_junit(&mut xml)
            .expect("a text takes what is written to it");
        xml
    }

    fn write_junit(&self, xml: &mut String) -> std::fmt::Result {
        let (failed, skipped) = (self.failed().count(), self.skipped().count());
        let took: f64 = self.lines.iter().map(|line| line.took.as_secs_f64()).sum();
        let count = self.lines.len();
        writeln!(xml, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
        writeln!(
            xml,
            r#"<testsuite name="metrics-api-conformance" tests="{count}" failures="{failed}" errors="0" skipped="{skipped}" time="{took:.3}">"#
        )?;
        writeln!(xml, "  <properties>")?;
        for (name, value) in [
            ("server", self.server.as_str()),
            (
                "server.version",
                self.version.as_deref().unwrap_or_default(),
            ),
            ("suite.version", env!("CARGO_PKG_VERSION")),
        ] {
            let value = escaped(value);
            writeln!(xml, r#"    <property name="{name}" value="{value}"/>"#)?;
        }
        writeln!(xml, "  </properties>")?;
        for line in &self.lines {
            let (family, name) = (escaped(line.family()), escaped(line.name));
            let took = line.took.as_secs_f64();
            write!(
                xml,
                r#"  <testcase classname="{family}" name="{name}" time="{took:.3}""#
            )?;
            match &line.outcome {
                Outcome::Passed => writeln!(xml, "/>")?,
                Outcome::Skipped(reason) => {
                    let reason = escaped(reason);
                    writeln!(xml, r#"><skipped message="{reason}"/></testcase>"#)?;
                }
                Outcome::Failed { expected, seen } => {
                    let promise = escaped(line.promise);
                    let (expected, seen) = (escaped(expected), escaped(seen));
                    write!(xml, r#"><failure message="{promise}">expected: {expected}"#)?;
                    writeln!(xml, "\nseen: {seen}</failure></testcase>")?;
                }
            }
        }
        writeln!(xml, "</testsuite>")
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
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => '\u{fffd}'.to_string(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;

    #[test]
    fn a_build_server_reads_it_as_junit() {
        let suite = env!("CARGO_PKG_VERSION");
        let expected = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="metrics-api-conformance" tests="4" failures="1" errors="0" skipped="2" time="5.000">
  <properties>
    <property name="server" value="https://127.0.0.1:6443"/>
    <property name="server.version" value="v1.2.3"/>
    <property name="suite.version" value="{suite}"/>
  </properties>
  <testcase classname="a" name="a/good" time="1.250"/>
  <testcase classname="a" name="a/bad" time="1.250"><failure message="it is so">expected: &quot;x&quot;
seen: &lt;y&gt;�</failure></testcase>
  <testcase classname="b" name="b/not-asked" time="1.250"><skipped message="needs z"/></testcase>
  <testcase classname="b" name="b/nor-this" time="1.250"><skipped message="needs z"/></testcase>
</testsuite>
"#
        );
        assert_eq!(report().junit(), expected);
    }
}
