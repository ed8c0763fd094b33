//! Command lines (RFC 5321 section 4.1).
//!
//! Parameters of MAIL and RCPT are read by `smtp-proto`; the path is taken raw from between `<` and `>` first, since that
//! crate takes quotes off local parts and reads `<postmaster>` as the null path.

use std::borrow::Cow;

use smtp_proto::{MAIL_BODY_BINARYMIME, MAIL_REQUIRETLS, MAIL_SMTPUTF8, Request};

use super::reply::Reply;
use super::wish;
use crate::domain::{Address, AddressError, RecipientWish, Return};

/// A command line is no longer than this, in octets with its CRLF; RFC 5321 section 4.5.3.1.4 asks for 512.
pub const LINE_MAX: usize = 2_048;
/// A line of an AUTH exchange is no longer than this (RFC 4954 section 4).
pub const AUTH_LINE_MAX: usize = 12_288;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// With the client's name.
    Ehlo(String),
    /// With the client's name.
    Helo(String),
    /// RFC 3207.
    StartTls,
    /// RFC 4954: mechanism in upper case, initial response as sent.
    Auth(String, Option<String>),
    /// `None` is the null reverse path.
    Mail {
        /// Who gets bounces.
        reverse_path: Option<Address>,
        /// The declared size, 0 for none.
        size: u64,
        /// Whether addresses and header fields may be internationalised (RFC 6531 section 3.4).
        utf8: bool,
        /// How much of it comes back with a failure.
        ret: Option<Return>,
        /// The sender's own name for it.
        envelope_id: Option<String>,
    },
    /// One recipient, and what the sender asks to be told of it.
    Rcpt(Address, RecipientWish),
    /// The message comes.
    Data,
    /// A part of the message follows at once (RFC 3030 section 2).
    Bdat {
        /// Its octets.
        size: u64,
        /// Whether it is the last one.
        last: bool,
    },
    /// Forget the transaction.
    Rset,
    /// Nothing.
    Noop,
    /// Is this a mailbox?
    Vrfy,
    /// What can be said.
    Help,
    /// Goodbye.
    Quit,
}

/// Reads a line without its CRLF. `Err` is the reply to a line that is no command, or a wrong one.
pub fn parse(line: &[u8]) -> Result<Command, Reply> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Err(Reply::new(500, (5, 5, 2), "command is not UTF-8"));
    };
    if text.bytes().any(|b| b < 0x20 && b != b'\t') {
        return Err(Reply::new(500, (5, 5, 2), "control character in command"));
    }
    let (verb, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let rest = rest.trim();
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" => name(rest).map(Command::Ehlo),
        "HELO" => name(rest).map(Command::Helo),
        "MAIL" => mail(text),
        "RCPT" => rcpt(text),
        "DATA" => bare(rest, Command::Data),
        "RSET" => bare(rest, Command::Rset),
        "QUIT" => bare(rest, Command::Quit),
        "STARTTLS" => bare(rest, Command::StartTls),
        "AUTH" => auth(rest),
        "BDAT" => bdat(rest),
        "NOOP" => Ok(Command::Noop),
        "VRFY" => Ok(Command::Vrfy),
        "HELP" => Ok(Command::Help),
        "EXPN" | "TURN" | "ETRN" | "BURL" => Err(Reply::new(502, (5, 5, 1), "command not implemented")),
        _ => Err(Reply::new(500, (5, 5, 2), "command not recognised; see HELP")),
    }
}

fn name(rest: &str) -> Result<String, Reply> {
    if rest.is_empty() {
        return Err(Reply::new(501, (5, 5, 4), "give your host name after the command"));
    }
    Ok(rest.chars().take(255).collect())
}

fn bare(rest: &str, command: Command) -> Result<Command, Reply> {
    if rest.is_empty() { Ok(command) } else { Err(Reply::new(501, (5, 5, 4), "this command has no parameters")) }
}

fn auth(rest: &str) -> Result<Command, Reply> {
    let mut words = rest.split_ascii_whitespace();
    let Some(mechanism) = words.next() else { return Err(Reply::new(501, (5, 5, 4), "give a mechanism after AUTH")) };
    let initial = words.next().map(str::to_owned);
    if words.next().is_some() {
        return Err(Reply::new(501, (5, 5, 4), "too many words after AUTH"));
    }
    Ok(Command::Auth(mechanism.to_ascii_uppercase(), initial))
}

fn bdat(rest: &str) -> Result<Command, Reply> {
    let syntax = || Reply::new(501, (5, 5, 4), "write BDAT and the number of octets, and LAST behind the last part");
    let (size, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let last = rest.trim().eq_ignore_ascii_case("LAST");
    if !(last || rest.is_empty()) || !size.bytes().all(|b| b.is_ascii_digit()) {
        return Err(syntax());
    }
    Ok(Command::Bdat { size: size.parse().map_err(|_| syntax())?, last })
}

/// The path between `<` and `>`; a `>` within quotes does not end it.
fn path(text: &str) -> Option<&str> {
    let start = text.find('<')? + 1;
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text[start..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(&text[start..start + at]),
            _ => {}
        }
    }
    None
}

