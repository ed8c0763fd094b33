use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::super::mailbox::Mailbox;
use super::*;
use crate::domain::token::Purpose;
use crate::domain::{DeliveryId, TokenKey, TokenKeys};

fn key() -> TokenKey {
    TokenKey::new(1, [7; 32])
}

fn token(delivery: i64, purpose: Purpose) -> String {
    Token { delivery: DeliveryId::from_raw(delivery), purpose }.sign(&key())
}

fn leave(delivery: i64) -> String {
    token(delivery, Purpose::Unsubscribe)
}

fn click(delivery: i64, target: &str) -> String {
    token(delivery, Purpose::Click { position: 1, target: target.to_owned() })
}

/// The deliveries that the tokens of a report name.
fn signed(report: &Feedback) -> Vec<i64> {
    let keys = TokenKeys::new(key(), Vec::new());
    report.tokens.iter().filter_map(|text| Some(keys.open(text)?.delivery.raw())).collect()
}

/// A report around a returned part (RFC 5965 appendix B).
fn report(fields: &str, returned: &str) -> String {
    format!(
        "From: <abusedesk@b.example>\r\nDate: Thu, 8 Mar 2026 17:40:36 EDT\r\nSubject: FW: Earn money\r\n\
         To: <feedback@own.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=feedback-report;\r\n\tboundary=\"part1_13d.2e68ed54_boundary\"\r\n\r\n\
         --part1_13d.2e68ed54_boundary\r\nContent-Type: text/plain; charset=\"US-ASCII\"\r\n\
         Content-Transfer-Encoding: 7bit\r\n\r\nThis is an email abuse report for a message received from 192.0.2.1\r\n\r\n\
         --part1_13d.2e68ed54_boundary\r\nContent-Type: message/feedback-report\r\n\r\n{fields}\r\n\
         --part1_13d.2e68ed54_boundary\r\n{returned}\r\n--part1_13d.2e68ed54_boundary--\r\n"
    )
}

const FIELDS: &str = "Feedback-Type: abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n\
    Original-Mail-From: <somespammer@own.example>\r\nOriginal-Rcpt-To: <ann@b.example>\r\n\
    Arrival-Date: Thu, 8 Mar 2026 14:00:00 EDT\r\nSource-IP: 192.0.2.1\r\n\
    Authentication-Results: mail.b.example; spf=fail smtp.mail=somespammer@own.example\r\n";

fn read(text: &str) -> Feedback {
    Feedback::read(text.as_bytes()).unwrap()
}

/// A returned part of this type with this header and body.
fn part(kind: &str, header: &str, body: &str) -> String {
    format!("Content-Type: {kind}\r\nContent-Disposition: inline\r\n\r\n{header}\r\n{body}\r\n")
}

#[test]
fn a_whole_report_names_all() {
    // The shortest that there is (appendix A), and one with all fields.
    let short = read(&report(
        "Feedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\n",
        &part("message/rfc822", "From: a\r\n", "x"),
    ));
    assert_eq!((&short.feedback_type, short.tokens.len(), short.message_id.as_str()), (&FeedbackType::Abuse, 0, ""));
    let header = format!(
        "From: <a@own.example>\r\nMessage-ID: <8787KJKJ3K4J3K4J3K4J3.mail@own.example>\r\n\
         List-Unsubscribe: <mailto:x@own.example>,\r\n <https://track.own.example/u/{}>\r\n",
        leave(7)
    );
    let whole = read(&report(FIELDS, &part("message/rfc822", &header, "Spam Spam Spam")));
    assert_eq!(signed(&whole), [7]);
    assert_eq!(whole.recipients, ["ann@b.example"]);
    assert_eq!(whole.message_id, "<8787KJKJ3K4J3K4J3K4J3.mail@own.example>");
    let shown = [&whole.arrival_date, &whole.source_ip, &whole.user_agent];
    assert_eq!(shown, ["Thu, 8 Mar 2026 14:00:00 EDT", "192.0.2.1", "SomeGenerator/1.0"]);
    // With other line ends, and with the type of internationalised mail (RFC 6533).
    let text = report(FIELDS, &part("message/global", &header, "x"));
    for text in [text.replace("\r\n", "\n"), text.replace("message/feedback-report\r\n", "Message/Feedback-Report\r\n")]
    {
        assert_eq!((signed(&read(&text)), read(&text).message_id), (vec![7], whole.message_id.clone()), "{text}");
    }
}

