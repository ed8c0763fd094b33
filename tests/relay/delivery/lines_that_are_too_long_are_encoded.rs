//! No receiver has to take a text line over 998 octets (RFC 5321 section 4.5.3.1.6): it leaves encoded, signed over that, and
//! with the same bytes at each try, also by a relay that was started anew. What others signed, or might read
//! differently, goes as it came.

use crate::harness::{Config, Mail, Sink, python_text};

#[tokio::test]
async fn lines_that_are_too_long_are_encoded() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("delivery.retry", vec!["3s"]).start().await;
    let record = relay.signing_domain("own.example").await;
    let long_lines = |text: &[u8]| text.split(|octet| *octet == b'\n').filter(|line| line.len() > 999).count();
    let long = "Gr\u{fc}\u{df}e = ".repeat(200);
    let head = "From: a@own.example\r\nMIME-Version: 1.0\r\nX-Postrider-Campaign: spring\r\n";
    let plain = format!("{head}Content-Type: text/plain; charset=utf-8\r\n\r\nfirst\r\n{long}\r\n.\r\nlast\r\n");
    let signed = format!("DKIM-Signature: v=1; a=rsa-sha256; d=else.example; s=x; h=From; bh=; b=\r\n{plain}");
    let unclear = plain.replace("text/plain", "multipart/mixed; boundary=nowhere");
    let page = "<p>x</p>".repeat(200);
    let tracked = format!(
        "{head}Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{page}\r\n\
         --b\r\nContent-Type: text/html\r\n\r\n{page}<a href=\"https://shop.example/\">x</a>\r\n--b--\r\n"
    );

    // The first 250 is lost, so there are two copies of one delivery.
    assert_eq!(relay.submit("a@own.example", &["lost-1@b.example"], &plain).await.code, 250);
    sink.wait_for(1).await.unwrap();
    relay.restart().await;
    assert_eq!(relay.submit("a@own.example", &["ok-2@b.example"], &signed).await.code, 250);
    assert_eq!(relay.submit("a@own.example", &["ok-3@b.example"], &tracked).await.code, 250);
    assert_eq!(relay.submit("a@own.example", &["ok-4@b.example"], &unclear).await.code, 250);
    sink.wait_for(5).await.unwrap();

    let copies = sink.received_by("lost-1@b.example");
    assert!(copies.len() == 2 && copies[0].bytes == copies[1].bytes);
    assert_eq!(long_lines(&copies[0].bytes), 0);
    let read = Mail::read(&copies[0].bytes);
    assert_eq!(read.header("Content-Transfer-Encoding").as_deref(), Some("quoted-printable"));
    assert_eq!(read.text(), format!("first\r\n{long}\r\n.\r\nlast\r\n"));
    let file = relay.file("copy.eml", &copies[0].bytes);
    python_text("verify_dkim.py", &[&file.to_string_lossy(), &record]).await;

    for (mail, to) in [(signed, "ok-2@b.example"), (unclear, "ok-4@b.example")] {
        let body = &mail[mail.find("\r\n\r\n").unwrap()..];
        assert!(sink.received_by(to)[0].text().ends_with(body), "{to}");
    }

    let copy = sink.received_by("ok-3@b.example").remove(0);
    let read = Mail::read(&copy.bytes);
    assert_eq!(long_lines(&copy.bytes), 0);
    assert!(read.text() == page && read.html().starts_with(&page) && read.pixel().is_some());
    let target = relay.follow(&read.tracked_links()[0]).await;
    assert_eq!(target.header("location"), Some("https://shop.example/"));
    relay.campaign_with("spring", "/delivered", 4).await;
    relay.finish().await;
}
