//! Tokens: signed, self-contained references in the URLs that we write into mail.
//!
//! A token carries all that its answer needs, so a lost database never breaks a link in delivered mail. Layout before
//! base64url: version and purpose (4 bits each), key id (8 bits), delivery (64 bits, big-endian), for clicks the link's
//! position (16 bits) and its target, then 128 bits of HMAC-SHA-256 over all before it. All tokens of one link have one
//! length, whatever the delivery: a message is compiled once and stamped per recipient.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::id::DeliveryId;

const VERSION: u8 = 1;
const OPEN: u8 = 1;
const CLICK: u8 = 2;
const UNSUBSCRIBE: u8 = 3;
const MAC_LEN: usize = 16;
const HEAD_LEN: usize = 10;
const POSITION_LEN: usize = 2;
/// Some proxies refuse longer path segments.
const SEGMENT_LEN: usize = 200;
/// Octets behind a full segment: whole groups of three, so that segments can be encoded one by one.
const SEGMENT_OCTETS: usize = SEGMENT_LEN / 4 * 3;
/// A link whose token would be longer stays as it is, in characters.
pub const TOKEN_MAX: usize = 2_000;
/// What may stick to the end of a URL that was copied out of a text.
const TRAILING: &[char] =
    &['.', ',', ')', '>', '"', '\'', ';', ':', '!', ']', '?', '*', '}', '|', '\u{bb}', '\u{2019}', '\u{201d}'];

/// What a token is for; inside the MAC, so that one kind can never stand in for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// The pixel.
    Open,
    /// A link: its position in the message, from 1, and its exact target.
    Click {
        /// From 1, in document order.
        position: u16,
        /// Where the redirect goes, character for character.
        target: String,
    },
    /// The unsubscribe page.
    Unsubscribe,
}

/// A token's claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Whose copy of which message.
    pub delivery: DeliveryId,
    /// What for.
    pub purpose: Purpose,
}

/// A signing key; its id stands in each token, so that old keys verify for ever.
#[derive(Clone)]
pub struct TokenKey {
    /// Which one.
    pub id: u8,
    secret: [u8; 32],
    /// The key's own two blocks are hashed once, not for each token.
    keyed: Hmac<Sha256>,
}

impl TokenKey {
    /// A key from 32 secret bytes.
    pub fn new(id: u8, secret: [u8; 32]) -> Self {
        // HMAC itself fills a key up with zeros to a block (RFC 2104 section 2).
        let mut block = [0; 64];
        block[..secret.len()].copy_from_slice(&secret);
        Self { id, secret, keyed: Hmac::new(&block.into()) }
    }

    /// The secret, for the file it is kept in.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    fn mac(&self, claims: &[u8]) -> Hmac<Sha256> {
        self.keyed.clone().chain_update(claims)
    }

    /// Signs a link's token; as [`Token::sign`] does, but nothing is cloned.
    pub fn click(&self, delivery: DeliveryId, position: u16, target: &str) -> String {
        self.seal(claims(CLICK, self.id, delivery, Some((position, target))))
    }

    fn seal(&self, mut claims: Vec<u8>) -> String {
        let tag = self.mac(&claims).finalize().into_bytes();
        claims.extend(tag.iter().take(MAC_LEN));
        spell(&claims)
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenKey({})", self.id)
    }
}

/// All keys that may have signed a token; the last one signs new ones.
#[derive(Debug, Clone)]
pub struct TokenKeys {
    keys: Vec<TokenKey>,
    current: TokenKey,
}

impl TokenKeys {
    /// `current` signs; `older` only verify.
    pub fn new(current: TokenKey, older: Vec<TokenKey>) -> Self {
        let mut keys = older;
        keys.retain(|key| key.id != current.id);
        keys.push(current.clone());
        Self { keys, current }
    }

    /// The key that signs new tokens.
    pub fn current(&self) -> &TokenKey {
        &self.current
    }

    /// The key of this id, for signing a retry as the first attempt was signed.
    pub fn get(&self, id: u8) -> Option<&TokenKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Reads and checks a token as it stands in a URL's path (without `/c/` and the like, without `.gif`). `None` for
    /// whatever we did not sign, in constant time for the MAC.
    pub fn open(&self, text: &str) -> Option<Token> {
        let text = text.trim_end_matches(TRAILING);
        let bytes = URL_SAFE_NO_PAD.decode(text.replace('/', "")).ok()?;
        if bytes.len() < HEAD_LEN + MAC_LEN || spell(&bytes) != text {
            return None;
        }
        let (claims, tag) = bytes.split_at(bytes.len() - MAC_LEN);
        let key = self.get(*claims.get(1)?)?;
        key.mac(claims).verify_truncated_left(tag).ok()?;
        Token::read(claims)
    }
}

impl Token {
    /// Signs the claims; the text is what stands in the URL's path.
    pub fn sign(&self, key: &TokenKey) -> String {
        match &self.purpose {
            Purpose::Open => key.seal(claims(OPEN, key.id, self.delivery, None)),
            Purpose::Click { position, target } => key.click(self.delivery, *position, target),
            Purpose::Unsubscribe => key.seal(claims(UNSUBSCRIBE, key.id, self.delivery, None)),
        }
    }

