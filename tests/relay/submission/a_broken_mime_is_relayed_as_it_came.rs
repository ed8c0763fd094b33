//! Mail that cannot be read safely leaves byte for byte, under the lines that every relay adds.

use crate::harness::{Config, Sink};

#[tokio::test]
async fn a_broken_mime_is_relayed_as_it_came() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let head = "From: a@own.example\r\nMessage-ID: <1@own.example>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n";
    let link = "<a href=\"https://a.example/\">x</a>";
    for (n, rest) in [
        format!("Content-Type: multipart/mixed; boundary=b\r\n\r\nno boundary {link}\r\n"),
        format!("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n{link}\r\n--b--\r\n"),
        format!("Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!! {link}\r\n"),
        format!("Content-Type: text/html; charset=no-such-charset\r\n\r\n{link}\r\n"),
        format!("Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\n{link}\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let (mail, to) = (format!("{head}{rest}"), format!("ok-{n}@b.example"));
        assert_eq!(relay.submit("a@own.example", &[&to], &mail).await.code, 250);
        sink.wait_for(n as u64 + 1).await.unwrap();
        let copy = sink.received_by(&to).remove(0).text();
        assert!(copy.starts_with("Received: ") && copy.ends_with(&mail), "{copy}");
    }
    relay.finish().await;
}
