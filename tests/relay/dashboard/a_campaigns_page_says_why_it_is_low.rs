//! A site that puts mail off, a refusal that most share, and a tracking host that is not there are findings on the
//! campaign's page, each with its numbers; what is bad is on the overview too. Sites are those that take the mail.

use crate::harness::{Config, Request, Sink, Zone};

const LINKS: usize = 100;

fn mail() -> String {
    let links: String =
        (0..LINKS).map(|n| format!("<p><a href=\"https://shop.example/spring/item-{n}\">Item {n}</a></p>")).collect();
    format!(
        "From: a@own.example\r\nX-Postrider-Campaign: low\r\nSubject: s\r\nContent-Type: text/html\r\n\r\n<body>{links}</body>\r\n"
    )
    .replace("</p><p>", "</p>\r\n<p>")
}

/// People of two domains of each site, more at the first ones, and those who do not get it.
fn recipients() -> Vec<String> {
    let mut to: Vec<String> = Vec::new();
    for n in 0..14 {
        for one in 0..14 - n {
            to.extend([format!("ok-{one}@d{n}.example"), format!("ok-{one}@e{n}.example")]);
        }
    }
    to.extend((0..6).map(|n| format!("tempfail-{n}@d1.example")));
    to.extend((0..5).map(|n| format!("blocklist-{n}@d2.example")));
    to.push("permfail-gone@d3.example".to_owned());
    to
}

/// The first six were put off, five are refused by a list, and one is dead.
fn says_why(text: &str) {
    for wanted in [
        "\u{2068}mx1.site.example\u{2069} defers 6 of 32: ",
        "\u{2068}mx2.site.example\u{2069} refuses 5 of 29: ",
        "127.0.0.1 does not answer from this machine since ",
        "no connection: ",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("5 of 12 refusals say"), "no class has most of them: {text}");
    let sites = text.split("id=\"sites\"").nth(1).unwrap().split("</section>").next().unwrap();
    let names: Vec<_> =
        sites.split("role=\"rowheader\">").skip(1).map(|row| row.split("</th>").next().unwrap()).collect();
    assert_eq!(names.len(), 11, "{names:?}");
    assert_eq!((names[0], names[10]), ("<bdi>mx1.site.example</bdi>", "4 other sites"), "{names:?}");
    // 4 + 3 + 2 + 1 people at two domains each.
    assert!(sites.split("4 other sites").nth(1).unwrap().contains(">20</td>"), "{sites}");
    let refusals = text.split("id=\"bounces\"").nth(1).unwrap().split("</section>").next().unwrap();
    for wanted in ["href=\"/how#class-ip_blocklisted\"", "is listed at spamhaus", "83.3% of failed", ">yes</td>"] {
        assert!(refusals.contains(wanted), "{wanted}: {refusals}");
    }
    assert!(text.contains("88 more links</summary>") && text.len() < 100_000, "{} octets", text.len());
}

#[tokio::test]
async fn a_campaigns_page_says_why_it_is_low() {
    let sink = Sink::start().await.unwrap();
    let mut zone = Zone::new();
    for n in 0..14 {
        let mx = format!("mx{n}.site.example");
        zone = zone.a(&mx, "127.0.0.1").mx(&format!("d{n}.example"), 10, &mx).mx(&format!("e{n}.example"), 10, &mx);
    }
    let dns = zone.start().await;
    let config = Config::mx(dns.address(), sink.port()).set("tracking.base_url", "https://127.0.0.1:1");
    let mut relay = config.set("delivery.retry", vec!["1h"]).start().await;
    let cookie = relay.signed_in().await;
    let page = async |relay: &crate::harness::Relay, path: &str| {
        let answer = relay.http(&Request::get(path).header("Cookie", &cookie)).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.text()
    };
    let to = recipients();
    let to: Vec<_> = to.iter().map(String::as_str).collect();
    assert_eq!(relay.submit("a@own.example", &to, &mail()).await.code, 250);
    relay.wait_idle().await;
    relay.campaign_with("low", "/deferred", 6).await;

    let list = page(&relay, "/campaigns").await;
    let path = format!("/campaigns/{}", list.split("\"/campaigns/").nth(1).unwrap().split('"').next().unwrap());
    // The first look sets off the try of the tracking host.
    let mut text = page(&relay, &path).await;
    for _ in 0..200 {
        if text.contains("does not answer from this machine") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        text = page(&relay, &path).await;
    }
    says_why(&text);

    // More of the same: now it is most of all refusals.
    let more: Vec<_> = (0..12).map(|n| format!("blocklist-more{n}@d2.example")).collect();
    let more: Vec<_> = more.iter().map(String::as_str).collect();
    assert_eq!(relay.submit("a@own.example", &more, &mail()).await.code, 250);
    relay.campaign_with("low", "/bounced", 18).await;
    let told = "17 of 24 refusals say: sending address is on a blocklist.";
    assert!(page(&relay, &path).await.contains(told));
    let overview = page(&relay, "/").await;
    assert!(overview.contains(&format!("\u{2068}low\u{2069}: {told}")), "{overview}");
    let overview_sites = overview.split("Receiving sites</h2>").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(
        overview_sites.contains("mx2.site.example") && overview_sites.contains("4 other sites"),
        "{overview_sites}"
    );
    relay.finish_with_queue().await;
}
