//! An unknown user and a wrong password sound alike; a session ends with its third wrong one, an address after twenty in
//! all. Who logged in goes on, and so does everybody elsewhere.

use crate::harness::{Client, Config, Login, Sink};

const MAIL: &str = "From: a@own.example\r\n\r\nx\r\n";

#[tokio::test]
async fn guessing_passwords_stops_the_guesser_only() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let (login, server) = (relay.login().await, relay.submission());
    let mut good = Client::logged_in(server, &login).await;

    let mut client = Client::greeted(server).await;
    let wrong = client.auth(&login.username, "wrong").await;
    let unknown = client.auth("nobody", &login.password).await;
    assert_eq!((wrong.code, &wrong), (535, &unknown));
    let third = client.auth(&login.username, "").await;
    assert_eq!((third.code, client.reply().await.code), (421, 0), "{third:?}");

    // Many at once, while a good client sends.
    let guesses = (0..50).map(|n| {
        tokio::spawn(async move {
            let mut client = Client::greeted(server).await;
            client.auth("news", &format!("guess {n}")).await.code
        })
    });
    let guesses: Vec<_> = guesses.collect();
    for _ in 0..5 {
        assert_eq!(good.send("a@own.example", &["ok-1@b.example"], MAIL).await.code, 250);
    }
    let mut judged = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            535 => judged += 1,
            code => assert_eq!(code, 421),
        }
    }
    // Twenty an address; those that are judged at the same moment may be one or two more.
    assert!((17..25).contains(&judged), "{judged}");

    // Not even the right one is looked at from there now; from elsewhere it is.
    assert_eq!(Client::greeted(server).await.auth(&login.username, &login.password).await.code, 421);
    let Login { username, password } = &login;
    let mut elsewhere = Client::greeted_from(2, server).await;
    assert_eq!(elsewhere.auth(username, password).await.code, 235);
    for client in [&mut good, &mut elsewhere] {
        assert_eq!(client.send("a@own.example", &["ok-1@b.example"], MAIL).await.code, 250);
    }
    assert_eq!(sink.wait_for(7).await.unwrap().len(), 7);
    good.quit().await;
    elsewhere.quit().await;
    relay.finish().await;
}
