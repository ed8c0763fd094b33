//! A list of suppressions that is larger than a form may hold is refused whole, and the page says what to do instead.

use super::Browser;
use crate::harness::{Config, Request};

const FILE_MAX: usize = 16 << 20;
const ROW: &str = "large@c.example\r\n";

#[tokio::test]
async fn an_import_has_a_limit() {
    let relay = Config::new().start().await;
    let browser = Browser::first(&relay).await;
    let import = async |rows: usize| {
        let field = "Content-Disposition: form-data; name=\"file\"; filename=\"l.csv\"";
        let body = format!("--edge\r\n{field}\r\n\r\nemail\r\n{}\r\n--edge--\r\n", ROW.repeat(rows));
        let request = Request::new("POST", "/suppressions/import").body(body);
        let answer = browser.send(request.header("Content-Type", "multipart/form-data; boundary=edge")).await;
        (answer.status, answer.text())
    };
    let (status, page) = import(FILE_MAX / ROW.len() + 1).await;
    assert!(status == 400 && page.contains("larger than 16 MiB"), "{status} {page}");
    assert!(page.contains("postrider suppression import"), "{page}");
    assert_eq!(relay.command_text(&["suppression", "list"]).await, "");
    let (status, page) = import(40_000).await;
    assert!(status == 200 && page.contains("1 added"), "{status} {page}");
    relay.finish().await;
}
