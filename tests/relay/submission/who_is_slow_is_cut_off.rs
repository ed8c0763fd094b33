//! A session that says no whole command for the idle time is closed, however it drips; others are served meanwhile.

use std::time::Duration;

use crate::harness::{Client, Config, Sink};

#[tokio::test]
async fn who_is_slow_is_cut_off() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).set("submission.idle_timeout", "2s").start().await;
    let (login, server) = (relay.login().await, relay.submission());
    let mut slow = Vec::new();
    for n in 0..20 {
        let mut client = Client::greeted(server).await;
        slow.push(tokio::spawn(async move {
            // One says nothing, the next drips a command, within what may be one or past it, until it is cut off.
            if n % 2 == 0 {
                return client.reply().await;
            }
            let drop = vec![b'x'; if n % 4 == 1 { 1 } else { 20_000 }];
            for _ in 0..60 {
                client.write(&drop).await;
                tokio::select! {
                    reply = client.reply() => return reply,
                    () = tokio::time::sleep(Duration::from_millis(300)) => {}
                }
            }
            panic!("it drips on");
        }));
    }
    let mut good = Client::logged_in(server, &login).await;
    for _ in 0..10 {
        let mail = "From: a@own.example\r\n\r\nx\r\n";
        assert_eq!(good.send("a@own.example", &["ok-1@b.example"], mail).await.code, 250);
    }
    good.quit().await;
    for client in slow {
        let reply = client.await.unwrap();
        assert!(reply.code == 421 && reply.text().contains("4.3.2"), "{reply:?}");
    }
    assert_eq!(sink.wait_for(10).await.unwrap().len(), 10);
    relay.finish().await;
}
