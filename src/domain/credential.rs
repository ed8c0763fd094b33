//! Who may submit mail, and as whom.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::address::Domain;
use super::priority::Priority;

/// The longest credential name, in characters.
pub const NAME_MAX: usize = 64;

/// What kind of mail a credential sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Tracked, with List-Unsubscribe.
    Campaign,
    /// As it came: no rewriting, no List-Unsubscribe; before campaigns in the queue, and given up sooner.
    Transactional,
}

impl Profile {
    /// The word in commands, pages and the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Campaign => "campaign",
            Self::Transactional => "transactional",
        }
    }

    /// From the word; `None` for any other.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "campaign" => Some(Self::Campaign),
            "transactional" => Some(Self::Transactional),
            _ => None,
        }
    }
}

/// A user name and the hash of its generated password. The password has at least 128 random bits, so a plain SHA-256
/// is enough and a login a connection costs nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The SMTP and API user name; letters, digits, `.`, `_` and `-`, so that `name+campaign` divides without doubt.
    pub name: String,
    /// The domains it may send as (and those below them); empty for any.
    pub domains: Vec<Domain>,
    /// What kind of mail it sends.
    pub profile: Profile,
    /// The addresses that its mail leaves from, in order, none twice; empty for those of the configuration.
    pub source_addresses: Vec<IpAddr>,
    /// How long its mail is tried; `None` as the configuration says.
    pub expire: Option<Duration>,
    /// How much its mail may have among others of its kind.
    pub priority: Priority,
    /// SHA-256 of the password.
    pub secret_sha256: [u8; 32],
}

/// The shortest dashboard password, in characters.
pub const PASSWORD_MIN: usize = 10;

/// A secret for a link or a cookie: 256 bits of `random`, base64url.
pub fn secret(random: fn() -> u64) -> String {
    let bytes: Vec<u8> = (0..4).flat_map(|_| random().to_be_bytes()).collect();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A credential's password: 160 bits of `random`, in letters that survive every configuration file.
pub fn password(random: fn() -> u64) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bits = [random(), random(), random()];
    let letter = |n: usize| {
        let word = bits[n / 12 % 3] >> (n % 12 * 5);
        char::from(LETTERS[usize::from((word & 31) as u8)])
    };
    (0..32).map(letter).collect()
}

/// Why a name cannot be a credential's.
pub const NAME_RULE: &str = "a credential's name has 1 to 64 letters, digits, dots, hyphens and underscores";

impl Credential {
    /// Whether a text may be a credential's name.
    pub fn is_name(text: &str) -> bool {
        (1..=NAME_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    }

    /// The hash to store for a password.
    pub fn hash(password: &[u8]) -> [u8; 32] {
        Sha256::digest(password).into()
    }

    /// Whether this is its password, in constant time.
    pub fn verify(&self, password: &[u8]) -> bool {
        Self::hash(password).ct_eq(&self.secret_sha256).into()
    }

    /// The comparison that an unknown user costs, so that it takes as long as a wrong password.
    pub fn verify_none(password: &[u8]) -> bool {
        let _ = bool::from(Self::hash(password).ct_eq(&[0; 32]));
        false
    }

    /// Whether it may send as `domain`.
    pub fn may_send_as(&self, domain: &Domain) -> bool {
        self.domains.is_empty() || self.domains.iter().any(|own| domain.is_within(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifies_and_keeps_to_its_domains() {
        let own = Domain::parse("shop.example").unwrap();
        let credential = Credential {
            name: "news".to_owned(),
            domains: vec![own.clone()],
            profile: Profile::Campaign,
            source_addresses: Vec::new(),
            expire: None,
            priority: Priority::Normal,
            secret_sha256: Credential::hash(b"secret"),
        };
        assert!(credential.verify(b"secret") && !credential.verify(b"Secret") && !Credential::verify_none(b"secret"));
        assert!(credential.may_send_as(&own));
        assert!(credential.may_send_as(&Domain::parse("mail.shop.example").unwrap()));
        assert!(!credential.may_send_as(&Domain::parse("other.example").unwrap()));
        assert!(Credential::is_name("news-1.a_b") && !Credential::is_name("news+spring") && !Credential::is_name(""));
    }
}
