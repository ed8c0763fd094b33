//! Domains that have a host of their own.

use super::encryption::{acceptor, offering_tls};
use super::server::Script;
use super::*;

/// A courier in a zone where only `b.example` exists, with these routes.
async fn courier_with_routes(mx: &Server, routes: &[(&str, &str, Option<TlsPolicy>)]) -> Courier {
    let mut table = Routes::default();
    for (domain, to, tls) in routes {
        let host = Host::route(to).unwrap();
        let host = tls.map_or(host.clone(), |tls| host.with_tls(tls).unwrap());
        table.set(&domain.parse().unwrap(), &host.into());
    }
    courier_with(mx, |settings| (settings.routes, settings.messages_per_connection) = (table, 100)).await
}

async fn routed(server: &Server, login: &str, tls: Option<TlsPolicy>) -> Attempted {
    let mx = Server::start(Script::default()).await;
    let to = format!("smtp://{login}{}", server.address);
    send_to(&courier_with_routes(&mx, &[("house.example", &to, tls)]).await, "ann@house.example", COPY).await
}

#[tokio::test]
async fn a_domain_with_a_route_is_never_looked_up() {
    let (house, mx) = (Server::start(Script::default()).await, Server::start(Script::default()).await);
    let to = format!("smtp://localhost:{}", house.address.port());
    let courier = courier_with_routes(&mx, &[("house.example", &to, None), ("*.house.example", &to, None)]).await;
    for domain in ["house.example", "a.house.example"] {
        let attempted = send_to(&courier, &format!("ann@{domain}"), COPY).await;
        handed(&attempted);
        let place = (attempted.mx.as_str(), attempted.ip.as_str(), attempted.site.as_str());
        assert_eq!(place, ("localhost", "127.0.0.1", "localhost"));
        assert_eq!(attempted.reach, Reach::Beside("localhost".to_owned()));
    }
    assert_eq!((house.connections(), mx.connections()), (1, 0));
    let attempted = send(&courier).await;
    handed(&attempted);
    assert_eq!((attempted.mx.as_str(), house.messages().len(), mx.messages().len()), ("mx.b.example", 2, 1));

    let domain = |text: &str| Domain::parse(text).unwrap();
    let [house, below, other] = [domain("house.example"), domain("a.house.example"), domain("b.example")];
    assert_eq!(courier.site_of(&house).await, (Some("localhost".to_owned()), Reach::Unasked));
    assert_eq!(courier.site_of(&other).await, (Some("mx.b.example".to_owned()), Reach::Names));
    let key = courier.route_key(&house).await;
    assert!(key.is_some() && key == courier.route_key(&below).await && key != courier.route_key(&other).await);
}

#[tokio::test]
async fn a_session_is_kept_for_its_own_host_and_port() {
    let (one, two) = (Server::start(Script::default()).await, Server::start(Script::default()).await);
    let (to_one, to_two) = (format!("smtp://{}", one.address), format!("smtp://{}", two.address));
    let routes = [("one.example", to_one.as_str(), None), ("two.example", &to_two, None)];
    let courier = courier_with_routes(&one, &routes).await;
    for _ in 0..2 {
        for domain in ["one.example", "two.example"] {
            handed(&send_to(&courier, &format!("ann@{domain}"), COPY).await);
        }
    }
    assert_eq!((one.connections(), one.messages().len()), (1, 2));
    assert_eq!((two.connections(), two.messages().len()), (1, 2));
}

#[tokio::test]
async fn beside_a_smarthost_a_route_goes_first() {
    let (house, smarthost) = (Server::start(Script::default()).await, Server::start(Script::default()).await);
    let host = |server: &Server| std::sync::Arc::new(Host::route(&format!("smtp://{}", server.address)).unwrap());
    let mut routes = Routes::default();
    routes.set(&"house.example".parse().unwrap(), &host(&house));
    let mode = Mode::Smarthost(host(&smarthost));
    let settings = Settings { mode, routes, timeouts: timeouts(), ..Settings::default() };
    let courier = Courier::new(settings.clone()).unwrap();
    assert!(matches!(send(&courier).await.reach, Reach::Server(_)));
    assert!(matches!(send_to(&courier, "ann@house.example", COPY).await.reach, Reach::Beside(_)));
    assert_eq!((house.recipients()[0][0].as_str(), smarthost.messages().len()), ("ann@house.example", 1));

    let sandbox = Courier::new(Settings { mode: Mode::Sandbox, ..settings }).unwrap();
    assert!(temporary(&send_to(&sandbox, "ann@house.example", COPY).await).0.text.contains("sandbox"));
    assert_eq!(house.connections(), 1);
}

