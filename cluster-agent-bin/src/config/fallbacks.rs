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