#[test]
fn the_header_alone_is_enough() {
    let header = format!("Message-ID: <1@own.example>\r\nList-Unsubscribe: <https://own.example/x/u/{}>\r\n", leave(8));
    for kind in ["text/rfc822-headers", "message/rfc822-headers", "message/rfc822", "text/plain"] {
        let found = read(&report(FIELDS, &part(kind, &header, "")));
        assert_eq!((signed(&found), found.message_id.as_str()), (vec![8], "<1@own.example>"), "{kind}");
    }
    let encoded = format!("Content-Transfer-Encoding: base64\r\n\r\n{}\r\n", STANDARD.encode(&header));
    for kind in ["text/rfc822-headers", "message/rfc822"] {
        let found = read(&report(FIELDS, &format!("Content-Type: {kind}\r\n{encoded}")));
        assert_eq!((signed(&found), found.message_id.as_str()), (vec![8], "<1@own.example>"), "{kind}");
    }
}

#[test]
fn tokens_are_found_in_encoded_and_changed_bodies() {
    let html = format!(
        "<p>Hello <a href=\"https://t.example/c/{}\">x</a><img src=\"https://t.example/o/{}.gif\">",
        click(9, &format!("https://shop.example/?q={}", "x".repeat(400))),
        token(9, Purpose::Open)
    );
    let lines = html.as_bytes().chunks(60).map(|line| String::from_utf8_lossy(line).replace('=', "=3D"));
    let quoted = lines.collect::<Vec<_>>().join("=\r\n");
    let html_header = "Message-ID: <1@own.example>\r\nContent-Type: text/html; charset=utf-8\r\n";
    let with = |encoding: &str| format!("{html_header}Content-Transfer-Encoding: {encoding}\r\n");
    let alternative = format!(
        "--in\r\nContent-Type: text/plain\r\n\r\nhello\r\n--in\r\n{}\r\n{}\r\n--in--\r\n",
        with("base64"),
        STANDARD.encode(&html)
    );
    for (name, header, body) in [
        ("plain", html_header.to_owned(), html.clone()),
        ("quoted-printable", with("quoted-printable"), quoted.clone()),
        ("base64", with("base64"), STANDARD.encode(&html)),
        ("in an alternative", "Content-Type: multipart/alternative; boundary=in\r\n".to_owned(), alternative.clone()),
        (
            "cut",
            "Content-Type: multipart/alternative; boundary=in\r\n".to_owned(),
            alternative
                .replace("--in--", "")
                .replace(&STANDARD.encode(&html), &quoted)
                .replace("base64", "quoted-printable"),
        ),
        ("without its type", String::from("Message-ID: <1@own.example>\r\n"), quoted.clone()),
    ] {
        let found = read(&report(FIELDS, &part("message/rfc822", &header, &body)));
        assert!(signed(&found).starts_with(&[9]), "{name}: {found:?}");
    }
}

#[test]
fn what_was_redacted_does_no_harm() {
    let fields = FIELDS.replace("ann@b.example", "redacted");
    let header =
        "To: <[redacted]>\r\nMessage-ID: <1@own.example>\r\nList-Unsubscribe: <https://own.example/u/[redacted]>\r\n";
    let body = format!("see https://own.example/c/{}.", click(3, "https://shop.example/"));
    let found = read(&report(&fields, &part("message/rfc822", header, &body)));
    assert_eq!((signed(&found), found.recipients), (vec![3], vec!["redacted".to_owned()]));
    // The header's own token comes before those of a mail that the body quotes.
    let header = format!("List-Unsubscribe: <https://own.example/u/{}>\r\n", leave(4));
    assert_eq!(signed(&read(&report(&fields, &part("message/rfc822", &header, &body)))), [4, 3]);
    let named =
        |value: &str| read(&report(&format!("Feedback-Type: abuse\r\nOriginal-Rcpt-To: {value}\r\n"), "")).recipients;
    assert_eq!(named("rfc822; ann@b.example"), ["ann@b.example"]);
    assert_eq!(named("a@b.example\r\nOriginal-Rcpt-To: <c@b.example>"), ["a@b.example", "c@b.example"]);
}

#[test]
fn each_type_says_whether_it_counts() {
    let types = [("Abuse", true), ("fraud", true), ("virus", false), ("not-spam", false), ("auth-failure", false)];
    for (word, counts) in types.into_iter().chain([("other", false), ("opt-out", false), ("<b>x", false)]) {
        let found = read(&report(&format!("\r\nFeedback-Type:  {word} \r\n"), "")).feedback_type;
        assert_eq!((found.is_complaint(), found.as_str().eq_ignore_ascii_case(word)), (counts, true), "{word}");
    }
}

