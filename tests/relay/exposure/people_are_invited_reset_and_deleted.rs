//! Logins from the page: by a link or with a password, reset by a link, deleted at once; the last one stays.

use super::{Browser, PASSWORD, link};
use crate::harness::{Config, Request};

#[tokio::test]
async fn people_are_invited_reset_and_deleted() {
    let relay = Config::new().start().await;
    let ann = Browser::first(&relay).await;
    let last = ann.post("/settings/people/delete", &[("email", "ann@example.org")]).await;
    assert!(last.status == 400 && last.text().contains("the last login") && ann.is_signed_in().await);

    for (email, password, why) in [
        ("x", "", "The address"),
        ("ann@example.org", "", "has a login already"),
        ("Ann@Example.org", PASSWORD, "has a login already"),
        ("\"<b>\"@example.org", "short", "10 characters"),
    ] {
        let answer = ann.post("/settings/people", &[("email", email), ("password", password)]).await;
        assert!(answer.status == 400 && answer.text().contains(why) && !answer.text().contains("<b>\""), "{email}");
    }
    let invited = ann.post("/settings/people", &[("email", "Bob@example.org")]).await.text();
    assert!(ann.get("/settings").await.text().contains("invited until"));
    let again = ann.post("/settings/people", &[("email", "bob@example.org")]).await.text();
    assert_eq!(
        relay.http(&Request::form(&link(&invited), &[("password", PASSWORD)])).await.status,
        400,
        "ended by the next"
    );
    let bob = Browser::choose(&relay, &link(&again), "", PASSWORD).await;
    assert!(bob.is_signed_in().await);

    let answer = ann.post("/settings/people", &[("email", "cid@example.org"), ("password", PASSWORD)]).await;
    assert_eq!(answer.header("location"), Some("/settings?done=created"));
    let cid = Browser::login(&relay, "cid@example.org", PASSWORD).await.unwrap();

    let reset = link(&ann.post("/settings/people/reset", &[("email", "bob@example.org")]).await.text());
    assert!(bob.is_signed_in().await, "until it is used");
    let fresh = Browser::choose(&relay, &reset, "", "battery staple").await;
    assert!(fresh.is_signed_in().await && !bob.is_signed_in().await);
    assert_eq!(Browser::login(&relay, "bob@example.org", PASSWORD).await.err(), Some(401));
    assert_eq!(ann.post("/settings/people/reset", &[("email", "nobody@example.org")]).await.status, 404);

    let open = link(&ann.post("/settings/people/reset", &[("email", "cid@example.org")]).await.text());
    let sure = ann.get("/settings/people/delete?email=cid%40example.org").await;
    assert!(sure.status == 200 && sure.text().contains("Delete cid@example.org?") && cid.is_signed_in().await);
    let gone = ann.post("/settings/people/delete", &[("email", "cid@example.org")]).await;
    assert_eq!(gone.header("location"), Some("/settings?done=deleted"));
    assert!(!cid.is_signed_in().await);
    assert_eq!(relay.http(&Request::form(&open, &[("password", PASSWORD)])).await.status, 400, "no way back in");

    let output = relay.command(&["user", "delete", "bob@example.org"]).await;
    assert!(output.status.success() && !fresh.is_signed_in().await);
    assert!(!relay.command(&["user", "delete", "ann@example.org"]).await.status.success() && ann.is_signed_in().await);
    let log = relay.log();
    for line in
        ["invited a person by=\"ann@example.org\" user=\"bob@example.org\"", "deleted a login by=\"ann@example.org\""]
    {
        assert!(log.contains(line), "{line} is not in {log}");
    }
    relay.finish().await;
}
