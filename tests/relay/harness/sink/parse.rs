//! Reading what a client wrote: paths and stuffed dots.

/// The path and the parameters behind it in `FROM:<path> parameters`.
pub(super) fn path(rest: &str, keyword: &str) -> Option<(String, String)> {
    let front = rest.get(..keyword.len())?;
    let rest = front.eq_ignore_ascii_case(keyword).then(|| rest[keyword.len()..].trim_start())?;
    match rest.strip_prefix('<') {
        Some(inner) => inner.rsplit_once('>').map(|(path, rest)| (path.to_owned(), rest.trim().to_owned())),
        None => Some((rest.trim().to_owned(), String::new())),
    }
}

/// Takes the first dot of each line away (RFC 5321 section 4.5.2).
pub(super) fn without_stuffing(stuffed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(stuffed.len());
    let mut rest = stuffed.strip_prefix(b".").unwrap_or(stuffed);
    while let Some(at) = memchr::memmem::find(rest, b"\r\n.") {
        bytes.extend_from_slice(&rest[..at + 2]);
        rest = &rest[at + 3..];
    }
    bytes.extend_from_slice(rest);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffed_dots_go_and_others_stay() {
        assert_eq!(without_stuffing(b"..a\r\nb.\r\n..\r\n...c\r\n"), b".a\r\nb.\r\n.\r\n..c\r\n");
        assert_eq!(without_stuffing(b"a\n.b\r\n"), b"a\n.b\r\n");
    }

    #[test]
    fn a_path_ends_at_its_bracket() {
        let owned = |path: &str, rest: &str| Some((path.to_owned(), rest.to_owned()));
        assert_eq!(path("FROM:<a@b.example> SIZE=10", "FROM:"), owned("a@b.example", "SIZE=10"));
        assert_eq!(path("from: <>", "FROM:"), owned("", ""));
        assert_eq!(path("TO:a@b.example", "TO:"), owned("a@b.example", ""));
        assert_eq!(path("FROM", "FROM:"), None);
    }
}
