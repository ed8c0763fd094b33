//! A message in chunks (RFC 3030) arrives as one given with DATA would; a chunk that is refused is still read to its end.

use crate::harness::{Client, Config, Sink};

const HEAD: &[u8] = b"From: a@own.example\r\nSubject: chunks\r\n\r\n";

#[tokio::test]
async fn chunks_arrive_as_they_came() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("submission.max_message_bytes", 5_000).start().await;
    let login = relay.login().await;
    let mut client = Client::logged_in(relay.submission(), &login).await;

    // All in one packet; the second chunk begins within a line and holds what would end DATA.
    let rest = b"line\n\r\n.\r\n..dots\r\nQUIT\r\n";
    let text = format!(
        "MAIL FROM:<a@own.example>\r\nRCPT TO:<ok-1@b.example>\r\nBDAT {}\r\n{}BDAT {} LAST\r\n",
        HEAD.len() + 6,
        String::from_utf8_lossy(HEAD) + "first ",
        rest.len()
    );
    client.write(&[text.as_bytes(), rest].concat()).await;
    let codes = [client.reply().await, client.reply().await, client.reply().await, client.reply().await];
    assert!(codes.iter().all(|reply| reply.code == 250), "{codes:?}");
    let copy = sink.wait_for(1).await.unwrap().remove(0);
    let body = &copy.bytes[memchr::memmem::find(&copy.bytes, b"\r\n\r\n").unwrap() + 4..];
    assert_eq!(body, b"first line\r\n\r\n.\r\n..dots\r\nQUIT\r\n");

    // Refused chunks are read, so that what follows them is a command again.
    for (line, code) in [("BDAT 6", 503), ("MAIL FROM:<a@own.example>", 250), ("BDAT 6 LAST", 554)] {
        client.write(format!("{line}\r\n").as_bytes()).await;
        if line.starts_with("BDAT") {
            client.write(b"QUIT\r\n").await;
        }
        assert_eq!(client.reply().await.code, code, "{line}");
    }
    for (line, code) in
        [("RCPT TO:<ok-2@b.example>", 250), ("BDAT 0", 250), ("DATA", 503), ("RCPT TO:<x@b.example>", 503)]
    {
        client.expect(line, code).await;
    }
    client.write(&[b"BDAT 6000\r\n".as_slice(), &[b'x'; 6_000], b"BDAT 3 LAST\r\nabc"].concat()).await;
    assert_eq!((client.reply().await.code, client.reply().await.code), (552, 503));

    // RSET forgets the chunks before it; a spoilt message is refused as a whole.
    for line in ["MAIL FROM:<a@own.example>", "RCPT TO:<ok-3@b.example>"] {
        client.expect(line, 250).await;
    }
    client.write(b"BDAT 7\r\nlost\r\n.").await;
    assert_eq!(client.reply().await.code, 250);
    client.expect("RSET", 250).await;
    for line in ["MAIL FROM:<a@own.example>", "RCPT TO:<ok-4@b.example>"] {
        client.expect(line, 250).await;
    }
    client.write(&[format!("BDAT {} LAST\r\n", HEAD.len() + 4).as_bytes(), HEAD, b"a\rb\n"].concat()).await;
    assert_eq!(client.reply().await.code, 554);

    // Where the number of octets is not known, nothing that follows may be taken for commands.
    client.write(b"BDAT many\r\nMAIL FROM:<a@own.example>\r\n").await;
    assert_eq!((client.reply().await.code, client.reply().await.code), (501, 0));
    assert_eq!(sink.received().len(), 1);
    relay.finish().await;
}
