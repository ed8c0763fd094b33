//! Until when a certificate is valid: just so much of X.509 (RFC 5280 section 4.1) as leads there.

use crate::domain::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of a certificate's life, from its DER; `None` when it is not to be found.
pub fn until(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = value(certificate, SEQUENCE)?;
    let (mut rest, _) = value(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = value(rest, VERSION)?.1;
    }
    // Serial number, signature's algorithm, issuer.
    for _ in 0..3 {
        rest = value(rest, *rest.first()?)?.1;
    }
    let (validity, _) = value(rest, SEQUENCE)?;
    let after_begin = value(validity, *validity.first()?)?.1;
    time(after_begin)
}

/// The content of the first value, which has this tag, and what follows it.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (octets, rest) =
            rest.split_at_checked(usize::from(length & 0x7f)).filter(|(octets, _)| octets.len() <= 3)?;
        (octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)), rest)
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

/// RFC 5280 section 4.1.2.5: years of two digits are 1950 to 2049, and all times end in Z.
fn time(der: &[u8]) -> Option<Timestamp> {
    let tag = *der.first()?;
    let text = std::str::from_utf8(value(der, tag)?.0).ok()?;
    let text = match tag {
        UTC_TIME => format!("{}{text}", if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| text.get(from..to);
    let (date, clock) = ((part(0, 4)?, part(4, 6)?, part(6, 8)?), (part(8, 10)?, part(10, 12)?, part(12, 14)?));
    Timestamp::parse_rfc3339(&format!("{}-{}-{}T{}:{}:{}Z", date.0, date.1, date.2, clock.0, clock.1, clock.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read_whichever_way_it_is_written() {
        for (year, wanted) in [(2_031, "2031-05-06T00:00:00.000Z"), (2_055, "2055-05-06T00:00:00.000Z")] {
            let mut parameters = rcgen::CertificateParams::new(vec!["go.shop.example".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 5, 6);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = parameters.self_signed(&key).unwrap();
            let der: &[u8] = certificate.der();
            assert_eq!(until(der).map(Timestamp::rfc3339).as_deref(), Some(wanted));
            // Whatever is cut off, nothing is made up.
            assert!((0..80).all(|cut| until(&der[..cut]).is_none()));
        }
        assert_eq!(until(&[]), None);
        assert_eq!(until(&[SEQUENCE, 0xff]), None);
    }
}
