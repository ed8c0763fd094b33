//! From the first start to the first click, as the text of the first start says it.

use crate::harness::{Config, Mail, Request, run};

/// The line of the first-run text that begins so.
fn after<'t>(text: &'t str, start: &str) -> &'t str {
    text.lines().find_map(|line| line.trim().strip_prefix(start)).expect(start).trim()
}

#[tokio::test]
async fn the_first_campaign_shows_on_its_page() {
    let relay = Config::new().start().await;
    let text = std::fs::read_to_string(relay.data_dir().join("first-run.txt")).unwrap();

    // The line that can be pasted sends a mail, by a program that is not ours.
    let mut shell = crate::harness::program("sh");
    shell.arg("-c").arg(text.lines().find(|line| line.trim().starts_with("swaks ")).unwrap());
    let output = run(shell).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

    // The link that can be pasted makes the first login, once.
    let welcome = after(&text, "http://");
    let path = &welcome[welcome.find('/').unwrap()..];
    let form = [("email", "ann@example.org"), ("password", "correct horse")];
    let answer = relay.http(&Request::form(path, &form)).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    let cookie = answer.cookies().join("; ");
    assert_eq!(relay.http(&Request::form(path, &form)).await.status, 400);

    let page = async |path: &str| {
        let answer = relay.http(&Request::get(path).header("Cookie", &cookie)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    };
    let inbox = page("/inbox").await;
    assert!(inbox.contains("A first mail") && inbox.contains("reader@example.com"), "{inbox}");
    let source = inbox.split("<pre").nth(1).unwrap().split('>').nth(1).unwrap().split("</pre").next().unwrap();
    let source = source.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#38;", "&");
    let mail = Mail::read(source.as_bytes());
    let link = mail.tracked_links().into_iter().next().expect("a tracked link");
    let clicked = relay.follow(&link).await;
    assert_eq!((clicked.status, clicked.header("location")), (302, Some("https://example.com/hello")));

    let campaigns = page("/campaigns").await;
    let at = campaigns.find("/campaigns/").unwrap();
    let at = at + campaigns[at..].find("\"/campaigns/").map_or(0, |n| n + 1);
    let campaign = campaigns[at..].split('"').next().unwrap();
    let shown = page(campaign).await;
    for wanted in ["first-campaign", "https://example.com/hello", "<b>1</b> of 1", "100%"] {
        assert!(shown.contains(wanted), "{wanted} is not on the page: {shown}");
    }
    for path in ["/", "/messages", "/queue", "/domains", "/how"] {
        page(path).await;
    }
    assert_eq!(relay.http(&Request::get("/")).await.header("location"), Some("/login"));
    relay.finish().await;
}
