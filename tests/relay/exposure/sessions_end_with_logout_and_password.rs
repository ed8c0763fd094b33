//! A session is new at each login, and ends at logout, at a change of the password, and at its reset.

use super::{Browser, PASSWORD, link};
use crate::harness::{Config, Request};

#[tokio::test]
async fn sessions_end_with_logout_and_password() {
    let relay = Config::new().start().await;
    let first = Browser::first(&relay).await;
    let email = "ann@example.org";
    let fields = [("email", email), ("password", PASSWORD)];

    // A login over a session, planted or not, ends it and begins another.
    let answer = first.send(Request::form("/login", &fields)).await;
    let set = answer.header("set-cookie").unwrap().to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");
    assert!(answer.cookies().join("; ") != first.cookie && !first.is_signed_in().await);
    let planted = Request::form("/login", &fields).header("Cookie", "postrider=planted");
    assert!(!relay.http(&planted).await.cookies().contains(&"postrider=planted".to_owned()));

    let one = Browser::login(&relay, email, PASSWORD).await.unwrap();
    assert!(one.is_signed_in().await);
    assert_eq!(one.post("/logout", &[]).await.header("location"), Some("/login"));
    assert!(!one.is_signed_in().await);

    let (one, two) = (
        Browser::login(&relay, email, PASSWORD).await.unwrap(),
        Browser::login(&relay, email, PASSWORD).await.unwrap(),
    );
    let wrong = one.post("/settings/password", &[("old", "wrong"), ("new", "battery staple")]).await;
    assert!(wrong.status == 400 && wrong.text().contains("did not match"));
    assert!(one.post("/settings/password", &[("old", PASSWORD), ("new", "short")]).await.status == 400);
    assert!(one.is_signed_in().await && two.is_signed_in().await);
    let changed = one.post("/settings/password", &[("old", PASSWORD), ("new", "battery staple")]).await;
    assert_eq!((changed.status, changed.header("location")), (303, Some("/settings?done=password")));
    assert!(!one.is_signed_in().await && !two.is_signed_in().await);
    let own = Browser { relay: &relay, cookie: changed.cookies().join("; ") };
    assert!(own.is_signed_in().await, "who changed it stays");
    assert_eq!(Browser::login(&relay, email, PASSWORD).await.err(), Some(401));

    // A reset from the command line ends them too, once it is used.
    let printed = relay.command_text(&["user", "reset", email]).await;
    let path = link(&printed);
    assert!(printed.contains(&format!("http://{}/welcome/", relay.web())), "{printed}");
    assert!(relay.http(&Request::get(&path)).await.text().contains(email) && own.is_signed_in().await);
    // The link is for one login, whoever says to be somebody else.
    let fresh = Browser::choose(&relay, &path, "eve@example.org", "another horse").await;
    assert!(fresh.is_signed_in().await && !own.is_signed_in().await);
    assert!(Browser::login(&relay, email, "another horse").await.is_ok());
    assert_eq!(relay.http(&Request::form(&path, &[("password", "one more horse")])).await.status, 400);
    assert_eq!(Browser::login(&relay, "eve@example.org", "another horse").await.err(), Some(401));
    relay.finish().await;
}
