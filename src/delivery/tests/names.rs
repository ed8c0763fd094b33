//! Routes by the DNS.

use std::collections::BTreeSet;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::server::Script;
use super::zone::Entry;
use super::*;

fn courier_in(zone: &Zone, port: u16) -> Courier {
    Courier::new(settings(zone, port)).unwrap()
}

/// Ends a name's look-ups at the zone with an answer to each type.
fn fails(zone: &Zone, name: &str, entry: &Entry) {
    for kind in [RecordType::MX, RecordType::A, RecordType::AAAA] {
        zone.set(name, kind, entry.clone());
    }
}

#[tokio::test]
async fn dead_names_bounce_and_silent_ones_wait() {
    let server = Server::start(Script::default()).await;
    let zone = Zone::start().await;
    zone.mx("null.example", &[(0, ".")]);
    zone.a("null.example", &[server.ip()]);
    zone.mx("empty.example", &[(10, "nowhere.empty.example")]);
    zone.set("mailless.example", RecordType::TXT, Entry::Records(Vec::new()));
    zone.set("servfail.example", RecordType::MX, Entry::Code(ResponseCode::ServFail));
    zone.set("refused.example", RecordType::MX, Entry::Code(ResponseCode::Refused));
    for name in ["servfail.example", "refused.example"] {
        zone.a(name, &[server.ip()]);
    }
    zone.mx("half.example", &[(10, "mx.half.example")]);
    fails(&zone, "mx.half.example", &Entry::Code(ResponseCode::ServFail));
    let courier = courier_in(&zone, server.address.port());
    for (domain, said, class) in [
        ("nxdomain.example", "550 5.1.2", BounceClass::BadDomain),
        ("null.example", "556 5.1.10", BounceClass::BadDomain),
        ("empty.example", "550 5.4.4", BounceClass::Dns),
        ("mailless.example", "550 5.1.2", BounceClass::BadDomain),
    ] {
        let attempted = send_to(&courier, &format!("ann@{domain}"), COPY).await;
        let (reply, found) = permanent(&attempted);
        assert!(reply.to_string().starts_with(said) && found == class, "{domain}: {reply} {found}");
    }
    for domain in ["servfail.example", "refused.example", "half.example"] {
        let attempted = send_to(&courier, &format!("ann@{domain}"), COPY).await;
        let (reply, class) = temporary(&attempted);
        assert!(reply.to_string().starts_with("451 4.4.3") && class == BounceClass::Dns, "{domain}: {reply}");
    }
    assert_eq!(server.connections(), 0, "no fall-back to addresses");
}

#[tokio::test]
async fn a_silent_resolver_is_waited_for_no_longer_than_set() {
    let zone = Zone::start().await;
    fails(&zone, "b.example", &Entry::Silence);
    let mut settings = settings(&zone, 25);
    settings.timeouts.lookup = Duration::from_millis(400);
    let attempted = send(&Courier::new(settings).unwrap()).await;
    assert_eq!(temporary(&attempted).1, BounceClass::Dns);
    assert!(attempted.ms < 3_000, "{}", attempted.ms);
}

#[tokio::test]
async fn implicit_aliased_and_truncated_exchangers_are_found() {
    let server = Server::start(Script::default()).await;
    let zone = Zone::start().await;
    zone.a("implicit.example", &[server.ip()]);
    zone.mx("aliased.example", &[(10, "alias.aliased.example")]);
    zone.cname("alias.aliased.example", "real.example");
    zone.a("real.example", &[server.ip()]);
    zone.cname("other.example", "aliased.example");
    let courier = courier_in(&zone, server.address.port());
    for (domain, site) in [
        ("implicit.example", "implicit.example"),
        ("aliased.example", "alias.aliased.example"),
        ("other.example", "alias.aliased.example"),
    ] {
        let attempted = send_to(&courier, &format!("ann@{domain}"), COPY).await;
        handed(&attempted);
        assert_eq!(attempted.site, site);
        assert_eq!(courier.site_of(&Domain::parse(domain).unwrap()).await.0.as_deref(), Some(site));
    }
    zone.truncate();
    let fresh = courier_in(&zone, server.address.port());
    handed(&send_to(&fresh, "ann@aliased.example", COPY).await);
}

