//! What a mail says of itself never becomes part of a page.

use crate::harness::{Config, Request};

#[tokio::test]
async fn markup_from_a_mail_is_shown_harmlessly() {
    let mut relay = Config::new().start().await;
    let evil = "<script>alert(1)</script>\"'&";
    let mail = format!(
        "From: {evil} <a@own.example>\r\nTo: b@b.example\r\nSubject: {evil}\r\nX-Postrider-Campaign: {evil}\r\n\
         X-Postrider-Tag: {evil}\r\nX-Postrider-Metadata-k: {evil}\r\nContent-Type: text/html\r\n\r\n\
         <a href=\"https://a.example/?{evil}\">{evil}</a><script>top.location='x'</script>\r\n"
    );
    assert_eq!(relay.submit("a@own.example", &["b@b.example"], &mail).await.code, 250);
    relay.wait_idle().await;
    let cookie = relay.sign_in().await;
    let get = async |path: &str| relay.http(&Request::get(path).header("Cookie", &cookie)).await;
    let list = get("/messages").await.text();
    let message = list.split("\"/messages/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let campaign = list.split("\"/campaigns/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for path in ["/", "/campaigns?mode=sandbox", "/messages", "/inbox"]
        .into_iter()
        .map(str::to_owned)
        .chain([format!("/messages/{message}"), format!("/campaigns/{campaign}")])
    {
        let answer = get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text().contains("<script"), "{path} shows markup as it came");
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"), "{path}");
    }
    let preview = get(&format!("/messages/{message}/preview")).await;
    assert!(preview.header("content-security-policy").unwrap().contains("sandbox"));
    assert!(!preview.text().contains("track.postrider.example") && preview.text().contains("about:blank#"));
    relay.finish().await;
}
