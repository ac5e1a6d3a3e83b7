//! `/healthz`, `/livez` and `/readyz`, in the words of
//! [Kubernetes' own](https://kubernetes.io/docs/reference/using-api/health-checks/).

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, Uri, header::X_CONTENT_TYPE_OPTIONS};
use http_body_util::Full;

use crate::{Status, encode, query};

/// The server has been asked to end. It serves on for a while, so that whoever
/// spreads requests over several servers sees in `/readyz` that this one goes.
///
/// From then on `Server` puts it into each request's extensions,
/// where [`MetricsApi`](crate::MetricsApi) finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending;

/// Something that has to be well for the server to be ready: a line of
/// `/readyz?verbose`, and `/readyz/<name>` on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, as in `[+]first-refresh ok`; one word, as it is part of a path.
    pub name: &'static str,
    /// How it stands. What is wrong is told in the log, and to those who ask for this
    /// check alone, for which they need a permission; all others learn that it is wrong.
    pub outcome: Result<(), String>,
}

/// Which question a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// The old word for `livez`.
    Healthz,
    /// Is the process alive? Nothing that a restart would not mend belongs here.
    Livez,
    /// May it be sent requests?
    Readyz,
}

/// A probe and how it wants its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProbeRequest {
    pub(crate) probe: Probe,
    /// The one check of `/readyz/ping`.
    pub(crate) only: Option<String>,
    pub(crate) verbose: bool,
    pub(crate) excluded: BTreeSet<String>,
}

impl Probe {
    pub(crate) const ALL: [Self; 3] = [Self::Healthz, Self::Livez, Self::Readyz];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|probe| probe.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Healthz => "healthz",
            Self::Livez => "livez",
            Self::Readyz => "readyz",
        }
    }

    /// All that the probe looks at, from what else readiness depends on, and whether the
    /// server is to stay.
    pub(crate) fn checks(
        self,
        readiness: impl FnOnce() -> Vec<Check>,
        ending: Option<&Ending>,
    ) -> Vec<Check> {
        let mut checks = vec![Check {
            name: "ping",
            outcome: Ok(()),
        }];
        if self == Self::Readyz {
            checks.extend(readiness());
            checks.push(Check {
                name: "shutdown",
                outcome: match ending {
                    None => Ok(()),
                    Some(Ending) => Err("the server was asked to end".to_owned()),
                },
            });
        }
        checks
    }
}

impl ProbeRequest {
    pub(crate) fn of(probe: Probe, only: Option<&&str>, uri: &Uri) -> Self {
        let verbose = query::parameter(uri, "verbose").is_some();
        let excluded = query::parameters(uri, "exclude").collect();
        Self {
            probe,
            only: only.map(|name| (*name).to_owned()),
            verbose,
            excluded,
        }
    }

    /// The answer.
    ///
    /// # Errors
    /// 404 for one check that there is not.
    pub(crate) fn answer(&self, checks: &[Check]) -> Result<Response<Full<Bytes>>, Status> {
        let (code, text) = match &self.only {
            None => self.report(checks),
            Some(only) => self.alone(checks, only)?,
        };
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        let mut response = encode::response(code, plain, text);
        response
            .headers_mut()
            .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Ok(response)
    }

    /// One check alone. Nothing is left to say in more words or to exclude.
    fn alone(&self, checks: &[Check], only: &str) -> Result<(StatusCode, String), Status> {
        let check = checks.iter().find(|check| check.name == only);
        let check = check.ok_or_else(|| {
            let probe = self.probe.name();
            Status::not_found_since(format!("`/{probe}?verbose` lists what is checked"))
        })?;
        Ok(match &check.outcome {
            Ok(()) => (StatusCode::OK, "ok".to_owned()),
            Err(why) => {
                self.log(check.name, why);
                let text = format!("internal server error: {why}\n");
                (StatusCode::INTERNAL_SERVER_ERROR, text)
            }
        })
    }

