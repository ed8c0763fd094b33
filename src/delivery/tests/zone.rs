//! A small authoritative name server, over UDP and TCP.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// Aliases that are followed for an answer: they may lead in a circle.
const CHAIN_MAX: usize = 10;

#[derive(Clone)]
pub enum Entry {
    Records(Vec<RData>),
    Code(ResponseCode),
    Silence,
}

type Entries = Arc<Mutex<HashMap<(String, RecordType), Entry>>>;

pub struct Zone {
    pub address: SocketAddr,
    entries: Entries,
    truncate: Arc<Mutex<bool>>,
}

impl Zone {
    /// Every name that is not set does not exist; one that is set for one type has no records of others.
    pub async fn start() -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let entries = Entries::default();
        let truncate = Arc::new(Mutex::new(false));
        let zone = Self { address, entries: Arc::clone(&entries), truncate: Arc::clone(&truncate) };
        let asked = Arc::clone(&entries);
        tokio::spawn(async move {
            let mut bytes = [0; 2048];
            while let Ok((n, from)) = udp.recv_from(&mut bytes).await {
                let short = *truncate.lock().unwrap();
                if let Some(answer) = answer(&bytes[..n], &asked, short) {
                    let _ = udp.send_to(&answer, from).await;
                }
            }
        });
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = tcp.accept().await {
                let entries = Arc::clone(&entries);
                tokio::spawn(async move {
                    while let Ok(n) = socket.read_u16().await {
                        let mut bytes = vec![0; usize::from(n)];
                        socket.read_exact(&mut bytes).await.unwrap();
                        if let Some(answer) = answer(&bytes, &entries, false) {
                            socket.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
                            socket.write_all(&answer).await.unwrap();
                        }
                    }
                });
            }
        });
        zone
    }

    pub fn set(&self, name: &str, kind: RecordType, entry: Entry) {
        self.entries.lock().unwrap().insert((name.to_owned(), kind), entry);
    }

    pub fn mx(&self, name: &str, records: &[(u16, &str)]) {
        let host = |host: &str| Name::from_ascii(format!("{}.", host.trim_end_matches('.'))).unwrap();
        let records = records.iter().map(|(preference, to)| RData::MX(MX::new(*preference, host(to))));
        self.set(name, RecordType::MX, Entry::Records(records.collect()));
    }

    pub fn a(&self, name: &str, addresses: &[IpAddr]) {
        let (v4, v6): (Vec<&IpAddr>, Vec<&IpAddr>) = addresses.iter().partition(|a| a.is_ipv4());
        for (kind, some) in [(RecordType::A, v4), (RecordType::AAAA, v6)] {
            let records = some.into_iter().map(|a| match a {
                IpAddr::V4(a) => RData::A(A(*a)),
                IpAddr::V6(a) => RData::AAAA(AAAA(*a)),
            });
            self.set(name, kind, Entry::Records(records.collect()));
        }
    }

    pub fn cname(&self, name: &str, to: &str) {
        let to = Name::from_ascii(format!("{to}.")).unwrap();
        self.set(name, RecordType::CNAME, Entry::Records(vec![RData::CNAME(CNAME(to))]));
    }

    /// Over UDP every answer is cut.
    pub fn truncate(&self) {
        *self.truncate.lock().unwrap() = true;
    }
}

fn answer(question: &[u8], entries: &Entries, truncate: bool) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    let query = question.queries.first()?.clone();
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.metadata.authoritative = true;
    answer.metadata.recursion_available = true;
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.queries.push(query.clone());
    if truncate {
        answer.metadata.truncation = true;
        return answer.to_vec().ok();
    }
    let entries = entries.lock().unwrap();
    let mut name = query.name().clone();
    let key = |name: &Name, kind| (name.to_ascii().trim_end_matches('.').to_ascii_lowercase(), kind);
    while let Some(Entry::Records(to)) = entries.get(&key(&name, RecordType::CNAME))
        && answer.answers.len() < CHAIN_MAX
    {
        answer.add_answer(Record::from_rdata(name.clone(), 60, to[0].clone()));
        if let RData::CNAME(to) = &to[0] {
            name = to.0.clone();
        }
    }
    match entries.get(&key(&name, query.query_type())) {
        Some(Entry::Silence) => return None,
        Some(Entry::Code(code)) => answer.metadata.response_code = *code,
        Some(Entry::Records(records)) => {
            for data in records {
                answer.add_answer(Record::from_rdata(name.clone(), 60, data.clone()));
            }
        }
        None => {
            let plain = key(&name, RecordType::A).0;
            if !entries.keys().any(|(known, _)| *known == plain) {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
        }
    }
    answer.to_vec().ok()
}
