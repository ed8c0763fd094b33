//! A template relayed once a recipient, each with links of its own, has one receipt on its campaign's page; what was
//! treated otherwise is counted beside it.

use crate::harness::{Client, Config, Request, Sink};

fn mail(n: usize, track: &str) -> String {
    format!(
        "From: a@own.example\r\nSubject: Dear {n}\r\nX-Postrider-Campaign: spring\r\n{track}Content-Type: text/html\r\n\r\n\
         <p>Dear {n}, <a href=\"https://shop.example/?reader={n}\">for you, {n}</a> \
         <a href=\"mailto:help+{n}@own.example\">help</a>\r\n"
    )
}

#[tokio::test]
async fn a_campaigns_mails_show_one_receipt() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let cookie = relay.sign_in().await;
    let mut client = Client::logged_in(relay.submission(), &relay.login().await).await;
    for n in 0..20 {
        let track = match n {
            7 | 9 => "X-Postrider-Track: clicks\r\n",
            12 => "X-Postrider-Track: none\r\n",
            _ => "",
        };
        // A message to two people is one message.
        let second = format!("ok-second{n}@b.example");
        let first = format!("ok-{n}@b.example");
        let to = if n == 3 { vec![first.as_str(), second.as_str()] } else { vec![first.as_str()] };
        assert_eq!(client.send("a@own.example", &to, &mail(n, track)).await.code, 250);
    }
    client.quit().await;
    let campaign = relay.campaign_with("spring", "/delivered", 21).await;

    let kinds = campaign["receipts"].as_array().unwrap();
    let counts: Vec<_> = kinds.iter().map(|kind| kind["messages"].as_i64().unwrap()).collect();
    assert_eq!(counts, [17, 2, 1], "{kinds:?}");
    let links = &kinds[0]["receipt"]["links"];
    assert_eq!((links[0]["position"].as_i64(), links[1]["position"].as_i64()), (Some(1), None));
    assert_eq!(kinds[1]["receipt"]["pixel"], "");
    let sample = relay.api(&format!("/api/v1/messages/{}", kinds[2]["sample"].as_str().unwrap())).await;
    assert_eq!((sample["recipient"].as_str(), &kinds[2]["rest"]), (Some("ok-12@b.example"), &false.into()));

    let get = async |path: &str| relay.http(&Request::get(path).header("Cookie", &cookie)).await.text();
    let list = get("/campaigns?mode=live").await;
    let id = list.split("\"/campaigns/").nth(1).unwrap().split('"').next().unwrap();
    let page = get(&format!("/campaigns/{id}")).await;
    for text in
        ["20 mails, 3 kinds", "<h3>17 mails</h3>", "<h3>2 mails</h3>", "<li>without a pixel</li>", "<h3>1 mail</h3>"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains("<li>left untracked: tracking is off for this mail</li>"), "{page}");
    assert!(page.contains(&format!("\"/messages/{}\"", kinds[1]["sample"].as_str().unwrap())));
    relay.finish().await;
}
