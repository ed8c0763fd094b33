//! A mail of 1,000 links has a page that can be read, and all of them as JSON.

use std::fmt::Write as _;

use crate::harness::{Config, Request};

#[tokio::test]
async fn a_receipt_of_a_thousand_links_stays_short() {
    let mut relay = Config::new().start().await;
    let mut mail = "From: a@own.example\r\nTo: b@b.example\r\nSubject: s\r\nX-Postrider-Campaign: many\r\n\
                    Content-Type: text/html\r\n\r\n<a href=\"mailto:c@own.example\">write</a>\r\n"
        .to_owned();
    for n in 1..1000 {
        write!(mail, "<a href=\"https://shop.example/item/{n}\">Item {n}</a>\r\n").unwrap();
    }
    assert_eq!(relay.submit("a@own.example", &["b@b.example"], &mail).await.code, 250);
    relay.wait_idle().await;
    let cookie = relay.sign_in().await;
    let get = async |path: &str| relay.http(&Request::get(path).header("Cookie", &cookie)).await;
    let list = get("/messages").await.text();
    let id = list.split("\"/messages/").nth(1).unwrap().split('"').next().unwrap().to_owned();

    let json = relay.api(&format!("/api/v1/messages/{id}")).await;
    let links = json["receipt"]["links"].as_array().unwrap();
    assert_eq!((json["id"].as_str(), json["state"].as_str()), (Some(id.as_str()), Some("delivered")));
    assert_eq!(
        (json["recipient"].as_str(), json["attempts"][0]["outcome"].as_str()),
        (Some("b@b.example"), Some("delivered"))
    );
    let rewritten = links.iter().filter(|link| link["position"].is_u64()).count();
    let left = links.len() - rewritten;
    assert!(rewritten > 20 && left > 0, "{rewritten} rewritten, {left} left alone");

    let page = get(&format!("/messages/{id}")).await.text();
    let receipt = page.split("id=\"receipt\"").nth(1).unwrap().split("</section>").next().unwrap();
    let summary = format!("{} links: {rewritten} rewritten, {left} left alone", links.len());
    assert!(receipt.contains(&summary), "{summary}: {receipt}");
    assert!(receipt.contains("more links</summary>") && receipt.len() < 100_000, "{} octets", receipt.len());

    assert_eq!(relay.http(&Request::get(&format!("/api/v1/messages/{id}"))).await.status, 401);
    let login = relay.login().await;
    for unknown in ["1", "x"] {
        let request = Request::get(&format!("/api/v1/messages/{unknown}")).basic(&login.username, &login.password);
        let answer = relay.http(&request).await;
        assert_eq!((answer.status, &answer.json()["error"]), (404, &"there is no mail of this id".into()), "{unknown}");
    }
    relay.finish().await;
}
