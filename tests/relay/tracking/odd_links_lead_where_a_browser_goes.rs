//! Links as odd as HTML and URLs allow, in three charsets and encodings: curl is sent where Chromium would have gone from
//! the page as it was written, and printable ASCII comes back character for character.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::{Encoding, SHIFT_JIS, UTF_8, WINDOWS_1252};
use serde_json::Value;

use crate::harness::{Browser, Config, Mail, Relay, Sink, program, run};

/// Values of `href` as they stand between double quotes.
const ODD: &[&str] = &[
    "https://a.example/?x=1&amp;y=2&#38;z=3&#x26;w=4",
    "https://a.example/?x=1&copy=2&notme&lt=1&amp=2",
    "https://a.example/?x=1&not_me&copy",
    "https://a.example?x",
    "https://a.example#f/",
    "https://a.example",
    "  https://a.example/a\r\n\tb/c  ",
    "&#32;&Tab;https://a.example/&NewLine;x&#10;y ",
    "https://a.example/a b?c d#e f",
    "HTTPS://User:P%40ss@A.Example:443/./x/../y/%2e%2e/z/",
    "https:\\\\a.example\\b\\c",
    "http:/\\a.example/x",
    "https:\\/a.example/x",
    "https:///a.example/x",
    "https://a.example/\\x?\\#\\",
    "http://a.example:80/",
    "http://a.example:/x",
    "http://a.example.:8080",
    "https://b\u{fc}cher.example/stra\u{df}e/\u{fc}?q=\u{fc}&amp;r=\u{20ac}#\u{fc}\u{20ac}",
    "https://fa\u{df}.example/",
    "https://\u{ff41}\u{3002}example/",
    "https://xn--bcher-kva.example/",
    "https://a.example/?q=\u{65e5}\u{672c}&#x1F600;;\u{448}",
    "https://a.example/\u{65e5}\u{672c}/\u{8868}?\u{8868}#\u{8868}",
    "https://a.example/?a=&shy;&nbsp;\u{e4}&zwnj;",
    "http://192.0.2.1/",
    "http://0xC0000201/x",
    "http://[2001:DB8::1]:8080/x",
    "https://a.example/%zz?%&#%/%2f",
    "https://a.example/?sig=ab+/=%3D==&amp;exp=1~!$'()*,;:@[]|^`{}&quot;&lt;&gt;",
    "https://a.example/&lt;b&gt;?'&apos;\u{e9}'&quot;#`\u{e9}`",
    "https://a.example/a;b=c/d,e",
    "https://a.example/&#0;&#128;&#xD800;x",
    "http&#x3a;//a.example&sol;x",
];

fn page(encoding: &'static Encoding) -> Vec<u8> {
    let anchors: String = ODD.iter().map(|href| format!("<a\r\nhref=\"{href}\">x</a>\r\n")).collect();
    let page = format!("<!DOCTYPE html><meta charset=\"{}\">\r\n<body>{anchors}</body>\r\n", encoding.name());
    // What the charset lacks becomes a character reference.
    encoding.encode(&page).0.into_owned()
}

/// Where Chromium would go from the page as it was written; plain full URLs are to stay as they stand there.
async fn wanted(browser: &Browser, folder: &Path, page: &[u8]) -> Vec<Value> {
    let file = folder.join("page.html");
    std::fs::write(&file, page).unwrap();
    browser.open(&format!("file://{}", file.display())).await;
    let each = "Array.from(document.querySelectorAll('a')).map(a => {\
        const written = a.getAttribute('href').replace(/[\\t\\r\\n]/g, '').replace(/^[\\0- ]+|[\\0- ]+$/g, '');\
        return /^https?:\\/\\/[!-~]*$/i.test(written) ? written : a.href })";
    browser.script(&format!("return {each}")).await.as_array().unwrap().clone()
}

/// The `Location` that curl gets, as it stands in the answer.
async fn location(relay: &Relay, url: &str) -> String {
    let path = url.strip_prefix("https://track.postrider.example").unwrap();
    let mut command = program("curl");
    command.args(["-s", "-S", "-D", "-", "-o", "/dev/null", "-H", "Host: track.postrider.example"]);
    command.arg(format!("http://{}{path}", relay.web()));
    let output = run(command).await;
    let head = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && head.starts_with("HTTP/1.1 302"), "{head}");
    let field = |line: &str| {
        line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("location")).map(|f| f.1.to_owned())
    };
    head.lines().find_map(field).expect("a Location")
}

#[tokio::test]
async fn odd_links_lead_where_a_browser_goes() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let browser = Browser::start(&relay).await;
    let folder = tempfile::tempdir().unwrap();
    for (n, (encoding, transfer)) in
        [(UTF_8, "8bit"), (WINDOWS_1252, "base64"), (SHIFT_JIS, "quoted-printable")].into_iter().enumerate()
    {
        let page = page(encoding);
        let body = match transfer {
            "base64" => {
                let lines: Vec<_> = STANDARD.encode(&page).as_bytes().chunks(76).map(<[u8]>::to_vec).collect();
                lines.join(&b"\r\n"[..])
            }
            "quoted-printable" => quoted_printable::encode(&page),
            _ => page.clone(),
        };
        let head = format!(
            "From: a@own.example\r\nX-Postrider-Campaign: c\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset={}\r\n\
             Content-Transfer-Encoding: {transfer}\r\n\r\n",
            encoding.name()
        );
        let to = format!("ok-{n}@b.example");
        let mut client = relay.client().await;
        assert_eq!(client.send("a@own.example", &[&to], [head.as_bytes(), &body].concat()).await.code, 250);
        client.quit().await;
        sink.wait_for(n as u64 + 1).await.unwrap();
        let copy = sink.received_by(&to).remove(0);
        let links = Mail::read(&copy.bytes).tracked_links();
        let wanted = wanted(&browser, folder.path(), &page).await;
        assert_eq!((links.len(), wanted.len()), (ODD.len(), ODD.len()), "{}", copy.text());
        for ((link, wanted), odd) in links.iter().zip(&wanted).zip(ODD) {
            assert_eq!(Some(location(&relay, link).await.as_str()), wanted.as_str(), "{odd} in {}", encoding.name());
        }
    }
    relay.campaign_with("c", "/clicked/total_events", i64::try_from(3 * ODD.len()).unwrap()).await;
    relay.finish().await;
}
