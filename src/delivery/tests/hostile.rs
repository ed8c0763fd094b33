//! Servers that keep to no rule.

use super::server::{Script, early, flood};
use super::shared::ways;
use super::*;

async fn courier_at(address: SocketAddr) -> Courier {
    let zone = Zone::start().await;
    zone.mx("b.example", &[(10, "mx.b.example")]);
    zone.a("mx.b.example", &[address.ip()]);
    Courier::new(settings(&zone, address.port())).unwrap()
}

#[tokio::test]
async fn endless_banners_and_lines_end_soon() {
    for bytes in [
        &b"220-welcome\r\n"[..],
        b"220 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        b"\0\0\0\0",
        b"hello\r\n",
    ] {
        let attempted = send(&courier_at(flood(bytes).await).await).await;
        let (reply, class) = temporary(&attempted);
        assert_eq!(class, BounceClass::TlsOrProtocol, "{reply}");
        assert!(attempted.transcript.len() <= 16 * 1024);
        assert!(attempted.ms < 4_000);
    }
}

#[tokio::test]
async fn a_banner_that_drips_has_one_time_for_all_of_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        while tokio::io::AsyncWriteExt::write_all(&mut socket, b"220-a\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let zone = Zone::start().await;
    zone.a("b.example", &[address.ip()]);
    let mut settings = settings(&zone, address.port());
    settings.timeouts.greeting = Duration::from_millis(400);
    let attempted = send(&Courier::new(settings).unwrap()).await;
    assert!(temporary(&attempted).0.text.contains("took too long at the greeting"));
    assert!(attempted.ms < 3_000 && attempted.transcript.contains("S: 220-a\n"));
}

#[tokio::test]
async fn a_megabyte_of_reply_is_not_kept() {
    let mut long = b"550-".to_vec();
    long.extend(vec![b'x'; 1_000_000]);
    long.extend_from_slice(b"\r\n550 end\r\n");
    let server = Server::start(Script::but("rcpt", &long)).await;
    let attempted = send(&courier_to(&server).await).await;
    let (reply, class) = temporary(&attempted);
    assert_eq!(class, BounceClass::TlsOrProtocol);
    assert!(reply.text.contains("64 KiB") && attempted.transcript.len() <= 16 * 1024, "{reply}");
}

#[tokio::test]
async fn odd_replies_are_understood() {
    for (step, said, code, text) in [
        ("rcpt", &b"571 5.7.1 caf\xe9 refused\r\n"[..], 571, "caf\u{fffd} refused"),
        ("rcpt", b"550-5.1.1 no\r\n451 4.7.1 such\r\n", 451, "no\nsuch"),
        ("rcpt", b"451-4.7.1 no\n550 5.1.1 such\n", 550, "no\nsuch"),
        ("rcpt", b"250-2.1.5 ok\r\n550 5.1.1 who\r\n", 550, "ok\nwho"),
        ("dot", b"250-2.0.0 taken\r\n451 4.3.0 or not\r\n", 451, "taken\nor not"),
        ("greeting", b"220-mx.b.example\r\n554 5.7.1 not you\r\n", 554, "mx.b.example\nnot you"),
        ("greeting", b"554 5.7.1 \xff\xfe\xc3\r\n", 554, "\u{fffd}\u{fffd}\u{fffd}"),
        ("mail", b"451 4.7.1 sp\xe4ter\r\n", 451, "sp\u{fffd}ter"),
        ("data", b"550 5.7.1 n\xc3\xb6\r\n", 550, "n\u{f6}"),
        ("dot", b"550 5.7.1 \x80\r\n", 550, "\u{fffd}"),
        ("dot", b"599\r\n", 599, ""),
        ("mail", b"550-one\r\nand more\r\n550 two\r\n", 550, "one\nand more\ntwo"),
        ("data", b"550 5.7.1 \x1b[31m<script>\r\n", 550, "[31m<script>"),
    ] {
        let server = Server::start(Script::but(step, said)).await;
        let attempted = send(&courier_to(&server).await).await;
        let (reply, _) = if code == 451 { temporary(&attempted) } else { permanent(&attempted) };
        assert_eq!((reply.code, reply.text.as_str()), (code, text));
        assert!(!attempted.transcript.contains('\x1b'));
    }
}

