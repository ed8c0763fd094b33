//! Headers that never end, bodies that never come, and more than is taken: each is refused or cut off, while others are
//! served.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{raw, status};
use crate::harness::{Config, Request};

#[tokio::test]
async fn slow_and_oversized_requests_harm_nobody_else() {
    let relay = Config::new().start().await;
    let web = relay.web();
    let slow = |octets: &'static str| async move {
        let mut stream = TcpStream::connect(web).await.unwrap();
        stream.write_all(octets.as_bytes()).await.unwrap();
        let mut octet = *b"a";
        let mut answer = Vec::new();
        // One octet a second, until the relay has had enough.
        loop {
            if stream.write_all(&octet).await.is_err() {
                break;
            }
            let read = tokio::io::AsyncReadExt::read_buf(&mut stream, &mut answer);
            match timeout(Duration::from_secs(1), read).await {
                Ok(Ok(0) | Err(_)) => break,
                Ok(Ok(_)) | Err(_) => octet = *b"b",
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    };
    let mut crawling: Vec<_> = (0..40).map(|_| tokio::spawn(slow("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "))).collect();
    let form = "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9000\r\n\r\nemail=";
    crawling.push(tokio::spawn(slow(form)));

    let post = |fields: &str, body: &str| {
        format!("POST /login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n{body}")
    };
    let get =
        |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    let field = |name: &str, n: usize| format!("{name}: {}\r\n", "x".repeat(n));
    let many: String = (0..200).map(|n| format!("X-{n}: x\r\n")).collect();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (name, request) in [
        ("a long URL", get(&format!("/login?{}", "x".repeat(200_000)), "")),
        ("a long field", get("/login", &field("X", 200_000))),
        ("many fields", get("/login", &many)),
        ("both lengths", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
        ("two lengths", post("Content-Length: 4\r\nContent-Length: 5\r\n", "abcd")),
        ("a length that is none", post("Content-Length: +4\r\n", "abcd")),
        ("a coding that is not known", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
        ("a large form", post(&format!("{form}Content-Length: 400000\r\n"), &"x".repeat(400_000))),
        ("a field with a control character", get("/login", "X: a\u{1}b\r\n")),
        ("no HTTP", "EHLO a\r\n\r\n".to_owned()),
    ] {
        let code = status(&raw(web, request.as_bytes()).await);
        assert!((400..500).contains(&code), "{name}: {code}");
    }
    // A form that unpacks to more than is taken.
    let bomb = {
        let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        // Stored blocks: 40 of 1,000 octets.
        for _ in 0..40 {
            packed.extend([0, 0xe8, 0x03, 0x17, 0xfc]);
            packed.extend([b'x'; 1_000]);
        }
        packed
    };
    let request = Request::new("POST", "/login").header("Content-Encoding", "gzip");
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(bomb);
    assert!((400..500).contains(&relay.http(&request).await.status));

    for _ in 0..20 {
        assert_eq!(relay.http(&Request::get("/login")).await.status, 200, "others are served");
    }
    assert!(crawling.iter().any(|one| !one.is_finished()), "while the slow ones still crawl");
    for one in crawling {
        let answer = one.await.unwrap();
        assert!(answer.is_empty() || status(&answer) == 408, "{answer}");
    }
    relay.finish().await;
}
