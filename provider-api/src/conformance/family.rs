//! The families of cases, in the order in which they are asked and told.

use super::{
    authentication, authorization, case::Case, certificate, config, custom, discovery, external,
    impersonation, lifecycle, limits, openapi, quantity, serving, tls,
};

/// Cases about one thing.
pub(super) struct Family {
    /// What the names of its cases begin with.
    pub(super) name: &'static str,
    /// What it is about.
    pub(super) about: &'static str,
    pub(super) cases: &'static [&'static [Case]],
    pub(super) company: Company,
    /// Whether it is about external metrics alone.
    pub(super) external: bool,
}

/// Whether a family's cases can be asked while others are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    /// They disturb nobody.
    Shared,
    /// They change what every request meets, so that one is asked after the other.
    Alone,
}

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "discovery",
        about: "the lists of groups and resources, aggregated discovery, probes side by side",
        cases: &[discovery::CASES],
        company: Company::Shared,
        external: true,
    },
    Family {
        name: "openapi",
        about: "the documents, their hashes and their caching; skipped where they are a 404",
        cases: &[openapi::CASES],
        company: Company::Shared,
        external: false,
    },
    Family {
        name: "external",
        about: "external metrics: fields, formats, selectors, and every way to say no",
        cases: external::CASES,
        company: Company::Shared,
        external: true,
    },
    Family {
        name: "quantity",
        about: "how numbers are written, and which are none",
        cases: &[quantity::CASES],
        company: Company::Shared,
        external: true,
    },
    Family {
        name: "custom",
        about: "custom metrics, in both versions: discovery, one object and many, refusals, and what the cluster is asked",
        cases: custom::CASES,
        company: Company::Shared,
        external: false,
    },
    Family {
        name: "authentication",
        about: "who asks: front proxy, client certificate, token, nobody",
        cases: &[authentication::CASES],
        company: Company::Shared,
        external: false,
    },
    Family {
        name: "impersonation",
        about: "who asks as somebody else",
        cases: &[impersonation::CASES],
        company: Company::Shared,
        external: false,
    },
    Family {
        name: "authorization",
        about: "what the cluster is asked, and what becomes of its answer",
        cases: &[authorization::CASES],
        company: Company::Shared,
        external: false,
    },
    Family {
        name: "serving",
        about: "health, version, headers, `/metrics`",
        cases: &[serving::CASES],
        company: Company::Shared,
        external: false,
    },
    Family {
        name: "tls",
        about: "versions of TLS and HTTP, and the names in the certificate",
        cases: &[tls::CASES],
        company: Company::Shared,
        external: false,
    },
    Family {
        name: "limits",
        about: "what is too much, too long or too slow",
        cases: &[limits::CASES],
        company: Company::Shared,
        external: false,
    },
    Family {
        name: "config",
        about: "the cluster's authentication configuration, changed while the server runs",
        cases: &[config::CASES],
        company: Company::Alone,
        external: false,
    },
    Family {
        name: "load",
        about: "more requests at a time than the server takes",
        cases: &[limits::LOAD],
        company: Company::Alone,
        external: false,
    },
    Family {
        name: "certificate",
        about: "the serving certificate's files, replaced while the server runs",
        cases: &[certificate::CASES],
        company: Company::Alone,
        external: false,
    },
    Family {
        name: lifecycle::NAME,
        about: "how the server ends",
        cases: &[lifecycle::CASES],
        company: Company::Alone,
        external: false,
    },
];

impl Family {
    pub(super) fn cases(&self) -> impl Iterator<Item = &'static Case> {
        self.cases.iter().copied().flatten()
    }
}

/// All cases with what each promises, for a person who wonders what is asked.
pub fn listed() -> String {
    let mut text = String::new();
    for family in FAMILIES {
        text += &format!("{}: {}\n", family.name, family.about);
        for case in family.cases() {
            text += &format!("  {}\n      {}\n", case.name, case.promise);
        }
    }
    text
}