#[tokio::test]
async fn a_host_that_is_not_found_is_no_fault_of_the_mail() {
    let mx = Server::start(Script::default()).await;
    let gone = "smtp://mail.gone.example:25";
    let routes = [("house.example", gone, None), ("dead.example", "smtp://[::1]:1", None)];
    let courier = courier_with_routes(&mx, &routes).await;
    let attempted = send_to(&courier, "ann@house.example", COPY).await;
    let (reply, class) = temporary(&attempted);
    let expected = "451 4.4.4 the mail host mail.gone.example does not exist";
    assert_eq!((reply.to_string().as_str(), class), (expected, BounceClass::Dns));
    assert_eq!(attempted.reach, Reach::Names);
    let attempted = send_to(&courier, "ann@dead.example", COPY).await;
    assert_eq!(temporary(&attempted).1, BounceClass::NoAnswer);
    assert_eq!(attempted.reach, Reach::NoServer("::1".to_owned()));
}

#[tokio::test]
async fn own_addresses_are_for_strangers_and_any_address_of_a_host_will_do() {
    let house = Server::start(Script::default()).await;
    let mut table = Routes::default();
    table.set(&"house.example".parse().unwrap(), &Host::route(&format!("smtp://{}", house.address)).unwrap().into());
    let courier = courier_with(&house, |settings| {
        (settings.routes, settings.source_addresses) = (table, vec![ip("::1")]);
        settings.allow_private_mx = false;
    });
    let courier = courier.await;
    handed(&send_to(&courier, "ann@house.example", COPY).await);
    permanent(&send(&courier).await);
}

#[tokio::test]
async fn a_refused_login_or_session_is_no_fault_of_the_mail() {
    let login = b"250-mx.b.example\r\n250 AUTH PLAIN\r\n".to_vec();
    let wrong = Script { ehlo: login, auth: b"535 5.7.8 wrong\r\n".to_vec(), ..Script::default() };
    let server = Server::start(wrong).await;
    let attempted = routed(&server, "relay:s%40cret@", None).await;
    assert_eq!(temporary(&attempted).0.to_string(), "535 5.7.8 wrong");
    assert!(!attempted.transcript.contains("cret"), "{}", attempted.transcript);
    for (step, said) in [("greeting", "554 5.7.1 go away"), ("mail", "530 5.7.0 log in"), ("rcpt", "530 5.7.0 log in")]
    {
        let server = Server::start(Script::but(step, format!("{said}\r\n").as_bytes())).await;
        assert_eq!(temporary(&routed(&server, "", None).await).0.to_string(), said);
    }
    let server = Server::start(Script::but("rcpt", b"550 5.1.1 who\r\n")).await;
    assert_eq!(permanent(&routed(&server, "", None).await).0.code, 550);
}

#[tokio::test]
async fn so_much_tls_as_is_wanted() {
    let encrypted = || async { Server::start(Script { tls: Some(acceptor()), ..offering_tls() }).await };
    for (policy, tls) in [
        (None, Some("TLSv1.3")),
        (Some(TlsPolicy::Opportunistic), Some("TLSv1.3")),
        (Some(TlsPolicy::Required), Some("TLSv1.3")),
        (Some(TlsPolicy::Never), Some("")),
        // The certificate is its own.
        (Some(TlsPolicy::Verified), None),
    ] {
        let server = encrypted().await;
        let attempted = routed(&server, "", policy).await;
        match tls {
            Some(tls) => {
                handed(&attempted);
                assert_eq!(attempted.tls, tls, "{policy:?}");
            }
            None => assert_eq!(temporary(&attempted).1, BounceClass::TlsOrProtocol),
        }
        assert_eq!((server.connections(), server.messages().len()), (1, usize::from(tls.is_some())));
    }
}

#[tokio::test]
async fn where_tls_is_required_nothing_goes_in_plain() {
    let refusing = Script { starttls: b"454 4.7.0 not now\r\n".to_vec(), ..offering_tls() };
    for (script, why) in [
        (Script::default(), "offers no STARTTLS, and mail for it does not go in plain"),
        (refusing, "not now"),
        (offering_tls(), "no TLS with"),
    ] {
        let server = Server::start(script).await;
        let (reply, _) = temporary(&routed(&server, "", Some(TlsPolicy::Required)).await);
        assert!(reply.text.contains(why), "{reply}");
        assert!(!server.commands().iter().any(|command| command.starts_with("MAIL")));
    }
}
