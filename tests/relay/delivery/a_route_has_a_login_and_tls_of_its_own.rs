//! A route's host gets its login over TLS. A wrong password, and a host without the TLS that is wanted, put mail off, say
//! why, and lose nothing; no page and no line of the log shows a password.

use crate::harness::{Certificate, Config, Relay, Request, Sink, SinkSettings, Zone, tls_from_files};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: house\r\n\r\nHello\r\n";
const WRONG: &str = "mistaken-secret";
const RIGHT: &str = "house-secret";

/// The story of the only mail, as its page tells it.
async fn story(relay: &Relay, cookie: &str) -> String {
    let page = async |path: &str| relay.http(&Request::get(path).header("Cookie", cookie)).await.text();
    let list = page("/messages").await;
    let message = list.split("\"/messages/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    page(&format!("/messages/{message}")).await
}

#[tokio::test]
async fn a_route_has_a_login_and_tls_of_its_own() {
    let certificate = Certificate::new("127.0.0.1");
    let tls = Some(tls_from_files(&certificate.cert(), &certificate.key()).unwrap());
    let login = Some(("relay".to_owned(), RIGHT.to_owned()));
    let house = Sink::with(SinkSettings { tls, login, ..SinkSettings::default() }).await.unwrap();
    let to = format!("smtp://relay:{WRONG}@{}", house.address());
    // The host of the mode itself is never asked.
    let elsewhere = Sink::start().await.unwrap();
    let config = Config::smarthost(elsewhere.address()).route(&["house.example"], &to, "required");
    let mut relay = config.start().await;
    assert_eq!(relay.submit("a@own.example", &["ok@house.example"], MAIL).await.code, 250);
    relay.campaign_with("house", "/deferred", 1).await;
    let cookie = relay.sign_in().await;
    let deferred = story(&relay, &cookie).await;
    assert!(deferred.contains("535 5.7.8 Wrong user name or password"), "{deferred}");
    assert!(deferred.contains("TLSv1.3, certificate not valid") && deferred.contains("AUTH PLAIN ***"), "{deferred}");
    let settings = relay.http(&Request::get("/settings").header("Cookie", &cookie)).await.text();
    assert!(settings.contains("<code>routes.1.to</code>") && settings.contains("smtp://relay:********@127.0.0.1"));
    let mut seen = vec![deferred, settings];

    let file = std::fs::read_to_string(relay.config_file()).unwrap();
    std::fs::write(relay.config_file(), file.replace(WRONG, RIGHT)).unwrap();
    relay.hang_up();
    relay.restart().await;
    relay.campaign_with("house", "/delivered", 1).await;
    let received = house.received();
    assert_eq!((received.len(), received[0].tls, elsewhere.tally().sessions), (1, true, 0));
    seen.extend([story(&relay, &cookie).await, relay.log()]);
    let export = relay.command_text(&["export"]).await;
    let checked = relay.command_text(&["check-config"]).await;
    assert!(checked.contains("but for 1 domain that has a route"), "{checked}");
    seen.extend([export, checked]);
    for text in seen {
        assert!(!text.contains(WRONG) && !text.contains(RIGHT), "{text}");
    }
    relay.finish().await;
}

#[tokio::test]
async fn without_the_tls_that_is_wanted_mail_waits() {
    let certificate = Certificate::new("127.0.0.1");
    let tls = Some(tls_from_files(&certificate.cert(), &certificate.key()).unwrap());
    let untrusted = Sink::with(SinkSettings { tls, ..SinkSettings::default() }).await.unwrap();
    let plain = Sink::start().await.unwrap();
    let elsewhere = Sink::start().await.unwrap();
    let url = |sink: &Sink| format!("smtp://{}", sink.address());
    let config = Config::smarthost(elsewhere.address())
        .route(&["plain.example"], &url(&plain), "required")
        .route(&["untrusted.example"], &url(&untrusted), "verified")
        .route(&["gone.example"], "smtp://mail.gone.example:2525", "");
    let dns = Zone::new().start().await;
    let mut relay = config.set("delivery.dns", vec![dns.address().to_string()]).start().await;
    let to = ["ok@plain.example", "ok@untrusted.example", "ok@gone.example", "ok@b.example"];
    assert_eq!(relay.submit("a@own.example", &to, MAIL).await.code, 250);
    relay.campaign_with("house", "/delivered", 1).await;
    let stats = relay.campaign_with("house", "/deferred", 3).await;
    assert_eq!((stats["queued"].as_i64(), stats["bounced"].as_i64()), (Some(3), Some(0)), "{stats}");
    assert_eq!((plain.received().len(), untrusted.received().len(), elsewhere.received().len()), (0, 0, 1));
    let log = relay.log();
    let says = |domain: &str, code: &str| {
        log.lines().any(|line| line.contains(&format!("domain={domain}")) && line.contains(code))
    };
    assert!(
        says("plain.example", "4.7.5") && says("untrusted.example", "4.7.5") && says("gone.example", "4.4.4"),
        "{log}"
    );
    relay.finish().await;
}
