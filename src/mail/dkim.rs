//! DKIM signatures (RFC 6376) over the bytes that leave: rsa-sha256 and ed25519-sha256 (RFC 8463) side by side,
//! relaxed/relaxed. Header and body are canonicalised and hashed once, whatever the number of keys.
//!
//! Our own signer, because a retry must have the same bytes: the signing time is part of the recipe, and the libraries
//! read the clock themselves. RSA PKCS#1 v1.5 and Ed25519 signatures are deterministic.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::header::HeaderBlock;
use crate::domain::{Domain, Timestamp};

/// Fields that a reader sees are signed once more than they occur, so that none can be added on the way (RFC 6376
/// section 5.4.2 and 8.15).
const SEALED: &[&str] = &["From", "To", "Cc", "Subject", "Date"];
/// Fields that are signed where they exist (RFC 6376 section 5.4.1), and then sealed too. Where they are missing a list or
/// a gateway may add its own.
const SIGNED: &[&str] = &[
    "Message-ID",
    "Reply-To",
    "Sender",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];
/// Lines of the signature field are folded here.
const FOLD: usize = 72;

/// Why there is no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DkimError {
    /// The private key is neither an RSA nor an Ed25519 key in PKCS#8.
    #[error("the key cannot be read")]
    BadKey,
    /// No key could be made.
    #[error("no key could be made")]
    NoKey,
    /// The crypto library refused to sign.
    #[error("signing failed")]
    Signing,
    /// A message without From cannot be signed (RFC 6376 section 5.4).
    #[error("the message has no From field")]
    NoFrom,
}

enum Key {
    Rsa(KeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    /// The `a=` tag.
    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, DkimError> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature)
                    .map_err(|_| DkimError::Signing)?;
                Ok(signature)
            }
            // It signs the hash (RFC 8463 section 3).
            Self::Ed25519(key) => {
                let signature = key.try_sign(&Sha256::digest(signed)).map_err(|_| DkimError::Signing)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

/// A domain's key, parsed once; cheap to share.
pub struct Signer {
    domain: String,
    selector: String,
    key: Key,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({}._domainkey.{})", self.selector, self.domain)
    }
}

/// What all signatures of one copy have in common.
pub struct Canonical {
    /// The `h=` tag, folded.
    names: String,
    /// The signed fields, each with its CRLF.
    fields: Vec<u8>,
    body_hash: String,
}

impl Canonical {
    /// Reads a copy.
    pub fn read(copy: &[u8]) -> Result<Self, DkimError> {
        let header = HeaderBlock::read(copy);
        if header.first("From").is_none() {
            return Err(DkimError::NoFrom);
        }
        let body_hash = STANDARD.encode(hash_body(copy.get(header.end()..).unwrap_or_default()));
        let mut names = Vec::new();
        let mut fields = Vec::with_capacity(2_048);
        let sealed = SEALED.iter().map(|name| (*name, true));
        for (name, always) in sealed.chain(SIGNED.iter().map(|name| (*name, false))) {
            let own: Vec<_> = header.all(name).collect();
            // The last of several fields first (RFC 6376 section 5.4.2).
            for field in own.iter().rev() {
                names.push(name);
                write_field(&mut fields, name, header.value(field));
                fields.extend(b"\r\n");
            }
            if always || !own.is_empty() {
                names.push(name);
            }
        }
        Ok(Self { names: fold_names(&names), fields, body_hash })
    }
}

impl Signer {
    /// From a PKCS#8 key, RSA or Ed25519.
    pub fn from_pkcs8(domain: &Domain, selector: &str, der: &[u8]) -> Result<Self, DkimError> {
        let key = match KeyPair::from_pkcs8(der) {
            Ok(key) => Key::Rsa(key),
            Err(_) => Key::Ed25519(Ed25519KeyPair::from_pkcs8(der).map_err(|_| DkimError::BadKey)?),
        };
        Ok(Self { domain: domain.to_string(), selector: selector.to_owned(), key })
    }

    /// The `DKIM-Signature` field with its CRLFs, to stand before the copy.
    pub fn sign(&self, canonical: &Canonical, at: Timestamp) -> Result<Vec<u8>, DkimError> {
        let Canonical { names, fields, body_hash } = canonical;
        let (algorithm, domain, selector, at) = (self.key.algorithm(), &self.domain, &self.selector, at.seconds());
        let tags = format!(
            "v=1; a={algorithm}; c=relaxed/relaxed; d={domain}; s={selector};\r\n\tt={at};\r\n\th={names};\r\n\tbh={body_hash};\r\n\tb="
        );
        let mut signed = Vec::with_capacity(fields.len() + tags.len() + 32);
        signed.extend(fields);
        write_field(&mut signed, "dkim-signature", tags.as_bytes());
        let signature = self.key.sign(&signed)?;
        let mut field = format!("DKIM-Signature: {tags}").into_bytes();
        for (at, chunk) in STANDARD.encode(signature).as_bytes().chunks(FOLD).enumerate() {
            if at > 0 {
                field.extend(b"\r\n\t");
            }
            field.extend(chunk);
        }
        field.extend(b"\r\n");
        Ok(field)
    }
}

