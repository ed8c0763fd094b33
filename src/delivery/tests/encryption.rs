//! STARTTLS.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::server::Script;
use super::*;

pub fn acceptor() -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(vec!["mx.b.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

pub fn offering_tls() -> Script {
    Script { ehlo: b"250-mx.b.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n".to_vec(), ..Script::default() }
}

#[tokio::test]
async fn offered_tls_is_used_and_the_certificate_judged() {
    let server = Server::start(Script { tls: Some(acceptor()), ..offering_tls() }).await;
    let attempted = send(&courier_to(&server).await).await;
    handed(&attempted);
    assert_eq!(attempted.tls, "TLSv1.3");
    assert!(attempted.certificate.starts_with("not valid: "), "{}", attempted.certificate);
    let commands = server.commands();
    assert_eq!(commands[..3], ["EHLO relay.shop.example", "STARTTLS", "EHLO relay.shop.example"]);
    assert!(!commands[3].contains("SIZE"), "offers made in plain do not count: {commands:?}");
}

#[tokio::test]
async fn a_failed_handshake_is_followed_by_a_plain_connection() {
    let server = Server::start(offering_tls()).await;
    let attempted = send(&courier_to(&server).await).await;
    handed(&attempted);
    assert_eq!((server.connections(), attempted.tls.as_str(), attempted.certificate.as_str()), (2, "", ""));
    assert!(attempted.transcript.contains("no TLS with mx.b.example"), "{}", attempted.transcript);
}

#[tokio::test]
async fn refused_starttls_goes_on_in_plain() {
    let mut script = offering_tls();
    script.starttls = b"454 4.7.0 not now\r\n".to_vec();
    let server = Server::start(script).await;
    handed(&send(&courier_to(&server).await).await);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn replies_injected_before_the_handshake_are_never_read() {
    let mut script = Script { tls: Some(acceptor()), ..offering_tls() };
    script.starttls = b"220 2.0.0 go\r\n250-injected\r\n250 SIZE 1\r\n".to_vec();
    let server = Server::start(script).await;
    let attempted = send(&courier_to(&server).await).await;
    handed(&attempted);
    assert_eq!((server.connections(), attempted.tls.as_str()), (2, ""));
    assert!(!attempted.transcript.contains("injected"), "{}", attempted.transcript);
}
