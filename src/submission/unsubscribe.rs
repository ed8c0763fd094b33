//! Whether a message gets `List-Unsubscribe` with one click (RFC 2369, RFC 8058), and what its receipt says of it.

use super::intake::IntakeSettings;
use crate::domain::{Domain, Profile};
use crate::mail::header::HeaderBlock;

/// `Ok` when it is added; else why it is not, one clause. RFC 8058 wants https, and both fields signed by the sender's
/// domain; a sender's own field is never touched.
pub(super) fn decide(
    header: &HeaderBlock<'_>,
    profile: Profile,
    settings: &IntakeSettings,
    from_signs: bool,
) -> Result<(), &'static str> {
    let own = header.first("List-Unsubscribe").or_else(|| header.first("List-Unsubscribe-Post"));
    if own.is_some() {
        return Err("the sender's own is kept as it is");
    }
    match profile {
        Profile::Transactional => return Err("not added: transactional mail"),
        Profile::Campaign => {}
    }
    if !settings.unsubscribe {
        return Err("not added: tracking.unsubscribe is off");
    }
    if !settings.base_url.starts_with("https://") {
        return Err("not added: tracking.base_url is not https");
    }
    if header.is_broken() {
        return Err("not added: the header block is broken");
    }
    if !from_signs {
        return Err("not added: no key signs for the From domain");
    }
    Ok(())
}

/// The receipt's clause.
pub(super) fn clause(decided: Result<(), &'static str>, stream: &str) -> String {
    decided.map_or_else(str::to_owned, |()| format!("added: one click leaves the stream {stream}"))
}

/// The domain of the first mailbox in `From`.
pub(super) fn from_domain(header: &HeaderBlock<'_>) -> Option<Domain> {
    header.first("From")?;
    Domain::parse(header.from_addresses().first()?.rsplit_once('@')?.1).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Mode;
    use crate::mail::plan::PixelPlace;

    fn settings() -> IntakeSettings {
        IntakeSettings {
            hostname: Domain::parse("relay.example").unwrap(),
            mode: Mode::Live,
            base_url: "https://track.example".to_owned(),
            opens: true,
            clicks: true,
            text_links: false,
            unsubscribe: true,
            exclude_hosts: Vec::new(),
            track_visible_urls: false,
            vendor_headers: true,
            pixel: PixelPlace::Auto,
            expire: Duration::from_hours(1),
        }
    }

    #[test]
    fn it_is_added_only_where_all_agree() {
        let plain = HeaderBlock::read(b"From: a@shop.example\r\n\r\n");
        let own = HeaderBlock::read(b"From: a@shop.example\r\nLIST-UNSUBSCRIBE: <mailto:u@shop.example>\r\n\r\n");
        let broken = HeaderBlock::read(b"From: a@shop.example\r\nnot a field\r\n\r\n");
        let http = IntakeSettings { base_url: "http://track.example".to_owned(), ..settings() };
        let off = IntakeSettings { unsubscribe: false, ..settings() };
        assert_eq!(decide(&plain, Profile::Campaign, &settings(), true), Ok(()));
        for (header, profile, settings, signs, why) in [
            (&own, Profile::Campaign, &settings(), true, "own"),
            (&plain, Profile::Transactional, &settings(), true, "transactional"),
            (&plain, Profile::Campaign, &off, true, "off"),
            (&plain, Profile::Campaign, &http, true, "https"),
            (&broken, Profile::Campaign, &settings(), true, "broken"),
            (&plain, Profile::Campaign, &settings(), false, "key"),
        ] {
            assert!(decide(header, profile, settings, signs).unwrap_err().contains(why), "{why}");
        }
        assert_eq!(from_domain(&plain).map(|d| d.to_string()).as_deref(), Some("shop.example"));
        assert_eq!(from_domain(&HeaderBlock::read(b"Sender: a@shop.example\r\n\r\n")), None);
    }
}
