//! The harness tried against itself and against programs that are not ours: what it says must be true first.

use std::time::Duration;

use super::*;

const MESSAGE: &str = "Subject: hello\r\nTo: ann@b.example\r\n\r\nHi\r\n.\r\n..dots\r\n";

#[tokio::test]
async fn the_sink_takes_a_mail_byte_for_byte() {
    let sink = Sink::start().await.unwrap();
    let mut client = Client::greeted(sink.address()).await;
    let reply = client.send("s@a.example", &["ann@b.example", "permfail-x@b.example"], MESSAGE).await;
    assert_eq!(reply.code, 550, "the first refusal is what send gives");
    let reply = client.send("s@a.example", &["ann@b.example", "bob@b.example"], MESSAGE).await;
    assert_eq!((reply.code, reply.text()), (250, "2.0.0 Ok: queued as 000001".into()));
    let mails = sink.wait_for(1).await.unwrap();
    assert_eq!(mails[0].text(), MESSAGE);
    assert_eq!(mails[0].rcpt_to, ["ann@b.example", "bob@b.example"]);
    assert_eq!((mails[0].mail_from.as_str(), mails[0].helo.as_str()), ("s@a.example", "client.example"));
    assert_eq!(sink.received_by("bob@b.example").len(), 1);
    assert_eq!(sink.commands("rcpt to").len(), 4);
    let tally = sink.tally();
    assert_eq!((tally.mails, tally.recipients, tally.refused, tally.sessions), (1, 2, 1, 1));
}

#[tokio::test]
async fn the_sink_finds_the_end_of_a_mail_wherever_packets_end() {
    let sink = Sink::start().await.unwrap();
    let mut client = Client::greeted(sink.address()).await;
    for (number, message) in ["", "a\r\n", "a\n.\nb\r\n", ".\r\n"].into_iter().enumerate() {
        for command in ["MAIL FROM:<>", "RCPT TO:<ann@b.example>"] {
            client.expect(command, 250).await;
        }
        client.expect("DATA", 354).await;
        let stuffed = message.strip_prefix('.').map_or(message.to_owned(), |rest| format!("..{rest}"));
        for byte in format!("{stuffed}.\r\n").as_bytes() {
            client.write(&[*byte]).await;
        }
        assert_eq!(client.reply().await.code, 250);
        assert_eq!(sink.received()[number].text(), message);
    }
}

#[tokio::test]
async fn local_parts_choose_the_answers() {
    let sink = Sink::start().await.unwrap();
    let mut codes = Vec::new();
    for word in ["ok", "tempfail", "greylist", "greylist", "twice", "twice", "twice", "full", "spam", "drop", "f571"] {
        let mut client = Client::greeted(sink.address()).await;
        codes.push((word, client.send("s@a.example", &[&format!("{word}-x@b.example")], MESSAGE).await.code));
    }
    let wanted = [250, 451, 451, 250, 451, 451, 250, 452, 554, 0, 571];
    assert_eq!(codes.iter().map(|(_, code)| *code).collect::<Vec<_>>(), wanted, "{codes:?}");
}

#[tokio::test]
async fn a_lost_mail_is_taken_without_its_250_once() {
    let sink = Sink::start().await.unwrap();
    for code in [0, 250] {
        let mut client = Client::greeted(sink.address()).await;
        assert_eq!(client.send("s@a.example", &["lost-x@b.example"], MESSAGE).await.code, code);
    }
    let acknowledged: Vec<_> = sink.received().iter().map(|mail| mail.acknowledged).collect();
    assert_eq!(acknowledged, [false, true]);
}

#[tokio::test]
async fn a_hanging_recipient_holds_its_own_session_only() {
    let sink = Sink::start().await.unwrap();
    let mut hung = Client::greeted(sink.address()).await;
    hung.expect("MAIL FROM:<s@a.example>", 250).await;
    hung.write(b"RCPT TO:<hang-x@b.example>\r\n").await;
    let mut other = Client::greeted(sink.address()).await;
    assert_eq!(other.send("s@a.example", &["slow1-x@b.example"], MESSAGE).await.code, 250);
    assert!(tokio::time::timeout(Duration::from_millis(100), hung.reply()).await.is_err());
}

#[tokio::test]
async fn the_sink_speaks_tls_and_asks_for_a_login() {
    let certificate = Certificate::new("sink.example");
    let tls = Some(tls_from_files(&certificate.cert(), &certificate.key()).unwrap());
    let login = Some(("user".to_owned(), "secret".to_owned()));
    let sink = Sink::with(SinkSettings { tls, login, eight_bit: false, ..SinkSettings::default() }).await.unwrap();
    let mut client = Client::greeted(sink.address()).await;
    let offers = client.expect("EHLO client.example", 250).await;
    assert!(offers.offers("starttls") && offers.offers("AUTH") && !offers.offers("8BITMIME"), "{offers:?}");
    let mut client = client.starttls(&certificate).await;
    client.expect("MAIL FROM:<s@a.example>", 530).await;
    assert_eq!(client.auth("user", "wrong").await.code, 535);
    assert_eq!(client.auth("user", "secret").await.code, 235);
    assert_eq!(client.send("s@a.example", &["ann@b.example"], MESSAGE).await.code, 250);
    assert!(sink.received()[0].tls);
}

