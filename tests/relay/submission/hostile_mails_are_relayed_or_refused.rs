//! Mails made to crash, stall or bloat whoever reads them: each is relayed without a lost octet or refused with a clear code,
//! others get their mail through meanwhile, and the relay stays within its memory.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::harness::{Config, Mail, Relay, Sink};

/// What the relay may take at its most, in octets: its own 200 MB and sixteen times the largest message that it takes here.
const MEMORY_MAX: u64 = 200 << 20;
const MEMORY_TIMES: u64 = 16;

const HEAD: &str = "From: a@own.example\r\nMessage-ID: <1@own.example>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n";
const LINK: &str = "<a href=\"https://a.example/\">x</a>\r\n";

enum End {
    /// Taken, and the body leaves as it came.
    Untouched,
    /// Taken, and rewritten: so many links at least.
    Tracked(usize),
    /// Taken, and encoded so that no line is over 998 octets; decoded it has the same text.
    Encoded,
    /// Refused with this code.
    Refused(u16),
}
use End::{Encoded, Refused, Tracked, Untouched};

fn html(page: &str) -> String {
    format!("{HEAD}Content-Type: text/html; charset=utf-8\r\n\r\n{page}\r\n")
}

fn mixed(inner: &str) -> String {
    format!("{HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n{inner}")
}

/// Lines of an ordinary length, so that nothing has to be encoded.
fn lines(piece: &str, times: usize) -> String {
    let each = 900 / piece.len().max(1) + 1;
    format!("{}\r\n", piece.repeat(each)).repeat(times / each + 1)
}

fn structures() -> Vec<(&'static str, String, End)> {
    let part = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n";
    let nested = |deep: usize| {
        let open: String =
            (0..deep).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}x\r\n\r\n--b{n}x\r\n")).collect();
        let close: String = (0..deep).rev().map(|n| format!("\r\n--b{n}x--\r\n")).collect();
        format!("{HEAD}{open}Content-Type: text/html\r\n\r\n{LINK}{close}")
    };
    let forwarded = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    let beside = |part: &str| mixed(&format!("--b\r\nContent-Type: text/html\r\n\r\n{LINK}--b\r\n{part}\r\n--b--\r\n"));
    let text = BASE64_STANDARD.encode(&forwarded);
    let text: Vec<_> = text.as_bytes().chunks(76).map(|line| str::from_utf8(line).unwrap()).collect();
    let encoded =
        format!("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{}", text.join("\r\n"));
    let prefixes: String = (1..200).map(|n| format!("--b{}\r\n\r\nx\r\n", "b".repeat(n % 60))).collect();
    let parameters: String = (0..10_000).map(|n| format!(";\r\n p{n}=v")).collect();
    let continued: String = (0..5_000).map(|n| format!(";\r\n boundary*{n}=b")).collect();
    vec![
        ("ten thousand parts", mixed(&format!("{}--b--\r\n", part.repeat(10_000))), Untouched),
        ("fifty thousand parts", mixed(&format!("{}--b--\r\n", part.repeat(50_000))), Untouched),
        ("a hundred levels", nested(100), Untouched),
        ("two thousand levels", nested(2_000), Untouched),
        ("a hundred thousand messages within messages", beside(&forwarded), Untouched),
        ("the same encoded", beside(&encoded), Untouched),
        ("boundaries that begin each other", mixed(&format!("{prefixes}--b--\r\n")), Untouched),
        ("half a million dashes", mixed(&format!("{}--b--\r\n", "--\r\n".repeat(500_000))), Untouched),
        ("ten thousand parameters", format!("{HEAD}Content-Type: text/html{parameters}\r\n\r\n{LINK}"), Tracked(1)),
        (
            "a boundary in five thousand pieces",
            format!("{HEAD}Content-Type: multipart/mixed{continued}\r\n\r\n--b\r\n\r\nx\r\n"),
            Untouched,
        ),
    ]
}

