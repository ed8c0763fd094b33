//! Zones that are wrong.

use hickory_proto::rr::RecordType;

use super::server::Script;
use super::zone::Entry;
use super::*;

async fn sent_to(zone: &Zone, server: &Server, domain: &str) -> Attempted {
    let courier = Courier::new(settings(zone, server.address.port())).unwrap();
    send_to(&courier, &format!("ann@{domain}"), COPY).await
}

#[tokio::test]
async fn aliases_in_a_circle_wait_for_their_zone_to_be_mended() {
    let server = Server::start(Script::default()).await;
    let zone = Zone::start().await;
    zone.cname("circle.example", "round.example");
    zone.cname("round.example", "circle.example");
    zone.cname("self.example", "self.example");
    zone.mx("host.example", &[(10, "circle.example")]);
    for domain in ["circle.example", "self.example", "host.example"] {
        let attempted = sent_to(&zone, &server, domain).await;
        let (reply, class) = temporary(&attempted);
        assert!(reply.to_string().starts_with("451 4.4.3") && class == BounceClass::Dns, "{domain}: {reply}");
    }
    assert_eq!(server.connections(), 0);

    // What is only a long way round is none, and an alias of a name without mail says that there is none.
    for n in 0..6 {
        zone.cname(&format!("way{n}.example"), &format!("way{}.example", n + 1));
    }
    zone.a("way6.example", &[server.ip()]);
    handed(&sent_to(&zone, &server, "way0.example").await);
    zone.cname("alias.example", "mailless.example");
    zone.set("mailless.example", RecordType::TXT, Entry::Records(Vec::new()));
    assert_eq!(permanent(&sent_to(&zone, &server, "alias.example").await).1, BounceClass::BadDomain);
}

#[tokio::test]
async fn an_address_in_the_place_of_an_exchanger_is_no_address() {
    let server = Server::start(Script::default()).await;
    let zone = Zone::start().await;
    zone.mx("literal.example", &[(10, "127.0.0.1")]);
    zone.mx("both.example", &[(10, "127.0.0.1"), (20, "mx.both.example")]);
    zone.a("mx.both.example", &[server.ip()]);
    let (reply, class) = permanent(&sent_to(&zone, &server, "literal.example").await);
    assert!(reply.to_string().starts_with("550 5.4.4") && class == BounceClass::Dns, "{reply}");
    assert_eq!(server.connections(), 0);
    let attempted = sent_to(&zone, &server, "both.example").await;
    handed(&attempted);
    assert_eq!((attempted.mx.as_str(), server.messages().len()), ("mx.both.example", 1));
}

#[tokio::test]
async fn an_exchanger_without_addresses_is_nobody() {
    let server = Server::start(Script::default()).await;
    let zone = Zone::start().await;
    for host in ["bare.example", "bare-too.example"] {
        zone.set(host, RecordType::TXT, Entry::Records(Vec::new()));
    }
    zone.mx("b.example", &[(10, "bare.example"), (10, "bare-too.example")]);
    zone.a("b.example", &[server.ip()]);
    let (reply, class) = permanent(&sent_to(&zone, &server, "b.example").await);
    assert!(reply.to_string().starts_with("550 5.4.4") && class == BounceClass::Dns, "{reply}");
    assert_eq!(server.connections(), 0, "with exchangers the domain's own address is not meant");
}

#[tokio::test]
async fn of_fifty_exchangers_a_few_are_tried() {
    let server = Server::start(Script::default()).await;
    let zone = Zone::start().await;
    let names: Vec<_> = (0..50).map(|n| format!("mx{n}.example")).collect();
    let records: Vec<_> = names.iter().map(|name| (10, name.as_str())).collect();
    zone.mx("gone.example", &records);
    let attempted = sent_to(&zone, &server, "gone.example").await;
    // Those that were left out may be there.
    let (reply, class) = temporary(&attempted);
    assert!(reply.text.contains("does not exist") && class == BounceClass::Dns, "{reply}");
    assert_eq!(attempted.transcript.matches("does not exist").count(), 20, "{}", attempted.transcript);

    zone.mx("dead.example", &records);
    names.iter().for_each(|name| zone.a(name, &[ip("127.0.0.9")]));
    let attempted = sent_to(&zone, &server, "dead.example").await;
    assert_eq!(temporary(&attempted).1, BounceClass::NoAnswer);
    assert_eq!(attempted.transcript.matches("connecting to").count(), 5);

    let records: Vec<_> = (1..).zip(&names).map(|(n, name)| (n, name.as_str())).collect();
    zone.mx("first.example", &records);
    zone.a("mx0.example", &[server.ip()]);
    handed(&sent_to(&zone, &server, "first.example").await);
    assert_eq!((server.connections(), server.messages().len()), (1, 1));
}
