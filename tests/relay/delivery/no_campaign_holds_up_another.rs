//! A large campaign, a small one and a transactional mail wait for one server that takes one mail at a time: the
//! transactional mail goes first, and the campaigns take turns. What comes while the large one is going out does not wait
//! for its end either.

use crate::harness::{Config, PATIENCE, Sink, wait_until};

const LARGE: usize = 300;

fn mail(campaign: &str) -> String {
    format!(
        "From: a@own.example\r\nSubject: {campaign}\r\nX-Postrider-Campaign: {campaign}\r\nContent-Type: text/html\r\n\r\n\
         <a href=\"https://a.example/\">x</a>\r\n"
    )
}

#[tokio::test]
async fn no_campaign_holds_up_another() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("delivery.connections_per_site", 1).start().await;
    let urgent = relay.credential("alerts", &["--profile", "transactional"]).await;
    let usual = relay.credential("news", &[]).await;
    relay.command_text(&["queue", "pause"]).await;
    let to: Vec<_> = (0..LARGE).map(|n| format!("ok-large{n}@b.example")).collect();
    let to: Vec<_> = to.iter().map(String::as_str).collect();
    assert_eq!(relay.submit("a@own.example", &to, &mail("large")).await.code, 250);
    let few = ["ok-small1@b.example", "ok-small2@b.example", "ok-small3@b.example", "ok-small4@b.example"];
    assert_eq!(relay.submit("a@own.example", &few, &mail("small")).await.code, 250);
    let mut client = crate::harness::Client::logged_in(relay.submission(), &urgent).await;
    assert_eq!(client.send("a@own.example", &["ok-alert@b.example"], &mail("alert")).await.code, 250);
    relay.command_text(&["queue", "resume"]).await;
    wait_until("the first are there", PATIENCE, async || sink.received().len() > 20).await;

    // While the large one is going out.
    let mut sender = crate::harness::Client::logged_in(relay.submission(), &usual).await;
    assert_eq!(client.send("a@own.example", &["ok-again@b.example"], &mail("alert")).await.code, 250);
    assert_eq!(sender.send("a@own.example", &["ok-late@b.example"], &mail("late")).await.code, 250);
    let before = sink.received().len();
    wait_until("all are there", PATIENCE, async || sink.received().len() == LARGE + 7).await;
    let order: Vec<String> = sink.received().into_iter().flat_map(|mail| mail.rcpt_to).collect();
    let place = |to: &str| order.iter().position(|other| other == to).unwrap();
    assert!(place("ok-alert@b.example") <= 1, "{order:?}");
    assert!(few.iter().all(|to| place(to) < 12), "{order:?}");
    // One may be under way, and one more taken before it is heard of.
    assert!(place("ok-again@b.example") <= before + 2, "{before} before {order:?}");
    assert!(place("ok-late@b.example") <= before + 5, "{before} before {order:?}");
    relay.wait_idle().await;
    relay.finish().await;
}
