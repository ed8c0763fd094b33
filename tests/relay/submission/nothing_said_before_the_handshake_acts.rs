//! Commands in the packet of STARTTLS were said by whoever sits between client and relay (CVE-2011-0411): nothing of them
//! acts, and what was said in plain is forgotten (RFC 3207 section 4.2).

use crate::harness::{Certificate, Client, Config, Sink};

#[tokio::test]
async fn nothing_said_before_the_handshake_acts() {
    let certificate = Certificate::new("relay.postrider.example");
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address())
        .set("submission.tls_cert", certificate.cert().to_string_lossy().into_owned())
        .set("submission.tls_key", certificate.key().to_string_lossy().into_owned())
        .start()
        .await;
    let login = relay.login().await;

    // Logged in or not, whole commands or the beginning of one: the session ends before the handshake.
    for injected in
        ["EHLO evil.example\r\n", "MAIL FROM:<evil@own.example>\r\nRCPT TO:<ok-evil@b.example>\r\n", "N", "\n"]
    {
        for mut client in
            [Client::greeted(relay.submission()).await, Client::logged_in(relay.submission(), &login).await]
        {
            client.write(format!("STARTTLS\r\n{injected}").as_bytes()).await;
            let reply = client.reply().await;
            assert_eq!(reply.code, 421, "{injected:?}: {reply:?}");
            assert_eq!(client.reply().await.code, 0, "{injected:?}");
        }
    }

    // Login, EHLO and an open transaction of the plain session count for nothing after the handshake.
    let mut client = Client::logged_in(relay.submission(), &login).await;
    client.expect("MAIL FROM:<a@own.example>", 250).await;
    client.expect("RCPT TO:<ok-plain@b.example>", 250).await;
    let mut client = client.starttls(&certificate).await;
    client.expect("DATA", 503).await;
    client.expect("MAIL FROM:<a@own.example>", 530).await;
    let capabilities = client.expect("EHLO client.example", 250).await;
    assert!(!capabilities.offers("STARTTLS"), "{capabilities:?}");
    assert_eq!(client.auth(&login.username, &login.password).await.code, 235);
    let mail = "From: a@own.example\r\nSubject: x\r\n\r\nx\r\n";
    assert_eq!(client.send("a@own.example", &["ok-tls@b.example"], mail).await.code, 250);
    client.quit().await;
    sink.wait_for(1).await.unwrap();
    let copy = sink.received().remove(0);
    assert!(copy.rcpt_to == ["ok-tls@b.example"] && copy.text().contains("with ESMTPSA id"), "{}", copy.text());
    relay.finish().await;
}
