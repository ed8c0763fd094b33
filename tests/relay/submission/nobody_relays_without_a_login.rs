//! No form of address, no borrowed client address and no failed login makes a relay for everybody.

use crate::harness::{Client, Config, Sink};

#[tokio::test]
async fn nobody_relays_without_a_login() {
    let sink = Sink::start().await.unwrap();
    // Whoever could pretend to come from there would need no login.
    let mut relay =
        Config::smarthost(sink.address()).set("submission.trusted_networks", vec!["192.0.2.0/24"]).start().await;
    let login = relay.login().await;

    let mut client = Client::connect(relay.submission()).await;
    client.write(b"PROXY TCP4 192.0.2.1 192.0.2.2 4000 25\r\n").await;
    assert_eq!((client.reply().await.code, client.reply().await.code), (220, 500));
    client.expect("EHLO [192.0.2.1]", 250).await;
    client.expect("XCLIENT ADDR=192.0.2.1 LOGIN=news", 500).await;
    client.expect("XFORWARD ADDR=192.0.2.1", 500).await;
    client.expect("MAIL FROM:<a@own.example>", 530).await;
    assert_eq!(client.auth(&login.username, "wrong").await.code, 535);
    for sender in ["<a@own.example>", "<>", "<a@own.example> AUTH=<>", "<a@own.example> AUTH=news", "<postmaster>"] {
        let reply = client.say(&format!("MAIL FROM:{sender}")).await;
        assert!((500..560).contains(&reply.code), "{sender}: {reply:?}");
    }
    client.expect("RCPT TO:<ok-open@b.example>", 503).await;
    client.expect("DATA", 503).await;
    client.quit().await;

    // Logged in, such an address is mail for what stands behind its last at-sign, or none.
    let mut client = Client::logged_in(relay.submission(), &login).await;
    client.expect("MAIL FROM:<a@own.example>", 250).await;
    for (path, code) in [
        ("ok-1%c.example@b.example", 250),
        ("ok-2!c.example!x@b.example", 250),
        ("\"ok-3@c.example\"@b.example", 250),
        ("c.example!ok-4", 553),
        ("ok-5%c.example", 553),
        ("ok-6@c.example@b.example", 553),
    ] {
        client.expect(&format!("RCPT TO:<{path}>"), code).await;
    }
    client.expect("DATA", 354).await;
    client.write(b"From: a@own.example\r\n\r\nx\r\n.\r\n").await;
    assert_eq!(client.reply().await.code, 250);
    client.quit().await;
    let mut told: Vec<_> = sink.wait_for(3).await.unwrap().into_iter().flat_map(|mail| mail.rcpt_to).collect();
    told.sort();
    assert_eq!(told, ["\"ok-3@c.example\"@b.example", "ok-1%c.example@b.example", "ok-2!c.example!x@b.example"]);
    relay.finish().await;
}
