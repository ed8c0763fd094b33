//! The one server that takes everything.

use super::encryption::{acceptor, offering_tls};
use super::server::Script;
use super::*;

fn courier(url: &str) -> Courier {
    let mode = Mode::Smarthost(Host::smarthost(url).unwrap().into());
    let hostname = "relay.shop.example".to_owned();
    Courier::new(Settings { hostname, mode, timeouts: timeouts(), ..Settings::default() }).unwrap()
}

fn offering(auth: &str) -> Script {
    Script { ehlo: format!("250-mx.b.example\r\n250 {auth}\r\n").into_bytes(), ..Script::default() }
}

#[tokio::test]
async fn logs_in_and_keeps_the_password_out_of_the_transcript() {
    let server = Server::start(offering("AUTH LOGIN PLAIN")).await;
    let attempted = send(&courier(&format!("smtp://news:s%40cret@{}", server.address))).await;
    handed(&attempted);
    assert_eq!((attempted.mx.as_str(), attempted.site.as_str()), ("127.0.0.1", "127.0.0.1"));
    assert!(server.commands().contains(&"AUTH PLAIN AG5ld3MAc0BjcmV0".to_owned()), "{:?}", server.commands());
    let log = untimed(&attempted);
    assert!(log.contains("C: AUTH PLAIN ***\nS: 235") && !log.contains("AG5ld3M"), "{log}");
}

#[tokio::test]
async fn logs_in_step_by_step_where_plain_is_not_offered() {
    let server = Server::start(offering("AUTH LOGIN CRAM-MD5")).await;
    let attempted = send(&courier(&format!("smtp://news:s%40cret@{}", server.address))).await;
    handed(&attempted);
    assert_eq!(server.commands()[1..4], ["AUTH LOGIN", "bmV3cw==", "c0BjcmV0"]);
    let log = &attempted.transcript;
    assert!(log.contains("C: ***\n") && !log.contains("c0BjcmV0"), "{log}");
}

#[tokio::test]
async fn a_refused_login_never_bounces_mail() {
    let mut script = offering("AUTH=PLAIN");
    script.auth = b"535 5.7.8 wrong\r\n".to_vec();
    let server = Server::start(script).await;
    let (reply, _) = temporary(&send(&courier(&format!("smtp://news:secret@{}", server.address))).await);
    assert_eq!(reply.code, 535);
    let server = Server::start(Script::but("mail", b"530 5.7.0 log in\r\n")).await;
    let (reply, _) = temporary(&send(&courier(&format!("smtp://{}", server.address))).await);
    assert_eq!(reply.code, 530);
    let server = Server::start(offering("HELP")).await;
    let (reply, _) = temporary(&send(&courier(&format!("smtp://news:secret@{}", server.address))).await);
    assert!(reply.text.contains("offers neither AUTH PLAIN nor AUTH LOGIN"), "{reply}");
}

#[tokio::test]
async fn names_come_from_the_hosts_file_too() {
    let server = Server::start(Script::default()).await;
    let attempted = send(&courier(&format!("smtp://localhost:{}", server.address.port()))).await;
    handed(&attempted);
    assert_eq!((attempted.mx.as_str(), attempted.ip.as_str()), ("localhost", "127.0.0.1"));
}

#[tokio::test]
async fn tls_from_the_first_byte() {
    let server = Server::start(Script { tls: Some(acceptor()), implicit: true, ..Script::default() }).await;
    let attempted = send(&courier(&format!("smtps://{}", server.address))).await;
    handed(&attempted);
    assert_eq!(attempted.tls, "TLSv1.3");
    let plain = Server::start(Script::default()).await;
    let (_, class) = temporary(&send(&courier(&format!("smtps://{}", plain.address))).await);
    assert_eq!(class, BounceClass::TlsOrProtocol);
}

#[tokio::test]
async fn within_this_machine_starttls_is_used_when_offered() {
    let server = Server::start(Script { tls: Some(acceptor()), ..offering_tls() }).await;
    let attempted = send(&courier(&format!("smtp://{}", server.address))).await;
    handed(&attempted);
    assert_eq!(attempted.tls, "TLSv1.3");
}

#[tokio::test]
async fn the_sandbox_sends_nothing() {
    let courier = Courier::new(Settings::default()).unwrap();
    assert!(temporary(&send(&courier).await).0.text.contains("sandbox"));
}
