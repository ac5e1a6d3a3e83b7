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
