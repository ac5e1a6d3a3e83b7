//! Names that Kubernetes gives its objects.

/// Whether it is a DNS name, of so many characters at most.
pub(crate) fn is_dns_name(text: &str, longest: usize) -> bool {
    let is_inner = |byte: u8| byte == b'-' || byte.is_ascii_digit() || byte.is_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= longest && text.split('.').all(is_label)
}
