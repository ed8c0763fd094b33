//! A mail that Python composes and sends over TLS, received by Postfix, by Exim and by aiosmtpd over TLS: read by Python's own
//! parser it is whole, tracked, signed, and has each field once.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Certificate, Config, Receiver, Relay, Zone, python_text};

const ATTACHMENT_SHA256: &str = "a1f259d4365ed4320c377ce26f5c8c56dcdc9a89e7b641bfd8eabfbbeac86654";

/// A relay with TLS and a signing domain before one receiver of a domain, and the record of its key.
async fn relay_before(receiver: &Receiver, domain: &str, certificate: &Certificate) -> (Relay, String) {
    let zone = Zone::new().a("mx.b.example", "127.0.0.1").mx(domain, 10, "mx.b.example");
    let dns = zone.start().await;
    let path = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    let config = Config::mx(dns.address(), receiver.port())
        .set("submission.tls_cert", path(certificate.cert()))
        .set("submission.tls_key", path(certificate.key()));
    let mut relay = config.start().await;
    let record = relay.signing_domain("own.example").await;
    let login = relay.login().await;
    let (server, trust) = (relay.submission().to_string(), path(certificate.cert()));
    let pair = format!("{}:{}", login.username, login.password);
    let mut to = format!("ann@{domain}");
    if receiver.whole {
        to += &format!(",stranger@{domain}");
    }
    python_text("send_campaign.py", &["--server", &server, "--trust", &trust, "--login", &pair, "--to", &to]).await;
    relay.wait_idle().await;
    (relay, record)
}

/// What every received copy has to be.
async fn is_whole(file: &Path, key: &str) -> Value {
    let file = file.to_string_lossy();
    let verdict = python_text("verify_dkim.py", &[&file, key]).await;
    assert_eq!(verdict.matches("d=own.example").count(), 2, "{verdict}");
    let mail: Value = serde_json::from_str(&python_text("read_mail.py", &[&file]).await).unwrap();
    assert_eq!(mail["defects"].as_array().map(Vec::len), Some(0), "{mail}");
    let values = |field: &str| mail["fields"][field].as_array().cloned().unwrap_or_default();
    for field in ["message-id", "date", "from", "to", "subject", "mime-version", "content-type"] {
        assert_eq!(values(field).len(), 1, "{field}: {mail}");
    }
    let ours = |value: &Value| value.as_str().unwrap().contains("by relay.postrider.example");
    assert_eq!(values("received").iter().filter(|value| ours(value)).count(), 1, "{mail}");
    assert!(values("x-postrider-campaign").is_empty() && values("bcc").is_empty());
    assert!(mail["fields"]["subject"][0].as_str().unwrap().starts_with("Frühling: 20 % auf alles, was blüht"));
    assert_eq!(mail["text"], "Schöne Grüße\n.\n..und Punkte\n");
    assert_eq!(mail["attachments"]["Preise.bin"], ATTACHMENT_SHA256, "{mail}");
    mail
}

/// The mail's links and pixel lead where they should, and count.
async fn is_tracked(relay: &Relay, mail: &Value) {
    let targets = ["https://shop.example/?a=1&b=%C3%BC", "https://shop.example/bl%C3%BCten"];
    assert_eq!(mail["links"].as_array().map(Vec::len), Some(targets.len()), "{mail}");
    for (link, target) in mail["links"].as_array().unwrap().iter().zip(targets) {
        let answer = relay.follow(link.as_str().unwrap()).await;
        assert_eq!((answer.status, answer.header("location")), (302, Some(target)));
        // All links of a mail within two seconds are followed by a machine.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
    }
    let images = mail["images"].as_array().unwrap();
    assert_eq!(images.len(), 1, "one pixel: {mail}");
    assert_eq!(relay.follow(images[0].as_str().unwrap()).await.body.len(), 43);
    relay.campaign_with("spring", "/opened/human", 1).await;
    let stats = relay.campaign_with("spring", "/clicked/total_events", 2).await;
    assert_eq!(stats["clicked"]["human"], 1, "{stats}");
}

async fn strangers_are_refused(relay: &Relay) {
    let stats = relay.campaign_with("spring", "/bounced", 1).await;
    assert_eq!(stats["delivered"], 1, "{stats}");
    let refusal = &stats["refusals"][0];
    assert_eq!(refusal["class"], "invalid_recipient", "{stats}");
    assert!(refusal["sample"].as_str().unwrap().starts_with("550 5.1.1"), "{stats}");
}

/// How the delivery went, as the ledger has it.
async fn tls_of_the_delivery(relay: &Relay) -> String {
    let export = relay.command_text(&["export"]).await;
    let mut events = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let delivered = events.find(|event| event["type"] == "delivered").expect("a delivery");
    delivered["attempt"]["tls"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn postfix_takes_what_python_sends() {
    let certificate = Certificate::new("127.0.0.1");
    let postfix = Receiver::postfix(&certificate).await;
    let (relay, key) = relay_before(&postfix, "post.example", &certificate).await;
    let mail = is_whole(&postfix.mail().await, &key).await;
    is_tracked(&relay, &mail).await;
    if postfix.whole {
        strangers_are_refused(&relay).await;
        assert_eq!(tls_of_the_delivery(&relay).await, "TLSv1.3");
        assert!(mail["fields"]["received"][0].as_str().unwrap().contains("using TLSv1.3"), "{mail}");
        assert_eq!(mail["fields"]["return-path"][0], "<bounces@own.example>");
    }
    relay.finish().await;
}

#[tokio::test]
async fn exim_takes_what_python_sends() {
    let certificate = Certificate::new("127.0.0.1");
    let exim = Receiver::exim(&certificate).await;
    let (relay, key) = relay_before(&exim, "exim.example", &certificate).await;
    strangers_are_refused(&relay).await;
    assert_eq!(tls_of_the_delivery(&relay).await, "TLSv1.3");
    let mail = is_whole(&exim.mail().await, &key).await;
    assert_eq!(mail["fields"]["return-path"][0], "<bounces@own.example>");
    is_tracked(&relay, &mail).await;
    relay.finish().await;
}

#[tokio::test]
async fn aiosmtpd_takes_what_python_sends() {
    let certificate = Certificate::new("127.0.0.1");
    let aiosmtpd = Receiver::aiosmtpd(&certificate).await;
    let (relay, key) = relay_before(&aiosmtpd, "python.example", &certificate).await;
    strangers_are_refused(&relay).await;
    assert_eq!(tls_of_the_delivery(&relay).await, "TLSv1.3");
    let mail = is_whole(&aiosmtpd.mail().await, &key).await;
    is_tracked(&relay, &mail).await;
    relay.finish().await;
}