    fn report(&self, checks: &[Check]) -> (StatusCode, String) {
        let probe = self.probe.name();
        let mut passed = true;
        let mut lines = String::new();
        for Check { name, outcome } in checks {
            lines += &match outcome {
                _ if self.excluded.contains(*name) => format!("[+]{name} excluded: ok\n"),
                Ok(()) => format!("[+]{name} ok\n"),
                Err(why) => {
                    passed = false;
                    self.log(name, why);
                    format!("[-]{name} failed: reason withheld\n")
                }
            };
        }
        let unknown: Vec<_> = self
            .excluded
            .iter()
            .filter(|excluded| checks.iter().all(|check| check.name != **excluded))
            // Text from outside is quoted, so that it makes no line of its own.
            .map(|excluded| format!("{excluded:?}"))
            .collect();
        if !unknown.is_empty() {
            lines += &format!(
                "warn: some health checks cannot be excluded: no matches for {}\n",
                unknown.join(",")
            );
        }
        match (passed, self.verbose) {
            (true, false) => (StatusCode::OK, "ok".to_owned()),
            (true, true) => (StatusCode::OK, format!("{lines}{probe} check passed\n")),
            (false, _) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("{lines}{probe} check failed\n"),
            ),
        }
    }

    fn log(&self, check: &str, why: &str) {
        let probe = self.probe.name();
        tracing::info!(probe, check, why, "a health check fails");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(uri: &'static str, probe: Probe) -> (u16, String) {
        let checks = [
            Check {
                name: "ping",
                outcome: Ok(()),
            },
            Check {
                name: "refresh",
                outcome: Err("never heard of the source".to_owned()),
            },
        ];
        let checks = if probe == Probe::Readyz {
            &checks[..]
        } else {
            &checks[..1]
        };
        let (code, text) = ProbeRequest::of(probe, None, &Uri::from_static(uri)).report(checks);
        (code.as_u16(), text)
    }

    #[test]
    fn who_is_well_says_ok() {
        assert_eq!(report("/livez", Probe::Livez), (200, "ok".to_owned()));
        assert_eq!(
            report("/healthz?verbose", Probe::Healthz),
            (200, "[+]ping ok\nhealthz check passed\n".to_owned())
        );
    }

    #[test]
    fn a_failed_check_is_named_and_its_reason_withheld() {
        assert_eq!(
            report("/readyz", Probe::Readyz),
            (
                500,
                "[+]ping ok\n[-]refresh failed: reason withheld\nreadyz check failed\n".to_owned()
            )
        );
    }

    #[test]
    fn an_excluded_check_does_not_count() {
        assert_eq!(
            report("/readyz?exclude=nope&verbose&exclude=refresh&exclude=%0Ano&exclude=nope", Probe::Readyz),
            (
                200,
                "[+]ping ok\n[+]refresh excluded: ok\nwarn: some health checks cannot be excluded: no matches for \"\\nno\",\"nope\"\nreadyz check passed\n"
                    .to_owned()
            )
        );
    }

    #[test]
    fn only_readiness_asks_the_checks() {
        let never = || -> Vec<Check> { unreachable!("liveness does not depend on others") };
        for probe in [Probe::Livez, Probe::Healthz] {
            let names: Vec<_> = probe
                .checks(never, Some(&Ending))
                .into_iter()
                .map(|check| check.name)
                .collect();
            assert_eq!(names, ["ping"]);
        }
    }

    #[test]
    fn one_check_is_asked_by_its_name_and_tells_its_reason() {
        let readiness = || {
            vec![Check {
                name: "refresh",
                outcome: Err("never heard of the source".to_owned()),
            }]
        };
        let checks = Probe::Readyz.checks(readiness, None);
        let uri = Uri::from_static("/?verbose&exclude=refresh"); // says nothing about one
        let told = |name: &str| {
            let request = ProbeRequest::of(Probe::Readyz, Some(&name), &uri);
            request.alone(&checks, name)
        };
        let well = Ok((StatusCode::OK, "ok".to_owned()));
        assert_eq!(told("ping"), well);
        assert_eq!(told("shutdown"), well);
        let reason = "internal server error: never heard of the source\n".to_owned();
        assert_eq!(
            told("refresh"),
            Ok((StatusCode::INTERNAL_SERVER_ERROR, reason))
        );
        let hint = "`/readyz?verbose` lists what is checked";
        assert_eq!(told("nope"), Err(Status::not_found_since(hint)));
    }
}
