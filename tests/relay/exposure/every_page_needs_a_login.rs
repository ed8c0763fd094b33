//! Without a session no page, no form and no statistics; a path is never joined to a folder.

use super::{raw, status};
use crate::harness::{Config, Request};

const PAGES: &[&str] = &[
    "/",
    "/campaigns",
    "/campaigns.csv",
    "/campaigns/1",
    "/campaigns/1/people",
    "/campaigns/1/people.csv",
    "/campaigns/1/links.csv",
    "/messages",
    "/messages/1",
    "/messages/1/preview",
    "/campaigns/1/map",
    "/campaigns/1/map/mail",
    "/messages/1/source",
    "/messages/1/source/came.eml",
    "/messages/1/source/leaves.eml",
    "/people/a%40a.example",
    "/inbox",
    "/queue",
    "/live",
    "/queue/order?act=cancel&kind=all",
    "/suppressions",
    "/suppressions/export.csv",
    "/domains",
    "/how",
    "/settings",
    "/settings/credentials/first/revoke",
    "/settings/people/delete?email=a@a.example",
];

#[tokio::test]
async fn every_page_needs_a_login() {
    let relay = Config::new().start().await;
    for path in PAGES {
        for cookie in ["", "postrider=x", "__Host-postrider=x"] {
            let answer = relay.http(&Request::get(path).header("Cookie", cookie)).await;
            assert_eq!((answer.status, answer.header("location")), (303, Some("/login")), "{path}");
        }
    }
    for path in [
        "/settings/credentials",
        "/settings/credentials/first/revoke",
        "/settings/people",
        "/settings/people/reset",
        "/settings/people/delete",
        "/settings/password",
        "/settings/zone",
        "/campaigns/1/name",
        "/campaigns/1/merge",
        "/campaigns/1/separate",
        "/queue/order",
        "/suppressions",
        "/suppressions/remove",
        "/suppressions/import",
    ] {
        let fields = [
            ("name", "x"),
            ("email", "a@a.example"),
            ("password", "correct horse"),
            ("old", "x"),
            ("new", "y"),
            ("zone", "UTC"),
        ];
        let answer = relay.http(&Request::form(path, &fields)).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/login")), "{path}");
    }
    for path in [
        "/api/v1/campaigns",
        "/api/v1/campaigns/c",
        "/api/v1/campaigns/c/people",
        "/api/v1/campaigns/c/links",
        "/api/v1/messages/1",
    ] {
        assert_eq!(relay.http(&Request::get(path)).await.status, 401, "{path}");
        assert_eq!(relay.http(&Request::get(path).basic("first", "wrong")).await.status, 401, "{path}");
    }
    assert_eq!(relay.command_text(&["credential", "list"]).await.lines().count(), 1, "nothing was made");
    for path in ["/static/../postrider.db", "/static/%2e%2e/signing.key", "/static/..%2fsigning.key", "//signing.key"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&raw(relay.web(), request.as_bytes()).await), 404, "{path}");
    }
    relay.finish().await;
}