fn headers() -> Vec<(&'static str, String, End)> {
    let body = format!("Content-Type: text/html\r\n\r\n{LINK}");
    let long = "x".repeat(1 << 20);
    let fields = |count: usize| (0..count).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    let words = "=?utf-8?q?=C3=BC?= ".repeat(40_000);
    let mailboxes = "b@b.example,\r\n ".repeat(60_000);
    vec![
        ("a field of a megabyte", format!("{HEAD}Subject: {long}\r\n{body}"), Refused(552)),
        ("a field of almost a megabyte", format!("{HEAD}Subject: {}\r\n{body}", "x".repeat(1_000_000)), Tracked(1)),
        ("ten thousand fields", format!("{HEAD}{}{body}", fields(10_000)), Tracked(1)),
        ("a hundred thousand fields", format!("{HEAD}{}{body}", fields(100_000)), Refused(552)),
        ("eighty thousand fields", format!("{HEAD}{}{body}", "X: y\r\n".repeat(80_000)), Untouched),
        ("a subject of encoded words", format!("{HEAD}Subject: {words}\r\n{body}"), Tracked(1)),
        ("sixty thousand mailboxes", format!("{HEAD}To: {mailboxes} c@c.example\r\n{body}"), Tracked(1)),
        (
            "references of a megabyte",
            format!("{HEAD}References: {}\r\n{body}", "<x@y.example>\r\n ".repeat(60_000)),
            Tracked(1),
        ),
        (
            "a list to leave of a megabyte",
            format!("{HEAD}List-Unsubscribe: {}\r\n{body}", "<https://u.example/x>,\r\n ".repeat(40_000)),
            Tracked(1),
        ),
        ("no field at all", format!("{long}\r\n"), Refused(552)),
        ("NUL", format!("{HEAD}\r\na\0b\r\n"), Refused(554)),
        ("a bare CR", format!("{HEAD}\r\na\rb\r\n"), Refused(554)),
    ]
}

fn pages() -> Vec<(&'static str, String, End)> {
    vec![
        ("a comment that never ends", html(&format!("{LINK}<!--{}", lines("-- ", 400_000))), Tracked(1)),
        ("a tag that never ends", html(&format!("{LINK}<a {}", lines("x=y ", 300_000))), Untouched),
        ("an attribute that never ends", html(&format!("{LINK}<a href=\"{}", lines("https://", 100_000))), Tracked(1)),
        ("end tags in an attribute", html(&format!("{LINK}<p title=\"{}\">", lines("</body>", 200_000))), Tracked(1)),
        ("conditional comments that never end", html(&lines("<!--[if mso]>", 80_000)), Untouched),
        ("anchors that never end", html(&lines("<a href=", 120_000)), Untouched),
        ("a hundred thousand links", html(&LINK.repeat(100_000)), Tracked(1_000)),
        ("a hundred thousand levels", html(&format!("{}{LINK}", lines("<div>", 100_000))), Untouched),
        (
            "an address of four megabytes",
            html(&format!("{LINK}<a href=\"https://a.example/{}\">", lines("x", 4_000_000))),
            Tracked(1),
        ),
        (
            "broken base64",
            format!(
                "{HEAD}Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n{}=\r\n",
                "PGEg!=\r\n".repeat(100_000)
            ),
            Untouched,
        ),
        (
            "soft breaks without end",
            format!(
                "{HEAD}Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}{LINK}",
                "=\r\n".repeat(300_000)
            )
            .replace("href=\"", "href=3D\""),
            Tracked(1),
        ),
        ("an unknown charset", format!("{HEAD}Content-Type: text/html; charset=no-such\r\n\r\n{LINK}"), Untouched),
        ("UTF-16", format!("{HEAD}Content-Type: text/html; charset=utf-16\r\n\r\n{LINK}"), Untouched),
        ("UTF-7", format!("{HEAD}Content-Type: text/html; charset=utf-7\r\n\r\n+ADw-a href+AD0-x\r\n"), Untouched),
    ]
}

