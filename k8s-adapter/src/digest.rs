//! Texts told apart by a few characters.

use ring::digest::{SHA256, digest};

/// The first bytes of the SHA-256 of a text, as hexadecimal digits.
pub(crate) fn hex_digest(text: &str, bytes: usize) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    let digest = digest.as_ref().iter().take(bytes);
    digest.map(|byte| format!("{byte:02x}")).collect()
}
