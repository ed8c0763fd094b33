//! Every page, wide and narrow, light and dark, with all that can be unfolded unfolded: axe finds nothing wrong, nothing
//! scrolls sideways, the console is silent, the page is small. Pictures are kept in `target/screenshots`.

use super::past::Past;
use crate::harness::{Browser, Config};

const PAGE_BYTES_MAX: u64 = 100_000;

/// The first address on the page that is shown that begins so and goes on.
async fn link(browser: &Browser, start: &str) -> String {
    let script = format!(
        "return [...document.links].map(a => a.pathname + a.search).find(p => p.startsWith('{start}') && p != '{start}')"
    );
    browser.script(&script).await.as_str().unwrap_or_else(|| panic!("no link to {start}")).to_owned()
}

async fn places(browser: &Browser) -> Vec<(&'static str, String)> {
    let mut places: Vec<(&str, String)> = [
        ("overview", "/"),
        ("overview-day", "/?range=24h"),
        ("overview-all", "/?range=all"),
        ("overview-quiet", "/?from=2020-02-01&to=2020-02-02"),
        ("overview-wrong", "/?from=2020-02-03&to=2020-02-02"),
        ("overview-sandbox", "/?mode=sandbox"),
        ("campaigns", "/campaigns"),
        ("campaigns-of-a-name", "/campaigns?q=spring&sort=name"),
        ("campaigns-none", "/campaigns?q=summer"),
        ("messages", "/messages"),
        ("messages-to-one", "/messages?to=ok-reader1%40harbour.example"),
        ("inbox", "/inbox"),
        ("queue", "/queue"),
        ("domains", "/domains"),
        ("suppressions", "/suppressions"),
        ("settings", "/settings"),
        ("order", "/queue/order?act=cancel&kind=domain&value=hill.example"),
        ("person", "/people/ok-reader1%40harbour.example"),
        ("person-suppressed", "/people/permfail-moved%40harbour.example"),
        ("how", "/how"),
        ("login", "/login"),
        ("welcome-used", "/welcome/none"),
        ("missing", "/messages/1"),
    ]
    .map(|(name, path)| (name, path.to_owned()))
    .into();
    browser.open("/campaigns?sort=recipients").await;
    let campaign = link(browser, "/campaigns/").await;
    for (name, page) in [
        ("click-map", "map"),
        ("people", "people"),
        ("people-clicked", "people?did=clicked&class=human"),
        ("people-nobody", "people?q=nobody%40harbour.example"),
        ("people-unreadable", "people?link=x"),
    ] {
        places.push((name, format!("{campaign}/{page}")));
    }
    places.push(("campaign", campaign));
    for (name, state) in
        [("message-delivered", "delivered"), ("message-bounced", "bounced"), ("message-queued", "queued")]
    {
        let campaign = places.iter().find(|(name, _)| *name == "campaign").unwrap().1.replace("/campaigns/", "");
        browser.open(&format!("/messages?state={state}&campaign={campaign}")).await;
        places.push((name, link(browser, "/messages/").await));
    }
    let delivered = places.iter().find(|(name, _)| *name == "message-delivered").unwrap().1.clone();
    places.push(("source", format!("{delivered}/source")));
    browser.open("/campaigns").await;
    places.push(("campaign-of-kinds", link(browser, "/campaigns/").await));
    places
}

