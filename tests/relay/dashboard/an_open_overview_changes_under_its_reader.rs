//! In a browser: numbers change by themselves, what is unfolded stays so, the keyboard stays where it is, and it can be
//! paused.

use super::past::{EMAIL, PASSWORD};
use crate::harness::{Browser, Config, Mail, Sink};

const PERSON: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

#[tokio::test]
async fn an_open_overview_changes_under_its_reader() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mail = "From: a@own.example\r\nX-Postrider-Campaign: c\r\nSubject: s\r\nContent-Type: text/html\r\n\r\n\
                <p><a href=\"https://a.example/\">x</a></p>\r\n";
    let readers = ["ok-ann@b.example", "ok-bob@b.example", "ok-cid@b.example"];
    assert_eq!(relay.submit("a@own.example", &readers, mail).await.code, 250);
    relay.campaign_with("c", "/delivered", 3).await;
    let link = |n: usize| Mail::read(&sink.received_by(readers[n])[0].bytes).tracked_links()[0].clone();

    let browser = Browser::start(&relay).await;
    browser.open(&relay.welcome()).await;
    browser.fill("input[name=email]", EMAIL).await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.click("form button").await;
    browser.reaches("/").await;
    browser.until("document.querySelector('#live [role=status]').innerText == 'live'").await;
    browser.click("#charts summary").await;
    // The keyboard stands in one part, which keeps still; all others change.
    browser.script("document.querySelector('#campaigns tbody a').focus()").await;
    let clicked = |n: usize| format!("document.querySelector('#tiles').innerText.includes('{n} of 3')");
    assert_eq!(browser.script(&format!("return {}", clicked(1))).await, false);
    relay.follow_as(&link(0), PERSON).await;
    browser.until(&clicked(1)).await;
    let kept = "document.querySelector('#charts details').open && document.activeElement.matches('#campaigns tbody a')";
    browser.until(kept).await;
    assert_eq!(browser.script("return document.querySelector('#campaigns').innerText.includes('33.3%')").await, false);
    // It catches up when the keyboard goes on.
    browser.script("document.activeElement.blur()").await;
    browser.until("document.querySelector('#campaigns').innerText.includes('33.3%')").await;

    browser.click("#live button").await;
    browser.until("document.querySelector('#live [role=status]').innerText == 'paused'").await;
    relay.follow_as(&link(1), PERSON).await;
    relay.campaign_with("c", "/clicked/human", 2).await;
    assert_eq!(browser.script(&format!("return {}", clicked(1))).await, true, "paused");
    browser.click("#live button").await;
    browser.until(&clicked(2)).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    drop(browser);
    relay.finish().await;
}
