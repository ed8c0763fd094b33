//! RFC 8058 up to the act: the fields are signed, fetching changes nothing, a forged address does nothing, a POST acts as
//! often as it comes.

use super::{address_of, curl, mail};
use crate::harness::{Config, Mail, Request, Sink, python_text};

#[tokio::test]
async fn only_a_post_unsubscribes() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let records = relay.signing_domain("own.example").await;
    relay.login().await;
    let to = ["ann@b.example", "bob@b.example"];
    assert_eq!(relay.submit("a@own.example", &to, &mail("a@own.example", "")).await.code, 250);
    let received = sink.wait_for(2).await.unwrap();
    let copies: Vec<_> = received.iter().map(|one| (one.rcpt_to[0].clone(), Mail::read(&one.bytes))).collect();
    let of = |to: &str| address_of(&copies.iter().find(|(rcpt, _)| rcpt == to).unwrap().1);
    let (ann, bob) = (of("ann@b.example"), of("bob@b.example"));
    assert!(ann.starts_with("https://track.postrider.example/u/") && ann != bob);
    assert_eq!(copies[0].1.header("List-Unsubscribe-Post").as_deref(), Some("List-Unsubscribe=One-Click"));

    // Both fields are signed, by another reader's judgement.
    let file = relay.file("copy.eml", &received[0].bytes);
    python_text("verify_dkim.py", &[&file.to_string_lossy(), &records]).await;
    let signature = copies[0].1.headers("DKIM-Signature").remove(0);
    let signed = signature.split("h=").nth(1).unwrap().split(';').next().unwrap().replace(char::is_whitespace, "");
    let signed: Vec<_> = signed.split(':').collect();
    assert!(signed.contains(&"List-Unsubscribe") && signed.contains(&"List-Unsubscribe-Post"), "{signature}");

    // Scanners and previews fetch; forgers guess. Nothing comes of it.
    let page = relay.follow(&ann).await;
    assert_eq!((page.status, page.header("set-cookie")), (200, None));
    assert!(page.text().contains("<form method=\"post\">") && page.text().contains("own.example"), "{}", page.text());
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    let path = ann.strip_prefix("https://track.postrider.example").unwrap();
    assert_eq!(relay.http(&Request::new("HEAD", path)).await.status, 200);
    assert_eq!(relay.http(&Request::form(path, &[])).await.status, 400);
    assert_eq!(relay.http(&Request::new("PUT", path)).await.status, 405);
    let at = ann.len() - 8;
    let forged = format!("{}{}{}", &ann[..at], if &ann[at..=at] == "A" { "B" } else { "A" }, &ann[at + 1..]);
    let click = copies[0].1.tracked_links().remove(0).replace("/c/", "/u/");
    for bad in [&forged, &click, "https://track.postrider.example/u/"] {
        let answer = curl(&relay, bad, &["-d", "List-Unsubscribe=One-Click"]).await;
        assert!(answer.ends_with("\n404 "), "{bad}: {answer}");
    }
    assert_eq!(relay.command_text(&["suppression", "list"]).await, "");
    assert_eq!(relay.campaign("a@own.example").await["unsubscribed"], 0);

    // As a mail program does it, twice; and as the page's form does.
    for body in [["-d", "List-Unsubscribe=One-Click"], ["-F", "List-Unsubscribe=One-Click"]] {
        let answer = curl(&relay, &ann, &body).await;
        assert!(answer.contains("You are unsubscribed") && answer.ends_with("\n200 "), "{answer}");
    }
    let list = relay.command_text(&["suppression", "list"]).await;
    assert!(list.starts_with("ann@b.example\tunsubscribe\town.example\t") && list.lines().count() == 1, "{list}");
    let stats = relay.campaign("a@own.example").await;
    assert_eq!((stats["unsubscribed"].as_i64(), stats["clicked"]["total_events"].as_i64()), (Some(1), Some(0)));

    relay.finish().await;
}