fn mail(text: &str) -> Result<Command, Reply> {
    let syntax = || Reply::new(501, (5, 5, 4), "write MAIL FROM:<address>");
    let raw = keyword(text, "MAIL", "FROM:").and_then(path).ok_or_else(syntax)?;
    let reverse_path = match raw {
        "" => None,
        raw => Some(Address::parse(strip_route(raw)).map_err(|why| refuse_address(why, raw, (5, 1, 7)))?),
    };
    let (ret, envelope_id, others) = wish::of_mail(behind(text, raw))?;
    let Request::Mail { from } = parameters("MAIL FROM:", raw, &others)? else { return Err(syntax()) };
    let utf8 = from.flags & MAIL_SMTPUTF8 != 0;
    if !utf8 && !raw.is_ascii() {
        return Err(Reply::new(553, (5, 6, 7), "an address that is not ASCII needs the parameter SMTPUTF8"));
    }
    let unknown = from.flags & (MAIL_BODY_BINARYMIME | MAIL_REQUIRETLS) != 0
        || from.hold_for != 0
        || from.hold_until != 0
        || from.by != 0
        || from.mtrk.is_some();
    let known = smtp_proto::MAIL_BODY_7BIT | smtp_proto::MAIL_BODY_8BITMIME | MAIL_SMTPUTF8;
    if unknown || from.flags & !known != 0 {
        return Err(Reply::new(555, (5, 5, 4), "a parameter of MAIL is not supported"));
    }
    Ok(Command::Mail { reverse_path, size: from.size as u64, utf8, ret, envelope_id })
}

fn rcpt(text: &str) -> Result<Command, Reply> {
    let syntax = || Reply::new(501, (5, 5, 4), "write RCPT TO:<address>");
    let raw = keyword(text, "RCPT", "TO:").and_then(path).ok_or_else(syntax)?;
    if raw.is_empty() {
        return Err(Reply::new(501, (5, 1, 3), "the recipient is empty"));
    }
    let address = Address::parse(strip_route(raw)).map_err(|why| refuse_address(why, raw, (5, 1, 3)))?;
    let (wish, others) = wish::of_rcpt(behind(text, raw))?;
    let Request::Rcpt { to } = parameters("RCPT TO:", raw, &others)? else { return Err(syntax()) };
    if to.flags != 0 || to.rrvs != 0 {
        return Err(Reply::new(555, (5, 5, 4), "a parameter of RCPT is not supported"));
    }
    Ok(Command::Rcpt(address, wish))
}

/// What follows `MAIL FROM:` and the like; white space before the path is common though not allowed.
fn keyword<'t>(text: &'t str, verb: &str, word: &str) -> Option<&'t str> {
    let rest = text.get(verb.len()..)?.trim_start();
    let (head, rest) = rest.split_at_checked(word.len())?;
    let rest = rest.trim_start();
    (head.eq_ignore_ascii_case(word) && rest.starts_with('<')).then_some(rest)
}

/// A source route (RFC 5321 appendix F.2) is ignored.
fn strip_route(raw: &str) -> &str {
    match raw.strip_prefix('@').and_then(|route| route.split_once(':')) {
        Some((_, mailbox)) => mailbox,
        None => raw,
    }
}

/// What stands behind the path.
fn behind<'t>(text: &'t str, raw: &str) -> &'t str {
    text.split_once(&format!("<{raw}>")).map_or("", |(_, rest)| rest)
}

/// The parameters, read behind a harmless path in the raw one's place.
fn parameters(command: &str, raw: &str, parameters: &str) -> Result<Request<Cow<'static, str>>, Reply> {
    let harmless = if raw.is_empty() { "" } else { "a@a.example" };
    let line = format!("{command}<{harmless}>{parameters}\r\n");
    let mut bytes = line.as_bytes().iter();
    match <Request<Cow<'_, str>>>::parse(&mut bytes) {
        Ok(request) => Ok(owned(request)),
        Err(smtp_proto::Error::UnsupportedParameter { param }) => {
            Err(Reply::new(555, (5, 5, 4), format!("the parameter {param} is not supported")))
        }
        Err(_) => Err(Reply::new(501, (5, 5, 4), "the parameters cannot be read")),
    }
}

