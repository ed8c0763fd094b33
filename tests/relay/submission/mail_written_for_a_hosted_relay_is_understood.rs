//! Who leaves a hosted relay changes host and password: its control headers are understood, and none of them leaves.

use crate::harness::{Config, Mail, Request, Sink, python_text, smtplib, swaks};

/// Name, headers, whether there is a pixel, whether links are tracked.
const MAILS: &[(&str, &[&str], bool, bool)] = &[
    (
        "mailgun",
        &["X-Mailgun-Tag: mailgun", "X-Mailgun-Track-Opens: no", "X-Mailgun-Variables: {\"k\": \"v\"}"],
        false,
        true,
    ),
    ("ses", &["X-SES-MESSAGE-TAGS: campaign=ses, k=v", "X-SES-CONFIGURATION-SET: own"], true, true),
    ("postmark", &["X-PM-Tag: postmark", "X-PM-TrackLinks: None", "X-PM-Metadata-k: v"], true, false),
    ("mandrill", &["X-MC-Tags: mandrill,b", "X-MC-Track: opens", "X-MC-Metadata: {\"k\":\"v\"}"], true, false),
    (
        "sendgrid",
        &[
            "X-SMTPAPI: {\"category\": \"sendgrid\",\r\n \"unique_args\": {\"k\": \"v\"},\r\n \"filters\": {\"opentrack\": {\"settings\": {\"enable\": 0}}}}",
        ],
        false,
        true,
    ),
    (
        "sparkpost",
        &[
            "X-MSYS-API: {\"campaign_id\":\"sparkpost\",\"metadata\":{\"k\":\"v\"},\"options\":{\"click_tracking\":false}}",
        ],
        true,
        false,
    ),
    ("broken", &["X-SMTPAPI: {\"category\": ", "X-Postrider-Campaign: broken"], true, true),
];

#[tokio::test]
async fn every_vendors_spelling_is_understood_and_removed() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let records = relay.signing_domain("own.example").await;
    let login = relay.login().await;
    for (name, headers, pixel, tracked) in MAILS {
        let text = format!(
            "From: a@own.example\r\nTo: b@b.example\r\nSubject: {name}\r\nMIME-Version: 1.0\r\nX-MC-Unique: a trace\r\n{}\r\n\
             Content-Type: text/html\r\n\r\n<p><a href=\"https://shop.example/\">x</a></p>\r\n",
            headers.join("\r\n")
        );
        let to = format!("{name}@b.example");
        let file = relay.file("own.eml", text.as_bytes());
        smtplib(relay.submission(), Some(&login), "a@own.example", &[&to], &file).await;
        relay.campaign_with(name, "/delivered", 1).await;
        let copy = sink.received_by(&to).remove(0);
        let mail = Mail::read(&copy.bytes);
        assert_eq!((mail.pixel().is_some(), mail.tracked_links().len() == 1), (*pixel, *tracked), "{name}");
        let fields = copy.text().split("\r\n\r\n").next().unwrap().to_lowercase();
        for control in ["x-mailgun-", "x-ses-", "x-pm-", "x-mc-t", "x-mc-m", "x-smtpapi", "x-msys-api", "x-postrider-"]
        {
            assert!(!fields.contains(control), "{name}: {fields}");
        }
        assert!(fields.contains("x-mc-unique: a trace"));
        let file = relay.file("copy.eml", &copy.bytes);
        python_text("verify_dkim.py", &[&file.to_string_lossy(), &records]).await;
        let exported = relay.command_text(&["export", "--campaign", name]).await;
        let accepted: serde_json::Value = serde_json::from_str(exported.lines().next().unwrap()).unwrap();
        assert_eq!(accepted["metadata"]["k"].as_str(), (*name != "broken").then_some("v"), "{accepted}");
    }
    let session = relay.signed_in().await;
    let list = relay.http(&Request::get("/messages").header("Cookie", &session)).await.text();
    let links = list.split("href=\"/messages/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let mut pages = String::new();
    for id in links {
        pages += &relay.http(&Request::get(&format!("/messages/{id}")).header("Cookie", &session)).await.text();
    }
    assert!(pages.contains("X-SMTPAPI is broken JSON"), "{list}");
    assert!(pages.contains("X-SES-CONFIGURATION-SET asks for something that this relay does not do"));
    relay.finish().await;
}

#[tokio::test]
async fn a_trial_stays_in_the_inbox_of_a_relay_that_sends() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let login = relay.login().await;
    let header = ["--from", "a@own.example", "--to", "b@b.example", "--header", "X-Mailgun-Drop-Message: yes"];
    assert!(swaks(relay.submission(), Some(&login), &header).await.status.success());
    let session = relay.signed_in().await;
    let inbox = async || relay.http(&Request::get("/inbox").header("Cookie", &session)).await.text();
    crate::harness::wait_until("the trial is in the inbox", crate::harness::PATIENCE, async || {
        inbox().await.contains("b@b.example")
    })
    .await;
    assert_eq!(sink.received().len(), 0);
    relay.finish().await;
}

#[tokio::test]
async fn turned_off_they_are_neither_read_nor_removed() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("submission.vendor_headers", false).start().await;
    let mail =
        "From: a@own.example\r\nX-PM-Tag: t\r\nX-PM-TrackOpens: false\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n";
    assert_eq!(relay.submit("a@own.example", &["b@b.example"], mail).await.code, 250);
    sink.wait_for(1).await.unwrap();
    let copy = sink.received().remove(0);
    let mail = Mail::read(&copy.bytes);
    assert_eq!((mail.header("X-PM-Tag").as_deref(), mail.pixel().is_some()), (Some("t"), true));
    relay.finish().await;
}
