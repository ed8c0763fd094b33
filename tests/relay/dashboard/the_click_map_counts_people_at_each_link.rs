//! A newsletter goes out, people and a scanner follow its links: the campaign's mail shows behind each link how many
//! people did, wherever the same address stands. Nothing in the mail covers a number, asks anybody or names its recipient.

use std::sync::atomic::Ordering;

use crate::harness::{Browser, Config, Mail, Relay, Request, Sink, doorbell};

const PERSON: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const SCANNER: &str = "Mimecast-Link-Checker/1.0";

/// The page of a letter as shops send it, in tables, with what a hostile one would add.
fn newsletter(elsewhere: &str) -> String {
    let product = |name: &str, path: &str| {
        format!(
            "<td width=\"50%\" valign=\"top\" style=\"padding:8px\"><a href=\"https://shop.example/{path}\"><img src=\"{elsewhere}/{path}.png\" \
             width=\"272\" height=\"180\" alt=\"{name}\" style=\"display:block;border:0;width:100%;height:auto\"></a>\
             <p style=\"margin:8px 0\"><a href=\"https://shop.example/{path}\" style=\"color:#255c2e\">{name}</a></p></td>"
        )
    };
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><link rel=\"preconnect\" href=\"{elsewhere}\">\
         <style>@import url({elsewhere}/a.css);postrider-badge,b{{display:none!important}}p{{background:url({elsewhere}/b.png)}}\
         .cover{{position:fixed;inset:0;z-index:9999999999;background:#fff}}</style></head>\
         <body style=\"margin:0;background:#eef1ec\"><div class=\"cover\"></div>\
         <table role=\"presentation\" width=\"600\" align=\"center\" cellpadding=\"0\" cellspacing=\"0\" style=\"background:#fff;max-width:600px;width:100%;font:15px/1.5 Georgia,serif\">\
         <tr><td style=\"padding:16px\"><a href=\"https://shop.example/\">Millbrook Seed Co.</a></td></tr>\
         <tr><td><a href=\"https://shop.example/garlic\"><img src=\"{elsewhere}/hero.jpg\" width=\"600\" height=\"220\" alt=\"A bed of garlic\" style=\"display:block\"></a></td></tr>\
         <tr><td style=\"padding:16px\"><h1>Garlic goes in now</h1><p>Dear Robin, the ground is still warm: plant cloves a hand apart.</p>\
         <p><a href=\"https://shop.example/garlic\" style=\"display:inline-block;background:#255c2e;color:#fff;padding:10px 18px;text-decoration:none\">See the planting list</a></p></td></tr>\
         <tr><td><table role=\"presentation\" width=\"100%\"><tr>{}{}</tr></table></td></tr>\
         <tr><td style=\"padding:16px;font-size:12px\"><a href=\"https://shop.example/account?m=mail&amp;c=8f3a91c2\">Your past orders</a> \
         <a href=\"mailto:help@own.example\">Write to us</a>. Sent to robin@b.example.</td></tr></table>\
         <!--[if mso]><a href=\"https://shop.example/outlook\">Only there</a><![endif]--><script>fetch('{elsewhere}/script')</script></body></html>",
        product("Broad beans", "beans"),
        product("Shallots", "shallots")
    )
}

fn mail(campaign: &str, kind: &str, body: &str) -> String {
    format!(
        "From: news@own.example\r\nTo: Robin Ashdown <robin@b.example>\r\nSubject: Garlic goes in now\r\nX-Postrider-Campaign: {campaign}\r\n\
         X-Postrider-Track: opens, clicks, text\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{body}\r\n"
    )
}

/// The address of a campaign's page, by its number in the list.
async fn place(browser: &Browser, name: &str) -> String {
    browser.open("/campaigns").await;
    let script = format!("return [...document.links].find(a => a.textContent.trim() == '{name}').getAttribute('href')");
    browser.script(&script).await.as_str().expect("the campaign").to_owned()
}

