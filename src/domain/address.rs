//! Addresses and domains, as they stand in an envelope (RFC 5321 section 4.1.2).
//!
//! The local part is kept as it was written, quotes included: another spelling may be another mailbox. Domains are
//! compared in lower case and as A-labels (RFC 5890). Local parts may be internationalised (RFC 6531 section 3.3); who
//! takes such an address from outside asks [`Address::is_ascii`] first.

use std::borrow::Cow;
use std::fmt;

use super::notice::Wishes;

/// RFC 5321 section 4.5.3.1.1, octets.
pub const LOCAL_PART_MAX: usize = 64;
/// RFC 5321 section 4.5.3.1.2, octets.
pub const DOMAIN_MAX: usize = 255;
/// RFC 1035 section 2.3.4, octets.
const LABEL_MAX: usize = 63;

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no `@` outside of quotes.
    #[error("has no domain")]
    NoDomain,
    /// Over 64 octets before the `@`.
    #[error("local part is longer than 64 octets")]
    LocalPartTooLong,
    /// Over 255 octets after the `@`.
    #[error("domain is longer than 255 octets")]
    DomainTooLong,
    /// A character that neither a dot-atom nor a quoted string may hold.
    #[error("local part is not a dot-atom or a quoted string")]
    BadLocalPart,
    /// Not dot-separated labels of letters, digits and hyphens, and no internationalised name of such either.
    #[error("domain is not a host name")]
    BadDomain,
    /// `[192.0.2.1]` instead of a name.
    #[error("has an address literal instead of a domain")]
    Literal,
}

/// A domain in lower case and ASCII, without a final dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

impl Domain {
    /// Checks and lowers a host name of at least one label; an internationalised one becomes A-labels (RFC 5891).
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let name = if name.is_ascii() {
            Cow::Borrowed(name)
        } else {
            Cow::Owned(idna::domain_to_ascii(name).map_err(|_| AddressError::BadDomain)?)
        };
        if name.len() > DOMAIN_MAX {
            return Err(AddressError::DomainTooLong);
        }
        if name.starts_with('[') {
            return Err(AddressError::Literal);
        }
        if name.is_empty() || !name.split('.').all(is_label) {
            return Err(AddressError::BadDomain);
        }
        Ok(Self(name.to_ascii_lowercase()))
    }

    /// The name, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.strip_suffix(other.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Underscores are no host name characters, but real mail domains carry them; digits-only labels are left to the DNS.
fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    let Some((first, last)) = bytes.first().zip(bytes.last()) else { return false };
    bytes.len() <= LABEL_MAX
        && *first != b'-'
        && *last != b'-'
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_')
}

/// A mailbox: local part as written, domain as written and in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    text: String,
    at: usize,
    domain: Domain,
}

impl Address {
    /// Reads `local@domain`. The last `@` outside of quotes divides.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let at = text.rfind('@').ok_or(AddressError::NoDomain)?;
        let (local, domain) = (&text[..at], &text[at + 1..]);
        if local.len() > LOCAL_PART_MAX {
            return Err(AddressError::LocalPartTooLong);
        }
        if !is_local_part(local) {
            return Err(AddressError::BadLocalPart);
        }
        let domain = Domain::parse(domain)?;
        Ok(Self { text: text.to_owned(), at, domain })
    }

    /// The part before the `@`, as written.
    pub fn local_part(&self) -> &str {
        &self.text[..self.at]
    }

    /// The domain, lower case.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The address as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form in which two spellings of one mailbox meet: the domain lowered, the local part lowered too, since no
    /// receiver of note tells `Ann@` from `ann@` and a suppression must not be escaped by a capital.
    pub fn canonical(&self) -> String {
        format!("{}@{}", self.local_part().to_lowercase(), self.domain)
    }

    /// Whether it can be written without SMTPUTF8 as it stands.
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// The address for a server without SMTPUTF8: its domain in A-labels. `None` where the local part is not ASCII: only
    /// its own server may rewrite that (RFC 6531 section 3.2).
    pub fn to_ascii(&self) -> Option<Cow<'_, str>> {
        match (self.is_ascii(), self.local_part().is_ascii()) {
            (true, _) => Some(Cow::Borrowed(&self.text)),
            (false, true) => Some(Cow::Owned(format!("{}@{}", self.local_part(), self.domain))),
            (false, false) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// RFC 5321 section 4.1.2: `Dot-string` or `Quoted-string`.
fn is_local_part(local: &str) -> bool {
    match local.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').is_some_and(is_quoted_content),
        None => !local.is_empty() && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext)),
    }
}

