//! The parameters of MAIL and RCPT by which a sender asks to be told of its mail's fate (RFC 3461 section 4).
//!
//! Read here and taken off the line: `smtp-proto` loses the type of an ORCPT.

use super::reply::Reply;
use super::xtext;
use crate::domain::{Notify, OriginalRecipient, RecipientWish, Return};

/// RFC 3461 section 4.4, characters.
const ENVELOPE_ID_MAX: usize = 100;
/// RFC 3461 section 4.2, characters.
const ORIGINAL_MAX: usize = 500;

/// RET and ENVID, from the parameters behind the path; what is neither is given back.
pub(super) fn of_mail(parameters: &str) -> Result<(Option<Return>, Option<String>, String), Reply> {
    let (mut ret, mut envelope_id, mut others) = (None, None, String::new());
    for (word, name, value) in words(parameters) {
        match name.to_ascii_uppercase().as_str() {
            "RET" => once(&mut ret, return_of(value), "RET is FULL or HDRS, once")?,
            "ENVID" => {
                let read = xtext::decode(value).filter(|text| !text.is_empty() && value.len() <= ENVELOPE_ID_MAX);
                once(&mut envelope_id, read, "ENVID is xtext of at most 100 characters, once")?;
            }
            _ => others.extend([" ", word]),
        }
    }
    Ok((ret, envelope_id, others))
}

/// NOTIFY and ORCPT, from the parameters behind the path; what is neither is given back.
pub(super) fn of_rcpt(parameters: &str) -> Result<(RecipientWish, String), Reply> {
    let (mut wish, mut others) = (RecipientWish::default(), String::new());
    for (word, name, value) in words(parameters) {
        match name.to_ascii_uppercase().as_str() {
            "NOTIFY" => {
                let why = "NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY, once";
                once(&mut wish.notify, notify_of(value), why)?;
            }
            "ORCPT" => {
                let why = "ORCPT is a type, a semicolon and xtext, of at most 500 characters, once";
                once(&mut wish.original, original_of(value), why)?;
            }
            _ => others.extend([" ", word]),
        }
    }
    Ok((wish, others))
}

/// Each word with its name and its value.
fn words(parameters: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    parameters.split_ascii_whitespace().map(|word| {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        (word, name, value)
    })
}

fn once<T>(place: &mut Option<T>, read: Option<T>, why: &str) -> Result<(), Reply> {
    match (&place, read) {
        (None, Some(value)) => {
            *place = Some(value);
            Ok(())
        }
        _ => Err(Reply::new(501, (5, 5, 4), why)),
    }
}

fn return_of(value: &str) -> Option<Return> {
    [Return::Full, Return::Headers].into_iter().find(|ret| value.eq_ignore_ascii_case(ret.as_str()))
}

fn notify_of(value: &str) -> Option<Notify> {
    let mut notify = Notify::default();
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(notify);
    }
    for word in value.split(',') {
        let asked = match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => &mut notify.success,
            "FAILURE" => &mut notify.failure,
            "DELAY" => &mut notify.delay,
            _ => return None,
        };
        *asked = true;
    }
    Some(notify)
}

fn original_of(value: &str) -> Option<OriginalRecipient> {
    let (kind, address) = value.split_once(';')?;
    let address = xtext::decode(address).filter(|text| !text.is_empty())?;
    let is_atom = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (is_atom && value.len() <= ORIGINAL_MAX).then(|| OriginalRecipient { kind: kind.to_owned(), address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_says_how_much_comes_back_and_by_which_name() {
        let read = of_mail(" SIZE=7 ret=hdrs EnvID=QQ+2B1 BODY=8BITMIME").unwrap();
        assert_eq!(read, (Some(Return::Headers), Some("QQ+1".to_owned()), " SIZE=7 BODY=8BITMIME".to_owned()));
        let longest = format!("ENVID={}", "x".repeat(100));
        assert!(of_mail(&longest).is_ok());
        for bad in ["RET=ALL", "RET", "RET=FULL RET=FULL", "ENVID=", "ENVID=a=b", &format!("{longest}x")] {
            assert_eq!(of_mail(bad).unwrap_err().code(), 501, "{bad}");
        }
    }

    #[test]
    fn rcpt_says_when_to_tell_and_whom_it_was_written_to() {
        let (wish, others) = of_rcpt("notify=success,DELAY ORCPT=rfc822;Bob+2Bx@a.example X=1").unwrap();
        assert_eq!(wish.notify, Some(Notify { success: true, failure: false, delay: true }));
        let original = wish.original.unwrap();
        assert_eq!((original.kind.as_str(), original.address.as_str()), ("rfc822", "Bob+x@a.example"));
        assert_eq!(others, " X=1");
        assert_eq!(of_rcpt("NOTIFY=NEVER").unwrap().0.notify, Some(Notify::default()));
        for bad in [
            "NOTIFY=",
            "NOTIFY=NEVER,FAILURE",
            "NOTIFY=SOON",
            "NOTIFY=NEVER NOTIFY=NEVER",
            "ORCPT=x@a.example",
            "ORCPT=;x@a.example",
            "ORCPT=rfc822;",
            "ORCPT=rfc822;a+0Db",
            &format!("ORCPT=rfc822;{}", "x".repeat(494)),
        ] {
            assert_eq!(of_rcpt(bad).unwrap_err().code(), 501, "{bad}");
        }
    }
}
