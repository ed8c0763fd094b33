//! The page of suppressions, without script: add, find, import, download, remove; and no other site can do any of it.

use crate::harness::{Config, Request, Response};

#[tokio::test]
async fn the_list_is_kept_on_its_page() {
    let relay = Config::new().start().await;
    let text = std::fs::read_to_string(relay.data_dir().join("first-run.txt")).unwrap();
    let path = text[text.find("/welcome/").unwrap()..].lines().next().unwrap();
    let login = relay.http(&Request::form(path, &[("email", "ann@example.org"), ("password", "correct horse")])).await;
    let cookie = login.cookies().join("; ");
    let send = async |request: Request| -> Response { relay.http(&request.header("Cookie", &cookie)).await };
    let get = async |path: &str| {
        let answer = send(Request::get(path)).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.text()
    };
    let empty = get("/suppressions").await;
    assert!(empty.contains("Nobody is suppressed") && empty.contains("aria-current=\"page\">Suppressions"), "{empty}");

    let add = |address: &str, scope: &str| Request::form("/suppressions", &[("address", address), ("scope", scope)]);
    let answer = send(add(" Bob@b.example ", "News.Example")).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/suppressions?done=added")));
    let answer = send(add("bob@b.example", "news.example")).await;
    assert_eq!(answer.header("location"), Some("/suppressions?done=present"));
    let wrong = send(add("<script>@", "")).await;
    assert_eq!(wrong.status, 400);
    assert!(!wrong.text().contains("<script") && wrong.text().contains("role=\"alert\""), "{}", wrong.text());
    let foreign = send(add("eve@b.example", "").header("Sec-Fetch-Site", "cross-site")).await;
    assert_eq!(foreign.status, 403);

    let mut csv = "email,reason\r\n".to_owned();
    (0..60).for_each(|n| csv.push_str(&format!("user{n}@c.example,bounce\r\n")));
    csv.push_str("<b>broken</b>,bounce\r\n");
    let form = |extra: Option<&str>| {
        let body = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"l.csv\"\r\nContent-Type: text/csv\r\n\r\n{csv}\r\n--edge--\r\n"
        );
        let request = Request::new("POST", "/suppressions/import").body(body);
        let request = request.header("Content-Type", "multipart/form-data; boundary=edge");
        extra.map_or(request.clone(), |site| request.header("Sec-Fetch-Site", site))
    };
    assert_eq!(send(form(Some("cross-site"))).await.status, 403);
    let imported = send(form(Some("same-origin"))).await;
    assert_eq!(imported.status, 200);
    let said = imported.text();
    assert!(said.contains("60 added, 0 on the list already, 1 refused") && said.contains("Line 62"), "{said}");
    assert!(!said.contains("<b>broken"), "{said}");
    assert_eq!(send(Request::new("POST", "/suppressions/import").body("x")).await.status, 400);

    let first = get("/suppressions").await;
    assert_eq!(first.matches("action=\"/suppressions/remove\"").count(), 50);
    let next =
        first.split("class=\"pager\"").nth(1).unwrap().split("href=\"").nth(1).unwrap().split('"').next().unwrap();
    let second = get(&next.replace("&amp;", "&").replace("&#38;", "&")).await;
    assert_eq!(second.matches("action=\"/suppressions/remove\"").count(), 11);
    assert!(second.contains("bob@b.example") && second.contains("news.example"));
    assert_eq!(get("/suppressions?start=USER5").await.matches("action=\"/suppressions/remove\"").count(), 11);
    assert_eq!(get("/suppressions?reason=manual").await.matches("action=\"/suppressions/remove\"").count(), 1);
    assert!(get("/suppressions?start=nobody").await.contains("No such address"));

    let download = send(Request::get("/suppressions/export.csv")).await;
    assert!(download.header("content-disposition").unwrap().contains("attachment"));
    let (page, command) = (download.text(), relay.command_text(&["suppression", "export"]).await);
    assert_eq!((page.as_str(), page.lines().count()), (command.as_str(), 62));

    let remove = |scope: &str| Request::form("/suppressions/remove", &[("address", "bob@b.example"), ("scope", scope)]);
    assert_eq!(send(remove("news.example").header("Origin", "https://evil.example")).await.status, 403);
    send(remove("")).await;
    assert!(get("/suppressions?start=bob").await.contains("bob@b.example</bdi>"));
    assert_eq!(send(remove("news.example")).await.header("location"), Some("/suppressions?done=removed"));
    assert!(get("/suppressions?start=bob").await.contains("No such address"));

    // Nobody else sees it.
    for path in ["/suppressions", "/suppressions/export.csv"] {
        assert_eq!(relay.http(&Request::get(path)).await.header("location"), Some("/login"), "{path}");
    }
    assert_eq!(relay.http(&add("eve@b.example", "")).await.header("location"), Some("/login"));
    assert_eq!(relay.http(&form(None)).await.header("location"), Some("/login"));
    assert_eq!(relay.command_text(&["suppression", "list"]).await.lines().count(), 60);
    relay.finish().await;
}
