//! Links followed faster than people follow them: the burst is a scanner's, and so are the click and the open that the same
//! client was counted for shortly before. Campaign, page and export say so, with the rule. A HEAD counts nowhere, and the
//! GET after it is a scanner's.

use serde_json::Value;

use crate::harness::{Config, Mail, Relay, Request, Sink, path_of};

fn mail(campaign: &str) -> String {
    let links: String = (1..=6).map(|n| format!("<a href=\"https://shop.example/{n}\">{n}</a> ")).collect();
    format!(
        "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: {campaign}\r\nContent-Type: text/html\r\n\r\n{links}\r\n"
    )
}

async fn delivered(relay: &mut Relay, sink: &Sink, campaign: &str, to: &str) -> (Vec<String>, String) {
    assert_eq!(relay.submit("a@own.example", &[to], &mail(campaign)).await.code, 250);
    relay.campaign_with(campaign, "/delivered", 1).await;
    let received = sink.received_by(to).remove(0);
    let copy = Mail::read(&received.bytes);
    (copy.tracked_links(), copy.pixel().unwrap())
}

async fn events(relay: &Relay, kind: &str) -> Vec<Value> {
    let told = relay.command_text(&["export"]).await;
    let all = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|event| event["type"] == kind).collect()
}

#[tokio::test]
async fn a_burst_takes_back_the_first_click() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let (links, pixel) = delivered(&mut relay, &sink, "burst", "ok-ann@b.example").await;
    assert_eq!(relay.follow(&pixel).await.status, 200);
    assert_eq!(relay.follow(&links[0]).await.status, 302);
    let stats = relay.campaign_with("burst", "/clicked/human", 1).await;
    assert_eq!((&stats["opened"]["human"], &stats["links"][0]["human"]), (&1.into(), &1.into()), "{stats}");

    // Three at once; whoever follows them leads somewhere all the same.
    let [a, b, c] = [1, 2, 3].map(|n| relay.follow(&links[n]));
    let (a, b, c) = tokio::join!(a, b, c);
    assert_eq!([a.status, b.status, c.status], [302; 3]);
    let stats = relay.campaign_with("burst", "/clicked/total_events", 4).await;
    let numbers = ["/opened/human", "/opened/scanner", "/clicked/human", "/links/0/human", "/clicked/scanner"];
    let numbers = numbers.map(|pointer| stats.pointer(pointer).and_then(Value::as_i64));
    assert_eq!(numbers, [0, 1, 0, 0, 1].map(Some), "{stats}");
    assert_eq!(stats["rates"]["click"], 0.0, "{stats}");

    let clicked = events(&relay, "clicked").await;
    let anew = events(&relay, "reclassified").await;
    let first = anew.iter().find(|event| event["reclassifies"] == clicked[0]["id"]).expect("the first click");
    assert_eq!((&first["client"]["class"], &first["client"]["rule"]), (&"scanner".into(), &"burst".into()), "{first}");
    assert_eq!(first["link"]["url"], "https://shop.example/1");
    assert_eq!(clicked[0]["client"]["class"], "human", "what was said stays said");
    assert_eq!(clicked[0]["client"]["device"], "desktop");

    let cookie = relay.sign_in().await;
    let list = relay.http(&Request::get("/messages").header("Cookie", &cookie)).await.text();
    let page = list.split("\"/messages/").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let page = relay.http(&Request::get(&format!("/messages/{page}")).header("Cookie", &cookie)).await.text();
    for shown in [
        "Link 1 followed: judged anew",
        "Pixel fetched: judged anew",
        "scanner by the rule burst, before that human",
        "human by the rule known-client",
    ] {
        assert!(page.contains(shown), "{shown} in {page}");
    }

    // What was lived is what the ledger tells.
    relay.command_text(&["rebuild"]).await;
    assert_eq!(relay.campaign("burst").await["clicked"], stats["clicked"]);
    relay.finish().await;
}

#[tokio::test]
async fn a_head_counts_nowhere_and_tells_of_the_get_after_it() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let (links, _) = delivered(&mut relay, &sink, "head", "ok-bob@b.example").await;
    let host = "track.postrider.example";
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let head = Request::new("HEAD", &path_of(&links[1])).header("Host", host).header("User-Agent", agent);
    let answer = relay.http(&head).await;
    assert_eq!((answer.status, answer.header("Location")), (302, Some("https://shop.example/2")));
    assert_eq!(relay.campaign("head").await["clicked"]["total_events"], 0);

    relay.follow(&links[1]).await;
    let stats = relay.campaign_with("head", "/clicked/scanner", 1).await;
    assert_eq!((&stats["clicked"]["human"], &stats["clicked"]["total_events"]), (&0.into(), &1.into()), "{stats}");
    assert_eq!(events(&relay, "clicked").await[0]["client"]["rule"], "head-before-get");
    // It tells of that link alone.
    relay.follow(&links[4]).await;
    relay.campaign_with("head", "/clicked/human", 1).await;
    relay.finish().await;
}
