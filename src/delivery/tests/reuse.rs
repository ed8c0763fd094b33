//! Connections that serve for more than one copy.

use super::server::Script;
use super::*;

async fn keeping(server: &Server, mails: u32, idle: Duration) -> Courier {
    courier_with(server, |s| {
        s.messages_per_connection = mails;
        s.idle_max = idle;
    })
    .await
}

#[tokio::test]
async fn a_connection_serves_as_often_as_it_may() {
    let server = Server::start(Script::default()).await;
    let courier = keeping(&server, 3, Duration::from_secs(5)).await;
    for _ in 0..7 {
        handed(&send(&courier).await);
    }
    assert_eq!((server.connections(), server.messages().len()), (3, 7));
    courier.close().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.commands().iter().filter(|c| *c == "QUIT").count(), 3);
}

#[tokio::test]
async fn a_connection_that_died_meanwhile_is_replaced_at_once() {
    let server = Server::start(Script { mails_max: 1, ..Script::default() }).await;
    let courier = keeping(&server, 100, Duration::from_secs(5)).await;
    for _ in 0..3 {
        handed(&send(&courier).await);
    }
    assert_eq!((server.connections(), server.messages().len()), (3, 3));
}

#[tokio::test]
async fn after_a_refusal_the_next_transaction_begins_clean() {
    for script in [Script::default(), Script::default().step_by_step()] {
        let mut script = script;
        script.rcpt = b"550 5.1.1 no such user\r\n".to_vec();
        script.data = b"503 5.5.1 no recipients\r\n".to_vec();
        let server = Server::start(script).await;
        let courier = keeping(&server, 100, Duration::from_secs(5)).await;
        for _ in 0..2 {
            permanent(&send(&courier).await);
        }
        assert_eq!(server.connections(), 1);
        let commands = server.commands();
        assert_eq!(commands.iter().filter(|c| *c == "RSET").count(), 1, "{commands:?}");
    }
}

#[tokio::test]
async fn idle_connections_are_given_up() {
    let server = Server::start(Script::default()).await;
    let courier = keeping(&server, 100, Duration::from_millis(100)).await;
    handed(&send(&courier).await);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(server.commands().contains(&"QUIT".to_owned()));
    handed(&send(&courier).await);
    assert_eq!(server.connections(), 2);
}
