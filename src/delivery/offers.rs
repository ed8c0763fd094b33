//! What a server offers in its reply to EHLO (RFC 5321 section 4.1.1.1). Keywords are read in any case.

/// The extensions this client makes use of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one keyword of the reply")]
pub(super) struct Offers {
    pub(super) starttls: bool,
    pub(super) pipelining: bool,
    /// RFC 3030.
    pub(super) chunking: bool,
    pub(super) eight_bit: bool,
    /// RFC 6531.
    pub(super) utf8: bool,
    pub(super) dsn: bool,
    /// `Some(0)` is SIZE without a limit (RFC 1870 section 4).
    pub(super) size: Option<u64>,
    pub(super) auth_plain: bool,
    pub(super) auth_login: bool,
}

impl Offers {
    /// Reads the raw lines of the reply; the first is the greeting.
    pub(super) fn read(lines: &[Vec<u8>]) -> Self {
        let mut offers = Self::default();
        for line in lines.iter().skip(1) {
            let line = String::from_utf8_lossy(line.get(4..).unwrap_or_default()).to_ascii_uppercase();
            // "AUTH=PLAIN" is an old spelling that some servers still use.
            let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("STARTTLS") => offers.starttls = true,
                Some("PIPELINING") => offers.pipelining = true,
                Some("CHUNKING") => offers.chunking = true,
                Some("8BITMIME") => offers.eight_bit = true,
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("DSN") => offers.dsn = true,
                Some("SIZE") => offers.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0)),
                Some("AUTH") => {
                    for word in words {
                        offers.auth_plain |= word == "PLAIN";
                        offers.auth_login |= word == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        offers
    }

    /// The limit on a message, in octets.
    pub(super) fn size_max(&self) -> Option<u64> {
        self.size.filter(|size| *size > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_keywords_in_any_case() {
        let lines: Vec<Vec<u8>> = [
            "250-PIPELINING is my name",
            "250-size 1000",
            "250-Chunking",
            "250-8BitMIME",
            "250-SmtpUtf8",
            "250-dsn",
            "250-AUTH=LOGIN",
            "250-Auth plain xoauth2",
            "250 STARTTLS",
        ]
        .iter()
        .map(|l| l.as_bytes().to_vec())
        .collect();
        let offers = Offers::read(&lines);
        let expected = Offers {
            starttls: true,
            pipelining: false,
            chunking: true,
            eight_bit: true,
            utf8: true,
            dsn: true,
            size: Some(1000),
            auth_plain: true,
            auth_login: true,
        };
        assert_eq!(offers, expected);
        assert_eq!(Offers::read(&[b"250 x".to_vec(), b"250 SIZE".to_vec()]).size_max(), None);
    }
}
