//! The demo as lines, for a pipe.

use std::io::{self, Write};

use super::moment::{Moment, Opening, Round, clock_face, short};

/// Writes the story line by line: one for each round in which something changed.
pub(crate) struct Plain<W> {
    out: W,
    told: Vec<Round>,
}

impl<W: Write> Plain<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            told: Vec::new(),
        }
    }

    pub(crate) fn opening(&mut self, opening: &Opening) -> io::Result<()> {
        let Opening {
            manifests,
            datadog,
            server,
            queries,
            refresh_period,
            length,
            speed,
            ask,
        } = opening;
        let out = &mut self.out;
        writeln!(
            out,
            "From an HPA to more replicas, without a cluster and without an account.\n"
        )?;
        writeln!(out, "  manifests  {manifests}")?;
        writeln!(out, "  datadog    simulated, {datadog}")?;
        writeln!(out, "  server     {server}")?;
        for query in queries {
            writeln!(
                out,
                "  query      {query}, every {} s",
                refresh_period.whole_seconds()
            )?;
        }
        let real = *length / *speed;
        writeln!(
            out,
            "  clock      {} times as fast as yours: {} minutes in {} seconds",
            short(*speed),
            length.whole_minutes(),
            real.whole_seconds()
        )?;
        writeln!(out, "\nAsk the server while it runs:\n")?;
        for command in ask {
            writeln!(out, "  {command}")?;
        }
        out.flush()
    }

    /// The names of the columns.
    pub(crate) fn head(&mut self) -> io::Result<()> {
        writeln!(
            self.out,
            "\n{:<6} {:<12} {:>9}  {:<18} {:<18} {:<9} WHAT HAPPENED",
            "TIME", "HPA", "TRAFFIC", "VALUE (AGE)", "TARGETS", "REPLICAS"
        )?;
        self.out.flush()
    }

    pub(crate) fn moment(&mut self, moment: &Moment) -> io::Result<()> {
        for round in &moment.rounds {
            if self.is_news(round) {
                self.line(moment, round)?;
            }
        }
        self.out.flush()
    }

    /// Whether a reader would see a difference to the last line of this
    /// autoscaler; the ages alone are none.
    fn is_news(&mut self, round: &Round) -> bool {
        let Some(told) = self.told.iter_mut().find(|told| told.hpa == round.hpa) else {
            self.told.push(round.clone());
            return true;
        };
        let same_value = match (&told.read, &round.read) {
            (Ok(told), Ok(now)) => told.value == now.value,
            (Err(told), Err(now)) => told == now,
            _ => false,
        };
        let same =
            same_value && told.targets == round.targets && told.replicas.1 == round.replicas.1;
        *told = round.clone();
        !same
    }

    fn line(&mut self, moment: &Moment, round: &Round) -> io::Result<()> {
        let traffic = round
            .traffic
            .map_or_else(|| "-".to_owned(), |traffic| format!("{}/s", short(traffic)));
        let value = match &round.read {
            Ok(served) => format!(
                "{} ({} s old)",
                short(served.value),
                served.age.whole_seconds()
            ),
            Err(_) => "-".to_owned(),
        };
        let replicas = match round.replicas {
            (before, after) if before == after => after.to_string(),
            (before, after) => format!("{before} -> {after}"),
        };
        writeln!(
            self.out,
            "{:<6} {:<12} {traffic:>9}  {value:<18} {:<18} {replicas:<9} {}",
            clock_face(moment.at),
            round.hpa,
            round.targets,
            round.says
        )
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::demo::moment::Served;

    #[test]
    fn a_line_is_written_when_something_changed_and_not_before() {
        let round = Round {
            hpa: "nginxext".to_owned(),
            reference: "Deployment/nginx".to_owned(),
            traffic: Some(90.0),
            capacity: Some(9.0),
            read: Ok(Served {
                value: 90.0,
                age: Duration::seconds(45),
            }),
            targets: "30/9 (avg)".to_owned(),
            bounds: (1, 3),
            replicas: (1, 3),
            says: "90 / 9 wants 10, and 3 is the most".to_owned(),
        };
        let settled = Round {
            replicas: (3, 3),
            ..round.clone()
        };
        let mut plain = Plain::new(Vec::new());
        for (seconds, round) in [(75, &round), (90, &settled), (105, &settled)] {
            let at = Duration::seconds(seconds);
            plain
                .moment(&Moment {
                    at,
                    rounds: vec![round.clone()],
                })
                .unwrap();
        }
        assert_eq!(
            String::from_utf8(plain.out).unwrap(),
            "01:15  nginxext          90/s  90 (45 s old)      30/9 (avg)         1 -> 3    90 / 9 wants 10, and 3 is the most\n"
        );
    }
}