/// As large as the relay takes them, and larger.
fn sizes() -> Vec<(&'static str, String, End)> {
    let size = 24 << 20;
    let attachment = |page: &str| {
        let content = "QUJD".repeat(19) + "\r\n";
        let part = format!("--b\r\nContent-Type: text/html\r\n\r\n{page}\r\n");
        let octets = "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n";
        mixed(&format!("{part}{octets}{}--b--\r\n", content.repeat(size / content.len())))
    };
    let text = "It was the best of lines, it was the worst of lines.\r\n";
    let text = text.repeat(size / text.len());
    vec![
        ("a large attachment", attachment(LINK), Tracked(1)),
        ("a large text", format!("{HEAD}\r\n{text}"), Untouched),
        ("a large page", html(&format!("{LINK}{text}")), Untouched),
        ("a page just below its limit", html(&format!("{LINK}{}", &text[..(4 << 20) - 100])), Tracked(1)),
        ("one line", format!("{HEAD}Content-Type: text/html\r\n\r\n{LINK}{}\r\n", "x".repeat(4 << 20)), Encoded),
        ("more than is taken", format!("{HEAD}\r\n{text}{text}{text}"), Refused(552)),
    ]
}

async fn try_them(mails: Vec<(&'static str, String, End)>) {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let (mut other, mut wrong) = (relay.client().await, Vec::new());
    let taken = mails.iter().filter(|(_, _, end)| !matches!(end, Refused(_)));
    let largest = taken.map(|(_, mail, _)| mail.len() as u64).max().unwrap_or_default();
    for (n, (name, mail, end)) in mails.into_iter().enumerate() {
        let (to, beside) = (format!("ok-{n}@b.example"), format!("ok-beside{n}@b.example"));
        let mut hostile = relay.client().await;
        let (one, another) = ([to.as_str()], [beside.as_str()]);
        let (reply, good) = tokio::join!(
            hostile.send("a@own.example", &one, &mail),
            other.send("a@own.example", &another, "From: a@own.example\r\n\r\nx\r\n")
        );
        assert_eq!(good.code, 250, "beside {name}");
        arrived(&sink, &beside, name).await;
        let wanted = if let Refused(code) = end { code } else { 250 };
        if reply.code != wanted {
            wrong.push(format!("{name}: {reply:?}"));
        }
        if reply.code != 250 {
            continue;
        }
        hostile.quit().await;
        let copy = arrived(&sink, &to, name).await;
        let body = mail.split_once("\r\n\r\n").map_or(mail.as_str(), |(_, body)| body);
        match end {
            Untouched if copy.ends_with(body.as_bytes()) => {}
            Untouched => wrong.push(format!("{name} was changed")),
            Tracked(links) => {
                let found = copy.windows(3).filter(|bytes| bytes == b"/c/").count();
                let read = Mail::read(&copy);
                if found < links || read.header("Received").is_none() {
                    wrong.push(format!("{name}: {found} links"));
                }
            }
            Encoded => {
                let page = Mail::read(&copy).html();
                let long = copy.split(|b| *b == b'\n').any(|line| line.len() > 999);
                if long || !page.contains(&"x".repeat(4 << 20)) {
                    wrong.push(format!("{name}: {} octets", copy.len()));
                }
            }
            Refused(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let peak = peak_memory(&relay);
    println!("at most {peak} octets in memory; the largest that was taken had {largest}");
    assert!(peak < MEMORY_MAX + MEMORY_TIMES * largest, "{peak} octets, the largest that was taken had {largest}");
    relay.finish().await;
}

async fn arrived(sink: &Sink, to: &str, name: &str) -> Vec<u8> {
    crate::harness::wait_until(name, crate::harness::PATIENCE, async || !sink.received_by(to).is_empty()).await;
    sink.received_by(to).remove(0).bytes
}

/// The most that it ever had in memory.
fn peak_memory(relay: &Relay) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", relay.process_id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn hostile_structures() {
    try_them(structures()).await;
}

#[tokio::test]
async fn hostile_headers() {
    try_them(headers()).await;
}

#[tokio::test]
async fn hostile_sizes() {
    try_them(sizes()).await;
}

#[tokio::test]
async fn hostile_pages() {
    try_them(pages()).await;
}
