use proptest::prelude::*;

use super::*;
use crate::mail::control;
use crate::mail::control::Track;
use crate::mail::vendor_names::KNOWN;

fn said(text: &str) -> Control {
    control::read(&HeaderBlock::read(format!("{text}\r\n\r\n").as_bytes()), true)
}

fn track(opens: Option<bool>, clicks: Option<bool>, text: Option<bool>) -> Track {
    Track { opens, clicks, text }
}

#[test]
fn each_vendors_switches_are_understood() {
    let (on, off) = (Some(true), Some(false));
    for (text, wanted) in [
        ("X-Mailgun-Track: no", track(off, off, None)),
        ("X-Mailgun-Track-Clicks: htmlonly", track(None, on, off)),
        ("X-Mailgun-Track-Clicks: yes", track(None, on, None)),
        ("X-Mailgun-Track-Clicks: no\r\nX-Mailgun-Track-Opens: YES", track(on, off, off)),
        ("X-PM-TrackOpens: false", track(off, None, None)),
        ("X-PM-TrackLinks: None", track(None, off, off)),
        ("X-PM-TrackLinks: HtmlAndText", track(None, on, on)),
        ("X-PM-TrackLinks: HtmlOnly", track(None, on, off)),
        ("X-PM-TrackLinks: TextOnly", track(None, off, on)),
        ("X-MC-Track: opens,clicks_all", track(on, on, on)),
        ("X-MC-Track: clicks_textonly", track(off, off, on)),
        ("X-MC-Track: none", track(off, off, off)),
        (
            "X-SMTPAPI: {\"filters\":{\"clicktrack\":{\"settings\":{\"enable\":1,\"enable_text\":true}},\r\n \
             \"opentrack\":{\"settings\":{\"enable\":\"0\"}}}}",
            track(off, on, on),
        ),
        ("X-SMTPAPI: {\"filters\":{\"clicktrack\":{\"settings\":{\"enable\":0}}}}", track(None, off, off)),
        ("X-MSYS-API: {\"options\":{\"open_tracking\":false,\"click_tracking\":true}}", track(off, on, None)),
    ] {
        let said = said(text);
        assert_eq!(said.track, Some(wanted), "{text}");
        assert_eq!(said.complaints, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn tags_campaigns_and_metadata_are_taken() {
    let mailgun = said("X-Mailgun-Tag: spring\r\nX-Mailgun-Tag: all\r\nX-Mailgun-Variables: {\"id\": 7, \"a\": \"b\"}");
    assert_eq!((mailgun.tags, mailgun.category.as_deref()), (vec!["spring".into(), "all".into()], Some("spring")));
    assert_eq!(mailgun.metadata, [("a".to_owned(), "b".to_owned()), ("id".to_owned(), "7".to_owned())]);
    let ses = said("X-SES-MESSAGE-TAGS: campaign=book, colour=red");
    assert_eq!((ses.campaign.as_deref(), ses.metadata[0].clone()), (Some("book"), ("colour".into(), "red".into())));
    let postmark = said("X-PM-Tag: =?utf-8?q?Fr=C3=BChling?=\r\nX-PM-Metadata-Order: 12");
    assert_eq!(
        (postmark.tags[0].as_str(), postmark.metadata[0].clone()),
        ("Fr\u{fc}hling", ("order".into(), "12".into()))
    );
    assert_eq!(said("X-MC-Tags: a, b").tags, ["a", "b"]);
    let mandrill = said("X-MC-Metadata: {\"k\":\"v\",\"_rcpt\":\"x\"}\r\nX-MC-SendAt: 2026-11-23 21:04:05");
    assert_eq!((mandrill.metadata.len(), mandrill.complaints.len()), (1, 1));
    assert_eq!(mandrill.send_at.map(Timestamp::rfc3339).as_deref(), Some("2026-11-23T21:04:05.000Z"));
    let sendgrid =
        said("X-SMTPAPI: {\"category\":[\"a, b\",\"c\"],\"unique_args\":{\"k\":[1]},\"send_at\":1795554245}");
    assert_eq!((sendgrid.tags, sendgrid.metadata), (vec!["a, b".into(), "c".into()], vec![("k".into(), "[1]".into())]));
    assert_eq!(sendgrid.send_at.map(Timestamp::seconds), Some(1_795_554_245));
    let sparkpost = said("X-MSYS-API: {\"campaign_id\":\"may\",\"tags\":[\"t\"],\"metadata\":{\"k\":\"v\"}}");
    assert_eq!((sparkpost.campaign.as_deref(), sparkpost.tags.len(), sparkpost.metadata.len()), (Some("may"), 1, 1));
}

#[test]
fn ours_hold_and_of_the_others_the_more_private() {
    let ours = said(
        "X-MC-Track: none\r\nX-Postrider-Track: opens\r\nX-MSYS-API: {\"campaign_id\":\"b\"}\r\nX-Postrider-Campaign: a",
    );
    assert_eq!(ours.track, Some(track(Some(true), Some(false), Some(false))));
    assert_eq!(ours.campaign.as_deref(), Some("a"));
    for text in ["X-Mailgun-Track: yes\r\nX-PM-TrackOpens: false", "X-PM-TrackOpens: false\r\nX-Mailgun-Track: yes"] {
        assert_eq!(said(text).track, Some(track(Some(false), Some(true), None)), "{text}");
    }
    assert_eq!(control::read(&HeaderBlock::read(b"X-PM-Tag: a\r\n\r\n"), false), Control::default());
}

#[test]
fn what_is_malformed_or_not_to_be_had_is_named_and_harmless() {
    for text in [
        "X-Mailgun-Track: maybe",
        "X-PM-TrackLinks: all",
        "X-MC-Track: everything",
        "X-SMTPAPI: {\"category\":",
        "X-SMTPAPI: []",
        "X-SMTPAPI: {\"to\":[\"a@b.example\"]}",
        "X-SMTPAPI: {\"filters\":{\"opentrack\":{}}}",
        "X-MSYS-API: {\"options\":{\"sandbox\":true}}",
        "X-MSYS-API: {\"options\":{\"click_tracking\":7}}",
        "X-SES-MESSAGE-TAGS: book",
        "X-MC-SendAt: soon",
        "X-Mailgun-Require-TLS: yes",
        "X-MC-BccAddress: x@y.example",
    ] {
        let said = said(text);
        assert_eq!(
            (said.track, said.campaign, said.complaints.len()),
            (None, None, 1),
            "{text}: {:?}",
            said.complaints
        );
    }
    let deep = format!("X-SMTPAPI: {}", "[".repeat(5_000));
    assert!(said(&deep).complaints[0].contains("broken JSON"));
}

#[test]
fn a_trial_reaches_nobody() {
    assert!(said("X-Mailgun-Drop-Message: yes").sandbox && !said("X-Mailgun-Drop-Message: no").sandbox);
    let unclear = said("X-Mailgun-Drop-Message: please");
    assert!(unclear.sandbox && unclear.complaints.len() == 1);
}

#[test]
fn traces_of_other_relays_stay() {
    for name in
        ["X-MC-Unique", "X-SES-Outgoing", "X-PM-Message-Id", "X-Mailgun-Sid", "X-Mailgun-Sending-Ip", "X-Mailer", "X"]
    {
        assert!(!is_control(name.as_bytes()), "{name}");
    }
    for name in ["x-smtpapi", "X-MSYS-API", "X-PM-METADATA-a", "X-Mailgun-Tag"] {
        assert!(is_control(name.as_bytes()), "{name}");
    }
}

proptest! {
    #[test]
    fn no_value_panics(at in 0..KNOWN.len(), value in "[ -~\\PC]{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let name = KNOWN[at].0;
        said(&format!("{name}: {value}"));
        let mut raw = format!("{name}: ").into_bytes();
        raw.extend(bytes);
        raw.extend(b"\r\n\r\n");
        control::read(&HeaderBlock::read(&raw), true);
    }
}