#[tokio::test]
async fn a_reply_whose_last_line_is_good_is_good() {
    for (step, said) in [
        ("greeting", "554-5.7.1 not you\r\n220 mx.b.example\r\n"),
        ("mail", "451-4.7.1 caf\u{e9}\r\n250 2.1.0 ok\r\n"),
        ("rcpt", "550-5.1.1 who\r\n250 2.1.5 ok\r\n"),
        ("data", "451-4.3.0 no\r\n354 go on\r\n"),
        ("dot", "550-5.7.1 spam\r\n250 2.0.0 taken\r\n"),
    ] {
        for script in ways(&Script::but(step, said.as_bytes())) {
            let server = Server::start(script).await;
            handed(&send(&courier_to(&server).await).await);
            assert_eq!((server.connections(), server.messages().len()), (1, 1), "{step}");
        }
    }
}

#[tokio::test]
async fn what_is_no_reply_breaks_the_protocol_at_each_step() {
    for said in ["hello\r\n", "25\r\n", "ok 250\r\n", "999 9.9.9 x\r\n", "100 go on\r\n", "\r\n", "\u{ff}\u{fe}\r\n"] {
        for step in ["greeting", "ehlo", "mail", "rcpt", "data", "dot"] {
            let script = Script::but(step, said.as_bytes());
            let server = Server::start(if step == "ehlo" { script } else { script.step_by_step() }).await;
            let attempted = send(&courier_to(&server).await).await;
            let (reply, class) = temporary(&attempted);
            assert_eq!(class, BounceClass::TlsOrProtocol, "{step} {said:?}: {reply}");
            let messages = usize::from(step == "dot");
            assert_eq!((server.connections(), server.messages().len()), (1, messages), "{step} {said:?}");
        }
    }
}

#[tokio::test]
async fn bare_codes_and_bare_line_feeds_will_do() {
    let mut script = Script::default();
    for (step, said) in [
        ("greeting", "220\n"),
        ("ehlo", "250-x\n250 PIPELINING\n"),
        ("mail", "250\r\n"),
        ("rcpt", "250\n"),
        ("dot", "250\n"),
    ] {
        *script.at(step) = said.as_bytes().to_vec();
    }
    let server = Server::start(script).await;
    handed(&send(&courier_to(&server).await).await);
}

#[tokio::test]
async fn yes_before_the_message_has_ended_is_no_yes() {
    let copy = [b"Subject: x\r\n\r\n".as_slice(), &b"0123456789\r\n".repeat(1_000_000)].concat();
    let attempted = send_copy(&courier_at(early(b"250 2.0.0 taken\r\n", 1000).await).await, &copy).await;
    assert_eq!(temporary(&attempted).1, BounceClass::TlsOrProtocol, "{}", attempted.transcript);
    let attempted = send_copy(&courier_at(early(b"552 5.3.4 too big\r\n", 1000).await).await, &copy).await;
    assert_eq!(permanent(&attempted).0.to_string(), "552 5.3.4 too big");
}

#[tokio::test]
async fn replies_nobody_asked_for_are_not_taken_for_later_ones() {
    for step in ["ehlo", "data"] {
        let mut script = Script::default().step_by_step();
        script.at(step).extend_from_slice(b"250 2.0.0 and more\r\n");
        let server = Server::start(script).await;
        let (reply, class) = temporary(&send(&courier_to(&server).await).await);
        assert_eq!(class, BounceClass::TlsOrProtocol);
        assert!(reply.text.contains("spoke out of turn"), "{reply}");
        assert!(server.messages().is_empty());
    }
}

#[tokio::test]
async fn wrong_codes_break_the_protocol() {
    for (step, said) in [("mail", "354 go\r\n"), ("rcpt", "354 go\r\n"), ("data", "250 ok\r\n"), ("dot", "354 go\r\n")]
    {
        for pipelining in [true, false] {
            let script = Script::but(step, said.as_bytes());
            let server = Server::start(if pipelining { script } else { script.step_by_step() }).await;
            let attempted = send(&courier_to(&server).await).await;
            assert_eq!(temporary(&attempted).1, BounceClass::TlsOrProtocol, "{step}\n{}", attempted.transcript);
        }
    }
}

#[tokio::test]
async fn a_message_wanted_in_spite_of_a_refused_recipient_is_empty() {
    let server = Server::start(Script::but("rcpt", b"550 5.1.1 no such user\r\n")).await;
    let attempted = send(&courier_to(&server).await).await;
    assert_eq!(permanent(&attempted).1, BounceClass::InvalidRecipient);
    assert_eq!(server.messages(), [Vec::<u8>::new()]);
}
