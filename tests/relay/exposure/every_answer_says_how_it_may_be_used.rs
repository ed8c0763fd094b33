//! Pages, errors, files and hits: each loads nothing of others, is framed by nobody, and is kept nowhere.

use super::Browser;
use crate::harness::{Config, Request, Response};

fn field<'r>(answer: &'r Response, name: &str, path: &str) -> &'r str {
    answer.header(name).unwrap_or_else(|| panic!("{path} has no {name}"))
}

/// What is no page with a login, or none that is there.
const OTHERS: &[&str] = &[
    "/static/app.css",
    "/static/live.js",
    "/nothing",
    "/campaigns/nothing",
    "/messages?before=x",
    "/campaigns?page=x",
    "/healthz",
    "/readyz",
    "/metrics",
    "/robots.txt",
    "/api/v1/campaigns",
    "/suppressions/export.csv",
    "/campaigns.csv",
    "/queue/order?act=pause&kind=all",
    "/suppressions?before=x",
    "/o/x.gif",
    "/c/x",
];

#[tokio::test]
async fn every_answer_says_how_it_may_be_used() {
    let mut relay = Config::new().start().await;
    let mail =
        "From: a@own.example\r\nSubject: x\r\nContent-Type: text/html\r\n\r\n<a href=\"https://a.example/\">x</a>\r\n";
    assert_eq!(relay.submit("a@own.example", &["b@b.example"], mail).await.code, 250);
    relay.wait_idle().await;
    let browser = Browser::first(&relay).await;
    let list = browser.get("/messages").await.text();
    let linked = |start: &str| list.split(&format!("\"{start}")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (message, campaign) =
        (format!("/messages/{}", linked("/messages/")), format!("/campaigns/{}", linked("/campaigns/")));
    let (people, file) = (format!("{campaign}/people"), format!("{campaign}/people.csv"));
    let own =
        ["/", "/campaigns", &campaign, &people, "/messages", &message, "/inbox", "/queue", "/suppressions", "/domains"];
    let own: Vec<&str> = own.into_iter().chain(["/how", "/settings", "/login", "/welcome/x"]).collect();
    let mut answers = Vec::new();
    for path in own.iter().copied().chain(OTHERS.iter().copied()).chain([file.as_str()]) {
        answers.push((path.to_owned(), browser.get(path).await));
    }
    let foreign = Request::form("/logout", &[]).header("Sec-Fetch-Site", "cross-site");
    let long = "x".repeat(20_000);
    for (name, request) in [
        ("signed out", Request::get("/")),
        ("a form of another site", foreign),
        ("a method that is not known", Request::new("PUT", "/settings")),
        ("a hit by POST", Request::form("/c/x", &[])),
        ("a form too large", Request::form("/login", &[("email", &long), ("password", "x")])),
        ("no form", Request::new("POST", "/login").body("x")),
        ("a wrong password", Request::form("/login", &[("email", "x"), ("password", "x")])),
    ] {
        answers.push((name.to_owned(), relay.http(&request).await));
    }
    for (path, answer) in &answers {
        let policy = field(answer, "content-security-policy", path);
        assert!(path == "/" || !policy.contains("script-src"), "{path}: {policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http:"), "{path}: {policy}");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action"] {
            assert!(policy.contains(part), "{path} lacks {part}: {policy}");
        }
        assert_eq!(field(answer, "x-content-type-options", path), "nosniff", "{path}");
        assert!(matches!(field(answer, "referrer-policy", path), "same-origin" | "no-referrer"), "{path}");
        let kept = field(answer, "cache-control", path);
        assert!(kept.contains("no-store") || path.starts_with("/static/"), "{path}: {kept}");
        assert!(answer.status < 500 || path == "/readyz", "{path}: {}", answer.status);
        assert!(path != "signed out" || answer.header("location") == Some("/login"), "{path}");
    }
    for path in own {
        let (_, answer) = answers.iter().find(|(known, _)| known == path).unwrap();
        assert_eq!(answer.status, 200, "{path}");
        let text = answer.text();
        // The program's own, on the page that it keeps current.
        let text =
            if path == "/" { text.replacen("<script src=\"/static/live.js\" defer></script>", "", 1) } else { text };
        assert!(!text.contains("<script") && !text.contains(" style=\"") && !text.contains("javascript:"), "{path}");
    }
    relay.finish().await;
}
