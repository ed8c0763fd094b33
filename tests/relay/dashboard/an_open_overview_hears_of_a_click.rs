//! An open overview is told of a click as it happens, and of nothing when nothing changed. It is told no more when its
//! reader signs out and when the relay stops, and only so many are told at once.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Config, Mail, PATIENCE, Relay, Request, Sink};

/// Pages that are kept current at once.
const SEATS: usize = 32;

/// The overview's events, heard by no browser.
struct Events {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Events {
    async fn open(relay: &Relay, path: &str, cookie: &str) -> Self {
        let mut stream = TcpStream::connect(relay.web()).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nAccept: text/event-stream\r\nAccept-Encoding: gzip\r\n\r\n",
            relay.web()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut events = Self { stream, heard: Vec::new() };
        events.until("retry: ").await;
        events
    }

    /// Hears on until this was said, or the end; then all that was said.
    async fn until(&mut self, text: &str) -> String {
        let hear = async {
            while memchr::memmem::find(&self.heard, text.as_bytes()).is_none()
                && self.stream.read_buf(&mut self.heard).await.unwrap() > 0
            {}
        };
        tokio::time::timeout(PATIENCE, hear).await.unwrap_or_else(|_| panic!("waited in vain for {text:?}"));
        String::from_utf8_lossy(&self.heard).into_owned()
    }

    /// What is left to the proper end of the answer.
    async fn end(mut self) -> String {
        let all = self.until("\r\n0\r\n\r\n").await;
        assert!(all.ends_with("\r\n0\r\n\r\n"), "it ended in order: {all}");
        all
    }
}

async fn page(relay: &Relay, cookie: &str) -> String {
    let answer = relay.http(&Request::get("/").header("Cookie", cookie)).await;
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'") && policy.contains("connect-src 'self'"), "{policy}");
    answer.text()
}

/// Where an overview hears of changes.
fn place(page: &str) -> String {
    let place = page.split("data-from=\"").nth(1).expect("an overview").split('"').next().unwrap();
    place.replace("&#38;", "&")
}

#[tokio::test]
async fn an_open_overview_hears_of_a_click() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mail = "From: a@own.example\r\nX-Postrider-Campaign: c\r\nSubject: s\r\nContent-Type: text/html\r\n\r\n\
                <p><a href=\"https://a.example/\">x</a></p>\r\n";
    assert_eq!(
        relay.submit("a@own.example", &["ok-ann@b.example", "ok-bob@b.example", "ok-cy@b.example"], mail).await.code,
        250
    );
    relay.campaign_with("c", "/delivered", 3).await;
    let links: Vec<_> = ["ann", "bob"]
        .map(|who| Mail::read(&sink.received_by(&format!("ok-{who}@b.example"))[0].bytes).tracked_links()[0].clone())
        .into();

    let refused = relay.http(&Request::get("/live")).await;
    assert_eq!((refused.status, refused.header("location")), (303, Some("/login")));
    let cookie = relay.signed_in().await;
    let place = place(&page(&relay, &cookie).await);
    assert!(place.starts_with("/live?range=30d&mode=live&since="), "{place}");
    let mut events = Events::open(&relay, &place, &cookie).await;
    // A commit that changes no number: had it been told of, that would be the first event.
    let form = [("email", "ann@example.org"), ("password", "correct horse")];
    let other = relay.http(&Request::form("/login", &form)).await.cookies().join("; ");
    relay.follow(&links[0]).await;
    let heard = events.until("}\n\n").await;
    let head = heard.split("\r\n\r\n").next().unwrap().to_lowercase();
    assert!(head.contains("content-type: text/event-stream") && !head.contains("gzip"), "{head}");
    let told: Vec<_> = heard.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let told: serde_json::Value = serde_json::from_str(told[0]).unwrap();
    assert_eq!(told.as_object().unwrap().len(), 4, "what did not change is not told: {told}");
    let tiles = told["tiles"].as_str().unwrap();
    assert!(tiles.starts_with("<dl") && tiles.contains("1 of 3") && told["charts"].is_string(), "{told}");
    // Who shows something older is told at once.
    let mut late = Events::open(&relay, "/live?since=1", &other).await;
    assert!(late.until("}\n\n").await.contains("1 of 3"));

    assert_eq!(relay.http(&Request::form("/logout", &[]).header("Cookie", &cookie)).await.status, 303);
    relay.follow(&links[1]).await;
    assert!(late.until("2 of 3").await.contains("2 of 3"));
    assert!(!events.end().await.contains("2 of 3"), "who signed out is told nothing");

    let mut open = vec![late];
    while open.len() < SEATS {
        open.push(Events::open(&relay, "/live", &other).await);
    }
    let full = relay.http(&Request::get("/live").header("Cookie", &other)).await;
    assert_eq!(full.status, 503, "{}", full.text());
    relay.stop().await;
    for events in open {
        events.end().await;
    }
    relay.finish().await;
}
