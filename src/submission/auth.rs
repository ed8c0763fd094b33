//! AUTH PLAIN and LOGIN (RFC 4954, RFC 4616), and the brake on wrong passwords.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Wrong passwords from one address within [`WRONG_WINDOW`] before AUTH is refused at once.
pub(super) const WRONG_MAX: u32 = 20;
/// How long wrong passwords are remembered.
pub(super) const WRONG_WINDOW: Duration = Duration::from_mins(10);

/// User and password.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: Vec<u8>,
}

/// The message of PLAIN: `[authzid] NUL authcid NUL password`. An authorisation identity may only repeat the user.
pub(super) fn plain(encoded: &str) -> Option<Login> {
    let bytes = decode(encoded)?;
    let mut parts = bytes.splitn(3, |b| *b == 0);
    let (act_as, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    let login = Login { user: String::from_utf8(user.to_vec()).ok()?, password: password.to_vec() };
    (!password.contains(&0) && (act_as.is_empty() || act_as == user)).then_some(login)
}

/// One answer of LOGIN.
pub(super) fn decode(encoded: &str) -> Option<Vec<u8>> {
    // "=" is the empty initial response (RFC 4954 section 4).
    if encoded == "=" { Some(Vec::new()) } else { STANDARD.decode(encoded).ok() }
}

/// `credential+campaign`.
pub(super) fn split_user(user: &str) -> (&str, Option<&str>) {
    match user.split_once('+') {
        Some((name, campaign)) if !campaign.is_empty() => (name, Some(campaign)),
        Some((name, _)) => (name, None),
        None => (user, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_read() {
        let read = |text: &[u8]| plain(&STANDARD.encode(text)).map(|l| (l.user, l.password));
        assert_eq!(read(b"\0news\0pass"), Some(("news".to_owned(), b"pass".to_vec())));
        assert_eq!(read(b"news\0news\0pass"), Some(("news".to_owned(), b"pass".to_vec())));
        assert_eq!(read(b"other\0news\0pass"), None);
        assert_eq!(read(b"news\0pass"), None);
        assert_eq!(read(b"\0news\0pa\0ss"), None);
        assert_eq!(plain("%%%"), None);
        assert_eq!(split_user("news+spring sale+2"), ("news", Some("spring sale+2")));
        assert_eq!(split_user("news+"), ("news", None));
    }
}
