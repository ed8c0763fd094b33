//! Links as things that are counted.

use sha2::{Digest, Sha256};

/// A link's pattern: its URL without query and fragment. Personalised links differ in these most of all, so that one link
/// of a template is one row of numbers and never a row a person.
pub fn pattern(url: &str) -> &str {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    &url[..end]
}

/// The number that stands for a pattern in facts: 62 bits of SHA-256, never 0.
pub fn pattern_key(url: &str) -> i64 {
    let digest = Sha256::digest(pattern(url).as_bytes());
    let raw = digest.iter().take(8).fold(0_u64, |n, b| (n << 8) | u64::from(*b));
    i64::try_from(raw >> 2).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_fragments_do_not_tell_links_apart() {
        assert_eq!(pattern("https://a.example/x?u=1#y"), "https://a.example/x");
        assert_eq!(pattern_key("https://a.example/x?u=1"), pattern_key("https://a.example/x#z"));
        assert_ne!(pattern_key("https://a.example/x"), pattern_key("https://a.example/y"));
    }
}
