//! What notices look like; a second parser reads whole ones in the scenarios.

use mail_parser::{MessageParser, MimeHeaders};
use proptest::prelude::*;

use super::*;

fn told(recipient: &str, action: Action, reply: &str) -> Told {
    Told {
        action,
        class: BounceClass::InvalidRecipient,
        recipient: recipient.to_owned(),
        original: None,
        status: "5.1.1".to_owned(),
        remote: "mx.b.example".to_owned(),
        reply: reply.to_owned(),
        spoken: true,
        accepted_at: 0,
        attempted_at: 60_000,
        attempts: 1,
        retry_until: None,
        expired: false,
    }
}

fn notice(told: &[Told], original: Option<&Original<'_>>) -> String {
    let (hostname, to) = (Domain::parse("relay.example").unwrap(), Address::parse("me@own.example").unwrap());
    let heading = Heading { hostname: &hostname, to: &to, at: Timestamp::from_millis(120_000), random: 7 };
    String::from_utf8(write(&heading, told, original).bytes).unwrap()
}

fn original(raw: &[u8], ret: Option<Return>) -> Original<'_> {
    Original { prepend: "Received: here\r\n", raw, ret, envelope_id: None }
}

#[test]
fn a_small_message_comes_back_whole_and_a_large_one_as_its_header() {
    let failed = [told("ann@b.example", Action::Failed, "550 5.1.1 no")];
    let small = b"Subject: x\r\n\r\nthe text\r\n";
    let text = notice(&failed, Some(&original(small, None)));
    assert!(
        text.contains("Content-Type: message/rfc822\r\n")
            && text.contains("Received: here\r\nSubject: x\r\n\r\nthe text")
    );
    let large = [b"Subject: x\r\n\r\n".as_slice(), &b"0123456789abcdef\r\n".repeat(4_000)].concat();
    let text = notice(&failed, Some(&original(&large, None)));
    assert!(text.contains("text/rfc822-headers") && !text.contains("0123456789abcdef"));
    let text = notice(&failed, Some(&original(&large, Some(Return::Full))));
    assert!(text.contains("The beginning of your message") && text.contains("The first 50,000 octets"));
    assert!((49_000..54_000).contains(&text.len()) && text.contains("0123456789abcdef\r\n\r\n--="), "{}", text.len());
    let text = notice(&failed, Some(&original(small, Some(Return::Headers))));
    assert!(text.contains("text/rfc822-headers") && !text.contains("the text"));
    let taken = [told("ann@b.example", Action::Relayed, "250 ok")];
    assert!(!notice(&taken, Some(&original(small, Some(Return::Full)))).contains("the text"));
    assert!(notice(&failed, None).contains("kept no longer"));
}

#[test]
fn eight_bit_and_long_lines_come_back_as_an_encoded_header() {
    let failed = [told("ann@b.example", Action::Failed, "550 5.1.1 no")];
    let long = [b"Subject: x\r\n\r\n".as_slice(), &[b'y'; 1_200], b"\r\n"].concat();
    for raw in ["Subject: caf\u{e9}\r\n\r\nthe text\r\n".as_bytes(), &long] {
        let text = notice(&failed, Some(&original(raw, Some(Return::Full))));
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 998), "{text}");
        assert!(text.contains("text/rfc822-headers") && !text.contains("the text"), "{text}");
    }
    let text = notice(&failed, Some(&original("Subject: caf\u{e9}\r\n\r\n".as_bytes(), None)));
    assert!(text.contains("Subject: caf=C3=A9"), "{text}");
}

