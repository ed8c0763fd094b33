//! Couriers against servers and zones that follow a script.

mod conversation;
mod deaths;
mod encryption;
mod hostile;
mod lmtp;
mod names;
mod odd_names;
mod reuse;
mod routes;
mod script;
mod server;
mod shared;
mod smarthosts;
mod zone;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::*;
use crate::domain::{Address, BounceClass, Domain, Reply, Wishes};
use server::Server;
use zone::Zone;

const COPY: &[u8] = b"From: a@shop.example\r\nSubject: x\r\n\r\n.dot\r\n..two\r\nend\r\n";

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// Times short enough for a test, long enough for a busy machine.
fn timeouts() -> Timeouts {
    let short = Duration::from_secs(5);
    Timeouts {
        lookup: short,
        connect: short,
        handshake: short,
        greeting: short,
        ehlo: short,
        mail: short,
        rcpt: short,
        data: short,
        chunk: short,
        final_dot: short,
        quit: Duration::from_millis(500),
    }
}

fn settings(zone: &Zone, port: u16) -> Settings {
    Settings {
        hostname: "relay.shop.example".to_owned(),
        mode: Mode::Mx,
        port,
        dns: vec![zone.address],
        allow_private_mx: true,
        timeouts: timeouts(),
        messages_per_connection: 1,
        ..Settings::default()
    }
}

/// A courier for a zone in which `mx.b.example` is this server and the exchanger of `b.example`.
async fn courier_to(server: &Server) -> Courier {
    courier_with(server, |_| ()).await
}

async fn courier_with(server: &Server, change: impl FnOnce(&mut Settings)) -> Courier {
    let zone = Zone::start().await;
    zone.mx("b.example", &[(10, "mx.b.example")]);
    zone.a("mx.b.example", &[server.ip()]);
    let mut settings = settings(&zone, server.address.port());
    change(&mut settings);
    Courier::new(settings).unwrap()
}

async fn send(courier: &Courier) -> Attempted {
    send_copy(courier, COPY).await
}

async fn send_copy(courier: &Courier, copy: &[u8]) -> Attempted {
    send_to(courier, "ann@b.example", copy).await
}

async fn send_to(courier: &Courier, recipient: &str, copy: &[u8]) -> Attempted {
    let (from, to) = (address("news@shop.example"), address(recipient));
    one(courier, Parcel { reverse_path: Some(&from), ..parcel(&to, copy) }).await
}

async fn one(courier: &Courier, parcel: Parcel<'_>) -> Attempted {
    let mut all = tokio::time::timeout(Duration::from_secs(30), courier.attempt(parcel)).await.unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// From the null reverse path, in ASCII.
fn parcel<'a>(recipient: &'a Address, copy: &'a [u8]) -> Parcel<'a> {
    static NONE: std::sync::LazyLock<Wishes> = std::sync::LazyLock::new(Wishes::default);
    let seven_bit: SevenBit<'_> = &|| Box::pin(std::future::ready(Err("it is signed".to_owned())));
    let (domain, recipients) = (recipient.domain(), std::slice::from_ref(recipient));
    let (wishes, sources) = (&NONE, &[]);
    Parcel { reverse_path: None, domain, recipients, copy, utf8: false, seven_bit, wishes, sources, speed: None }
}

fn temporary(attempted: &Attempted) -> (Reply, BounceClass) {
    match &attempted.result {
        Answer::Temporary(reply, class) => (reply.clone(), *class),
        other => panic!("{other:?}\n{}", attempted.transcript),
    }
}

fn permanent(attempted: &Attempted) -> (Reply, BounceClass) {
    match &attempted.result {
        Answer::Permanent(reply, class) => (reply.clone(), *class),
        other => panic!("{other:?}\n{}", attempted.transcript),
    }
}

fn handed(attempted: &Attempted) -> Reply {
    match &attempted.result {
        Answer::Handed(reply) => reply.clone(),
        other => panic!("{other:?}\n{}", attempted.transcript),
    }
}

/// The transcript without the times of its lines.
fn untimed(attempted: &Attempted) -> String {
    let line = |line: &str| format!("{}\n", line.get(7..).unwrap_or_default());
    attempted.transcript.lines().map(line).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(self::ip(ip), port)
}
