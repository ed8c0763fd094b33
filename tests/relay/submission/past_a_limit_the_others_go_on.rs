//! One recipient and one connection too many are told so; those within the limit go on.

use crate::harness::{Client, Config, PATIENCE, Sink, wait_until};

const MAIL: &str = "From: a@own.example\r\n\r\nx\r\n";

#[tokio::test]
async fn past_the_recipients_the_mail_goes_to_the_others() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("submission.max_recipients", 3).start().await;
    let mut client = relay.client().await;
    client.expect("MAIL FROM:<a@own.example>", 250).await;
    for (to, code) in [("ok-1", 250), ("ok-2", 250), ("ok-3", 250), ("ok-4", 452), ("ok-1", 250), ("ok-5", 452)] {
        let reply = client.expect(&format!("RCPT TO:<{to}@b.example>"), code).await;
        assert_eq!(reply.text().contains("4.5.3"), code == 452, "{reply:?}");
    }
    client.expect("DATA", 354).await;
    client.write(format!("{MAIL}.\r\n").as_bytes()).await;
    assert_eq!(client.reply().await.code, 250);
    // As RFC 5321 section 4.5.3.1.10 has it, the rest comes in a mail of its own.
    assert_eq!(client.send("a@own.example", &["ok-4@b.example", "ok-5@b.example"], MAIL).await.code, 250);
    client.quit().await;
    let mut told: Vec<_> = sink.wait_for(5).await.unwrap().into_iter().flat_map(|mail| mail.rcpt_to).collect();
    told.sort();
    assert_eq!(told, (1..=5).map(|n| format!("ok-{n}@b.example")).collect::<Vec<_>>());
    relay.finish().await;
}

#[tokio::test]
async fn past_the_connections_the_open_ones_go_on() {
    let sink = Sink::start().await.unwrap();
    // Half of them for one address.
    let mut relay = Config::smarthost(sink.address()).set("submission.max_connections", 4).start().await;
    let (login, server) = (relay.login().await, relay.submission());
    let mut good = Client::logged_in(server, &login).await;
    let second = Client::greeted(server).await;
    let full = async |last: u8| {
        let mut client = Client::connect_from(last, server).await;
        let reply = client.reply().await;
        assert!(reply.code == 421 && reply.text().contains("4.3.2"), "{reply:?}");
        assert_eq!(client.reply().await.code, 0);
    };
    full(1).await;
    let third = Client::greeted_from(2, server).await;
    full(1).await;
    let fourth = Client::greeted_from(2, server).await;
    full(3).await;
    assert_eq!(good.send("a@own.example", &["ok-1@b.example"], MAIL).await.code, 250);

    // What ends makes room, for its own address and for others.
    second.quit().await;
    wait_until("there is room again", PATIENCE, async || Client::connect(server).await.reply().await.code == 220).await;
    third.quit().await;
    wait_until("there is room again", PATIENCE, async || {
        Client::connect_from(3, server).await.reply().await.code == 220
    })
    .await;
    assert_eq!(good.send("a@own.example", &["ok-2@b.example"], MAIL).await.code, 250);
    good.quit().await;
    fourth.quit().await;
    assert_eq!(sink.wait_for(2).await.unwrap().len(), 2);
    relay.finish().await;
}
