//! Connections that die at each step: nothing is lost, nothing goes to two servers in one attempt.

use super::encryption::offering_tls;
use super::server::{HANG_UP, Script};
use super::shared::{digits, send_all, taken, ways};
use super::*;

/// `first` is the best exchanger of `b.example`, a server without fault the next one.
async fn two(first: Script) -> (Server, Server, Courier) {
    let first = Server::start(first).await;
    let second = Server::start_at(at("127.0.0.2", first.address.port()), Script::default()).await;
    let zone = Zone::start().await;
    zone.mx("b.example", &[(10, "one.example"), (20, "two.example")]);
    zone.a("one.example", &[first.ip()]);
    zone.a("two.example", &[second.ip()]);
    let courier = Courier::new(settings(&zone, first.address.port())).unwrap();
    (first, second, courier)
}

/// It dies before it could have taken anything: alone it is tried again later, else the next one gets the mail, once.
async fn dies_early(script: Script, step: &str) {
    let alone = Server::start(script.clone()).await;
    let attempted = send(&courier_to(&alone).await).await;
    let (reply, class) = temporary(&attempted);
    assert_eq!((reply.to_string().get(..9), class), (Some("451 4.4.2"), BounceClass::NoAnswer), "{step}: {reply}");
    assert!(reply.text.ends_with(&format!("closed the connection at {step}")), "{reply}");
    assert_eq!((alone.connections(), alone.messages().len()), (1, 0), "{step}");

    let (first, second, courier) = two(script).await;
    handed(&send(&courier).await);
    let counts = (first.connections(), first.messages().len(), second.messages().len());
    assert_eq!(counts, (1, 0, 1), "{step}");
}

/// It dies when it may have taken the mail: that is tried again later, and nowhere else in this attempt.
async fn dies_late(script: Script, copy: &[u8], may_have: usize) {
    let (first, second, courier) = two(script).await;
    let attempted = send_copy(&courier, copy).await;
    let (reply, class) = temporary(&attempted);
    assert_eq!((reply.to_string().get(..9), class), (Some("451 4.4.2"), BounceClass::NoAnswer), "{reply}");
    let counts = (first.connections(), first.messages().len(), second.connections());
    assert_eq!(counts, (1, may_have, 0), "{}", attempted.transcript);
}

/// A step's replies that end the connection: none, one cut within its line, one cut between two lines.
fn cuts(code: u16) -> [String; 3] {
    [HANG_UP.to_owned(), format!("{code} cu{HANG_UP}"), format!("{code}-one\r\n{HANG_UP}")]
}

#[tokio::test]
async fn after_connecting_and_in_the_banner() {
    for cut in cuts(220) {
        dies_early(Script::but("greeting", cut.as_bytes()), "the greeting").await;
    }
}

#[tokio::test]
async fn after_ehlo() {
    for cut in cuts(250) {
        dies_early(Script::but("ehlo", cut.as_bytes()), "EHLO").await;
    }
}

#[tokio::test]
async fn after_starttls() {
    for cut in cuts(220) {
        dies_early(Script { starttls: cut.into(), ..offering_tls() }, "STARTTLS").await;
    }
}

#[tokio::test]
async fn in_the_handshake() {
    let dying = Script { starttls: format!("220 2.0.0 go\r\n{HANG_UP}").into(), ..offering_tls() };
    let (first, second, courier) = two(dying).await;
    let attempted = send(&courier).await;
    handed(&attempted);
    // Over a new connection, in plain; the next host is not needed.
    let counts = (first.connections(), first.messages().len(), second.connections());
    assert_eq!((counts, attempted.tls.as_str()), ((2, 1, 0), ""), "{}", attempted.transcript);
}

#[tokio::test]
async fn after_the_handshake() {
    for cut in cuts(250) {
        let tls = Some(super::encryption::acceptor());
        dies_early(Script { tls, ehlo_tls: cut.into(), ..offering_tls() }, "EHLO").await;
    }
}

#[tokio::test]
async fn after_mail() {
    for cut in cuts(250) {
        for script in ways(&Script::but("mail", cut.as_bytes())) {
            dies_early(script, "MAIL").await;
        }
    }
}

#[tokio::test]
async fn after_rcpt() {
    for cut in cuts(250) {
        for script in ways(&Script::but("rcpt", cut.as_bytes())) {
            dies_early(script, "RCPT").await;
        }
    }
}

#[tokio::test]
async fn after_any_of_several_recipients() {
    for dying in ["a", "b", "c"] {
        for script in ways(&Script { rcpts: vec![(dying, HANG_UP)], ..Script::default() }) {
            let (first, second, courier) = two(script).await;
            let attempted = send_all(&courier, &["a", "b", "c"]).await;
            assert_eq!(digits(&attempted), "222", "{dying}");
            assert_eq!((first.messages().len(), taken(&second)), (0, vec!["abc".to_owned()]), "{dying}");
        }
    }
}

#[tokio::test]
async fn after_data() {
    let [none, cut, between] = cuts(354);
    for reply in [none, cut, between] {
        let script = Script::but("data", reply.as_bytes());
        for script in [script.clone(), script.step_by_step()] {
            dies_early(script, "DATA").await;
        }
    }
}

#[tokio::test]
async fn after_it_asked_for_the_message() {
    let script = Script::but("data", format!("354 go on\r\n{HANG_UP}").as_bytes());
    for script in [script.clone(), script.step_by_step()] {
        dies_late(script, COPY, 0).await;
    }
}

#[tokio::test]
async fn in_the_middle_of_the_message() {
    let long = [b"Subject: x\r\n\r\n".as_slice(), &b"0123456789abcdef\r\n".repeat(50_000)].concat();
    // Up to 64 KiB go out with their envelope where the server takes that.
    let short = [b"Subject: x\r\n\r\n".as_slice(), &b"0123456789abcdef\r\n".repeat(3_000)].concat();
    for script in ways(&Script { message_max: 1_000, ..Script::default() }) {
        dies_late(script.clone(), &long, 0).await;
        dies_late(script, &short, 0).await;
    }
}

#[tokio::test]
async fn after_the_message_before_its_reply() {
    for cut in cuts(250) {
        for script in ways(&Script::but("dot", cut.as_bytes())) {
            dies_late(script, COPY, 1).await;
        }
    }
}

#[tokio::test]
async fn before_a_connection_is_used_again() {
    for script in ways(&Script::default()) {
        let server = Server::start(Script { mails_max: 1, ..script }).await;
        let courier = courier_with(&server, |settings| settings.messages_per_connection = 10).await;
        for sent in 1..=3 {
            handed(&send(&courier).await);
            assert_eq!(server.messages().len(), sent);
        }
    }
}
