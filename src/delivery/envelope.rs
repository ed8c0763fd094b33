//! What MAIL and RCPT say to a server that offers this and not that, and in which form it gets the copy.

use std::borrow::Cow;
use std::fmt::Write;

use crate::domain::{Address, BounceClass, EnhancedCode};
use crate::smtp::xtext;

use super::attempted::Parcel;
use super::failure::{Failure, Step};
use super::session::Session;

impl Session {
    /// Whether the transaction needs SMTPUTF8 (RFC 6531 section 3.1), or why it cannot be had.
    pub(super) fn needs_utf8<'p>(
        &self,
        parcel: &Parcel<'p>,
        recipients: impl Iterator<Item = &'p Address>,
    ) -> Result<bool, Failure> {
        let needed = parcel.utf8 || recipients.chain(parcel.reverse_path).any(|address| !address.is_ascii());
        if parcel.utf8 && !self.offers.utf8 {
            return Err(self.lacks_utf8("a header field of the message is not ASCII"));
        }
        Ok(needed && self.offers.utf8)
    }

    /// The address as this server takes it.
    fn spelt<'p>(&self, address: &'p Address) -> Result<Cow<'p, str>, Failure> {
        if self.offers.utf8 {
            return Ok(Cow::Borrowed(address.as_str()));
        }
        address.to_ascii().ok_or_else(|| self.lacks_utf8(&format!("{address} is not ASCII")))
    }

    fn lacks_utf8(&self, why: &str) -> Failure {
        let text = format!("{why}, and {} does not offer SMTPUTF8", self.who());
        Failure::found(Step::Mail, 553, EnhancedCode(5, 6, 7), BounceClass::TlsOrProtocol, text)
    }

    /// The copy, or one without 8-bit text where the server takes none (RFC 6152 section 3).
    pub(super) async fn suitable<'p>(&self, parcel: &Parcel<'p>) -> Result<Cow<'p, [u8]>, Failure> {
        if self.offers.eight_bit || parcel.copy.is_ascii() {
            return Ok(Cow::Borrowed(parcel.copy));
        }
        (parcel.seven_bit)().await.map(Cow::Owned).map_err(|why| {
            let text = format!("the message has 8-bit text, and {} does not offer 8BITMIME; {why}", self.who());
            Failure::found(Step::Mail, 554, EnhancedCode(5, 6, 3), BounceClass::TlsOrProtocol, text)
        })
    }

    /// MAIL with what this server needs to know (RFC 1870, RFC 6152, RFC 6531), or why it will not take the copy.
    pub(super) fn mail_command(&self, parcel: &Parcel<'_>, copy: &[u8], utf8: bool) -> Result<String, Failure> {
        let refuse = |code, enhanced, class, text| Err(Failure::found(Step::Mail, code, enhanced, class, text));
        let size = copy.len();
        if let Some(max) = self.offers.size_max()
            && u64::try_from(size).unwrap_or(u64::MAX) > max
        {
            let text = format!("the message has {size} octets, {} takes at most {max}", self.who());
            return refuse(552, EnhancedCode(5, 3, 4), BounceClass::TooLarge, text);
        }
        if !ends_lines_rightly(copy) {
            let text = "the message has a bare CR or LF, or a NUL, and was not sent".to_owned();
            return refuse(554, EnhancedCode(5, 6, 0), BounceClass::TlsOrProtocol, text);
        }
        let reverse_path = parcel.reverse_path.map_or(Ok(Cow::Borrowed("")), |address| self.spelt(address))?;
        let mut mail = format!("MAIL FROM:<{reverse_path}>");
        if self.offers.size.is_some() {
            let _ = write!(mail, " SIZE={size}");
        }
        if !copy.is_ascii() {
            mail.push_str(" BODY=8BITMIME");
        }
        if utf8 {
            mail.push_str(" SMTPUTF8");
        }
        if self.offers.dsn {
            let ret = parcel.wishes.ret.map(|ret| format!(" RET={}", ret.as_str()));
            let name = parcel.wishes.envelope_id.as_deref().map(|id| format!(" ENVID={}", xtext::encode(id)));
            mail.extend(ret.into_iter().chain(name));
        }
        Ok(mail)
    }

    /// RCPT with what the sender asked of this recipient, which from here on is the server's to keep (RFC 3461 section
    /// 5.2.1).
    pub(super) fn rcpt_command(&self, parcel: &Parcel<'_>, recipient: &Address) -> Result<String, Failure> {
        let mut rcpt = format!("RCPT TO:<{}>", self.spelt(recipient)?);
        if let Some(wish) = parcel.wishes.of(recipient).filter(|_| self.offers.dsn) {
            if let Some(notify) = wish.notify {
                let _ = write!(rcpt, " NOTIFY={notify}");
            }
            if let Some(original) = &wish.original {
                let _ = write!(rcpt, " ORCPT={};{}", original.kind, xtext::encode(&original.address));
            }
        }
        Ok(rcpt)
    }
}

/// Every CR before an LF, every LF after a CR, no NUL: nothing that another server could take for an end of the message
/// (RFC 5321 section 2.3.8).
fn ends_lines_rightly(copy: &[u8]) -> bool {
    let mut before = None;
    for at in memchr::memchr3_iter(b'\r', b'\n', 0, copy) {
        match copy.get(at) {
            Some(b'\r') if copy.get(at + 1) == Some(&b'\n') => before = Some(at),
            Some(b'\n') if before.is_some_and(|cr| cr + 1 == at) => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_line_ends_are_seen() {
        for good in [&b""[..], b"a\r\n", b"\r\n\r\n", b"a"] {
            assert!(ends_lines_rightly(good), "{good:?}");
        }
        for bad in [&b"\n"[..], b"\r", b"a\r\r\nb", b"a\n.\r\n", b"a\0\r\n", b"\r\n\n"] {
            assert!(!ends_lines_rightly(bad), "{bad:?}");
        }
    }
}
