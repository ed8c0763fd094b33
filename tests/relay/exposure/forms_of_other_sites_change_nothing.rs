//! Every form is taken from our own pages only, the login included, and reading changes nothing.

use super::{Browser, PASSWORD};
use crate::harness::{Config, Request};

#[tokio::test]
async fn forms_of_other_sites_change_nothing() {
    let relay = Config::new().start().await;
    let browser = Browser::first(&relay).await;
    let email = "ann@example.org";
    let forms: &[(&str, &[(&str, &str)])] = &[
        ("/login", &[("email", email), ("password", PASSWORD)]),
        ("/logout", &[]),
        ("/welcome/x", &[("email", email), ("password", PASSWORD)]),
        ("/settings/credentials", &[("name", "evil")]),
        ("/settings/credentials/first/revoke", &[]),
        ("/settings/people", &[("email", "eve@example.org"), ("password", PASSWORD)]),
        ("/settings/people/reset", &[("email", email)]),
        ("/settings/people/delete", &[("email", email)]),
        ("/settings/password", &[("old", PASSWORD), ("new", "battery staple")]),
        ("/campaigns/1/name", &[("name", "evil")]),
        ("/campaigns/1/merge", &[("name", "evil")]),
        ("/campaigns/1/separate", &[]),
        ("/queue/order", &[("act", "pause"), ("kind", "all")]),
        ("/suppressions", &[("address", "bob@b.example")]),
        ("/suppressions/remove", &[("address", "bob@b.example")]),
        ("/suppressions/import", &[("file", "email\r\nbob@b.example")]),
    ];
    let host = relay.web().to_string();
    let foreign: &[&[(&str, &str)]] = &[
        &[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
    ];
    for (path, fields) in forms {
        for headers in foreign {
            let mut request = Request::form(path, fields).header("Host", &host);
            for (name, value) in *headers {
                request = request.header(name, value);
            }
            let answer = browser.send(request).await;
            assert_eq!(answer.status, 403, "{path} {headers:?}");
            assert!(answer.cookies().is_empty(), "{path}");
        }
        // By GET there is nothing to be changed.
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(*fields).finish();
        browser.get(&format!("{path}?{query}")).await;
    }
    assert_eq!(relay.command_text(&["suppression", "list"]).await, "");
    assert_eq!(relay.count("queue_pause"), 0);
    assert!(browser.is_signed_in().await);
    assert!(Browser::login(&relay, email, PASSWORD).await.is_ok());
    assert_eq!(relay.command_text(&["user", "list"]).await.trim(), email);
    let credentials = relay.command_text(&["credential", "list"]).await;
    assert!(credentials.starts_with("first\t") && credentials.lines().count() == 1, "{credentials}");

    // Browsers where the connection is plain say nothing but where a form comes from.
    let own = Request::form("/logout", &[]).header("Host", &host).header("Origin", &format!("http://{host}"));
    assert_eq!(browser.send(own).await.status, 303);
    assert!(!browser.is_signed_in().await);
    relay.finish().await;
}
