//! An authoritative DNS server on loopback, over UDP and TCP, for names made up in code.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

const TTL_SECONDS: u32 = 60;
const CNAMES_MAX: usize = 8;

/// Names and their records. A name without any does not exist (NXDOMAIN).
#[derive(Clone, Default)]
pub struct Zone {
    records: HashMap<String, Vec<(RecordType, String)>>,
    broken: HashSet<String>,
    silent: HashSet<String>,
    truncated: bool,
    dead: bool,
}

impl Zone {
    /// No names yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A mail exchanger, and the name itself if it is new.
    #[must_use]
    pub fn mx(self, name: &str, preference: u16, host: &str) -> Self {
        self.record(name, RecordType::MX, &format!("{preference} {}", absolute(host)))
    }

    /// The domain takes no mail (RFC 7505).
    #[must_use]
    pub fn null_mx(self, name: &str) -> Self {
        self.record(name, RecordType::MX, "0 .")
    }

    /// An IPv4 address.
    #[must_use]
    pub fn a(self, name: &str, address: &str) -> Self {
        self.record(name, RecordType::A, address)
    }

    /// An IPv6 address.
    #[must_use]
    pub fn aaaa(self, name: &str, address: &str) -> Self {
        self.record(name, RecordType::AAAA, address)
    }

    /// Another name for a name.
    #[must_use]
    pub fn cname(self, name: &str, target: &str) -> Self {
        self.record(name, RecordType::CNAME, &absolute(target))
    }

    /// A text, of any length.
    #[must_use]
    pub fn txt(self, name: &str, text: &str) -> Self {
        self.record(name, RecordType::TXT, text)
    }

    /// Any other record, its data in zone file form.
    #[must_use]
    pub fn record(mut self, name: &str, kind: RecordType, data: &str) -> Self {
        self.records.entry(key(name)).or_default().push((kind, data.to_owned()));
        self
    }

    /// Every question about the name is answered SERVFAIL.
    #[must_use]
    pub fn servfail(mut self, name: &str) -> Self {
        self.broken.insert(key(name));
        self
    }

    /// Questions about the name are not answered.
    #[must_use]
    pub fn silent(mut self, name: &str) -> Self {
        self.silent.insert(key(name));
        self
    }

    /// Answers over UDP are empty and truncated, so that everybody has to ask over TCP.
    #[must_use]
    pub fn truncated(mut self) -> Self {
        self.truncated = true;
        self
    }

    /// No question at all is answered.
    #[must_use]
    pub fn dead(mut self) -> Self {
        self.dead = true;
        self
    }

    /// Serves it on a free port of 127.0.0.1.
    pub async fn start(self) -> NameServer {
        NameServer::start(self).await
    }

    fn answer(&self, question: &Message) -> Option<Message> {
        let query = question.queries.first().filter(|_| !self.dead)?;
        let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
        answer.metadata = Metadata::response_from_request(&question.metadata);
        answer.metadata.authoritative = true;
        answer.add_query(query.clone());
        let name = key(&query.name.to_ascii());
        if self.silent.contains(&name) {
            return None;
        }
        if self.broken.contains(&name) {
            answer.metadata.response_code = ResponseCode::ServFail;
            return Some(answer);
        }
        self.look_up(query, name, &mut answer);
        if answer.answers.is_empty() {
            let soa = "ns.test. hostmaster.test. 1 3600 600 86400 60";
            answer.add_authority(as_record(&Name::root(), RecordType::SOA, soa));
        }
        Some(answer)
    }

    fn look_up(&self, query: &Query, mut name: String, answer: &mut Message) {
        for _ in 0..CNAMES_MAX {
            let Some(records) = self.records.get(&name) else {
                answer.metadata.response_code = ResponseCode::NXDomain;
                return;
            };
            let owner = Name::from_str(&absolute(&name)).unwrap();
            let of_kind = |kind: RecordType| records.iter().filter(move |(given, _)| *given == kind);
            for (kind, data) in of_kind(query.query_type) {
                answer.add_answer(as_record(&owner, *kind, data));
            }
            match of_kind(RecordType::CNAME).next() {
                Some((kind, target)) if query.query_type != RecordType::CNAME => {
                    answer.add_answer(as_record(&owner, *kind, target));
                    name = key(target);
                }
                Some(_) | None => return,
            }
        }
    }
}

fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

fn as_record(owner: &Name, kind: RecordType, data: &str) -> Record {
    let data = match kind {
        RecordType::TXT => {
            let pieces = data.as_bytes().chunks(255).map(|piece| String::from_utf8_lossy(piece).into_owned());
            RData::TXT(hickory_proto::rr::rdata::TXT::new(pieces.collect()))
        }
        _ => RData::try_from_str(kind, data).unwrap_or_else(|error| panic!("{kind} {data}: {error}")),
    };
    Record::from_rdata(owner.clone(), TTL_SECONDS, data)
}

struct Shared {
    zone: Mutex<Zone>,
    asked: Mutex<Vec<(String, RecordType)>>,
}

impl Shared {
    fn answer(&self, question: &[u8], over_udp: bool) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).ok()?;
        for query in &question.queries {
            self.asked.lock().unwrap().push((key(&query.name.to_ascii()), query.query_type));
        }
        let zone = self.zone.lock().unwrap();
        let answer = zone.answer(&question)?;
        let bytes = answer.to_vec().unwrap();
        let too_long = bytes.len() > usize::from(question.max_payload());
        if over_udp && (zone.truncated || too_long) {
            return answer.truncate().to_vec().ok();
        }
        Some(bytes)
    }
}

/// A zone that is served; it ends when it is dropped.
pub struct NameServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl NameServer {
    async fn start(zone: Zone) -> Self {
        let (udp, tcp) = bind_both().await;
        let address = tcp.local_addr().unwrap();
        let shared = Arc::new(Shared { zone: Mutex::new(zone), asked: Mutex::default() });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, Arc::clone(&shared)));
        tasks.spawn(serve_tcp(tcp, Arc::clone(&shared)));
        Self { address, shared, _tasks: tasks }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts another zone in place; answers given before may live on in caches for a minute.
    pub fn replace(&self, zone: Zone) {
        *self.shared.zone.lock().unwrap() = zone;
    }

    /// The questions so far: name without its last dot, and type.
    pub fn asked(&self) -> Vec<(String, RecordType)> {
        self.shared.asked.lock().unwrap().clone()
    }
}

/// One port, free for both.
async fn bind_both() -> (UdpSocket, TcpListener) {
    for _ in 0..50 {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both UDP and TCP");
}

async fn serve_udp(socket: UdpSocket, shared: Arc<Shared>) {
    let mut question = [0; 4096];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut question).await else { continue };
        if let Some(answer) = shared.answer(&question[..length], true) {
            let _ = socket.send_to(&answer, peer).await;
        }
    }
}

async fn serve_tcp(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve_connection(stream, Arc::clone(&shared)));
    }
}

async fn serve_connection(mut stream: TcpStream, shared: Arc<Shared>) {
    while let Ok(length) = stream.read_u16().await {
        let mut question = vec![0; usize::from(length)];
        if stream.read_exact(&mut question).await.is_err() {
            return;
        }
        if let Some(answer) = shared.answer(&question, false) {
            let length = u16::try_from(answer.len()).unwrap();
            let framed = [&length.to_be_bytes()[..], &answer].concat();
            if stream.write_all(&framed).await.is_err() {
                return;
            }
        }
    }
}