#[test]
fn what_is_no_report_says_why() {
    let fault = |text: &str| Feedback::read(text.as_bytes()).unwrap_err();
    assert_eq!(fault(" \r\n"), FeedbackFault::Empty);
    assert_eq!(fault("Subject: hello\r\n\r\nFeedback-Type: abuse\r\n"), FeedbackFault::NoReport);
    assert_eq!(fault("no mail at all"), FeedbackFault::NoReport);
    assert_eq!(fault(&report("User-Agent: x\r\n", "")), FeedbackFault::NoType);
    let large = report(FIELDS, &"x".repeat(REPORT_MAX));
    assert_eq!(fault(&large), FeedbackFault::TooLarge);
    assert_eq!(fault(&large).to_string(), "it is larger than 10 MiB");
}

#[test]
fn broken_reports_and_odd_characters_are_read_as_far_as_they_go() {
    let header = format!("List-Unsubscribe: <https://own.example/u/{}>\r\n", leave(5));
    let whole = report(FIELDS, &part("message/rfc822", &header, "x"));
    // Not closed; a boundary that is named nowhere; a field of markup and control characters.
    let open = whole.replace("part1_13d.2e68ed54_boundary--", "");
    assert_eq!(signed(&read(&open)), [5]);
    assert_eq!(Feedback::read(whole.replacen("2e68ed54", "other", 1).as_bytes()), Err(FeedbackFault::NoReport));
    let odd = "Feedback-Type: <script>\0\u{1b}[31m\r\nUser-Agent: a\0b<i>\r\nOriginal-Rcpt-To: <\0@b.example>\r\n";
    let found = read(&report(odd, &part("message/rfc822", &format!("X: \0\r\n{header}"), "\0")));
    assert_eq!(found.feedback_type, FeedbackType::Unregistered("<script>  [31m".to_owned()));
    assert_eq!((found.user_agent.as_str(), signed(&found)), ("a b<i>", vec![5]));
    let long = read(&report(&format!("Feedback-Type: {}\r\n", "x".repeat(5_000)), ""));
    assert_eq!(long.feedback_type.as_str().len(), SHOWN_MAX);
}

#[test]
fn much_that_looks_like_tokens_costs_little() {
    let junk: String = (0..200_000).map(|n| format!("/c//u/{n:040} ")).collect();
    let header = format!("List-Unsubscribe: <https://own.example/u/{}>\r\n", leave(6));
    let found = read(&report(FIELDS, &part("message/rfc822", &header, &junk)));
    assert_eq!((signed(&found), found.tokens.len()), (vec![6], TOKENS_MAX));
    read(&report(FIELDS, &part("message/rfc822", "", &"/c/".repeat(3_000_000))));
}

#[test]
fn a_mailbox_of_reports_is_read_one_by_one() {
    let one = |delivery| {
        let header = format!("List-Unsubscribe: <https://own.example/u/{}>\r\n", leave(delivery));
        report(FIELDS, &part("message/rfc822", &header, "\r\n>From me"))
    };
    let from = "From MAILER-DAEMON Thu Mar  8 17:40:36 2026\n";
    let text = (1..=3).map(|n| format!("{from}{}\n", one(n))).collect::<String>();
    let found =
        Mailbox::new(text.as_bytes(), REPORT_MAX).map(|raw| signed(&Feedback::read(&raw.unwrap().unwrap()).unwrap()));
    assert_eq!(found.collect::<Vec<_>>(), [[1], [2], [3]]);
}

proptest! {
    #[test]
    fn no_bytes_panic(raw in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..3_000) {
        let _ = Feedback::read(&raw);
        let mut whole = report(FIELDS, &part("message/rfc822", "Content-Type: multipart/mixed; boundary=x\r\n", "--x\r\n\r\n--x--")).into_bytes();
        whole.splice(at.min(whole.len())..at.min(whole.len()), raw);
        let _ = Feedback::read(&whole);
    }
}

#[test]
fn a_report_that_nests_without_end_is_none() {
    let returned = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    let read = Feedback::read(report("Feedback-Type: abuse\r\n", &returned).as_bytes());
    assert_eq!(read.map(|read| read.feedback_type), Err(FeedbackFault::NoReport));
}
