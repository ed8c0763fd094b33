//! STARTTLS.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::super::failure::Failure;
use super::super::host::Peer;
use super::super::opening::{Custom, Security, Target};
use super::super::session::Session;
use super::super::tls::Tls;
use super::super::transcript::Transcript;
use super::server::Script;
use super::*;

pub fn acceptor() -> TlsAcceptor {
    certified().0
}

/// With the certificate that makes it trusted.
fn certified() -> (TlsAcceptor, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["mx.b.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    (TlsAcceptor::from(Arc::new(config)), made.cert.der().clone())
}

/// Opens a session as to a smarthost elsewhere, with a password.
async fn open(
    server: &Server,
    host: &str,
    security: Security,
    roots: RootCertStore,
) -> (Result<Session, Failure>, String) {
    let login = Login { user: "news".to_owned(), password: "secret".to_owned() };
    let (tls, timeouts) = (Tls::with_roots(roots).unwrap(), timeouts());
    let rules = crate::domain::BounceRules::built_in();
    let custom = Custom { hostname: "relay.shop.example", timeouts: &timeouts, tls: &tls, rules: &rules };
    let (peer, protocol) = (&Peer::Ip(server.address), Protocol::Smtp);
    let target = Target { host, key: host, peer, source: None, protocol, security, login: Some(&login) };
    let mut log = Transcript::default();
    (Session::open(target, custom, &mut log).await, log.text_of(0))
}

/// TLS with a valid certificate.
const DEMANDED: Security = Security::Demanded { valid: true };

pub fn offering_tls() -> Script {
    Script { ehlo: b"250-mx.b.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n".to_vec(), ..Script::default() }
}

#[tokio::test]
async fn offered_tls_is_used_and_the_certificate_judged() {
    let server = Server::start(Script { tls: Some(acceptor()), ..offering_tls() }).await;
    let courier = courier_with(&server, |settings| settings.messages_per_connection = 2).await;
    // The second one goes over the connection that stands, and says so too.
    for noted in ["-- TLSv1.3, certificate not valid: ", "that stood: TLSv1.3, certificate not valid: "] {
        let attempted = send(&courier).await;
        handed(&attempted);
        assert_eq!(attempted.tls, "TLSv1.3");
        assert!(attempted.certificate.starts_with("not valid: "), "{}", attempted.certificate);
        assert!(attempted.transcript.contains(noted), "{}", attempted.transcript);
    }
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
async fn a_server_that_insists_on_tls_is_tried_again_later() {
    let server = Server::start(Script { mail: b"530 5.7.0 STARTTLS first\r\n".to_vec(), ..offering_tls() }).await;
    let attempted = send(&courier_to(&server).await).await;
    assert_eq!(temporary(&attempted).0.code, 530);
    let insisting = Server::start(Script::but("mail", b"530 5.7.0 log in\r\n")).await;
    permanent(&send(&courier_to(&insisting).await).await);
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

#[tokio::test]
async fn a_password_goes_only_to_a_server_that_proved_its_name() {
    let (acceptor, certificate) = certified();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let mut script = Script { tls: Some(acceptor), ..offering_tls() };
    script.ehlo_tls = b"250-mx.b.example\r\n250 AUTH PLAIN\r\n".to_vec();
    let server = Server::start(script.clone()).await;
    let (session, _) = open(&server, "mx.b.example", DEMANDED, roots.clone()).await;
    assert_eq!(session.ok().unwrap().agreed.certificate, "valid for mx.b.example");
    for (host, roots, why) in
        [("other.example", roots, "not valid for name"), ("mx.b.example", RootCertStore::empty(), "no trusted roots")]
    {
        let server = Server::start(script.clone()).await;
        let (session, log) = open(&server, host, DEMANDED, roots).await;
        let failure = session.err().unwrap();
        assert!(failure.reply.text.contains(why) && !failure.permanent, "{}", failure.reply);
        assert_eq!(server.connections(), 1, "{log}");
        assert!(!server.commands().iter().any(|c| c.starts_with("AUTH")));
    }
}

#[tokio::test]
async fn a_password_never_goes_in_plain() {
    let plain = Script { ehlo: b"250-mx.b.example\r\n250 AUTH PLAIN\r\n".to_vec(), ..Script::default() };
    let refusing = Script { starttls: b"454 4.7.0 not now\r\n".to_vec(), ..offering_tls() };
    let old = Script { ehlo: b"500 what\r\n".to_vec(), ..Script::default() };
    for script in [plain, refusing, offering_tls(), old] {
        let server = Server::start(script).await;
        let (session, log) = open(&server, "mx.b.example", DEMANDED, RootCertStore::empty()).await;
        assert!(!session.err().unwrap().permanent, "{log}");
        assert!(!server.commands().iter().any(|c| c.starts_with("AUTH")), "{log}");
    }
}
