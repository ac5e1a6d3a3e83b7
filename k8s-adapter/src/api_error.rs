//! What can go wrong with the API server, said so that the reader knows what to do.

/// Why the API server did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// A role is missing.
    #[error("the API server forbids it ({message}): {permission}")]
    Forbidden {
        /// The API server's own words.
        message: String,
        /// Which permission to grant, as a sentence.
        permission: &'static str,
    },
    /// The API server does not know who we are.
    #[error(
        "the API server does not accept our credentials ({message}): check that the ServiceAccount exists and that \
         its token is mounted"
    )]
    Unauthorized {
        /// The API server's own words.
        message: String,
    },
    /// What we know is older than what the API server remembers; a new list follows.
    #[error("the API server has forgotten the place where the watch stood: listing anew")]
    Expired,
    /// It knows no objects of this kind, or not in a version that can be read.
    #[error("the API server serves no {kind}: {mend}")]
    Unserved {
        /// The kind, as in a manifest.
        kind: &'static str,
        /// What to do, as a sentence.
        mend: &'static str,
    },
    /// Any other answer that is not the one asked for.
    #[error("the API server answers {code}: {message}")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// The API server's own words.
        message: String,
    },
    /// No usable answer came.
    #[error(
        "no usable answer from the API server: check its address, the network policies and its certificate"
    )]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An answer came that is not what was asked for. Its text is kept out of
    /// the message: it may hold a secret.
    #[error(
        "the API server's answer cannot be read past column {column}: check what answers at its address"
    )]
    Unreadable {
        /// Where the reading stopped.
        column: usize,
    },
    /// No answer came in time.
    #[error("the API server did not answer within {} s: check its load and the network policies", .0.as_secs())]
    TimedOut(std::time::Duration),
}

const LONGEST_MESSAGE: usize = 500;

impl ApiError {
    /// The error in our words; `permission` says what to grant on a 403.
    pub(crate) fn of(error: kube_client::Error, permission: &'static str) -> Self {
        match error {
            kube_client::Error::Api(status) => {
                Self::of_status(status.code, status.message, permission)
            }
            other => Self::Unreachable(Box::new(other)),
        }
    }

    /// The error of a watcher in our words.
    #[cfg(any(feature = "access", feature = "autoscalers"))]
    pub(crate) fn of_watch(error: kube_runtime::watcher::Error, permission: &'static str) -> Self {
        use kube_runtime::watcher::Error;
        match error {
            Error::InitialListFailed(error)
            | Error::WatchStartFailed(error)
            | Error::WatchFailed(error) => Self::of(error, permission),
            Error::WatchError(status) => Self::of_status(status.code, status.message, permission),
            other @ Error::NoResourceVersion => Self::Unreachable(Box::new(other)),
        }
    }

    fn of_status(code: u16, mut message: String, permission: &'static str) -> Self {
        // Something in between may answer with a whole page.
        if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        match code {
            401 => Self::Unauthorized { message },
            403 => Self::Forbidden {
                message,
                permission,
            },
            410 => Self::Expired,
            code => Self::Refused { code, message },
        }
    }

    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Forbidden { .. }
            | Self::Unauthorized { .. }
            | Self::Unserved { .. }
            | Self::Unreadable { .. } => false,
            Self::Refused { code, .. } => *code == 429 || *code >= 500,
            Self::Expired | Self::Unreachable(_) | Self::TimedOut(_) => true,
        }
    }
}

/// An error and its causes on one line, for places that keep only a text. Some libraries
/// say their cause as well as naming it: what has been said is not said again.
#[cfg(any(
    feature = "access",
    feature = "election",
    feature = "events",
    feature = "registration",
    all(test, feature = "kept")
))]
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |said, cause| {
        let cause = cause.to_string();
        if said.contains(&cause) {
            said
        } else {
            format!("{said}: {cause}")
        }
    })
}

#[cfg(test)]
mod tests {
    use kube_core::Status;

    use super::*;

    const PERMISSION: &str = "grant list and watch on pods";

    fn answer(code: u16) -> ApiError {
        let status = Status::failure("pods is forbidden", "").with_code(code);
        ApiError::of(kube_client::Error::Api(status.boxed()), PERMISSION)
    }

    #[test]
    fn a_forbidden_request_names_the_permission_to_grant() {
        assert_eq!(
            answer(403).to_string(),
            "the API server forbids it (pods is forbidden): grant list and watch on pods"
        );
    }

    #[cfg(any(feature = "access", feature = "election", feature = "registration"))]
    #[test]
    fn a_chain_tells_every_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("the service failed: {0}")]
        struct Failed(#[source] std::io::Error);
        let failed = Failed(std::io::Error::other("no route"));
        let unreachable = ApiError::Unreachable(Box::new(failed));
        assert_eq!(chain(&unreachable).matches("no route").count(), 1);
    }

    #[test]
    fn a_page_in_place_of_a_message_is_cut_short() {
        let status = Status::failure(&"é".repeat(10_000), "").with_code(502);
        let error = ApiError::of(kube_client::Error::Api(status.boxed()), PERMISSION);
        let expected = format!(
            "the API server answers 502: {}…",
            "é".repeat(LONGEST_MESSAGE)
        );
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn only_what_may_pass_by_itself_is_transient() {
        let transient =
            [401, 403, 404, 410, 429, 500, 503].map(|code| (code, answer(code).is_transient()));
        assert_eq!(
            transient,
            [
                (401, false),
                (403, false),
                (404, false),
                (410, true),
                (429, true),
                (500, true),
                (503, true)
            ]
        );
    }
}
