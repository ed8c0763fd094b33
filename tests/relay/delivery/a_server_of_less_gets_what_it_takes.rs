//! 8-bit and internationalised mail (RFC 6152, RFC 6531): a server that takes it gets it as it is; one that does not gets a
//! copy re-encoded before it was signed, or the sender hears why there is none.

use crate::harness::{Client, Config, Mail, Sink, SinkSettings, python_text};

const MAIL: &str = "From: J\u{f6}rg <news@own.example>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n\
    X-Postrider-Campaign: spring\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
    <p>Gr\u{fc}\u{df}e \u{2014} <a href=\"https://shop.example/caf\u{e9}\">Caf\u{e9}</a></p>\r\n";

#[tokio::test]
async fn a_server_of_less_gets_what_it_takes() {
    let old = Sink::with(SinkSettings { eight_bit: false, utf8: false, ..SinkSettings::default() }).await.unwrap();
    let mut relay = Config::smarthost(old.address()).start().await;
    let record = relay.signing_domain("own.example").await;

    // Nothing but the body is 8-bit: it is re-encoded, then signed.
    let mail = MAIL.replace("J\u{f6}rg", "Joerg");
    assert_eq!(relay.submit("news@own.example", &["ok-1@b.example"], &mail).await.code, 250);
    let copy = old.wait_for(1).await.unwrap().remove(0);
    assert!(copy.bytes.is_ascii() && !copy.mail_parameters.contains("8BITMIME"));
    let read = Mail::read(&copy.bytes);
    assert_eq!(read.header("Content-Transfer-Encoding").as_deref(), Some("quoted-printable"));
    assert!(read.html().contains("Gr\u{fc}\u{df}e \u{2014} <a"), "{}", read.html());
    let target = relay.follow(&read.tracked_links()[0]).await;
    assert_eq!(target.header("location"), Some("https://shop.example/caf%C3%A9"));
    let file = relay.file("copy.eml", &copy.bytes);
    python_text("verify_dkim.py", &[&file.to_string_lossy(), &record]).await;

    // Signed by somebody else, it may not be touched.
    let signed = format!("DKIM-Signature: v=1; a=rsa-sha256; d=else.example; s=x; h=From; bh=; b=\r\n{mail}");
    assert_eq!(relay.submit("news@own.example", &["ok-2@b.example"], &signed).await.code, 250);

    // Internationalised addresses and header fields need the next server's SMTPUTF8.
    let login = relay.login().await;
    let mut client = Client::logged_in(relay.submission(), &login).await;
    client.expect("MAIL FROM:<news@own.example>", 250).await;
    client.expect("RCPT TO:<jos\u{e9}@b.example>", 553).await;
    client.expect("RSET", 250).await;
    for (sender, recipient) in [
        ("news@own.example", "jos\u{e9}@b.example"),
        ("j\u{f6}rg@own.example", "ok-3@b.example"),
        ("news@own.example", "ok-4@b.example"),
    ] {
        client.expect(&format!("MAIL FROM:<{sender}> SMTPUTF8"), 250).await;
        client.expect(&format!("RCPT TO:<{recipient}>"), 250).await;
        client.expect("DATA", 354).await;
        client.write(format!("{MAIL}.\r\n").as_bytes()).await;
        assert_eq!(client.reply().await.code, 250);
    }
    client.quit().await;
    let stats = relay.campaign_with("spring", "/bounced", 4).await;
    assert_eq!(stats["delivered"], 1);
    let samples = stats["refusals"].to_string();
    assert!(samples.contains("5.6.3") || samples.contains("5.6.7"), "{samples}");
    let told = relay.command_text(&["export"]).await;
    assert_eq!((told.matches("553 5.6.7").count(), told.matches("554 5.6.3").count()), (3, 1), "{told}");
    // Beside that one it hears of the refusals only: the senders' notices.
    assert_eq!(old.received().iter().filter(|mail| !mail.mail_from.is_empty()).count(), 1);
    relay.finish().await;
}

#[tokio::test]
async fn a_server_of_more_gets_it_as_it_is() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let login = relay.login().await;
    let mut client = Client::logged_in(relay.submission(), &login).await;
    client.expect("MAIL FROM:<j\u{f6}rg@own.example> SMTPUTF8 BODY=8BITMIME", 250).await;
    client.expect("RCPT TO:<ok-jos\u{e9}@b\u{fc}cher.example>", 250).await;
    client.expect("DATA", 354).await;
    client.write(format!("{MAIL}.\r\n").as_bytes()).await;
    assert_eq!(client.reply().await.code, 250);
    client.quit().await;
    let copy = sink.wait_for(1).await.unwrap().remove(0);
    assert_eq!(
        (copy.mail_from.as_str(), copy.rcpt_to[0].as_str()),
        ("j\u{f6}rg@own.example", "ok-jos\u{e9}@b\u{fc}cher.example")
    );
    assert!(copy.mail_parameters.contains("SMTPUTF8") && copy.mail_parameters.contains("BODY=8BITMIME"));
    let text = String::from_utf8(copy.bytes).unwrap();
    assert!(text.contains("From: J\u{f6}rg <news@own.example>") && text.contains("with UTF8SMTPA id"), "{text}");
    relay.finish().await;
}