    /// The length of the text of an open token.
    pub const fn open_len() -> usize {
        ((HEAD_LEN + MAC_LEN) * 4).div_ceil(3)
    }

    /// The length of the text of an unsubscribe token.
    pub const fn unsubscribe_len() -> usize {
        Self::open_len()
    }

    /// The length of the text of a click token for this target, without signing one.
    pub fn click_len(target: &str) -> usize {
        let chars = (HEAD_LEN + POSITION_LEN + target.len() + MAC_LEN) * 4;
        let chars = chars.div_ceil(3);
        chars + chars.saturating_sub(1) / SEGMENT_LEN
    }

    fn read(claims: &[u8]) -> Option<Self> {
        let (head, rest) = claims.split_at_checked(HEAD_LEN)?;
        let (kind, delivery) = (*head.first()?, head.get(2..)?);
        let delivery = DeliveryId::from_raw(i64::from_be_bytes(delivery.try_into().ok()?));
        let purpose = match (kind >> 4 == VERSION).then_some(kind & 15)? {
            OPEN if rest.is_empty() => Purpose::Open,
            CLICK => {
                let (position, target) = rest.split_at_checked(POSITION_LEN)?;
                let position = u16::from_be_bytes(position.try_into().ok()?);
                Purpose::Click { position, target: String::from_utf8(target.to_vec()).ok()? }
            }
            UNSUBSCRIBE if rest.is_empty() => Purpose::Unsubscribe,
            _ => return None,
        };
        Some(Self { delivery, purpose })
    }
}

/// What stands before the MAC, with room for it.
fn claims(kind: u8, key: u8, delivery: DeliveryId, link: Option<(u16, &str)>) -> Vec<u8> {
    let target = link.map_or("", |(_, target)| target);
    let mut bytes = Vec::with_capacity(HEAD_LEN + POSITION_LEN + target.len() + MAC_LEN);
    bytes.extend([VERSION << 4 | kind, key]);
    bytes.extend(delivery.raw().to_be_bytes());
    if let Some((position, target)) = link {
        bytes.extend(position.to_be_bytes());
        bytes.extend(target.as_bytes());
    }
    bytes
}

/// base64url without padding, a `/` after every 200 characters.
fn spell(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + bytes.len() / SEGMENT_OCTETS + 4);
    for (at, segment) in bytes.chunks(SEGMENT_OCTETS).enumerate() {
        if at > 0 {
            text.push('/');
        }
        URL_SAFE_NO_PAD.encode_string(segment, &mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> TokenKeys {
        TokenKeys::new(TokenKey::new(2, [7; 32]), vec![TokenKey::new(1, [9; 32])])
    }

    fn click(target: &str) -> Token {
        let purpose = Purpose::Click { position: 3, target: target.to_owned() };
        Token { delivery: DeliveryId::from_raw(77), purpose }
    }

    #[test]
    fn what_was_signed_opens_also_with_text_stuck_to_it_and_with_an_old_key() {
        let keys = keys();
        let token = click(&format!("https://example.org/?q={}", "x".repeat(400)));
        let text = token.sign(keys.current());
        assert_eq!(text.len(), Token::click_len(&format!("https://example.org/?q={}", "x".repeat(400))));
        assert!(text.split('/').all(|segment| segment.len() <= 200) && text.contains('/'));
        assert_eq!(keys.open(&text).as_ref(), Some(&token));
        assert_eq!(keys.open(&format!("{text}).")).as_ref(), Some(&token));
        let old = token.sign(keys.get(1).unwrap());
        assert_eq!(keys.open(&old), Some(token));
    }

    #[test]
    fn every_flipped_bit_cut_or_other_spelling_is_refused() {
        let keys = keys();
        let text = click("https://example.org/a").sign(keys.current());
        let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(keys.open(&spell(&bad)), None, "bit {bit}");
        }
        for cut in 0..text.len() {
            assert_eq!(keys.open(&text[..cut]), None, "cut {cut}");
        }
        for other in [format!("{text}="), format!("{}/{}", &text[..4], &text[4..]), text.replace(&text[..1], " ")] {
            assert_eq!(keys.open(&other), None, "{other}");
        }
    }

    #[test]
    fn all_tokens_of_a_link_have_one_length() {
        let keys = keys();
        let small = click("https://example.org/").sign(keys.current());
        let token = Token { delivery: DeliveryId::from_raw(i64::MAX), ..click("https://example.org/") };
        assert_eq!(small.len(), token.sign(keys.current()).len());
        let open = Token { delivery: DeliveryId::from_raw(1), purpose: Purpose::Open };
        assert_eq!(open.sign(keys.current()).len(), Token::open_len());
        let leave = Token { delivery: DeliveryId::from_raw(1), purpose: Purpose::Unsubscribe };
        assert_eq!(leave.sign(keys.current()).len(), Token::unsubscribe_len());
    }
}
