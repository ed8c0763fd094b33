//! Encrypted and signed mail, by MIME and by armour in plain text, leaves byte for byte, under the lines that every relay
//! adds; beside a page that is tracked, armour stays too.

use crate::harness::{Config, Mail, Sink};

const HEAD: &str = "From: a@own.example\r\nMessage-ID: <1@own.example>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n";
const LINK: &str = "<a href=\"https://a.example/\">x</a>";
const ENVELOPED: &str = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n\
                         Content-Transfer-Encoding: base64\r\n\r\nPGEgaHJlZj0iaHR0cHM6Ly9hLmV4YW1wbGUvIj54PC9hPg==\r\n";
const ENCRYPTED: &str =
    "-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA0h0dHBzOi8vYS5leGFtcGxlLw==\r\n=aBcD\r\n-----END PGP MESSAGE-----\r\n";
const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA512\r\n\r\nhttps://a.example/  \r\n- -- \r\n\
                      -----BEGIN PGP SIGNATURE-----\r\n\r\niHUEARYKAB0WIQ==\r\n=aBcD\r\n-----END PGP SIGNATURE-----\r\n";

fn multipart(kind: &str, edge: &str, parts: [&str; 2]) -> String {
    let [one, two] = parts;
    format!(
        "Content-Type: multipart/{kind}; boundary={edge}\r\n\r\n--{edge}\r\n{one}\r\n--{edge}\r\n{two}\r\n--{edge}--\r\n"
    )
}

#[tokio::test]
async fn what_is_encrypted_keeps_its_bytes() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let page = format!("Content-Type: text/html\r\n\r\n{LINK}");
    let smime = format!("Content-Type: application/x-pkcs7-mime; smime-type=signed-data\r\n\r\n{LINK}");
    let version = "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1";
    for (n, rest) in [
        multipart("encrypted; protocol=\"application/pgp-encrypted\"", "b", [version, &page]),
        multipart("mixed", "b", [&page, &multipart("encrypted; x=y", "c", [version, &page])]),
        multipart("mixed", "b", [&page, &smime]),
        multipart(
            "signed; protocol=\"application/pgp-signature\"",
            "b",
            [&page, "Content-Type: application/pgp-signature\r\n\r\nx"],
        ),
        ENVELOPED.to_owned(),
        format!("\r\n{ENCRYPTED}"),
        format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{SIGNED}"),
    ]
    .into_iter()
    .enumerate()
    {
        let (mail, to) = (format!("{HEAD}{rest}"), format!("ok-{n}@b.example"));
        assert_eq!(relay.submit("a@own.example", &[&to], &mail).await.code, 250);
        sink.wait_for(n as u64 + 1).await.unwrap();
        let copy = sink.received_by(&to).remove(0).text();
        assert!(copy.starts_with("Received: ") && copy.ends_with(&mail), "{copy}");
    }
    let plain = format!("Content-Type: text/plain\r\n\r\n{SIGNED}{ENCRYPTED}");
    let mail = format!("{HEAD}{}", multipart("alternative", "b", [&plain, &page]));
    assert_eq!(relay.submit("a@own.example", &["ok-both@b.example"], &mail).await.code, 250);
    sink.wait_for(8).await.unwrap();
    let copy = sink.received_by("ok-both@b.example").remove(0);
    assert_eq!(Mail::read(&copy.bytes).tracked_links().len(), 1);
    assert!(copy.text().contains(&format!("\r\n--b\r\n{plain}\r\n--b\r\n")), "{}", copy.text());
    relay.finish().await;
}
