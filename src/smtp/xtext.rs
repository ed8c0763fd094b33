//! xtext (RFC 3461 section 4): printable ASCII in a parameter's value.

use std::fmt::Write;

/// Encodes printable ASCII.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if ('!'..='~').contains(&c) && c != '+' && c != '=' {
            out.push(c);
        } else {
            let _ = write!(out, "+{:02X}", u32::from(c));
        }
    }
    out
}

/// Decodes; `None` for what is no xtext, or stands for anything but printable ASCII, which sections 4.2 and 4.4 ask of
/// every value that is carried this way.
pub fn decode(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'+' => {
                // Upper case only, as the grammar says.
                let digit = |b: u8| char::from(b).to_digit(16).filter(|_| !b.is_ascii_lowercase());
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'!'..=b'~' if byte != b'=' => byte,
            _ => return None,
        };
        if !(b' '..=b'~').contains(&decoded) {
            return None;
        }
        out.push(char::from(decoded));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_xtext_is_seen() {
        assert_eq!(decode("a+20b+2B").as_deref(), Some("a b+"));
        for bad in ["a=b", "a+2", "a+zz", "a+2b", "a b", "+0D+0A", "+FF", "\u{f6}"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn it_comes_back(text in "[ -~]{0,99}") {
            prop_assert_eq!(decode(&encode(&text)), Some(text));
        }
    }
}