#[tokio::test]
async fn a_script_says_what_no_server_would() {
    let steps = vec![
        Step::reply("220 odd"),
        Step::Line,
        Step::reply("250-odd\r\n250 SIZE 10"),
        Step::Line,
        Step::Say(b"421 4.3.2 \xff\r\n".to_vec()),
    ];
    let script = Sink::scripted(steps).await.unwrap();
    let mut client = Client::greeted(script.address()).await;
    assert_eq!(client.say("MAIL FROM:<s@a.example>").await.code, 421);
    assert_eq!(client.reply().await.code, 0, "the script ends with the connection");
    wait_until("the script is through", PATIENCE, async || script.heard().len() == 1).await;
    assert_eq!(script.heard()[0], b"EHLO client.example\r\nMAIL FROM:<s@a.example>\r\n");
}

#[tokio::test]
async fn http_answers_are_read_whole() {
    let answer = "HTTP/1.1 302 Found\r\nLocation: /x\r\nSet-Cookie: a=1; Path=/\r\nTransfer-Encoding: chunked\r\n\r\n\
                  3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
    let script = Sink::scripted(vec![Step::Line, Step::Say(answer.into())]).await.unwrap();
    let response = Request::form("/login", &[("user", "a b&c")]).send(script.address()).await;
    assert_eq!((response.status, response.text().as_str()), (302, "abcde"));
    assert_eq!(response.header("location"), Some("/x"));
    assert_eq!(response.cookies(), ["a=1"]);
}

async fn dig(server: &NameServer, arguments: &[&str]) -> String {
    let mut command = tools::program("dig");
    let port = server.address().port().to_string();
    command.args(["@127.0.0.1", "-p", &port, "+tries=1", "+time=2"]).args(arguments);
    String::from_utf8_lossy(&run(command).await.stdout).into_owned()
}

#[tokio::test]
async fn the_zone_answers_dig() {
    let zone = Zone::new()
        .mx("a.example", 20, "mx2.a.example")
        .mx("a.example", 10, "mx.a.example")
        .a("mx.a.example", "127.0.0.2")
        .aaaa("mx.a.example", "::1")
        .null_mx("none.example")
        .cname("alias.example", "mx.a.example")
        .txt("long.example", &"k".repeat(300))
        .servfail("broken.example")
        .silent("silent.example");
    let server = zone.clone().start().await;
    let short = async |name: &str, kind: &str| dig(&server, &[name, kind, "+short"]).await;
    assert_eq!(short("A.example", "MX").await, "20 mx2.a.example.\n10 mx.a.example.\n");
    assert_eq!(short("none.example", "MX").await, "0 .\n");
    assert_eq!(short("alias.example", "A").await, "mx.a.example.\n127.0.0.2\n");
    assert_eq!(short("mx.a.example", "AAAA").await, "::1\n");
    assert_eq!(short("long.example", "TXT").await, format!("\"{}\" \"{}\"\n", "k".repeat(255), "k".repeat(45)));
    assert!(dig(&server, &["other.example", "MX"]).await.contains("status: NXDOMAIN"));
    assert!(dig(&server, &["mx.a.example", "MX"]).await.contains("status: NOERROR"));
    assert!(dig(&server, &["broken.example", "MX"]).await.contains("status: SERVFAIL"));
    assert!(dig(&server, &["silent.example", "MX"]).await.contains("timed out"));
    assert!(server.asked().contains(&("a.example".into(), hickory_proto::rr::RecordType::MX)));
    server.replace(zone.truncated());
    assert!(dig(&server, &["a.example", "MX", "+ignore"]).await.contains("flags: qr aa tc"));
    assert_eq!(short("none.example", "MX").await, "0 .\n", "asked again over TCP");
}

#[tokio::test]
async fn swaks_and_smtplib_send() {
    let login = Login { username: "user".into(), password: "secret".into() };
    let pair = Some((login.username.clone(), login.password.clone()));
    let sink = Sink::with(SinkSettings { login: pair, ..SinkSettings::default() }).await.unwrap();
    let output = swaks(sink.address(), Some(&login), &["--from", "s@a.example", "--to", "ann@b.example"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("message.eml");
    std::fs::write(&file, MESSAGE).unwrap();
    let to = ["ann@b.example", "permfail@b.example"];
    let refused = smtplib(sink.address(), Some(&login), "s@a.example", &to, &file).await;
    assert_eq!(refused.trim(), r#"{"permfail@b.example": [550, "5.1.1 User unknown"]}"#);
    let mails = sink.wait_for(2).await.unwrap();
    assert_eq!(mails[1].text(), MESSAGE);
}

#[tokio::test]
async fn an_unsigned_mail_fails_the_dkim_check() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("message.eml");
    std::fs::write(&file, MESSAGE).unwrap();
    let output = python("verify_dkim.py", &[&file.to_string_lossy()]).await;
    assert_eq!((output.status.code(), output.stderr.len()), (Some(1), 0), "{output:?}");
}

#[test]
fn a_configuration_is_toml() {
    let text = Config::mx("127.0.0.1:53".parse().unwrap(), 25).set("node", 3).text();
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["delivery"]["dns"][0].as_str(), Some("127.0.0.1:53"));
    assert_eq!(table["node"].as_integer(), Some(3));
    assert_eq!(table["delivery"]["mode"].as_str(), Some("mx"));
}
