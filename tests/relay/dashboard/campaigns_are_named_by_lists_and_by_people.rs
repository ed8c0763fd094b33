//! Mail that names no campaign: its list or its user name does. And names that people change, mergers they make and take
//! back, without a fact being touched.

use crate::harness::{Client, Config, Login, Relay, Request, Sink};

fn mail(fields: &str) -> String {
    format!(
        "From: a@own.example\r\nSubject: x\r\n{fields}Content-Type: text/html\r\n\r\n<a href=\"https://a.example/\">x</a>\r\n"
    )
}

/// Neither another site's form nor one without a login is taken.
async fn assert_for_own_people_only(relay: &Relay, cookie: &str, path: &str) {
    let form = Request::form(path, &[("name", "winter")]);
    assert_eq!(relay.http(&form).await.header("location"), Some("/login"), "{path}");
    let foreign = form.header("Cookie", cookie).header("Sec-Fetch-Site", "cross-site");
    assert_eq!(relay.http(&foreign).await.status, 403, "{path}");
}

/// All messages of the campaign, one to each recipient, are of one kind.
fn assert_treated_alike(campaign: &serde_json::Value, messages: i64) {
    let kinds = campaign["receipts"].as_array().unwrap();
    assert_eq!((&campaign["recipients"], kinds.len()), (&messages.into(), 1));
    assert_eq!(kinds[0]["messages"], messages);
}

#[tokio::test]
async fn campaigns_are_named_by_lists_and_by_people() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let (cookie, login) = (relay.sign_in().await, relay.login().await);
    let list = mail("List-Id: The weekly <Weekly.news.example>\r\n");
    for to in ["ok-1@b.example", "ok-2@b.example"] {
        assert_eq!(relay.submit("a@own.example", &[to], &list).await.code, 250);
    }
    let user = Login { username: format!("{}+autumn", login.username), password: login.password };
    let mut client = Client::logged_in(relay.submission(), &user).await;
    assert_eq!(client.send("a@own.example", &["ok-3@b.example"], &mail("")).await.code, 250);
    assert_eq!(
        client.send("a@own.example", &["ok-4@b.example"], &mail("X-Postrider-Campaign: other\r\n")).await.code,
        250
    );
    client.quit().await;

    let first = relay.command_text(&["export"]).await;
    let first: serde_json::Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    let weekly = format!("weekly.news.example {}", &first["at"].as_str().unwrap()[..10]);
    relay.campaign_with(&weekly, "/delivered", 2).await;
    relay.campaign_with("autumn", "/delivered", 1).await;
    relay.campaign_with("other", "/delivered", 1).await;

    let page = relay.http(&Request::get("/campaigns?mode=live").header("Cookie", &cookie)).await.text();
    let address = |name: &str| {
        let end = page.find(&format!("{name}</bdi>")).or_else(|| page.find(&format!(">{name}<"))).expect(name);
        let at = page[..end].rfind("/campaigns/").expect(name);
        page[at..end].split('"').next().unwrap().to_owned()
    };
    let (autumn, other) = (address("autumn"), address("other"));
    let post = async |path: String, name: &str, site: &str| {
        let form = Request::form(&path, &[("name", name)]).header("Cookie", &cookie).header("Sec-Fetch-Site", site);
        relay.http(&form).await
    };
    assert_for_own_people_only(&relay, &cookie, &format!("{autumn}/name")).await;
    assert_eq!(post(format!("{autumn}/name"), "other", "same-origin").await.status, 409);
    assert_eq!(post(format!("{autumn}/name"), " ", "same-origin").await.status, 400);
    assert_eq!(post(format!("{autumn}/name"), "winter", "same-origin").await.status, 303);
    assert_eq!(relay.campaign("winter").await["delivered"], 1);

    // Mail that names the old name or the new one is in the same campaign.
    let mut client = Client::logged_in(relay.submission(), &user).await;
    assert_eq!(client.send("a@own.example", &["ok-5@b.example"], &mail("")).await.code, 250);
    assert_eq!(
        client.send("a@own.example", &["ok-6@b.example"], &mail("X-Postrider-Campaign: winter\r\n")).await.code,
        250
    );
    client.quit().await;
    relay.campaign_with("winter", "/delivered", 3).await;

    assert_eq!(post(format!("{other}/merge"), "nobody's", "same-origin").await.status, 400);
    assert_eq!(post(format!("{other}/merge"), "other", "same-origin").await.status, 409);
    assert_for_own_people_only(&relay, &cookie, &format!("{other}/merge")).await;
    assert_eq!(relay.campaign("winter").await["recipients"], 3);
    assert_eq!(post(format!("{other}/merge"), "winter", "same-origin").await.status, 303);
    let merged = relay.campaign("winter").await;
    assert_eq!((merged["recipients"].as_i64(), merged["messages"].as_i64()), (Some(4), Some(4)));
    assert_eq!((merged["links"].as_array().unwrap().len(), relay.campaign("other").await), (1, merged.clone()));
    assert_treated_alike(&merged, 4);
    let moved = relay.http(&Request::get(&other).header("Cookie", &cookie)).await;
    assert_eq!((moved.status, moved.header("location")), (303, Some(autumn.as_str())));
    assert_eq!(relay.api("/api/v1/campaigns?mode=live").await["campaigns"].as_array().unwrap().len(), 2);
    let mails =
        relay.http(&Request::get(&format!("/messages?campaign={}", &autumn[11..])).header("Cookie", &cookie)).await;
    assert!((3..=6).all(|n| mails.text().contains(&format!("ok-{n}@b.example"))), "{}", mails.text());
    let told = relay.command_text(&["export", "--campaign", "winter"]).await;
    assert_eq!(told.lines().filter(|line| line.contains("\"accepted\"")).count(), 4);

    assert_for_own_people_only(&relay, &cookie, &format!("{other}/separate")).await;
    assert_eq!(relay.campaign("winter").await["recipients"], 4);
    assert_eq!(post(format!("{other}/separate"), "", "same-origin").await.status, 303);
    assert_eq!(relay.campaign("other").await["recipients"], 1);
    relay.verify().await;
    relay.command_text(&["rebuild"]).await;
    assert_treated_alike(&relay.campaign("winter").await, 3);
    relay.finish().await;
}