#[tokio::test]
async fn addresses_inside_are_refused_unless_allowed() {
    let server = Server::start(Script::default()).await;
    let zone = Zone::start().await;
    zone.mx("b.example", &[(10, "mx.b.example")]);
    zone.a("mx.b.example", &[server.ip(), ip("::1"), ip("::ffff:127.0.0.1"), ip("10.0.0.1")]);
    zone.a("c.example", &[ip("169.254.169.254")]);
    let mut settings = settings(&zone, server.address.port());
    settings.allow_private_mx = false;
    let courier = Courier::new(settings).unwrap();
    let (reply, class) = permanent(&send(&courier).await);
    assert!(reply.text.contains("private or reserved") && class == BounceClass::Dns, "{reply}");
    permanent(&send_to(&courier, "ann@c.example", COPY).await);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn own_name_among_the_exchangers_is_a_loop() {
    let server = Server::start(Script::default()).await;
    let zone = Zone::start().await;
    zone.mx("b.example", &[(10, "Relay.Shop.Example"), (20, "mx.b.example")]);
    zone.a("mx.b.example", &[server.ip()]);
    let courier = courier_in(&zone, server.address.port());
    let (reply, _) = permanent(&send(&courier).await);
    assert!(reply.to_string().starts_with("554 5.4.6"), "{reply}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_next_host_is_asked_when_the_first_is_dead_or_busy() {
    let busy = [b"HANG UP".as_slice(), b"421 4.3.2 busy\r\n", b"554 5.7.1 not you\r\n"];
    for greeting in busy {
        let first = Server::start(Script::but("greeting", greeting)).await;
        let port = first.address.port();
        let second = Server::start_at(at("127.0.0.2", port), Script::default()).await;
        let zone = Zone::start().await;
        zone.mx("b.example", &[(10, "dead.example"), (20, "one.example"), (30, "two.example"), (5, "gone.example")]);
        zone.a("dead.example", &[ip("127.0.0.9")]);
        zone.a("one.example", &[first.ip()]);
        zone.a("two.example", &[second.ip()]);
        let attempted = send(&courier_in(&zone, port)).await;
        handed(&attempted);
        assert_eq!((attempted.mx.as_str(), attempted.ip.as_str()), ("two.example", "127.0.0.2"));
        assert_eq!((first.connections(), attempted.site.as_str()), (1, "gone.example"));
    }
}

#[tokio::test]
async fn a_refused_recipient_is_not_offered_to_the_next_host() {
    for said in [&b"550 5.1.1 no such user\r\n"[..], b"451 4.7.1 greylisted\r\n"] {
        let first = Server::start(Script::but("rcpt", said)).await;
        let port = first.address.port();
        let second = Server::start_at(at("127.0.0.2", port), Script::default()).await;
        let zone = Zone::start().await;
        zone.mx("b.example", &[(10, "one.example"), (20, "two.example")]);
        zone.a("one.example", &[first.ip()]);
        zone.a("two.example", &[second.ip()]);
        let attempted = send(&courier_in(&zone, port)).await;
        assert!(!matches!(attempted.result, Answer::Handed(_)));
        assert_eq!((attempted.mx.as_str(), second.connections()), ("one.example", 0));
    }
}

#[tokio::test]
async fn equal_hosts_take_turns_and_only_five_addresses_are_tried() {
    let zone = Zone::start().await;
    let port = Server::start(Script::default()).await.address.port();
    let one = Server::start_at(at("127.0.0.2", port), Script::default()).await;
    let two = Server::start_at(at("127.0.0.3", port), Script::default()).await;
    zone.mx("b.example", &[(10, "one.example"), (10, "two.example")]);
    zone.a("one.example", &[one.ip()]);
    zone.a("two.example", &[two.ip()]);
    let courier = courier_in(&zone, port);
    let mut hosts = BTreeSet::new();
    for _ in 0..40 {
        hosts.insert(send(&courier).await.mx);
    }
    assert_eq!(hosts.len(), 2);
    let dead: Vec<IpAddr> = (11..20).map(|n| ip(&format!("127.0.0.{n}"))).collect();
    zone.a("dead.example", &dead);
    let attempted = send_to(&courier, "ann@dead.example", COPY).await;
    let (reply, class) = temporary(&attempted);
    assert!(class == BounceClass::NoAnswer && reply.to_string().starts_with("451 4.4.1"), "{reply}");
    assert_eq!(attempted.transcript.matches("connecting to").count(), 5);
}

#[tokio::test]
async fn source_addresses_are_used() {
    let server = Server::start(Script::default()).await;
    let courier = courier_with(&server, |s| s.source_addresses = vec![ip("127.0.0.77")]).await;
    handed(&send(&courier).await);
    let courier = courier_with(&server, |s| s.source_addresses = vec![ip("::1")]).await;
    let (reply, _) = temporary(&send(&courier).await);
    assert!(reply.text.contains("no source address"), "{reply}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_copy_that_failed_over_two_sessions_is_not_offered_over_a_third() {
    let busy = || Script::but("mail", b"452 4.3.1 full\r\n");
    let first = Server::start(busy()).await;
    let port = first.address.port();
    let second = Server::start_at(at("127.0.0.2", port), busy()).await;
    let third = Server::start_at(at("127.0.0.3", port), Script::default()).await;
    let zone = Zone::start().await;
    zone.a("b.example", &[first.ip(), second.ip(), third.ip()]);
    let (reply, _) = temporary(&send(&courier_in(&zone, port)).await);
    assert_eq!(reply.code, 452);
    assert_eq!(first.connections() + second.connections() + third.connections(), 2);
}
