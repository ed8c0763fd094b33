//! A credential from the page works at once, shows its password once, keeps to its domains, and ends when it is revoked;
//! and the page says what the configuration says, where from, and no secret.

use super::Browser;
use crate::harness::{Client, Config, Login, Sink};

#[tokio::test]
async fn the_settings_page_makes_and_revokes_credentials() {
    let sink = Sink::start().await.unwrap();
    let smarthost = format!("smtp://user:smart-secret@{}", sink.address());
    let relay = Config::smarthost(sink.address()).set("delivery.smarthost", smarthost).start().await;
    let browser = Browser::first(&relay).await;
    for (name, domains, why) in [
        ("a b", "", "cannot be used"),
        ("<b>", "", "cannot be used"),
        ("first", "", "already"),
        ("good", "own.example, <script>x</script>", "&#60;script"),
    ] {
        let answer = browser.post("/settings/credentials", &[("name", name), ("domains", domains)]).await;
        let text = answer.text();
        assert!(
            answer.status == 400 && text.contains(why) && !text.contains("<script") && !text.contains("<b>"),
            "{name}: {text}"
        );
    }
    let fields = [
        ("name", "shop"),
        ("domains", "own.example, other.example"),
        ("profile", "transactional"),
        ("priority", "low"),
    ];
    let once = browser.post("/settings/credentials", &fields).await.text();
    let mut shown = once.split("class=\"copy\">").skip(1).map(|part| part.split('<').next().unwrap().to_owned());
    let login = Login { username: shown.next().unwrap(), password: shown.next().unwrap() };
    assert_eq!((login.username.as_str(), login.password.len()), ("shop", 32));
    let page = browser.get("/settings").await.text();
    assert!(
        page.contains("other.example") && page.contains("transactional") && !page.contains(&login.password),
        "{page}"
    );
    let row = page.split("<tr").find(|row| row.contains("<code>shop</code>")).unwrap();
    assert!(row.contains(">low<"), "{row}");

    let mut client = Client::logged_in(relay.submission(), &login).await;
    let mail = "From: a@own.example\r\n\r\nhi\r\n";
    assert_eq!(client.send("a@own.example", &["b@b.example"], mail).await.code, 250);
    client.quit().await;
    let sure = browser.get("/settings/credentials/shop/revoke").await;
    assert!(sure.status == 200 && sure.text().contains("Revoke shop?"));
    let gone = browser.post("/settings/credentials/shop/revoke", &[]).await;
    let place = gone.header("location").unwrap().to_owned();
    assert!(browser.get(&place).await.text().contains("The credential is revoked"));
    assert_eq!(browser.post("/settings/credentials/shop/revoke", &[]).await.status, 404);
    let mut client = Client::greeted(relay.submission()).await;
    assert_eq!(client.auth(&login.username, &login.password).await.code, 535);
    client.quit().await;
    assert_eq!(browser.post("/settings/credentials", &fields).await.status, 400, "a name is never used again");

    let log = relay.log();
    assert!(log.contains("made a credential by=\"ann@example.org\" credential=\"shop\""), "{log}");
    assert!(log.contains("revoked a credential by=\"ann@example.org\" credential=\"shop\""), "{log}");
    let page = browser.get("/settings").await.text();
    assert!(page.contains("smtp://user:********@127.0.0.1") && !page.contains("smart-secret"), "{page}");
    let row = page.split("<tr>").find(|row| row.contains("<code>base_url</code>")).unwrap();
    assert!(row.contains("track.postrider.example") && row.contains("postrider.toml, line "), "{row}");
    let row = page.split("<tr>").find(|row| row.contains("<code>insecure_auth</code>")).unwrap();
    assert!(row.contains("loopback") && row.contains("default"), "{row}");
    relay.finish().await;
}
