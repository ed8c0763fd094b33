//! Postfix, Exim and aiosmtpd get a message that is not tracked for two domains that they both serve, in transactions of up
//! to 50 recipients. They take 30: the others follow over the same session, and each recipient gets one copy.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{Certificate, Config, PATIENCE, RECIPIENTS_MAX, Receiver, Zone, wait_until};

const UNTRACKED: &str = "From: News <news@own.example>\r\nSubject: Summer\r\nX-Postrider-Campaign: plain\r\n\
    X-Postrider-Track: none\r\n\r\nHello\r\n";

async fn takes_shared_copies(receiver: Receiver, domains: [&str; 2], sizes: &[usize]) {
    let mut zone = Zone::new().a("mx.b.example", "127.0.0.1");
    for domain in domains {
        zone = zone.mx(domain, 10, "mx.b.example");
    }
    let dns = zone.start().await;
    let config = Config::mx(dns.address(), receiver.port()).set("tracking.unsubscribe", false);
    let mut relay = config.start().await;
    // Both domains are then known to be of one site.
    let first = domains.map(|domain| format!("reader-first@{domain}"));
    let mail = UNTRACKED.replace("Summer", "Spring").replace("plain", "first");
    assert_eq!(relay.submit("news@own.example", &[&first[0], &first[1]], &mail).await.code, 250);
    relay.campaign_with("first", "/delivered", 2).await;

    let to: Vec<_> = (0..60).flat_map(|n| domains.map(|domain| format!("reader-{n}@{domain}"))).collect();
    let stranger = format!("stranger@{}", domains[1]);
    let all: Vec<_> = to.iter().chain(receiver.whole.then_some(&stranger)).map(String::as_str).collect();
    assert_eq!(relay.submit("news@own.example", &all, UNTRACKED).await.code, 250);
    let stats = relay.campaign_with("plain", "/delivered", 120).await;
    assert_eq!(stats["bounced"], i64::from(receiver.whole), "{stats}");
    let each: BTreeMap<String, u32> = to.into_iter().map(|to| (to, 1)).collect();
    wait_until("all are filed", PATIENCE, async || receiver.copies("Summer").0.len() == each.len()).await;
    let (copies, transactions) = receiver.copies("Summer");
    assert_eq!(copies, each);
    assert_eq!(transactions, sizes);
    // Who was one too many was not put off.
    let export = relay.command_text(&["export"]).await;
    let events = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_type = |wanted: &str| events.clone().filter(|event| event["type"] == wanted).collect::<Vec<_>>();
    assert_eq!((of_type("deferred").len(), of_type("delivered").len()), (0, 122));
    assert!(of_type("delivered").iter().all(|event| event["attempt"]["n"] == 1));
    relay.finish().await;
}

/// 50, 50 and 20, of which 30 are taken at a time.
const TAKEN: [usize; 5] = [20, 20, 20, RECIPIENTS_MAX, RECIPIENTS_MAX];

#[tokio::test]
async fn postfix_takes_shared_copies() {
    let certificate = Certificate::new("127.0.0.1");
    let receiver = Receiver::postfix(&certificate).await;
    let sizes = if receiver.whole { &TAKEN[..] } else { &[20, 50, 50] };
    takes_shared_copies(receiver, ["post.example", "two.post.example"], sizes).await;
}

#[tokio::test]
async fn exim_takes_shared_copies() {
    let certificate = Certificate::new("127.0.0.1");
    let receiver = Receiver::exim(&certificate).await;
    takes_shared_copies(receiver, ["exim.example", "two.exim.example"], &TAKEN).await;
}

#[tokio::test]
async fn aiosmtpd_takes_shared_copies() {
    let certificate = Certificate::new("127.0.0.1");
    let receiver = Receiver::aiosmtpd(&certificate).await;
    takes_shared_copies(receiver, ["python.example", "two.python.example"], &TAKEN).await;
}
