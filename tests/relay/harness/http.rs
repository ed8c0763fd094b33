//! A small HTTP/1.1 client: one request a connection, nothing followed, nothing hidden.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(30);

/// A request under construction.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request with any method.
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A GET.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST of form fields.
    pub fn form(path: &str, fields: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self::new("POST", path).header("Content-Type", "application/x-www-form-urlencoded").body(body)
    }

    /// Adds a header field, once more if it is there.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// HTTP Basic.
    #[must_use]
    pub fn basic(self, user: &str, password: &str) -> Self {
        let pair = BASE64.encode(format!("{user}:{password}"));
        self.header("Authorization", &format!("Basic {pair}"))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn bytes(&self, server: SocketAddr) -> Vec<u8> {
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.path), "Connection: close".into()];
        if !has("Host") {
            lines.push(format!("Host: {server}"));
        }
        if !has("Content-Length") && (!self.body.is_empty() || self.method == "POST") {
            lines.push(format!("Content-Length: {}", self.body.len()));
        }
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        [lines.join("\r\n").as_bytes(), b"\r\n\r\n", &self.body].concat()
    }

    /// Sends it and reads the whole answer.
    pub async fn send(&self, server: SocketAddr) -> Response {
        let exchange = async {
            let mut stream = TcpStream::connect(server).await.expect("the web listener takes connections");
            stream.write_all(&self.bytes(server)).await.expect("the request goes out");
            let mut answer = Vec::new();
            // Some servers reset after the answer, some leave the connection open; what came before it counts.
            while !is_whole(&answer) && stream.read_buf(&mut answer).await.is_ok_and(|octets| octets > 0) {}
            answer
        };
        let answer = tokio::time::timeout(LIMIT, exchange).await.expect("an answer in time");
        Response::parse(&answer, &self.method)
    }
}

/// Whether an answer has a body as long as its head says; any other ends with its connection.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = memchr::memmem::find(answer, b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    length.is_some_and(|length| length > 0 && answer.len() == end + 4 + length)
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields in their order.
    pub headers: Vec<(String, String)>,
    /// The body, unchunked.
    pub body: Vec<u8>,
}

impl Response {
    fn parse(answer: &[u8], method: &str) -> Self {
        let end = memchr::memmem::find(answer, b"\r\n\r\n").expect("a whole head in the answer");
        let head = std::str::from_utf8(&answer[..end]).expect("a head in ASCII");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        let headers: Vec<_> = lines.filter_map(field).collect();
        let mut response = Self { status: status.expect("a status"), headers, body: answer[end + 4..].to_vec() };
        if response.header("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            response.body = unchunk(&response.body);
        } else if let Some(length) = response.header("Content-Length").filter(|_| method != "HEAD") {
            assert_eq!(length, response.body.len().to_string(), "the body is as long as its Content-Length says");
        }
        response
    }

    /// The first field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// `name=value` of each cookie that is set.
    pub fn cookies(&self) -> Vec<String> {
        let set = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Set-Cookie"));
        set.map(|(_, value)| value.split(';').next().unwrap_or(value).to_owned()).collect()
    }
}

fn unchunk(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = memchr::memmem::find(chunks, b"\r\n").expect("a chunk size");
        let size = std::str::from_utf8(&chunks[..end]).unwrap().split(';').next().unwrap();
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk size in hex");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunks[end + 2..][..size]);
        chunks = &chunks[end + 2 + size + 2..];
    }
}
