//! Links in plain text are tracked where the configuration or the mail asks for it, in each encoding, and Python reads the
//! same text as was sent once each link is led back to where it goes.

use serde_json::Value;

use crate::harness::{Config, Relay, Sink, python_text};

const MARK: &str = "https://track.postrider.example/c/";
const TEXT: &str = "Hello, see https://shop.example/a?x=1&amp;y=%2F#top. (And https://shop.example/b_(c), too.)\r\n\
    > <https://shop.example/quoted.> [here](https://shop.example/md)\r\nhttps://shop.example/no https://bank.example/\r\n";
/// Readers join the second line to the third.
const FLOWED: &str = "https://shop.example/kept is one,\r\nand https://shop.example/half \r\nway the other.\r\n";

/// What was sent, from what came: how many links there were, and the text with each of them led home.
async fn led_home(relay: &Relay, text: &str) -> (usize, String) {
    let mut pieces = text.split(MARK);
    let (mut links, mut home) = (0, pieces.next().unwrap_or_default().to_owned());
    for piece in pieces {
        let letters = piece.find(|c: char| !c.is_ascii_alphanumeric() && !"-_/".contains(c)).unwrap_or(piece.len());
        let answer = relay.follow(&format!("{MARK}{}", &piece[..letters])).await;
        assert_eq!(answer.status, 302, "{text}");
        home.push_str(answer.header("location").unwrap());
        home.push_str(&piece[letters..]);
        links += 1;
    }
    (links, home)
}

async fn texts(relay: &Relay, sink: &Sink, to: &str) -> Vec<String> {
    let file = relay.file("copy.eml", &sink.received_by(to)[0].bytes);
    let read: Value = serde_json::from_str(&python_text("read_texts.py", &[&file.to_string_lossy()]).await).unwrap();
    assert!(read["longest"].as_u64().unwrap() <= 998, "{to}: {read}");
    read["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn links_in_plain_text_lead_home() {
    let sink = Sink::start().await.unwrap();
    let config = Config::smarthost(sink.address()).set("tracking.exclude_hosts", vec!["bank.example"]);
    let mut relay = config.start().await;
    let head = "From: a@own.example\r\nMIME-Version: 1.0\r\nX-Postrider-Campaign: texts\r\n";
    let asked = format!("{head}X-Postrider-Track: opens, clicks, text\r\n");
    let html =
        "<p><a href=\"https://shop.example/html\">x</a><a data-no-track href=\"https://shop.example/no\">y</a></p>";
    let multipart = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{TEXT}\r\n--b\r\nContent-Type: text/html\r\n\r\n{html}\r\n\
         --b\r\nContent-Type: text/plain; format=flowed; delsp=yes\r\n\r\n{FLOWED}\r\n--b--\r\n"
    );
    let quoted = TEXT.replace('=', "=3D").replace("shop", "sh=\r\nop");
    let single = format!(
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{quoted}"
    );
    for (to, mail) in [
        ("ok-1@b.example", format!("{asked}{multipart}")),
        ("ok-2@b.example", format!("{head}{multipart}")),
        ("ok-3@b.example", format!("{asked}{single}")),
    ] {
        assert_eq!(relay.submit("a@own.example", &[to], &mail).await.code, 250);
    }
    sink.wait_for(3).await.unwrap();

    let came = texts(&relay, &sink, "ok-1@b.example").await;
    assert_eq!(led_home(&relay, &came[0]).await, (4, TEXT.to_owned()));
    assert_eq!(led_home(&relay, &came[1]).await, (1, FLOWED.to_owned()));
    assert_eq!(texts(&relay, &sink, "ok-2@b.example").await, [TEXT, FLOWED], "nobody asked");
    let came = texts(&relay, &sink, "ok-3@b.example").await;
    assert_eq!(led_home(&relay, &came[0]).await, (5, TEXT.to_owned()), "no HTML asks for less");

    let stats = relay.campaign_with("texts", "/clicked/total_events", 10).await;
    assert_eq!((&stats["with_links"], &stats["with_pixel"]), (&Value::from(3), &Value::from(2)));
    relay.finish().await;
}

#[tokio::test]
async fn a_mail_says_less_than_the_configuration() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("tracking.text_links", true).start().await;
    let mail = |track: &str| format!("From: a@own.example\r\nX-Postrider-Campaign: c\r\n{track}\r\n{TEXT}");
    assert_eq!(relay.submit("a@own.example", &["ok-1@b.example"], &mail("")).await.code, 250);
    assert_eq!(
        relay.submit("a@own.example", &["ok-2@b.example"], &mail("X-Postrider-Track: clicks\r\n")).await.code,
        250
    );
    sink.wait_for(2).await.unwrap();
    let came = texts(&relay, &sink, "ok-1@b.example").await;
    assert_eq!(led_home(&relay, &came[0]).await, (6, TEXT.to_owned()));
    assert_eq!(texts(&relay, &sink, "ok-2@b.example").await, [TEXT]);
    relay.finish().await;
}
