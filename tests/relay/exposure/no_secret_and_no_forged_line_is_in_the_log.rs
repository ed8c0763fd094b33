//! What clients say can neither begin a line of the log nor steer a terminal, and what they log in with is not in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Browser, PASSWORD, link, raw};
use crate::harness::{Client, Config, Request, Sink};

const LEVELS: [&str; 5] = [" INFO ", " WARN ", "ERROR ", "DEBUG ", "TRACE "];

#[tokio::test]
async fn no_secret_and_no_forged_line_is_in_the_log() {
    let sink = Sink::start().await.unwrap();
    let smarthost = format!("smtp://user:smart-secret@{}", sink.address());
    let config = Config::smarthost(sink.address()).set("delivery.smarthost", smarthost);
    let mut relay = config.start().await;
    let login = relay.login().await;
    let first = std::fs::read_to_string(relay.data_dir().join("first-run.txt")).unwrap();
    let mail = "From: a@own.example\r\nSubject: \u{1b}[2J\r\nX-Postrider-Campaign: c\r\n\r\nhi\r\n";
    assert_eq!(relay.submit("a@own.example", &["f550-x@b.example"], mail).await.code, 250);
    let browser = Browser::first(&relay).await;
    let forged = "x\u{1b}[2J\n2026-01-01T00:00:00Z  INFO forged: by a client";
    let made = browser.post("/settings/credentials", &[("name", "second"), ("domains", "")]).await.text();
    let made = made.split("class=\"copy\">").nth(2).unwrap().split('<').next().unwrap().to_owned();
    let invited = browser.post("/settings/people", &[("email", "bob@example.org")]).await.text();
    let refused = relay.http(&Request::form("/login", &[("email", forged), ("password", "mistyped horse")])).await;
    assert_eq!(refused.status, 401);
    let agent = "GET /c/x HTTP/1.1\r\nHost: a\r\nUser-Agent: \u{1b}[31m\r\nConnection: close\r\n\r\n";
    raw(relay.web(), agent.as_bytes()).await;

    let mut client = Client::greeted(relay.submission()).await;
    client.say("EHLO \u{1b}[2Jx").await;
    client.say(&format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{}\0wrong-secret", login.username)))).await;
    client.say(&format!("MAIL FROM:<{}\u{1b}@own.example>", login.username)).await;
    client.quit().await;
    relay.wait_idle().await;

    let log = relay.log();
    assert!(
        log.contains("made a credential") && log.contains("a wrong password") && log.contains("invited a person"),
        "{log}"
    );
    for line in log.lines() {
        assert!(LEVELS.iter().any(|level| line.get(27..34).is_some_and(|at| at.contains(level.trim()))), "{line}");
        assert!(!line.chars().any(char::is_control) && !line.contains(" INFO forged"), "{line}");
    }
    let tokens = [link(&first), link(&invited)].map(|path| path.trim_start_matches("/welcome/").to_owned());
    let cookie = browser.cookie.split('=').nth(1).unwrap();
    let secrets = [
        PASSWORD,
        "mistyped horse",
        "wrong-secret",
        "smart-secret",
        &login.password,
        &made,
        &tokens[0],
        &tokens[1],
        cookie,
    ];
    for secret in secrets {
        assert!(secret.len() > 8 && !log.contains(secret), "{secret}");
        // In base64 a text begins at any of three places.
        for shift in 0..3 {
            let packed = STANDARD.encode(format!("{}{secret}", "\0".repeat(shift)));
            assert!(!log.contains(&packed[4..packed.len() - 4]), "{secret} in base64");
        }
    }
    relay.finish().await;
}
