//! TLS from the start and by STARTTLS, by Python's smtplib; a certificate that is renewed on the disk is shown without a
//! restart, and one that cannot be used changes nothing.

use std::path::Path;

use crate::harness::{Certificate, Client, Config, PATIENCE, python_text, wait_until};

async fn shows(server: std::net::SocketAddr, certificate: &Certificate) -> bool {
    let stream = tokio::net::TcpStream::connect(server).await.unwrap();
    certificate.connect(stream).await.is_ok()
}

#[tokio::test]
async fn a_renewed_certificate_is_shown() {
    let (old, new) = (Certificate::new("relay.postrider.example"), Certificate::new("relay.postrider.example"));
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut relay = Config::new()
        .set("submission.listen_tls", vec!["127.0.0.1:0"])
        .set("submission.tls_cert", path(&old.cert()))
        .set("submission.tls_key", path(&old.key()))
        .set("submission.insecure_auth", "never")
        .start()
        .await;
    let login = relay.login().await;
    let message = relay.file("mail.eml", "From: a@own.example\r\nSubject: over TLS\r\n\r\nx\r\n");
    for (tls, listener) in [("implicit", "submission_tls"), ("starttls", "submission")] {
        let (server, ca) = (relay.address(listener).to_string(), path(&old.cert()));
        let (pair, message) = (format!("{}:{}", login.username, login.password), path(&message));
        let to = format!("{tls}@b.example");
        let arguments = [
            ["--server", &server, "--tls", tls, "--ca", &ca],
            ["--login", &pair, "--from", "a@own.example", "--to", &to],
        ];
        let arguments = [arguments.concat(), vec!["--message", &message]].concat();
        assert_eq!(python_text("send_with_smtplib.py", &arguments).await.trim(), "{}");
    }
    // In plain there is no way in.
    let mut client = Client::greeted(relay.submission()).await;
    assert_eq!(client.auth(&login.username, &login.password).await.code, 538);
    client.quit().await;

    let listener = relay.address("submission_tls");
    assert!(shows(listener, &old).await && !shows(listener, &new).await);
    std::fs::write(old.cert(), "no certificate").unwrap();
    wait_until("the fault is told", PATIENCE, async || relay.log().contains("a certificate cannot be used")).await;
    std::fs::copy(new.cert(), old.cert()).unwrap();
    std::fs::copy(new.key(), old.key()).unwrap();
    wait_until("the new one is shown", PATIENCE, async || shows(listener, &new).await).await;
    relay.finish().await;
}