fn fold_names(names: &[&str]) -> String {
    let (mut text, mut width) = (String::new(), 2);
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            text.push(':');
        }
        if width + name.len() > FOLD {
            text.push_str("\r\n\t ");
            width = 2;
        }
        text.push_str(name);
        width += name.len() + 1;
    }
    text
}

/// Relaxed header canonicalisation (RFC 6376 section 3.4.2), without the final CRLF.
fn write_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend(name.to_ascii_lowercase().as_bytes());
    out.push(b':');
    let start = out.len();
    let mut blank = false;
    for byte in value {
        match byte {
            b'\r' | b'\n' => {}
            b' ' | b'\t' => blank = true,
            _ => {
                if blank && out.len() > start {
                    out.push(b' ');
                }
                blank = false;
                out.push(*byte);
            }
        }
    }
}

/// Relaxed body canonicalisation (RFC 6376 section 3.4.4), hashed as it is made; lines that it leaves as they are, most of
/// them, are hashed where they stand.
fn hash_body(body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut empty_lines = 0_usize;
    let mut line_out = Vec::with_capacity(1_024);
    let double_blank = memchr::memmem::Finder::new("  ");
    let (mut at, mut relaxed) = (0, 0..0);
    while at < body.len() {
        let end = memchr::memchr(b'\n', &body[at..]).map_or(body.len(), |n| at + n + 1);
        let line = &body[at..end];
        let stays = is_relaxed(line, &double_blank);
        if stays && !relaxed.is_empty() {
            relaxed.end = end;
            at = end;
            continue;
        }
        hash.update(&body[std::mem::replace(&mut relaxed, at..if stays { end } else { at })]);
        at = end;
        if !stays {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            relax_line(line.strip_suffix(b"\r").unwrap_or(line), &mut line_out);
            if line_out.is_empty() {
                empty_lines += 1;
                continue;
            }
        }
        // Empty lines count only when something follows them.
        for _ in 0..std::mem::take(&mut empty_lines) {
            hash.update(b"\r\n");
        }
        if !stays {
            line_out.extend(b"\r\n");
            hash.update(&line_out);
        }
    }
    hash.update(&body[relaxed]);
    hash.finalize().into()
}

/// Whether canonicalisation leaves a line, with its end, as it is; never said of an empty one.
fn is_relaxed(line: &[u8], double_blank: &memchr::memmem::Finder<'_>) -> bool {
    let text = line.strip_suffix(b"\r\n").unwrap_or_default();
    text.last().is_some_and(|last| *last != b' ')
        && memchr::memchr(b'\t', text).is_none()
        && double_blank.find(text).is_none()
}

/// Runs of white space become one blank, white space at the end goes.
fn relax_line(line: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let end = line.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |at| at + 1);
    let mut blank = false;
    for byte in &line[..end] {
        if matches!(byte, b' ' | b'\t') {
            if !blank {
                out.push(b' ');
            }
            blank = true;
        } else {
            blank = false;
            out.push(*byte);
        }
    }
}

/// A new RSA-2048 key: PKCS#8 DER, and the value of the TXT record to publish (RFC 6376 section 3.6.1).
pub fn generate_rsa() -> Result<(Vec<u8>, String), DkimError> {
    let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| DkimError::NoKey)?;
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| DkimError::NoKey)?;
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).map_err(|_| DkimError::NoKey)?;
    let record = format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public.as_ref()));
    Ok((private.as_ref().to_vec(), record))
}

