//! Of a user agent 512 octets are kept and of an address its network; no URL that we make tells whose copy it stands in;
//! mail of a credential without tracking is followed by nobody.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::harness::{Client, Config, Mail, Request, Sink};

const RECIPIENT: &str = "ok-margarete.lindqvist@b.example";
const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: c\r\nContent-Type: text/html\r\n\r\n\
                    <a href=\"https://a.example/\">x</a> <a href=\"https://a.example/two\">y</a>\r\n";

/// Every piece of the address that a reader of URLs could know again, in each spelling.
fn spellings() -> Vec<String> {
    let (local, domain) = RECIPIENT.split_once('@').unwrap();
    let mut spellings = Vec::new();
    for text in [RECIPIENT, local, domain, &local[3..]] {
        let hex: String = text.bytes().map(|octet| format!("{octet:02x}")).collect();
        spellings.extend([text.to_owned(), text.chars().rev().collect(), hex]);
        // Wherever it stands among the octets of a larger text.
        for skip in 0..3 {
            let padded = format!("{}{text}", "\0".repeat(skip));
            for encoded in [STANDARD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
                let whole = encoded.trim_end_matches('=');
                spellings.push(whole[skip + skip.min(1)..whole.len() - 2].to_owned());
            }
        }
    }
    spellings.iter().map(|text| text.to_ascii_lowercase()).collect()
}

#[tokio::test]
async fn little_is_kept_of_readers() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    // What is signed gets the address for leaving, which is ours too.
    relay.signing_domain("own.example").await;
    assert_eq!(relay.submit("a@own.example", &[RECIPIENT], MAIL).await.code, 250);
    sink.wait_for(1).await.unwrap();
    let received = sink.received();
    let copy = Mail::read(&received[0].bytes);
    let links = copy.tracked_links();
    let mut made: Vec<_> = links.iter().cloned().chain(copy.pixel()).chain(copy.headers("List-Unsubscribe")).collect();
    assert_eq!((links.len(), made.len()), (2, 4), "{}", received[0].text());
    made.iter_mut().for_each(|url| *url = url.to_ascii_lowercase());
    for spelling in spellings() {
        assert!(spelling.len() > 7, "{spelling} proves nothing");
        assert!(made.iter().all(|url| !url.contains(&spelling)), "{spelling} in {made:?}");
    }

    assert_eq!(relay.follow_as(&links[0], &"n".repeat(600)).await.status, 302);
    relay.campaign_with("c", "/clicked/total_events", 1).await;
    let exported = relay.command_text(&["export"]).await;
    assert!(exported.contains("\"address\":\"127.0.0.0/24\"") && !exported.contains("127.0.0.1\"}"), "{exported}");
    let cookie = relay.sign_in().await;
    let list = relay.http(&Request::get("/messages").header("Cookie", &cookie)).await.text();
    let page = list.split("\"/messages/").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    let page = relay.http(&Request::get(&format!("/messages/{page}")).header("Cookie", &cookie)).await.text();
    assert!(page.contains(&"n".repeat(512)) && !page.contains(&"n".repeat(513)), "{page}");

    let plain = relay.credential("shop", &["--profile", "transactional"]).await;
    let mut client = Client::logged_in(relay.submission(), &plain).await;
    assert_eq!(client.send("a@own.example", &["ok-plain@b.example"], MAIL).await.code, 250);
    client.quit().await;
    sink.wait_for(2).await.unwrap();
    let copy = sink.received_by("ok-plain@b.example").remove(0).text();
    assert!(copy.ends_with(&MAIL[MAIL.find("\r\n\r\n").unwrap()..]) && !copy.contains("track.postrider"), "{copy}");
    assert!(!copy.contains("List-Unsubscribe"), "{copy}");
    relay.finish().await;
}
