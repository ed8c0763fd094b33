//! The name server of the demo: all exchangers are on this machine, whoever is asked for.

use std::io;
use std::net::SocketAddr;

use hickory_resolver::proto::op::{Message, MessageType, Metadata, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, MX};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

use super::domains::{self, ANY_HOST, DOMAINS, MISSPELT};

/// How long an answer may be kept, in seconds.
const TTL: u32 = 300;
const QUESTION_MAX: usize = 4_096;

/// A socket for it, on a free port.
pub(super) fn bind() -> io::Result<(std::net::UdpSocket, SocketAddr)> {
    let socket = std::net::UdpSocket::bind(("127.0.0.1", 0))?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// Answers until it is dropped.
pub(super) async fn serve(socket: UdpSocket) {
    let mut question = vec![0; QUESTION_MAX];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut question).await else { continue };
        if let Some(answer) = question.get(..length).and_then(answer) {
            let _ = socket.send_to(&answer, peer).await;
        }
    }
}

fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    let query = question.queries.first()?;
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata = Metadata::response_from_request(&question.metadata);
    answer.metadata.authoritative = true;
    answer.add_query(query.clone());
    let name = query.name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
    if name == MISSPELT || name.ends_with(".bigmial.example") {
        answer.metadata.response_code = ResponseCode::NXDomain;
    } else if let Some(found) = record(&name, query.query_type) {
        answer.add_answer(Record::from_rdata(query.name.clone(), TTL, found));
    }
    answer.to_vec().ok()
}

fn record(name: &str, kind: RecordType) -> Option<RData> {
    let host = DOMAINS.iter().find(|one| one.host == name);
    match kind {
        RecordType::A => host.map(|one| RData::A(A(one.address()))),
        RecordType::MX if host.is_none() && !name.is_empty() => {
            let exchanger = domains::of(name).map_or(ANY_HOST, |one| one.host);
            let exchanger = Name::from_ascii(format!("{exchanger}.")).ok()?;
            Some(RData::MX(MX::new(10, exchanger)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_domain_leads_to_this_machine() {
        for domain in ["orchard.example", "somebody.invalid", "gmail.com"] {
            let Some(RData::MX(mx)) = record(domain, RecordType::MX) else { panic!("{domain} has an exchanger") };
            let host = mx.exchange.to_ascii();
            let Some(RData::A(A(address))) = record(host.trim_end_matches('.'), RecordType::A) else {
                panic!("{host} has an address")
            };
            assert!(address.is_loopback(), "{domain} at {address}");
        }
        assert_eq!(record("somebody.invalid", RecordType::A), None);
    }
}
