//! The way to Datadog.

use std::fs;

use datadog_query::{InvalidLeaf, LeafSettings};

use super::Reader;

const AUTHORITIES: &str = "DD_EXTERNAL_METRICS_PROVIDER_CA_FILE";

/// The proxy on the way to Datadog, and who is trusted there.
pub(super) fn connection(read: &mut Reader<'_>) -> LeafSettings {
    let proxy = read.first(&["DD_PROXY_HTTPS", "HTTPS_PROXY", "https_proxy"]);
    let no_proxy = read.first(&["DD_PROXY_NO_PROXY", "NO_PROXY", "no_proxy"]);
    let no_proxy = no_proxy.map_or("", |(_, hosts)| hosts).split([',', ' ']);
    let file = read.value(AUTHORITIES);
    let authorities = file.and_then(|file| {
        fs::read(file)
            .map_err(|why| read.mistake(format!("{AUTHORITIES}: {file}: {why}")))
            .ok()
    });
    let settings = LeafSettings {
        proxy: proxy.map(|(_, url)| url.to_owned()),
        no_proxy: no_proxy
            .filter(|host| !host.is_empty())
            .map(str::to_owned)
            .collect(),
        authorities,
        ..LeafSettings::default()
    };
    for why in settings.mistakes() {
        read.mistake(match why {
            InvalidLeaf::Proxy => format!("DD_PROXY_HTTPS or HTTPS_PROXY: {why}"),
            InvalidLeaf::Authorities => {
                format!("{AUTHORITIES}: {}: {why}", file.unwrap_or_default())
            }
        });
    }
    settings
}

#[cfg(test)]
mod tests {
    use std::{env, path::PathBuf, process};

    use super::*;
    use crate::config::{Datadog, Variables};

    fn read(more: &[(&str, &str)]) -> Result<LeafSettings, String> {
        let keys = [
            ("DD_API_KEY", "0123456789abcdef"),
            ("DD_APP_KEY", "fedcba9876543210"),
        ];
        let variables = keys.iter().chain(more);
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let datadog = Datadog::of(&variables.collect::<Variables>());
        datadog
            .map(|datadog| datadog.connection)
            .map_err(|why| why.to_string())
    }

    /// A file that is gone after the test.
    struct File(PathBuf);

    impl File {
        fn holding(test: &str, text: &str) -> Self {
            let name = format!("{test}-{}.pem", process::id());
            let file = env::temp_dir().join(name);
            fs::write(&file, text).unwrap();
            Self(file)
        }

        fn path(&self) -> &str {
            self.0.to_str().unwrap()
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn further_authorities_come_from_a_file() {
        let certified = rcgen::generate_simple_self_signed(["proxy".to_owned()]).unwrap();
        let pem = certified.cert.pem();
        let file = File::holding("authorities", &pem);
        let read = read(&[(AUTHORITIES, file.path())]).unwrap();
        assert_eq!(read.authorities, Some(pem.into_bytes()));
    }

    #[test]
    fn a_file_that_is_missing_or_holds_no_certificate_is_told_with_the_other_mistakes() {
        let empty = File::holding("no-authorities", "");
        let missing = format!("{}.none", empty.path());
        for (path, why) in [
            (missing.as_str(), "No such file or directory (os error 2)"),
            (
                empty.path(),
                "the file of further authorities holds no certificate in PEM",
            ),
        ] {
            let told = read(&[
                (AUTHORITIES, path),
                ("DD_PROXY_HTTPS", "socks5://proxy:1080"),
            ]);
            let expected = [
                "the proxy's address is not of the form http://user:password@host:port".to_owned(),
                format!("{AUTHORITIES}: {path}: {why}"),
            ];
            let told = told.unwrap_err();
            assert!(expected.iter().all(|part| told.contains(part)), "{told}");
        }
    }

    #[test]
    fn hosts_without_the_proxy_are_parted_by_commas_or_blanks() {
        let read = read(&[("DD_PROXY_NO_PROXY", "a.b, .c.d  e")]).unwrap();
        assert_eq!(read.no_proxy, ["a.b", ".c.d", "e"]);
    }
}
