//! `/healthz`, `/livez` and `/readyz`.

use std::fmt::Write;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, Uri, header::X_CONTENT_TYPE_OPTIONS};
use http_body_util::Full;

use crate::{encode, query};

/// The server has been asked to end. It serves on for a while, so that whoever
/// spreads requests over several servers sees in `/readyz` that this one goes.
///
/// From then on [`Server`](crate::Server) puts it into each request's extensions,
/// where [`MetricsApi`](crate::MetricsApi) finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending;

/// Something that has to be well for the server to be ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name, as in `[+]first-refresh ok`.
    pub name: &'static str,
    /// How it stands; what is wrong goes to the log, not to whoever asks.
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
    pub(crate) verbose: bool,
    pub(crate) excluded: Vec<String>,
}

impl ProbeRequest {
    pub(crate) fn of(probe: Probe, uri: &Uri) -> Self {
        let verbose = query::parameter(uri, "verbose").is_some();
        let excluded = query::parameters(uri, "exclude").collect();
        Self {
            probe,
            verbose,
            excluded,
        }
    }

    /// The answer, from what else readiness depends on: its checks, and whether
    /// the server is to stay.
    pub(crate) fn answer(
        &self,
        readiness: impl FnOnce() -> Vec<Check>,
        ending: Option<&Ending>,
    ) -> Response<Full<Bytes>> {
        let mut checks = vec![Check {
            name: "ping",
            outcome: Ok(()),
        }];
        if self.probe == Probe::Readyz {
            checks.extend(readiness());
            checks.push(Check {
                name: "shutdown",
                outcome: match ending {
                    None => Ok(()),
                    Some(Ending) => Err("the server was asked to end".to_owned()),
                },
            });
        }
        let (code, text) = self.report(&checks);
        let mut response = encode::response(code, "text/plain; charset=utf-8", text);
        response
            .headers_mut()
            .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    fn report(&self, checks: &[Check]) -> (StatusCode, String) {
        let probe = match self.probe {
            Probe::Healthz => "healthz",
            Probe::Livez => "livez",
            Probe::Readyz => "readyz",
        };
        let mut passed = true;
        let mut lines = String::new();
        for Check { name, outcome } in checks {
            lines += &match outcome {
                _ if self.excluded.iter().any(|excluded| excluded == name) => {
                    format!("[+]{name} excluded: ok\n")
                }
                Ok(()) => format!("[+]{name} ok\n"),
                Err(why) => {
                    passed = false;
                    tracing::info!(probe, check = name, why, "a health check fails");
                    format!("[-]{name} failed: reason withheld\n")
                }
            };
        }
        for stray in self
            .excluded
            .iter()
            .filter(|excluded| checks.iter().all(|check| check.name != **excluded))
        {
            // Text from outside is quoted, so that it makes no line of its own.
            let _ = writeln!(
                lines,
                "warn: some health checks cannot be excluded: no matches for {stray:?}"
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
        let (code, text) = ProbeRequest::of(probe, &Uri::from_static(uri)).report(checks);
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
            report("/readyz?verbose&exclude=refresh&exclude=nope", Probe::Readyz),
            (
                200,
                "[+]ping ok\n[+]refresh excluded: ok\nwarn: some health checks cannot be excluded: no matches for \"nope\"\nreadyz check passed\n"
                    .to_owned()
            )
        );
    }

    #[test]
    fn only_readiness_asks_the_checks() {
        let never = || -> Vec<Check> { unreachable!("liveness does not depend on others") };
        let answer = ProbeRequest::of(Probe::Livez, &Uri::from_static("/livez"))
            .answer(never, Some(&Ending));
        assert_eq!(answer.status(), StatusCode::OK);
    }
}