#[test]
fn each_fate_has_its_words_and_its_fields() {
    let late = Told { retry_until: Some(180_000), ..told("ann@b.example", Action::Delayed, "451 4.7.1 later") };
    let text = notice(&[late], None);
    assert!(text.contains("Subject: Delayed: your mail to ann@b.example\r\n") && text.contains("Action: delayed\r\n"));
    assert!(
        text.contains("Will-Retry-Until: Thu, 1 Jan 1970 00:03:00 +0000\r\n")
            && text.contains("need not send it again")
    );
    let ours = Told { spoken: false, expired: true, ..told("ann@b.example", Action::Failed, "nobody answered") };
    let text = notice(&[ours], None);
    assert!(text.contains("Diagnostic-Code: x-postrider; nobody answered\r\n") && !text.contains("Remote-MTA"));
    assert!(text.contains("Given up after 1 try") && text.contains("This relay found: nobody answered"));
    let taken = Told {
        original: Some("rfc822; list@a.example".to_owned()),
        ..told("ann@b.example", Action::Relayed, "250 ok")
    };
    let text = notice(&[taken], None);
    assert!(text.contains("Original-Recipient: rfc822; list@a.example\r\nFinal-Recipient: rfc822; ann@b.example\r\n"));
    let far = notice(&[told("j\u{f6}rg@b.example", Action::Failed, "550 no")], None);
    assert!(
        far.contains("Final-Recipient: utf-8; j\\x{F6}rg@b.example\r\n") && far.contains("your mail to 1 recipients")
    );
}

#[test]
fn a_digest_counts_all_and_names_a_hundred() {
    let mut digest = Digest::default();
    for n in 0..250 {
        let class = if n < 50 { BounceClass::MailboxFull } else { BounceClass::InvalidRecipient };
        digest.add(Told { class, ..told(&format!("u{n}@b.example"), Action::Failed, "550 no") });
    }
    digest.add(told("late@b.example", Action::Delayed, "451 later"));
    let kept: Digest = serde_json::from_str(&serde_json::to_string(&digest).unwrap()).unwrap();
    assert_eq!(kept, digest);
    assert_eq!(digest.classes(), [(BounceClass::InvalidRecipient, 200), (BounceClass::MailboxFull, 50)]);
    let (hostname, to) = (Domain::parse("relay.example").unwrap(), Address::parse("me@own.example").unwrap());
    let heading = Heading { hostname: &hostname, to: &to, at: Timestamp::from_millis(0), random: 7 };
    let text = String::from_utf8(write_digest(&heading, &digest).bytes).unwrap();
    assert!(text.contains("Subject: Not delivered: your mail to 251 recipients within an hour"));
    assert!(text.contains("200: Address does not exist.") && text.contains("50: Mailbox full."), "{text}");
    assert_eq!(text.matches("Final-Recipient:").count(), 100);
}

proptest! {
    #[test]
    fn whatever_a_server_says_stays_within_its_field(reply in "\\PC{0,300}[\\x00-\\xff]{0,40}", subject in "[\\x00-\\xff]{0,80}") {
        let raw = format!("X: {subject}\r\n\r\nbody\r\n");
        let text = notice(&[told("ann@b.example", Action::Failed, &reply)], Some(&original(raw.as_bytes(), None)));
        prop_assert!(text.is_ascii());
        prop_assert!(text.split("\r\n").all(|line| line.len() <= 998));
        let mail = MessageParser::new().parse(text.as_bytes()).unwrap();
        let kinds: Vec<_> = mail.parts.iter().filter_map(|part| part.content_type()).map(|t| t.c_subtype.clone()).collect();
        prop_assert_eq!(kinds.len(), 4);
        let report = text.split("message/delivery-status").nth(1).unwrap().split("\r\n--").next().unwrap();
        let names = report.split("\r\n\r\n").nth(2).unwrap().lines().filter(|line| !line.starts_with(' '));
        let names: Vec<_> = names.filter_map(|line| line.split(':').next()).collect();
        let all = ["Final-Recipient", "Action", "Status", "Remote-MTA", "Diagnostic-Code", "Last-Attempt-Date"];
        prop_assert!(names.iter().all(|name| all.contains(name)), "{names:?}");
    }
}
