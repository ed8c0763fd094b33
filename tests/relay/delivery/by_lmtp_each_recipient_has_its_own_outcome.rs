//! Copies that are alike go to a server by LMTP in one transaction, and it answers each recipient by itself after the
//! message: who has it has it once, who was refused has bounced, who was put off comes again alone.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{Certificate, Config, PATIENCE, RECIPIENTS_MAX, Receiver, Sink, notice_to, wait_until};

const UNTRACKED: &str = "From: News <news@own.example>\r\nSubject: Summer\r\nX-Postrider-Campaign: plain\r\n\
    X-Postrider-Track: none\r\n\r\nHello\r\n.\r\n..dots\r\n";

fn config(receiver: &Receiver, tls: &str, rest: &Sink) -> Config {
    let config = Config::smarthost(rest.address()).set("tracking.unsubscribe", false);
    config.route(&["house.example", "*.house.example"], &receiver.lmtp(), tls)
}

async fn answers_each(receiver: Receiver, tls: &str, remote: &str) {
    let rest = Sink::start().await.unwrap();
    let mut relay = config(&receiver, tls, &rest).start().await;
    let domains = ["house.example", "a.house.example"];
    let readers: Vec<_> = (0..20).flat_map(|n| domains.map(|domain| format!("reader-{n}@{domain}"))).collect();
    let late = ["full-1@house.example", "full-2@a.house.example"].map(str::to_owned);
    let never = ["ruled-1@house.example", "ruled-2@a.house.example", "stranger@house.example"].map(str::to_owned);
    let all: Vec<_> = late.iter().chain(&readers).chain(&never).map(String::as_str).collect();
    assert_eq!(relay.submit("news@own.example", &all, UNTRACKED).await.code, 250);
    let stats = relay.campaign_with("plain", "/delivered", 42).await;
    assert_eq!((stats["bounced"].as_i64(), stats["queued"].as_i64()), (Some(3), Some(0)), "{stats}");

    let each: BTreeMap<String, u32> = readers.into_iter().chain(late.clone()).map(|to| (to, 1)).collect();
    wait_until("all are filed", PATIENCE, async || receiver.copies("Summer").0.len() == each.len()).await;
    let (copies, transactions) = receiver.copies("Summer");
    assert_eq!(copies, each);
    assert!(transactions.iter().any(|size| *size > 10) && transactions.iter().all(|size| *size <= RECIPIENTS_MAX));

    let export = relay.command_text(&["export"]).await;
    let events: Vec<_> = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
    let told = |kind: &str| {
        let of_kind = events.iter().filter(|event| event["type"] == kind);
        let mut told: Vec<_> = of_kind
            .map(|event| {
                let (to, text) = (&event["recipient"], &event["attempt"]["text"]);
                (to.as_str().unwrap().to_owned(), text.as_str().unwrap_or_default().to_owned())
            })
            .collect();
        told.sort();
        told
    };
    for (to, text) in told("delivered") {
        assert!(text.contains(&format!("{to} has it")), "{to}: {text}");
    }
    let to_of = |told: Vec<(String, String)>| told.into_iter().map(|(to, _)| to).collect::<Vec<_>>();
    assert_eq!(to_of(told("bounced")), never);
    assert_eq!(to_of(told("deferred")), late);
    assert!(told("deferred").iter().all(|(_, text)| text.contains("Mailbox full")), "{events:#?}");
    let tls_of = events.iter().find(|event| event["type"] == "delivered").unwrap();
    let tls_of = tls_of["attempt"]["tls"].as_str().unwrap_or_default();
    assert_eq!(tls_of, if tls.is_empty() { "" } else { "TLSv1.3" });
    let notice = notice_to(&rest, "news@own.example").await;
    assert_eq!((notice.recipients(), rest.received().len()), (3, 1));
    assert_eq!(notice.recipient("ruled-1", "Remote-MTA"), remote);
    assert!(notice.recipient("ruled-1", "Diagnostic-Code").starts_with("smtp; 550 5.7.1 A rule of this person"));
    relay.finish().await;
}

#[tokio::test]
async fn by_lmtp_each_recipient_has_its_own_outcome() {
    answers_each(Receiver::aiosmtpd_by_lmtp(&Certificate::new("127.0.0.1")).await, "required", "dns; [127.0.0.1]")
        .await;
}

#[tokio::test]
async fn over_a_socket_each_recipient_has_its_own_outcome() {
    let receiver = Receiver::aiosmtpd_by_socket(&Certificate::new("127.0.0.1")).await;
    answers_each(receiver, "", "dns; relay.postrider.example").await;
}

#[tokio::test]
async fn another_servers_lmtp_takes_everybody() {
    let receiver = Receiver::smtp_sink_by_lmtp().await;
    let mut relay = config(&receiver, "", &Sink::start().await.unwrap()).start().await;
    let to: Vec<_> = (0..120).map(|n| format!("reader-{n}@house.example")).collect();
    let to: Vec<_> = to.iter().map(String::as_str).collect();
    assert_eq!(relay.submit("news@own.example", &to, UNTRACKED).await.code, 250);
    relay.campaign_with("plain", "/delivered", 120).await;
    wait_until("all are filed", PATIENCE, async || receiver.copies("Summer").0.len() == 120).await;
    let (copies, transactions) = receiver.copies("Summer");
    assert!(copies.values().all(|n| *n == 1), "{copies:?}");
    assert_eq!(transactions, [20, 50, 50]);
    relay.finish().await;
}

#[tokio::test]
async fn a_server_of_smtp_alone_puts_mail_off() {
    let sink = Sink::start().await.unwrap();
    let to = format!("lmtp://{}", sink.address());
    let mut relay = Config::smarthost(([127, 0, 0, 1], 1).into()).route(&["house.example"], &to, "").start().await;
    assert_eq!(relay.submit("news@own.example", &["ok@house.example"], UNTRACKED).await.code, 250);
    let stats = relay.campaign_with("plain", "/deferred", 1).await;
    assert_eq!((stats["bounced"].as_i64(), sink.received().len()), (Some(0), 0), "{stats}");
    relay.finish().await;
}
