//! With JavaScript switched off, on a phone: sign in, reach every page by its links, filter, unfold, sign out, sign in.

use super::past::{EMAIL, PASSWORD, Past};
use crate::harness::Browser;

async fn heading(browser: &Browser) -> String {
    browser.script("return document.querySelector('h1').innerText").await.as_str().unwrap().to_owned()
}

async fn ranges_and_names(browser: &Browser) {
    assert_eq!(browser.script("return document.querySelector('#live').hidden").await, true);
    for click in [".acts a[href^='/?range=7d']", ".acts a.btn"] {
        browser.click(click).await;
        browser.until("location.search.includes('range=7d') && document.readyState == 'complete'").await;
    }
    browser.click(".rng summary").await;
    browser.click(".rng button").await;
    browser.until("location.search.includes('from=') && document.readyState == 'complete'").await;
    browser.open("/campaigns").await;
    browser.fill("input[name=q]", "NOVEMBER").await;
    browser.click(".filters button").await;
    browser.until("location.search.includes('NOVEMBER') && document.readyState == 'complete'").await;
    let names = browser.script("return [...document.querySelectorAll('tbody bdi')].map(b => b.innerText)").await;
    assert_eq!(names, serde_json::json!(["letter-november", "The November letter"]));
}

#[tokio::test]
async fn every_page_works_without_script() {
    let past = Past::make().await;
    let browser = Browser::start(&past.relay).await;
    browser.forbid_scripts().await;
    browser.show(390, false).await;
    // The switch is off: a page with a script in it stays as it was.
    browser.open("data:text/html,<title>still</title><script>document.title = 'moved'</script>").await;
    assert_eq!(browser.script("return document.title").await, "still");
    past.visit(&browser).await;

    for (path, title) in [
        ("/campaigns", "Campaigns"),
        ("/messages", "Messages"),
        ("/queue", "Queue"),
        ("/inbox", "Inbox"),
        ("/domains", "Sending domains"),
        ("/", "Overview"),
    ] {
        browser.click("button.menu").await;
        browser.click(&format!("#nav a[href='{path}']")).await;
        browser.reaches(path).await;
        assert_eq!(heading(&browser).await, title);
        // The one that keeps the overview current does not run: nothing is promised that does not come.
        let scripts = browser.script("return document.scripts.length").await;
        assert_eq!(scripts, i32::from(path == "/"), "{path}");
    }
    ranges_and_names(&browser).await;
    browser.click("footer a[href='/how']").await;
    browser.reaches("/how").await;
    assert_eq!(heading(&browser).await, "How numbers are computed");

    browser.open("/campaigns").await;
    browser.fill("select[name=sort]", "recipients").await;
    browser.click(".filters button").await;
    browser.until("location.search.includes('recipients') && document.readyState == 'complete'").await;
    browser.click("tbody a[href^='/campaigns/']").await;
    browser.until("document.querySelector('#funnel') != null && document.readyState == 'complete'").await;
    assert_eq!(heading(&browser).await, "spring-collection-2026");
    browser.click("#funnel summary").await;
    assert_eq!(browser.script("return document.querySelector('#funnel details').open").await, true);
    browser.click(".acts a[href^='/messages']").await;
    browser.reaches("/messages").await;
    browser.fill("select[name=state]", "bounced").await;
    browser.click(".filters button").await;
    browser.until("location.search.includes('bounced') && document.readyState == 'complete'").await;
    let states = browser.script("return [...document.querySelectorAll('td .b')].map(b => b.innerText)").await;
    let states = states.as_array().unwrap();
    assert!(!states.is_empty() && states.iter().all(|state| state == "bounced"), "{states:?}");
    browser.click("tbody a[href^='/messages/']").await;
    browser.until("document.querySelector('.tl') != null && document.readyState == 'complete'").await;
    browser.click(".tl summary").await;

    browser.click("form[action='/logout'] button").await;
    browser.reaches("/login").await;
    browser.open("/queue").await;
    assert_eq!(browser.path().await, "/login", "nobody is signed in");
    for (password, answer) in [
        ("wrong horse battery", "document.querySelector('.flash') != null"),
        (PASSWORD, "location.pathname == '/' && document.readyState == 'complete'"),
    ] {
        browser.open("/login").await;
        browser.fill("input[name=email]", EMAIL).await;
        browser.fill("input[name=password]", password).await;
        browser.click("form button").await;
        browser.until(answer).await;
    }
    drop(browser);
    past.relay.finish().await;
}
