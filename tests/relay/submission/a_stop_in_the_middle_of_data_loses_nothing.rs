//! TERM: nobody new is let in, who is silent hears 421, who is in the middle of a message may end it, for a while. What got
//! its 250 is delivered once, what got 421 never.

use tokio::net::TcpStream;

use crate::harness::{Config, PATIENCE, Sink, wait_until};

#[tokio::test]
async fn a_stop_in_the_middle_of_data_loses_nothing() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let server = relay.submission();
    let (mut idle, mut ends, mut hangs, mut chunks) =
        (relay.client().await, relay.client().await, relay.client().await, relay.client().await);
    for (client, to) in [(&mut ends, "ok-ends@b.example"), (&mut hangs, "ok-hangs@b.example")] {
        client.expect("MAIL FROM:<a@own.example>", 250).await;
        client.expect(&format!("RCPT TO:<{to}>"), 250).await;
        client.expect("DATA", 354).await;
        client.write(b"From: a@own.example\r\n\r\nhalf").await;
    }
    chunks.expect("MAIL FROM:<a@own.example>", 250).await;
    chunks.expect("RCPT TO:<ok-chunks@b.example>", 250).await;
    chunks.write(b"BDAT 25\r\nFrom: a@own.example\r\n\r\nxx").await;
    assert_eq!(chunks.reply().await.code, 250);

    relay.terminate();
    for client in [&mut idle, &mut chunks] {
        let reply = client.reply().await;
        assert!(reply.code == 421 && reply.text().contains("4.3.2"), "{reply:?}");
        assert_eq!(client.reply().await.code, 0);
    }
    wait_until("nobody new is let in", PATIENCE, async || TcpStream::connect(server).await.is_err()).await;
    ends.write(b" and half\r\n.\r\n").await;
    assert_eq!(ends.reply().await.code, 250);
    assert_eq!(ends.reply().await.code, 421);
    let reply = hangs.reply().await;
    assert_eq!((reply.code, hangs.reply().await.code), (421, 0), "{reply:?}");
    assert!(relay.ended().await.success());

    relay.restart().await;
    let copy = sink.wait_for(1).await.unwrap().remove(0);
    assert!(copy.text().ends_with("half and half\r\n"), "{}", copy.text());
    let stats = relay.campaign_with("(none)", "/delivered", 1).await;
    assert_eq!((stats["recipients"].as_i64(), sink.received().len()), (Some(1), 1));
    relay.finish().await;
}