async fn badges(browser: &Browser) -> Vec<String> {
    let script = "return [...document.querySelectorAll('postrider-badge')].map(badge => { \
        badge.scrollIntoView({block: 'center'}); const box = badge.getBoundingClientRect(); \
        const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2); \
        return (top === badge ? '' : 'covered: ') + badge.textContent; })";
    let found = browser.script(script).await;
    found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

async fn follow(relay: &Relay, sink: &Sink, reader: &str, links: &[usize], agent: &str) {
    let received = sink.received_by(reader);
    let copy = Mail::read(&received[0].bytes);
    let tracked = copy.tracked_links();
    for link in links {
        assert_eq!(relay.follow_as(&tracked[*link], agent).await.status, 302);
    }
}

#[tokio::test]
async fn the_click_map_counts_people_at_each_link() {
    let ((tracking, tracked), (elsewhere, asked)) = (doorbell().await, doorbell().await);
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("tracking.base_url", tracking.as_str()).start().await;
    let cookie = relay.sign_in().await;
    let readers = ["robin@b.example", "sam@b.example", "tam@b.example", "una@b.example"];
    let letter = mail("garlic", "html", &newsletter(&elsewhere));
    assert_eq!(relay.submit("a@own.example", &readers, &letter).await.code, 250);
    relay.campaign_with("garlic", "/delivered", 4).await;
    follow(&relay, &sink, readers[0], &[0, 2, 2], PERSON).await;
    follow(&relay, &sink, readers[1], &[1, 2], PERSON).await;
    follow(&relay, &sink, readers[2], &[2], PERSON).await;
    follow(&relay, &sink, readers[3], &[0, 3], SCANNER).await;
    relay.campaign_with("garlic", "/clicked/total_events", 8).await;
    let text = mail("text", "plain", "Dear Robin,\r\nread https://shop.example/plain today.");
    assert_eq!(relay.submit("a@own.example", &readers[..1], &text).await.code, 250);
    relay.campaign_with("text", "/delivered", 1).await;

    let browser = Browser::start(&relay).await;
    browser.open("/login").await;
    browser.fill("input[name=email]", "ann@example.org").await;
    browser.fill("input[name=password]", "correct horse").await;
    browser.click("form button").await;
    browser.reaches("/").await;
    let garlic = place(&browser, "garlic").await;
    let frame = format!("{garlic}/map/mail");
    browser.open(&frame).await;
    let wanted = ["1 \u{b7} 25.0%", "1 \u{b7} 25.0%", "3 \u{b7} 75.0%", "0", "0", "0", "0", "0", "not tracked"];
    assert_eq!(badges(&browser).await, wanted);
    let shown = browser.script("return document.documentElement.outerHTML").await;
    let shown = shown.as_str().unwrap();
    assert!(shown.contains("Dear [recipient]") && !shown.to_lowercase().contains("robin"), "{shown}");
    assert!(shown.contains("1 by scanners and other machines, not counted"), "{shown}");
    assert!(shown.contains("A bed of garlic") && !shown.contains("Only there"), "{shown}");
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        browser.show(width, dark).await;
        let name = format!("map-newsletter-{width}-{}", if dark { "dark" } else { "light" });
        browser.open(&garlic).await;
        browser.picture(&format!("{name}-campaign")).await;
        browser.open(&format!("{garlic}/map")).await;
        browser.picture(&name).await;
        browser.open(&frame).await;
        browser.picture(&format!("{name}-alone")).await;
    }
    browser.open(&format!("{garlic}/map")).await;
    let listed = browser.script("return document.querySelector('#links').innerText").await;
    assert!(listed.as_str().unwrap().contains("account?m=mail&c=8f3a91c2"), "{listed}");
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    let plain = place(&browser, "text").await;
    browser.open(&format!("{plain}/map/mail")).await;
    let shown = browser.script("return document.body.innerText").await;
    assert!(shown.as_str().unwrap().contains("Dear [recipient],\nread https://shop.example/plain 0 today."), "{shown}");
    assert_eq!((tracked.load(Ordering::SeqCst), asked.load(Ordering::SeqCst)), (0, 0), "the map asked somebody");

    drop(browser);

    let without_login = relay.http(&Request::get(&frame)).await;
    assert_eq!((without_login.status, without_login.header("location")), (303, Some("/login")));
    // A mail that is kept no longer.
    relay.stop().await;
    relay.sql("delete from queue_message");
    relay.restart().await;
    for path in [plain.clone(), format!("{plain}/map"), format!("{plain}/map/mail")] {
        let shown = relay.http(&Request::get(&path).header("Cookie", &cookie)).await;
        assert!(shown.text().contains("No mail of this campaign is kept any more"), "{path}: {}", shown.text());
    }
    relay.finish().await;
}
