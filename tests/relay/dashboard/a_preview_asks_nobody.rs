//! Looking at a mail in the inbox is not the reader's doing: no request leaves for the tracking host or any other, and
//! the numbers stay.

use std::sync::atomic::Ordering;

use super::past::{EMAIL, PASSWORD};
use crate::harness::{Browser, Config, PATIENCE, doorbell, wait_until};

#[tokio::test]
async fn a_preview_asks_nobody() {
    let ((tracking, tracked), (elsewhere, asked)) = (doorbell().await, doorbell().await);
    let mut relay = Config::new().set("tracking.base_url", tracking.as_str()).start().await;
    let welcome = relay.welcome();
    let mail = format!(
        "From: a@own.example\r\nSubject: curious\r\nX-Postrider-Campaign: c\r\nContent-Type: text/html\r\n\r\n<html><head>\
         <meta http-equiv=\"refresh\" content=\"0;url={elsewhere}/refresh\"><link rel=\"stylesheet\" href=\"{elsewhere}/css\">\
         <link rel=\"prefetch\" href=\"{elsewhere}/prefetch\"><link rel=\"preconnect\" href=\"{elsewhere}\">\
         <noscript><link rel=\"preconnect\" href=\"{elsewhere}/noscript\"></noscript>\
         <style>p{{background:url({elsewhere}/background)}}</style></head><body><p>Hello</p><a href=\"{elsewhere}/x\">x</a>\
         <img src=\"{elsewhere}/image.png\"><iframe src=\"{elsewhere}/frame\"></iframe><video poster=\"{elsewhere}/poster\">\
         </video><script>fetch('{elsewhere}/script')</script></body></html>\r\n"
    );
    assert_eq!(relay.submit("a@own.example", &["b@b.example"], &mail).await.code, 250);
    let before = relay.campaign_with("c", "/with_pixel", 1).await;

    let browser = Browser::start(&relay).await;
    browser.open(&welcome).await;
    browser.fill("input[name=email]", EMAIL).await;
    browser.fill("input[name=password]", PASSWORD).await;
    browser.click("form button").await;
    browser.reaches("/").await;
    browser.open("/inbox").await;
    let frame = browser.script("return document.querySelector('iframe').getAttribute('src')").await;
    // By itself too, where no frame holds it back.
    browser.open(frame.as_str().expect("a preview")).await;
    let shown = browser.script("return document.body.innerText").await;
    assert!(shown.as_str().unwrap().contains("Hello"), "{shown}");
    browser.open("/inbox").await;
    assert_eq!((tracked.load(Ordering::SeqCst), asked.load(Ordering::SeqCst)), (0, 0), "the preview asked somebody");
    assert_eq!(relay.campaign("c").await, before);

    // The hosts do count: the same image from a page that may load it.
    browser.open(&format!("data:text/html,<img src='{elsewhere}/image.png'><img src='{tracking}/o/x.gif'>")).await;
    wait_until("both hosts are asked", PATIENCE, async || {
        tracked.load(Ordering::SeqCst) > 0 && asked.load(Ordering::SeqCst) > 0
    })
    .await;
    drop(browser);
    relay.finish().await;
}
