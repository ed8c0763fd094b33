//! What receiving servers reply, visitors call themselves, and strangers type into the login never becomes part of a page.

use super::{Browser, PASSWORD};
use crate::harness::{Config, Mail, PATIENCE, Request, Sink, Step, wait_until};

const EVIL: &str = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>";

#[tokio::test]
async fn markup_from_servers_and_visitors_is_shown_harmlessly() {
    let say = |code: &str| Step::reply(&format!("{code} {EVIL}"));
    let steps = vec![
        say("220"),
        Step::Line,
        say("250"),
        Step::Line,
        say("250"),
        Step::Line,
        say("250"),
        Step::Line,
        say("354"),
        Step::Message,
        say("250 2.0.0"),
    ];
    let script = Sink::scripted(steps).await.unwrap();
    let mut relay = Config::smarthost(script.address()).start().await;
    let mail = format!(
        "From: a@own.example\r\nSubject: {EVIL}\r\nX-Postrider-Campaign: c\r\nContent-Type: text/html\r\n\r\n<a href=\"https://a.example/\">x</a>\r\n"
    );
    assert_eq!(relay.submit("a@own.example", &["ok@b.example"], &mail).await.code, 250);
    relay.campaign_with("c", "/delivered", 1).await;
    wait_until("the server closes", PATIENCE, async || !script.heard().is_empty()).await;
    let heard = script.heard();
    let data = memchr::memmem::find(&heard[0], b"DATA\r\n").unwrap();
    let link = Mail::read(&heard[0][data + 6..]).tracked_links().remove(0);
    assert_eq!(relay.follow_as(&link, EVIL).await.status, 302);
    relay.campaign_with("c", "/clicked/total_events", 1).await;

    let browser = Browser::first(&relay).await;
    let find = |text: &str, start: &str| text.split(start).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let list = browser.get("/messages").await.text();
    let message = browser.get(&format!("/messages/{}", find(&list, "\"/messages/"))).await.text();
    assert!(message.contains("&#60;script&#62;alert(1)"), "the reply and the agent are shown: {message}");
    let mut pages = vec![list.clone(), message];
    let campaign = format!("/campaigns/{}", find(&list, "\"/campaigns/"));
    for path in ["/", "/queue", "/domains", "/settings", &campaign, &format!("{campaign}/people")] {
        pages.push(browser.get(path).await.text());
    }
    pages.extend(people(&browser).await);
    let fields =
        [("email", EVIL), ("password", PASSWORD), ("name", EVIL), ("domains", EVIL), ("old", EVIL), ("new", EVIL)];
    for path in ["/login", "/welcome/x", "/settings/credentials", "/settings/people", "/settings/password"] {
        pages.push(browser.post(path, &fields).await.text());
    }
    let query = url::form_urlencoded::byte_serialize(EVIL.as_bytes()).collect::<String>();
    for path in [
        format!("/settings?done={query}"),
        format!("/settings/people/delete?email={query}"),
        format!("/messages?state={query}&campaign={query}"),
        format!("/campaigns?sort={query}&mode={query}"),
        format!("/campaigns/{query}"),
        format!("{campaign}/people?state={query}&did={query}&class={query}&link={query}&q={query}&after={query}"),
        format!("{campaign}/people?q={query}"),
        format!("/?range={query}"),
        format!("/welcome/{query}"),
        format!("/people/{query}"),
        format!("/people/ok%40b.example?before={query}&done={query}"),
    ] {
        let answer = browser.get(&path).await;
        assert!(answer.status < 500, "{path}: {}", answer.status);
        pages.push(answer.text());
    }
    for page in pages {
        // The overview has a script of its own.
        let page = page.replacen("<script src=\"/static/live.js\" defer></script>", "", 1);
        assert!(!page.contains("<script") && !page.contains("<img src=x"), "{page}");
    }
    let log = relay.log();
    assert!(log.lines().all(|line| !line.chars().any(char::is_control)), "{log}");
    assert!(browser.is_signed_in().await, "{}", relay.http(&Request::get("/login")).await.status);
    relay.finish().await;
}

/// The pages of whom the mail went to, and of an address that is markup itself.
async fn people(browser: &Browser<'_>) -> Vec<String> {
    let person = browser.get("/people/ok%40b.example").await.text();
    assert_eq!(person.matches("&#60;script&#62;alert(1)").count(), 2, "its subject and the reply: {person}");
    let mut pages = vec![person];
    let odd = [("address", "\"<script>alert(1)</script><img\\ src=x>\"@b.example"), ("from", "person")];
    let listed = browser.post("/suppressions", &odd).await;
    let place = listed.header("location").unwrap().to_owned();
    assert!(place.starts_with("/people/%22%3Cscript%3Ealert%281%29%3C%2Fscript%3E"), "{place}");
    let person = browser.get(&place).await.text();
    assert!(person.contains("<h1><bdi>&#34;&#60;script&#62;alert(1)&#60;/script&#62;"), "{person}");
    pages.push(person);
    pages.push(browser.get("/suppressions").await.text());
    pages
}
