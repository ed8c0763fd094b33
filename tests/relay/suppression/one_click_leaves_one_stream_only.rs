//! Who leaves one stream is not mailed by it any more; other streams and transactional mail go on.

use super::{address_of, curl, mail};
use crate::harness::{Config, Mail, Sink};

#[tokio::test]
async fn one_click_leaves_one_stream_only() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    for domain in ["own.example", "second.example"] {
        relay.command_text(&["domain", "add", domain]).await;
    }
    relay.login().await;
    let to = ["ann@b.example", "bob@b.example"];
    assert_eq!(relay.submit("a@own.example", &to, &mail("a@own.example", "")).await.code, 250);
    let received = sink.wait_for(2).await.unwrap();
    let of_ann = received.iter().find(|one| one.rcpt_to[0] == to[0]).unwrap();
    curl(&relay, &address_of(&Mail::read(&of_ann.bytes)), &["-d", "List-Unsubscribe=One-Click"]).await;
    let list = relay.command_text(&["suppression", "list"]).await;

    assert_eq!(relay.submit("a@own.example", &to, &mail("a@own.example", "")).await.code, 250);
    let other = mail("b@second.example", "");
    assert_eq!(relay.submit("a@own.example", &to, &other).await.code, 250);
    let own =
        mail("c@own.example", "List-Id: <weekly.own.example>\r\nList-Unsubscribe: <mailto:leave@own.example>\r\n");
    assert_eq!(relay.submit("a@own.example", &to, &own).await.code, 250);
    relay.credential("orders", &["--profile", "transactional"]).await;
    assert_eq!(relay.submit("a@own.example", &to, &mail("d@own.example", "")).await.code, 250);
    assert_eq!(relay.submit("a@own.example", &to, &mail("e@unsigned.example", "")).await.code, 250);
    let received = sink.wait_for(2 + 1 + 2 + 2 + 2 + 2).await.unwrap();
    assert_eq!(relay.campaign_with("a@own.example", "/suppressed", 1).await["delivered"], 3);
    for (from, expected) in [
        ("b@second.example", None),
        ("c@own.example", Some(Some("<mailto:leave@own.example>"))),
        ("d@own.example", Some(None)),
        ("e@unsigned.example", Some(None)),
    ] {
        let mails = received.iter().map(|one| (one.rcpt_to.len(), Mail::read(&one.bytes)));
        let of_sender = mails.filter(|(_, copy)| copy.header("From").unwrap().contains(from));
        let (recipients, copies): (Vec<_>, Vec<_>) = of_sender.unzip();
        assert_eq!(recipients.iter().sum::<usize>(), 2, "{from}");
        match expected {
            None => assert!(address_of(&copies[0]).contains("/u/"), "{from}"),
            Some(field) => {
                assert_eq!(copies[0].header("List-Unsubscribe").as_deref(), field, "{from}");
                assert_eq!(copies[0].header("List-Unsubscribe-Post"), None, "{from}");
            }
        }
    }

    let export = relay.command_text(&["export"]).await;
    let events: Vec<serde_json::Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let left: Vec<_> = events.iter().filter(|event| event["type"] == "unsubscribed").collect();
    assert_eq!((left.len(), &left[0]["recipient"]), (1, &"ann@b.example".into()), "{export}");
    assert!(left[0]["client"]["class"].is_string(), "{}", left[0]);
    let added = events.iter().find(|event| event["type"] == "suppression_added").unwrap();
    assert_eq!(
        (&added["suppression"]["scope"], &added["suppression"]["source"]),
        (&"own.example".into(), &"delivery".into())
    );
    relay.command_text(&["rebuild"]).await;
    assert_eq!(relay.command_text(&["suppression", "list"]).await, list);
    relay.finish().await;
}
