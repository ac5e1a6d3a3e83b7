//! Who asks.

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// The two keys that every call carries. They cannot be printed.
#[derive(Clone, Debug)]
pub struct Keys {
    // Both are marked as sensitive: their `Debug` is silent, and header
    // compression does not keep them.
    api: HeaderValue,
    app: HeaderValue,
}

/// A key cannot be sent. The message tells which and why, never what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// There is nothing.
    #[error("the {0} key is empty")]
    Empty(&'static str),
    /// Not a text that a header can carry.
    #[error("the {0} key holds a character that no key has, such as a blank or a line break")]
    Character(&'static str),
}

impl Keys {
    /// The API key and the application key, without the white space around
    /// them: a key that comes from a file often brings a line break.
    ///
    /// # Errors
    ///
    /// Refuses a key that is empty or cannot travel in a header.
    pub fn new(api: &SecretString, app: &SecretString) -> Result<Self, InvalidKey> {
        Ok(Self {
            api: header("API", api)?,
            app: header("application", app)?,
        })
    }

    pub(crate) fn api(&self) -> HeaderValue {
        self.api.clone()
    }

    pub(crate) fn app(&self) -> HeaderValue {
        self.app.clone()
    }

    /// The text without the keys, should the other side echo them.
    pub(crate) fn scrub(&self, text: &str) -> String {
        // Shorter than this is no secret, only a word that occurs anywhere.
        const SECRET: usize = 8;
        let secrets = [&self.api, &self.app].map(|key| key.to_str().unwrap_or_default());
        secrets
            .into_iter()
            .filter(|secret| secret.len() >= SECRET)
            .fold(text.to_owned(), |text, secret| {
                text.replace(secret, "[key]")
            })
    }
}

fn header(name: &'static str, key: &SecretString) -> Result<HeaderValue, InvalidKey> {
    let key = key.expose_secret().trim();
    if key.is_empty() {
        return Err(InvalidKey::Empty(name));
    }
    if !key.chars().all(|c| c.is_ascii_graphic()) {
        return Err(InvalidKey::Character(name));
    }
    let mut value = HeaderValue::from_str(key).map_err(|_| InvalidKey::Character(name))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(api: &str, app: &str) -> Result<Keys, InvalidKey> {
        Keys::new(&api.into(), &app.into())
    }

    #[test]
    fn keys_are_not_printed() {
        let printed = format!(
            "{:?}",
            keys("api-key-0123456789", "app-key-0123456789").unwrap()
        );
        assert!(!printed.contains("0123456789"), "{printed}");
    }

    #[test]
    fn a_line_break_at_the_end_of_a_key_is_no_part_of_it() {
        let keys = keys("api-key\n", "app-key\r\n").unwrap();
        assert_eq!(
            (keys.api(), keys.app()),
            ("api-key".parse().unwrap(), "app-key".parse().unwrap())
        );
    }

    #[test]
    fn a_key_that_cannot_be_sent_is_refused_without_showing_it() {
        for (api, app, wrong) in [
            ("", "app", InvalidKey::Empty("API")),
            ("api", " \n", InvalidKey::Empty("application")),
            ("api\nX-Injected: 1", "app", InvalidKey::Character("API")),
            ("api", "schlüssel", InvalidKey::Character("application")),
        ] {
            assert_eq!(keys(api, app).map(drop), Err(wrong));
        }
    }

    #[test]
    fn an_echoed_key_is_cut_out() {
        let keys = keys("api-key-0123456789", "short").unwrap();
        assert_eq!(
            keys.scrub("bad api-key-0123456789, in short"),
            "bad [key], in short"
        );
    }
}
