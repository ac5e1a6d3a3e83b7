//! Whom we ask where the first endpoint fails.

use datadog_query::{Endpoint, Keys};
use serde::Deserialize;

use super::Reader;

const ENDPOINTS: &str = "DD_EXTERNAL_METRICS_PROVIDER_ENDPOINTS";

/// An endpoint as Datadog's agent has it in its file. It holds keys, so it has no `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    url: Option<String>,
    site: Option<String>,
    api_key: String,
    app_key: String,
}

impl Entry {
    /// What it says, or what is wrong with it.
    fn read(self) -> Result<(Endpoint, Keys), String> {
        let endpoint = match (self.url, self.site) {
            (Some(url), None) => Endpoint::at(&url),
            (None, Some(site)) => Endpoint::of_site(&site),
            (Some(_), Some(_)) | (None, None) => {
                return Err("either url or site says where it is".to_owned());
            }
        };
        let endpoint = endpoint.map_err(|why| why.to_string())?;
        // No other endpoint's keys stand in for these: each goes to its own host alone.
        let keys = Keys::new(&self.api_key.into(), &self.app_key.into());
        Ok((endpoint, keys.map_err(|why| why.to_string())?))
    }
}

/// The further endpoints, in their order.
pub(super) fn fallbacks(read: &mut Reader<'_>) -> Vec<(Endpoint, Keys)> {
    let text = read.value(ENDPOINTS).unwrap_or("[]");
    let entries: Vec<Entry> = match serde_json::from_str(text) {
        Ok(entries) => entries,
        Err(why) => {
            // The parser's own words repeat what they complain of, which may be a key.
            read.mistake(format!(
                "{ENDPOINTS} should be a JSON list of objects with site (or url), api_key and app_key, and is not at \
                 line {}, column {}",
                why.line(),
                why.column()
            ));
            return Vec::new();
        }
    };
    let numbered = entries.into_iter().zip(1..);
    numbered
        .filter_map(|(entry, number)| {
            entry
                .read()
                .map_err(|why| read.mistake(format!("{ENDPOINTS}: entry {number}: {why}")))
                .ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Datadog, Variables};

    fn read(endpoints: &str) -> Result<Vec<String>, String> {
        let variables = [
            ("DD_API_KEY", "0123456789abcdef"),
            ("DD_APP_KEY", "fedcba9876543210"),
            (ENDPOINTS, endpoints),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let datadog =
            Datadog::of(&Variables::from_iter(variables)).map_err(|why| why.to_string())?;
        let printed = format!("{datadog:?}");
        assert!(!printed.contains("-key-of-"), "{printed}");
        let endpoints = datadog.fallbacks.iter();
        Ok(endpoints
            .map(|(endpoint, _)| endpoint.to_string())
            .collect())
    }

    #[test]
    fn further_endpoints_have_their_order_and_their_keys() {
        let two = r#"[
            { "site": "datadoghq.eu", "api_key": "api-key-of-eu", "app_key": "app-key-of-eu" },
            { "url": "https://proxy.example/us", "api_key": "api-key-of-us", "app_key": "app-key-of-us" }
        ]"#;
        let expected = ["https://api.datadoghq.eu", "https://proxy.example/us"];
        assert_eq!(read(two), Ok(expected.map(str::to_owned).to_vec()));
        assert_eq!(read(""), Ok(Vec::new()));
    }

    #[test]
    fn an_entry_without_one_place_and_two_keys_is_refused_by_its_number() {
        let keys = r#""api_key": "api-key-of-eu", "app_key": "app-key-of-eu""#;
        for (entry, why) in [
            (
                format!("{{ {keys} }}"),
                "either url or site says where it is",
            ),
            (
                format!(r#"{{ "site": "a.b", "url": "https://a.b", {keys} }}"#),
                "either url or site says where it is",
            ),
            (
                format!(r#"{{ "site": "eu", {keys} }}"#),
                r#""eu" is no Datadog site: a site is a bare domain such as datadoghq.eu"#,
            ),
            (
                r#"{ "site": "a.b", "api_key": "api-key-of-eu", "app_key": " " }"#.to_owned(),
                "the application key is empty",
            ),
        ] {
            let told = format!("{ENDPOINTS}: entry 2: {why}");
            let good = format!(r#"{{ "site": "datadoghq.eu", {keys} }}"#);
            assert_eq!(read(&format!("[{good}, {entry}]")), Err(told), "{entry}");
        }
    }

    #[test]
    fn what_is_no_such_list_is_refused_and_nothing_of_it_is_shown() {
        for text in [
            "the-key-of-eu",
            r#"["the-key-of-eu"]"#,
            r#"{ "api_key": "the-key-of-eu" }"#,
            r#"[{ "the-key-of-eu": "" }]"#,
            r#"[{ "site": "a.b", "api_key": { "the-key-of-eu": 1 }, "app_key": "" }]"#,
            r#"[{ "site": "a.b", "api_key": "the-key-of-eu" }]"#,
        ] {
            let told = read(text).unwrap_err();
            assert!(told.starts_with(ENDPOINTS), "{told}");
            assert!(!told.contains("-key-of-"), "{told}");
        }
    }
}
