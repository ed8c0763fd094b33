//! Two signatures a key domain, RSA and Ed25519, over whatever leaves, by the judgement of dkimpy and OpenDKIM; and what
//! others signed still verifies where nothing in it was to be changed.

use crate::harness::{Config, Mail, Sink, python_text};

#[tokio::test]
async fn both_signatures_hold_whatever_the_mail() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let records = relay.signing_domain("own.example").await;
    let head = "From: a@own.example\r\nMessage-ID: <1@own.example>\r\n";
    let html = "Content-Type: text/html\r\n\r\n<a href=\"https://shop.example/\">x</a>";
    let mails = [
        format!("{head}Subject: x\r\n\r\nbody\r\n"),
        // Blank last lines, blanks alone in the last one, no last line break (RFC 6376 section 3.4.4).
        format!("{head}Subject: x\r\n\r\nbody\r\n \r\n\r\n"),
        format!("{head}Subject: x\r\n\r\nbody \t x  \r\n\t \r\n"),
        format!("{head}Subject: x\r\n\r\n \r\n"),
        format!("{head}Subject: x\r\n\r\n"),
        format!("{head}Subject:\t x\r\n  y \r\n\tz\r\nTo: b@b.example\r\nTO: c@b.example\r\n\r\nbody\r\n"),
        format!("{head}Subject:\r\nReply-To: c@own.example\r\nList-Id: <l.own.example>\r\n\r\nbody"),
        format!(
            "{head}Subject: Gr\u{fc}\u{df}e\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\u{e4}\r\n"
        ),
        format!("{head}MIME-Version: 1.0\r\n{html}\r\n \r\n"),
        format!("{head}MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n{html}=20\r\n\r\n"),
    ];
    for (n, mail) in (1..).zip(&mails) {
        let to = format!("ok-{n}@b.example");
        assert_eq!(relay.submit("a@own.example", &[&to], mail).await.code, 250);
        sink.wait_for(n).await.unwrap();
        let file = relay.file("copy.eml", &sink.received_by(&to)[0].bytes);
        let verdict = python_text("verify_dkim.py", &[&file.to_string_lossy(), &records]).await;
        assert!(verdict.contains("a=rsa-sha256 pass") && verdict.contains("a=ed25519-sha256 pass"), "{verdict}");
    }
    relay.finish().await;
}

#[tokio::test]
async fn what_others_signed_still_verifies_untracked() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mut records = relay.signing_domain("own.example").await;
    let head = "From: a@own.example\r\nTo: b@b.example\r\nDate: Mon, 23 Nov 2026 21:04:05 +0000\r\nMessage-ID: <1@own.example>\r\n";
    let body = "Subject: x\r\n\tfolded\r\nContent-Type: text/html\r\n\r\n<a href=\"https://shop.example/\">x</a>\r\n";
    let plain = relay.file("plain.eml", format!("{head}{body}").as_bytes());
    let signed = relay.file("signed.eml", b"");
    let paths = (plain.to_string_lossy().into_owned(), signed.to_string_lossy().into_owned());
    for domain in ["else.example", "own.example"] {
        let record = python_text("sign_with_dkimpy.py", &[&paths.0, &paths.1, domain]).await;
        records = format!("{records}\n{}", record.trim());
        std::fs::copy(&signed, &plain).unwrap();
    }
    let foreign = std::fs::read_to_string(&signed).unwrap();

    // Untracked, nothing that was signed changes: all four verify.
    let off = format!("X-Postrider-Track: none\r\n{foreign}");
    assert_eq!(relay.submit("a@own.example", &["ok-1@b.example"], &off).await.code, 250);
    sink.wait_for(1).await.unwrap();
    let copy = sink.received_by("ok-1@b.example").remove(0);
    assert!(copy.text().ends_with(&foreign), "{}", copy.text());
    let file = relay.file("copy.eml", &copy.bytes);
    let verdict = python_text("verify_dkim.py", &[&file.to_string_lossy(), &records]).await;
    assert_eq!((verdict.matches("pass").count(), verdict.matches("s=else").count()), (4, 2), "{verdict}");

    // Edited, an earlier signature of our own domain would be broken, and goes; the other is not ours to remove.
    assert_eq!(relay.submit("a@own.example", &["ok-2@b.example"], &foreign).await.code, 250);
    sink.wait_for(2).await.unwrap();
    let copy = sink.received_by("ok-2@b.example").remove(0);
    let copy = Mail::read(&copy.bytes);
    let left: Vec<_> = copy.headers("DKIM-Signature");
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.iter().filter(|field| field.contains("s=else")).all(|field| field.contains("d=else.example")));
    relay.finish().await;
}
