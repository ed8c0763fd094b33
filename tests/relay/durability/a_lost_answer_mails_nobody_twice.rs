//! A client that lost our 250 sends the same mail again: nobody gets it twice, who did not have it yet gets it, the numbers
//! count once, and pages and log name the first message. Without a Message-ID nothing is taken for the same.

use crate::harness::{Config, PATIENCE, Relay, Reply, Request, Sink, wait_until};

fn mail(id: &str) -> String {
    format!("From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: again\r\n{id}\r\nx\r\n")
}

/// The id that a 250 names.
fn queued_as(reply: &Reply) -> String {
    assert_eq!(reply.code, 250, "{reply:?}");
    reply.text().rsplit(' ').next().unwrap().to_owned()
}

async fn submit(relay: &mut Relay, to: &[&str], message: &str) -> String {
    queued_as(&relay.submit("a@own.example", to, message).await)
}

#[tokio::test]
async fn a_lost_answer_mails_nobody_twice() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let first = mail("Message-ID: <1@own.example>\r\n");
    let to = ["ok-a@b.example", "ok-b@b.example"];
    relay.client().await.send_and_cut("a@own.example", &to, &first).await;
    wait_until("it is stored", PATIENCE, async || relay.count("message") == 1).await;
    let id = submit(&mut relay, &to, &first).await;
    assert_eq!(submit(&mut relay, &to[..1], &first).await, id);
    // Another recipient gets it, as another message.
    let more = submit(&mut relay, &["ok-b@b.example", "ok-c@b.example"], &first).await;
    assert_ne!(more, id);

    // Killed right after the 250; of what was under way then a second copy may come, so nothing else is.
    relay.campaign_with("again", "/delivered", 3).await;
    let killed = mail("Message-ID: <2@own.example>\r\n");
    let killed_id = submit(&mut relay, &["ok-d@b.example"], &killed).await;
    relay.kill().await;
    relay.restart().await;
    assert_eq!(submit(&mut relay, &["ok-d@b.example"], &killed).await, killed_id);

    // What has no Message-ID, or differs in one byte, is a mail of its own.
    let (nameless, other) = (mail(""), first.replace("\r\nx\r\n", "\r\ny\r\n"));
    for message in [&nameless, &nameless, &other] {
        submit(&mut relay, &["ok-e@b.example"], message).await;
    }
    let stats = relay.campaign_with("again", "/delivered", 7).await;
    assert_eq!((stats["recipients"].as_i64(), stats["messages"].as_i64()), (Some(7), Some(6)), "{stats}");
    for (to, copies) in [("ok-a", 1), ("ok-b", 1), ("ok-c", 1), ("ok-e", 3)] {
        assert_eq!(sink.received_by(&format!("{to}@b.example")).len(), copies, "{to}");
    }
    // The kill may have met the receiver's 250, as for any mail.
    assert!((1..=2).contains(&sink.received_by("ok-d@b.example").len()));

    let sample = stats["receipts"][0]["sample"].as_str().unwrap();
    let shown = relay.api(&format!("/api/v1/messages/{sample}")).await;
    assert_eq!(shown["message"], id.as_str(), "{shown}");
    let repeats = shown["repeats"].as_array().unwrap();
    let told: Vec<_> = repeats.iter().map(|one| (one["again"].as_str(), one["times"].as_i64())).collect();
    assert_eq!(told, [(None, Some(2)), (Some(more.as_str()), Some(1))], "{shown}");
    let cookie = relay.sign_in().await;
    let page = relay.http(&Request::get(&format!("/messages/{sample}")).header("Cookie", &cookie)).await.text();
    assert!(page.contains("nobody was mailed twice") && page.contains(&more), "{page}");
    let log = relay.log();
    let repeated: Vec<_> = log.lines().filter(|line| line.contains("repeated")).collect();
    assert_eq!(repeated.len(), 4, "{repeated:#?}");
    assert!(repeated[2].contains(&id) && repeated[2].contains(&more), "{repeated:#?}");
    relay.finish().await;
}
