//! An address whose server knows no such user is never mailed again, by no kind of mail; a refusal by policy holds
//! nobody back.

use crate::harness::{Config, Sink};

fn mail(campaign: &str) -> String {
    format!(
        "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: {campaign}\r\nContent-Type: text/html\r\n\r\n\
         <a href=\"https://a.example/\">x</a>\r\n"
    )
}

#[tokio::test]
async fn a_bounce_holds_back_the_next_mail() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let first = ["permfail-ann@b.example", "f571-policy@b.example", "spam-x@b.example", "ok@b.example"];
    assert_eq!(relay.submit("a@own.example", &first, &mail("first")).await.code, 250);
    relay.campaign_with("first", "/bounced", 3).await;
    let list = relay.command_text(&["suppression", "list"]).await;
    assert_eq!(list.lines().count(), 1, "{list}");
    assert!(
        list.starts_with("permfail-ann@b.example\tbounce\tall mail\t2") && list.ends_with("\tdelivery\n"),
        "{list}"
    );

    // Another spelling of the address, another stream, another kind of login: held back all the same.
    let offered = || {
        let mut asked = sink.commands("RCPT");
        asked.retain(|line| !line.text.contains("<a@own.example>"));
        asked
    };
    let rcpts = offered().len();
    let second = mail("second").replace("own.example", "other.example");
    let second = ["PermFail-Ann@B.Example", "ok@b.example", "f571-policy@b.example"].map(|to| (to, second.clone()));
    for (to, mail) in &second {
        assert_eq!(relay.submit("a@own.example", &[to], mail).await.code, 250);
    }
    let stats = relay.campaign_with("second", "/delivered", 1).await;
    let stats = if stats["bounced"] == 1 { stats } else { relay.campaign_with("second", "/bounced", 1).await };
    assert_eq!((stats["suppressed"].as_i64(), stats["queued"].as_i64()), (Some(1), Some(0)), "{stats}");
    // Two were to be delivered: the suppressed one is below no line.
    assert_eq!((stats["rates"]["delivery"].as_f64(), stats["recipients"].as_i64()), (Some(0.5), Some(3)));
    relay.credential("orders", &["--profile", "transactional"]).await;
    assert_eq!(relay.submit("a@own.example", &["permfail-ann@b.example"], &mail("third")).await.code, 250);
    relay.campaign_with("third", "/suppressed", 1).await;
    let heard = offered();
    assert_eq!(heard.len(), rcpts + 2, "{heard:?}");
    let asked = heard.iter().filter(|line| line.text.to_lowercase().contains("permfail-ann@b.example")).count();
    assert_eq!(asked, 1, "{heard:?}");

    // Off the list it is mailed again, and refused again.
    assert!(relay.command_text(&["suppression", "remove", "permfail-ann@b.example"]).await.contains("off the list"));
    assert_eq!(relay.command(&["suppression", "remove", "permfail-ann@b.example"]).await.status.code(), Some(1));
    assert_eq!(relay.submit("a@own.example", &["permfail-ann@b.example"], &mail("fourth")).await.code, 250);
    relay.campaign_with("fourth", "/bounced", 1).await;

    let export = relay.command_text(&["export"]).await;
    let events: Vec<serde_json::Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).collect::<Vec<_>>();
    let added = of("suppression_added");
    assert_eq!((added.len(), of("suppression_removed").len(), of("suppressed").len()), (2, 1, 2), "{export}");
    assert_eq!(
        (&added[0]["recipient"], &added[0]["suppression"]["reason"]),
        (&"permfail-ann@b.example".into(), &"bounce".into())
    );
    assert_eq!(of("suppressed")[0]["suppression"]["reason"], "bounce");
    let said = |class: &str| {
        let of_class: Vec<_> = of("bounced").into_iter().filter(|event| event["bounce"]["class"] == class).collect();
        of_class.first().unwrap_or_else(|| panic!("{class} in {export}"))["bounce"]["suppressed"].clone()
    };
    assert_eq!((said("invalid_recipient"), said("spam_content")), (true.into(), false.into()));

    let before = relay.campaign("second").await;
    relay.command_text(&["rebuild"]).await;
    assert_eq!(relay.campaign("second").await, before);
    let list = relay.command_text(&["suppression", "list"]).await;
    assert!(list.starts_with("permfail-ann@b.example\tbounce") && list.lines().count() == 1, "{list}");
    relay.finish().await;
}
