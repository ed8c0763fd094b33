//! What a mail says of itself never becomes part of a page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::harness::{Config, Request};

#[tokio::test]
async fn markup_from_a_mail_is_shown_harmlessly() {
    let mut relay = Config::new().start().await;
    let evil = "<script>alert(1)</script>\"'&";
    let long = "w".repeat(10 << 10);
    let html = format!(
        "<a href=\"https://a.example/?{evil}\">{evil}</a><a href=\"https://a.example/?\u{202e}\0{long}\">\u{202e}\u{200f}\0{long}</a>\
         <script>top.location='x'</script>"
    );
    let encoded = BASE64.encode(html);
    let lines = encoded.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line) + "\r\n").collect::<String>();
    let mail = format!(
        "From: {evil} <a@own.example>\r\nTo: b@b.example\r\nSubject: {evil}\r\nX-Postrider-Campaign: {evil}\r\n\
         X-Postrider-Tag: {evil}\r\nX-Postrider-Metadata-k: {evil}\r\nX-Turned: \u{202e}{evil}\r\n\
         Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{lines}"
    );
    assert_eq!(relay.submit("a@own.example", &["b@b.example"], &mail).await.code, 250);
    relay.wait_idle().await;
    let cookie = relay.sign_in().await;
    let get = async |path: &str| relay.http(&Request::get(path).header("Cookie", &cookie)).await;
    let list = get("/messages").await.text();
    let message = list.split("\"/messages/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let campaign = list.split("\"/campaigns/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for path in ["/", "/campaigns?mode=sandbox", "/messages", "/inbox"].into_iter().map(str::to_owned).chain([
        format!("/messages/{message}"),
        format!("/messages/{message}/source"),
        format!("/campaigns/{campaign}"),
        format!("/campaigns/{campaign}/people"),
    ]) {
        let answer = get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        // The overview has a script of its own.
        let text = answer.text().replacen("<script src=\"/static/live.js\" defer></script>", "", 1);
        assert!(!text.contains("<script"), "{path} shows markup as it came");
        assert!(answer.text().len() < 100_000, "{path} has {} octets", answer.text().len());
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"), "{path}");
    }
    // What turns the direction of writing is kept in, or written out.
    let (receipt, source) = (format!("/messages/{message}"), format!("/messages/{message}/source"));
    let receipt = get(&receipt).await.text();
    assert!(receipt.split('\u{202e}').skip(1).all(|rest| rest.find("</bdi>") < rest.find("<bdi>")), "{receipt}");
    let source = get(&source).await.text();
    assert!(!source.contains(['\u{202e}', '\0']) && source.contains("\u{2039}U+202E\u{203a}"), "{source}");
    let preview = get(&format!("/messages/{message}/preview")).await;
    assert!(preview.header("content-security-policy").unwrap().contains("sandbox"));
    assert!(!preview.text().contains("track.postrider.example") && preview.text().contains("about:blank#"));
    relay.finish().await;
}
