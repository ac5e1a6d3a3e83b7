//! What Kubernetes accepts as the key and the value of a label.

use super::InvalidSelector;

const NAME: &str =
    "a name is up to 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends";
const PREFIX: &str =
    "the part before `/` is a DNS name of up to 253 small letters, digits, `-` and `.`";

/// `name`, or `prefix/name` with a DNS name as the prefix.
pub(super) fn check_key(key: &str) -> Result<(), InvalidSelector> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let broken = if !is_name(name) {
        NAME
    } else if prefix.is_some_and(|prefix| !is_dns_subdomain(prefix)) {
        PREFIX
    } else {
        return Ok(());
    };
    Err(InvalidSelector::Key {
        key: key.to_owned(),
        rule: broken,
    })
}

/// A name, or nothing.
pub(super) fn check_value(key: &str, value: &str) -> Result<(), InvalidSelector> {
    if value.is_empty() || is_name(value) {
        return Ok(());
    }
    Err(InvalidSelector::Value {
        key: key.to_owned(),
        value: value.to_owned(),
        rule: NAME,
    })
}

fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && has_ends(text, |byte| byte.is_ascii_alphanumeric())
}

fn is_dns_subdomain(text: &str) -> bool {
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 253
        && text.split('.').all(|label| {
            label.bytes().all(|byte| small(byte) || byte == b'-') && has_ends(label, small)
        })
}

/// Whether there is a first and a last byte and both are of the kind.
fn has_ends(text: &str, kind: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|byte| kind(*byte)) && bytes.last().is_some_and(|byte| kind(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_rules_of_kubernetes() {
        for good in [
            "a",
            "A_b.c-1",
            "example.com/a",
            "1/2",
            "x-y.z/Q",
            &"a".repeat(63),
            &format!("{}/a", "a".repeat(253)),
        ] {
            assert_eq!(check_key(good), Ok(()), "{good}");
        }
        for (bad, rule) in [
            ("", NAME),
            ("-a", NAME),
            ("a-", NAME),
            ("a b", NAME),
            ("ä", NAME),
            ("a/", NAME),
            ("a/b/c", NAME),
            (&*"a".repeat(64), NAME),
            ("/a", PREFIX),
            ("Example.com/a", PREFIX),
            ("a..b/c", PREFIX),
            ("-a/b", PREFIX),
            (&*format!("{}/a", "a".repeat(254)), PREFIX),
        ] {
            assert_eq!(
                check_key(bad),
                Err(InvalidSelector::Key {
                    key: bad.to_owned(),
                    rule
                }),
                "{bad}"
            );
        }
    }

    #[test]
    fn values_follow_the_rules_of_kubernetes() {
        for good in ["", "a", "1.2-3_B", &"a".repeat(63)] {
            assert_eq!(check_value("k", good), Ok(()), "{good}");
        }
        for bad in ["-", "a.", "a b", "a/b", "a:b", &"a".repeat(64)] {
            let refused = InvalidSelector::Value {
                key: "k".to_owned(),
                value: bad.to_owned(),
                rule: NAME,
            };
            assert_eq!(check_value("k", bad), Err(refused), "{bad}");
        }
    }
}