fn is_quoted_content(inner: &str) -> bool {
    let mut escaped = false;
    for c in inner.chars() {
        if c.is_control() {
            return false;
        }
        escaped = match (escaped, c) {
            (false, '\\') => true,
            (false, '"') => return false,
            _ => false,
        };
    }
    !escaped
}

/// RFC 5322 section 3.2.3, and what RFC 6532 section 3.2 adds: blanks and controls beyond ASCII stay out, since an address
/// stands in commands, logs and pages.
fn is_atext(c: char) -> bool {
    let beyond = !c.is_ascii() && !c.is_control() && !c.is_whitespace();
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || beyond
}

/// Reverse path and forward paths of one transaction (RFC 5321 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `None` is the null reverse path `<>`.
    pub reverse_path: Option<Address>,
    /// At least one when a message is accepted.
    pub forward_paths: Vec<Address>,
    /// What the sender asked to be told.
    pub wishes: Wishes,
}

/// Whether a host, as it stands in a URL or without brackets, is this machine.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_mailboxes_look_like() {
        for good in [
            "ann@example.org",
            "a.b+tag@ex-ample.co.uk",
            "\"q u\"@b.example",
            "\"a@b\"@c.example",
            "x@localhost",
            "jos\u{e9}@b.example",
        ] {
            assert_eq!(Address::parse(good).map(|a| a.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn refuses_what_is_none() {
        let long_local = format!("{}@b.example", "a".repeat(65));
        let long_domain = format!("a@{}example", "abcdefg.".repeat(40));
        for (bad, why) in [
            ("ann", AddressError::NoDomain),
            ("@b.example", AddressError::BadLocalPart),
            ("a..b@c.example", AddressError::BadLocalPart),
            ("\"a\"b\"@c.example", AddressError::BadLocalPart),
            ("a b@c.example", AddressError::BadLocalPart),
            ("a@[192.0.2.1]", AddressError::Literal),
            ("a@-b.example", AddressError::BadDomain),
            ("a@b..example", AddressError::BadDomain),
            ("jos\u{85}@b.example", AddressError::BadLocalPart),
            ("jos\u{2028}@b.example", AddressError::BadLocalPart),
            ("a@b\u{fffd}.example", AddressError::BadDomain),
            (long_local.as_str(), AddressError::LocalPartTooLong),
            (long_domain.as_str(), AddressError::DomainTooLong),
        ] {
            assert_eq!(Address::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn spellings_meet_and_domains_nest() {
        let a = Address::parse("Ann@Example.ORG").unwrap();
        assert_eq!(a.canonical(), "ann@example.org");
        assert_eq!(a.as_str(), "Ann@Example.ORG");
        let sub = Domain::parse("mail.example.org").unwrap();
        assert!(sub.is_within(a.domain()));
        assert!(!Domain::parse("badexample.org").unwrap().is_within(a.domain()));
    }

    #[test]
    fn internationalised_names_meet_their_a_labels() {
        let a = Address::parse("Ann@B\u{fc}cher.example").unwrap();
        assert_eq!(a.domain(), &Domain::parse("xn--bcher-kva.example").unwrap());
        assert_eq!((a.is_ascii(), a.to_ascii().as_deref()), (false, Some("Ann@xn--bcher-kva.example")));
        let jose = Address::parse("Jos\u{c9}@b.example").unwrap();
        assert_eq!((jose.to_ascii(), jose.canonical().as_str()), (None, "jos\u{e9}@b.example"));
    }
}
