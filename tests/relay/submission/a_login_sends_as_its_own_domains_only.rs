//! A credential made for a domain is refused wherever a foreign one says who sends.

use crate::harness::{Config, Sink};

#[tokio::test]
async fn a_login_sends_as_its_own_domains_only() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    relay.credential("own", &["--domain", "own.example"]).await;
    let mut client = relay.client().await;
    for from in ["a@foreign.example", "a@own.example.foreign.example", "a@notown.example"] {
        let reply = client.expect(&format!("MAIL FROM:<{from}>"), 550).await;
        assert!(reply.text().contains("5.7.1"), "{reply:?}");
    }
    for header in [
        "From: a@foreign.example",
        "From: \"a@own.example\" <a@foreign.example>",
        "From: a@own.example, b@foreign.example",
        "From: friends: a@own.example, b@foreign.example;",
        "From: a@own.example\r\nFrom: b@foreign.example",
        "From: a@own.example\r\nX: y\r\nfrom :\r\n b@foreign.example",
        "From: a@own.example\r\nSender: b@foreign.example",
        "Sender: b@foreign.example",
        "From: <@own.example:a@foreign.example>",
        "From: a@own.example (comment) <b@foreign.example>",
        "From: no address at all",
    ] {
        for reverse_path in ["a@own.example", ""] {
            let mail = format!("{header}\r\nSubject: x\r\n\r\nx\r\n");
            let reply = client.send(reverse_path, &["ok-1@b.example"], mail).await;
            assert!(reply.code == 550 && reply.text().contains("5.7.1"), "{header}: {reply:?}");
        }
    }
    let own = "From: \"b@foreign.example\" <a@OWN.example>\r\nSender: c@news.own.example\r\nReply-To: d@foreign.example\r\n\r\nx\r\n";
    assert_eq!(client.send("a@Own.Example", &["ok-2@b.example"], own).await.code, 250);
    client.quit().await;
    sink.wait_for(1).await.unwrap();
    assert_eq!(sink.received()[0].rcpt_to, ["ok-2@b.example"]);
    relay.finish().await;
}