/// A new Ed25519 key: PKCS#8 DER, and the value of the TXT record to publish (RFC 8463 section 4).
pub fn generate_ed25519() -> Result<(Vec<u8>, String), DkimError> {
    let key = Ed25519KeyPair::generate().map_err(|_| DkimError::NoKey)?;
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| DkimError::NoKey)?;
    let record = format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(key.public_key().as_ref()));
    Ok((private.as_ref().to_vec(), record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body_hash(body: &str) -> String {
        STANDARD.encode(hash_body(body.as_bytes()))
    }

    #[test]
    fn the_body_is_canonicalised_as_the_rfc_says() {
        // RFC 6376 section 3.4.5, example 1, and the hash of an empty relaxed body (section 3.4.4).
        let expected = STANDARD.encode(Sha256::digest(b" C\r\nD E\r\n"));
        assert_eq!(body_hash(" C \r\nD \t E\r\n\r\n\r\n"), expected);
        assert_eq!(body_hash(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(body_hash("\r\n \t\r\n"), body_hash(""));
        // A last line of blanks only, and a last line without CRLF.
        assert_eq!(body_hash("a\r\n  \r\n"), body_hash("a\r\n"));
        assert_eq!(body_hash("a"), body_hash("a\r\n"));
        assert_ne!(body_hash("a\r\n\r\nb\r\n"), body_hash("a\r\nb\r\n"));
    }

    proptest! {
        #[test]
        fn lines_hashed_where_they_stand_hash_the_same(body in "([ab]| |\t|\r|\n|\r\n){0,60}") {
            let (mut relaxed, mut line_out) = (Vec::new(), Vec::new());
            for line in body.split_inclusive('\n') {
                let line = line.strip_suffix('\n').unwrap_or(line);
                relax_line(line.strip_suffix('\r').unwrap_or(line).as_bytes(), &mut line_out);
                relaxed.extend(&line_out);
                relaxed.extend(b"\r\n");
            }
            while relaxed == b"\r\n" || relaxed.ends_with(b"\n\r\n") {
                relaxed.truncate(relaxed.len() - 2);
            }
            prop_assert_eq!(hash_body(body.as_bytes()), <[u8; 32]>::from(Sha256::digest(relaxed)));
        }
    }

    #[test]
    fn header_fields_are_canonicalised_as_the_rfc_says() {
        let mut out = Vec::new();
        write_field(&mut out, "B ", b" Y\t\r\n\tZ  ");
        assert_eq!(String::from_utf8(out).unwrap().replace("b :", "b:"), "b:Y Z");
    }

    fn signed_by(signer: &Signer, mail: &[u8]) -> Result<Vec<u8>, DkimError> {
        signer.sign(&Canonical::read(mail)?, Timestamp::from_millis(1_000_000))
    }

    #[test]
    fn a_signature_is_the_same_each_time_and_covers_header_and_body() {
        let (rsa, record) = generate_rsa().unwrap();
        assert!(record.starts_with("v=DKIM1; k=rsa; p=MIIB"));
        let (ed25519, record) = generate_ed25519().unwrap();
        // RFC 8463 section 4: the bare key of 32 octets.
        assert_eq!(record.strip_prefix("v=DKIM1; k=ed25519; p=").map(str::len), Some(44));
        for (der, algorithm) in [(rsa, "a=rsa-sha256;"), (ed25519, "a=ed25519-sha256;")] {
            let signer = Signer::from_pkcs8(&Domain::parse("shop.example").unwrap(), "pr1", &der).unwrap();
            let mail = b"From: a@shop.example\r\nSubject: x\r\n\r\nbody\r\n";
            let one = signed_by(&signer, mail).unwrap();
            assert_eq!(one, signed_by(&signer, mail).unwrap());
            let text = String::from_utf8(one.clone()).unwrap();
            assert!(text.contains("h=From:From:To:Cc:Subject:Subject:Date;") && text.contains("t=1000;"), "{text}");
            assert!(text.contains(algorithm) && text.lines().all(|l| l.len() < 200), "{text}");
            for other in [
                &b"From: b@shop.example\r\nSubject: x\r\n\r\nbody\r\n"[..],
                b"From: a@shop.example\r\nSubject: x\r\n\r\nBody\r\n",
            ] {
                assert_ne!(signed_by(&signer, other).unwrap(), one);
            }
            assert_eq!(signed_by(&signer, b"Subject: x\r\n\r\n"), Err(DkimError::NoFrom));
        }
        assert!(Signer::from_pkcs8(&Domain::parse("a.example").unwrap(), "s", b"junk").is_err());
    }

    #[test]
    fn what_is_there_is_signed_once_more_than_it_occurs() {
        let names = |mail: &str| Canonical::read(mail.as_bytes()).unwrap().names.replace(char::is_whitespace, "");
        let mail = "From: a\r\nList-Unsubscribe: <x>\r\nTo: b\r\nTo : c\r\nX-Other: d\r\n\r\n";
        assert_eq!(names(mail), "From:From:To:To:To:Cc:Subject:Date:List-Unsubscribe:List-Unsubscribe");
        // The last of several fields first (RFC 6376 section 5.4.2).
        let fields = String::from_utf8(Canonical::read(mail.as_bytes()).unwrap().fields).unwrap();
        assert_eq!(fields, "from:a\r\nto:c\r\nto:b\r\nlist-unsubscribe:<x>\r\n");
    }
}