/// In whose times the pages are looked at, and what all their feet say then.
async fn choose_zone(browser: &Browser, zone: &str, foot: &str) {
    browser.open("/settings").await;
    browser.fill("#zone input", "Europe/Atlantis").await;
    browser.click("#zone button").await;
    browser.until("document.querySelector('#wrong-zone') != null && document.readyState == 'complete'").await;
    // The refusal is an answer of 400, which a browser writes down.
    browser.complaints().await;
    browser.script("document.querySelector('#zone input').value = ''").await;
    browser.fill("#zone input", zone).await;
    browser.click("#zone button").await;
    browser.until("location.search.includes('done=zone') && document.readyState == 'complete'").await;
    let said = browser.script("return document.querySelector('footer span').innerText").await;
    assert_eq!(said, format!("Times in {zone}, {foot}"));
    // What a clock there shows is a quarter of an hour off, and the moment is exact all the same.
    let times = "return [...document.querySelectorAll('main time')].map(t => t.dateTime.endsWith('Z') && \
                 (60 + Number(t.innerText.slice(-2)) - new Date(t.dateTime).getUTCMinutes()) % 60 == 45)";
    let right = browser.script(times).await;
    let right = right.as_array().unwrap();
    assert!(!right.is_empty() && right.iter().all(|right| *right == true), "{zone}: {right:?}");
}

/// Every other page, from the first or the second: two tests share what one would take long for.
async fn every_page_suits(width: u32, first: usize) {
    let past = Past::make().await;
    let browser = Browser::start(&past.relay).await;
    past.visit(&browser).await;
    choose_zone(&browser, "Asia/Kathmandu", "UTC+5:45").await;
    let mut wrong = Vec::new();
    for (name, path) in places(&browser).await.into_iter().skip(first).step_by(2) {
        browser.show(width, false).await;
        browser.open(&path).await;
        let title = browser.script("return document.title").await;
        assert!(title.as_str().unwrap().ends_with("Postrider"), "{path}: {title}");
        let missing = |line: &String| {
            (name == "missing" && line.contains("404 (Not Found)"))
                || (name == "people-unreadable" && line.contains("400 (Bad Request)"))
        };
        wrong.extend(
            browser.complaints().await.into_iter().filter(|line| !missing(line)).map(|line| format!("{name}: {line}")),
        );
        let bytes = browser.script("return document.documentElement.outerHTML.length").await.as_u64().unwrap();
        if bytes > PAGE_BYTES_MAX {
            wrong.push(format!("{name}: {bytes} octets"));
        }
        for dark in [false, true] {
            browser.show(width, dark).await;
            let scheme = if dark { "dark" } else { "light" };
            browser.picture(&format!("{name}-{width}-{scheme}")).await;
            browser.script("document.querySelectorAll('details').forEach(details => details.open = true)").await;
            wrong.extend(browser.axe(dark).await.into_iter().map(|line| format!("{name} {width} {scheme}: {line}")));
        }
        let widths = browser.script("const e = document.documentElement; return [e.scrollWidth, innerWidth]").await;
        if widths[0].as_u64() > Some(u64::from(width)) {
            wrong.push(format!("{name} {width}: scrolls sideways, {widths}"));
        }
    }
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
    drop(browser);
    past.relay.finish().await;
}

#[tokio::test]
async fn every_page_suits_a_wide_window() {
    every_page_suits(1280, 0).await;
}

#[tokio::test]
async fn every_other_page_suits_a_wide_window() {
    every_page_suits(1280, 1).await;
}

#[tokio::test]
async fn every_page_suits_a_phone() {
    every_page_suits(390, 0).await;
}

#[tokio::test]
async fn every_other_page_suits_a_phone() {
    every_page_suits(390, 1).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_page_is_found() {
    let relay = Config::new().start().await;
    let browser = Browser::start(&relay).await;
    browser.show(390, true).await;
    let page = "<title>x</title><p style='color:%23777;background:%23888'>grey</p><img src='http://127.0.0.1:1/'>";
    browser.open(&format!("data:text/html,{page}")).await;
    for (colours_only, rule) in [(false, "image-alt"), (true, "color-contrast")] {
        let found = browser.axe(colours_only).await;
        assert!(found.iter().any(|line| line.starts_with(rule)), "{found:?}");
    }
    assert!(!browser.complaints().await.is_empty(), "an image that cannot be loaded is complained about");
    drop(browser);
    relay.finish().await;
}