fn owned(request: Request<Cow<'_, str>>) -> Request<Cow<'static, str>> {
    match request.into_owned() {
        Request::Mail { from } => Request::Mail {
            from: smtp_proto::MailFrom {
                address: from.address.into(),
                flags: from.flags,
                size: from.size,
                trans_id: from.trans_id.map(Into::into),
                by: from.by,
                env_id: from.env_id.map(Into::into),
                solicit: from.solicit.map(Into::into),
                mtrk: from.mtrk.map(|m| smtp_proto::Mtrk { certifier: m.certifier.into(), timeout: m.timeout }),
                auth: from.auth.map(Into::into),
                hold_for: from.hold_for,
                hold_until: from.hold_until,
                mt_priority: from.mt_priority,
            },
        },
        Request::Rcpt { to } => Request::Rcpt {
            to: smtp_proto::RcptTo {
                address: to.address.into(),
                orcpt: to.orcpt.map(Into::into),
                rrvs: to.rrvs,
                flags: to.flags,
            },
        },
        _ => Request::Noop { value: "".into() },
    }
}

fn refuse_address(why: AddressError, raw: &str, code: (u8, u16, u16)) -> Reply {
    let shown: String = raw.chars().take(100).collect();
    match why {
        AddressError::LocalPartTooLong | AddressError::DomainTooLong => Reply::new(501, code, format!("{shown} {why}")),
        AddressError::NoDomain | AddressError::BadLocalPart | AddressError::BadDomain | AddressError::Literal => {
            Reply::new(553, code, format!("{shown} {why}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(line: &str) -> u16 {
        parse(line.as_bytes()).unwrap_err().code()
    }

    #[test]
    fn commands_as_clients_write_them() {
        let ann = Address::parse("Ann@example.org").unwrap();
        let plain = |reverse_path, size, utf8| {
            let (ret, envelope_id) = (None, None);
            Command::Mail { reverse_path, size, utf8, ret, envelope_id }
        };
        let mail = |reverse_path, size| plain(reverse_path, size, false);
        let rcpt = |address| Command::Rcpt(address, RecipientWish::default());
        let jose = Address::parse("jos\u{e9}@b.example").unwrap();
        for (line, command) in [
            ("ehlo box", Command::Ehlo("box".to_owned())),
            ("MAIL FROM:<Ann@example.org>", mail(Some(ann.clone()), 0)),
            ("mail from: <Ann@example.org> SIZE=77 BODY=8BITMIME", mail(Some(ann.clone()), 77)),
            ("MAIL FROM:<>", mail(None, 0)),
            ("MAIL FROM:<jos\u{e9}@b.example> SMTPUTF8", plain(Some(jose.clone()), 0, true)),
            ("RCPT TO:<jos\u{e9}@b.example>", rcpt(jose)),
            ("BDAT 0 last", Command::Bdat { size: 0, last: true }),
            ("bdat 86", Command::Bdat { size: 86, last: false }),
            ("MAIL FROM:<@relay.example,@b.example:Ann@example.org>", mail(Some(ann.clone()), 0)),
            ("RCPT TO:<Ann@example.org>", rcpt(ann)),
            ("RCPT TO:<\"q u>\"@b.example>", rcpt(Address::parse("\"q u>\"@b.example").unwrap())),
            ("AUTH plain AGEAYg==", Command::Auth("PLAIN".to_owned(), Some("AGEAYg==".to_owned()))),
            ("quit", Command::Quit),
            ("NOOP whatever", Command::Noop),
        ] {
            assert_eq!(parse(line.as_bytes()), Ok(command), "{line}");
        }
    }

    #[test]
    fn wrong_lines_get_the_right_code() {
        for (line, expected) in [
            ("FOO", 500),
            ("", 500),
            ("EHLO", 501),
            ("DATA x", 501),
            ("BDAT", 501),
            ("BDAT five", 501),
            ("BDAT 5 FIRST", 501),
            ("BDAT 99999999999999999999", 501),
            ("MAIL FROM:ann@example.org", 501),
            ("MAIL FROM:<ann", 501),
            ("MAIL FROM:<ann>", 553),
            ("MAIL FROM:<jos\u{e9}@b.example>", 553),
            ("MAIL FROM:<a@b.example> FOO=1", 555),
            ("MAIL FROM:<a@b.example> BODY=BINARYMIME", 555),
            ("RCPT TO:<>", 501),
            ("RCPT TO:<postmaster>", 553),
            ("RCPT TO:<a@[192.0.2.1]>", 553),
            ("RCPT TO:<a@b.example> NOTIFY=SOON", 501),
            ("RCPT TO:<a@b.example>NOTIFY", 501),
            ("MAIL FROM:<a@b.example> RET=SOME", 501),
            ("MAIL FROM:<a@b.example>x RET=FULL", 555),
            ("RCPT TO:<a@b.example\u{0}>", 500),
        ] {
            assert_eq!(code(line), expected, "{line}");
        }
        assert_eq!(code(&format!("RCPT TO:<{}@b.example>", "a".repeat(65))), 501);
        assert!(parse(format!("RCPT TO:<{}@b.example>", "a".repeat(64)).as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn no_line_panics(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&line);
            let _ = parse(&[b"RCPT TO:<".as_slice(), &line].concat());
        }
    }
}
