//! Each step of a conversation, well and badly.

use super::server::{HANG_UP, SILENCE, Script};
use super::*;

const STEPS: [&str; 6] = ["greeting", "ehlo", "mail", "rcpt", "data", "dot"];

#[tokio::test]
async fn a_copy_is_handed_over_with_all_that_the_server_offers() {
    let server = Server::start(Script::default()).await;
    let attempted = send(&courier_to(&server).await).await;
    assert_eq!(handed(&attempted).text, "taken");
    assert_eq!((attempted.mx.as_str(), attempted.ip.as_str()), ("mx.b.example", "127.0.0.1"));
    assert_eq!((attempted.site.as_str(), attempted.tls.as_str()), ("mx.b.example", ""));
    let expected = b"From: a@shop.example\r\nSubject: x\r\n\r\n..dot\r\n...two\r\nend\r\n";
    assert_eq!(server.messages(), [expected.to_vec()]);
    let size = COPY.len();
    let mail = format!("MAIL FROM:<news@shop.example> SIZE={size}");
    assert_eq!(
        server.commands()[..4],
        ["EHLO relay.shop.example".to_owned(), mail, "RCPT TO:<ann@b.example>".to_owned(), "DATA".to_owned()]
    );
    let log = untimed(&attempted);
    assert!(log.contains("S: 220 mx.b.example ESMTP\nC: EHLO relay.shop.example\nS: 250-mx.b.example\n"), "{log}");
    assert!(log.contains(&format!("C: ({size} bytes)\nS: 250 2.0.0 taken\n")), "{log}");
    assert!(!log.contains("Subject"));
}

#[tokio::test]
async fn with_chunking_envelope_and_message_go_out_together() {
    let server = Server::start(Script::default().chunking()).await;
    let courier = courier_with(&server, |settings| settings.messages_per_connection = 10).await;
    let copy = b"Subject: x\r\n\r\n.dot\r\n.\r\nno end";
    for _ in 0..2 {
        assert_eq!(handed(&send_copy(&courier, copy).await).text, "taken");
    }
    assert_eq!(server.messages(), [[copy, &b"\r\n"[..]].concat(), [copy, &b"\r\n"[..]].concat()]);
    let size = copy.len() + 2;
    let commands = server.commands();
    assert_eq!((server.connections(), &commands[3]), (1, &format!("BDAT {size} LAST")), "{commands:?}");

    let refusing = |step, reply: &[u8]| Script::but(step, reply).chunking();
    for (step, said) in [("mail", "550 5.7.1 no"), ("rcpt", "550 5.1.1 who"), ("dot", "554 5.7.1 spam")] {
        let server = Server::start(refusing(step, format!("{said}\r\n").as_bytes())).await;
        let courier = courier_with(&server, |settings| settings.messages_per_connection = 10).await;
        assert_eq!(permanent(&send(&courier).await).0.to_string(), said);
        assert_eq!(permanent(&send(&courier).await).0.to_string(), said);
        assert_eq!((server.connections(), server.commands().contains(&"RSET".to_owned())), (1, true), "{step}");
    }

    let long = [b"Subject: x\r\n\r\n".as_slice(), &b"0123456789abcdef\r\n".repeat(5_000)].concat();
    handed(&send_copy(&courier_to(&Server::start(Script::default().chunking()).await).await, &long).await);
}

#[tokio::test]
async fn a_server_without_extensions_gets_it_step_by_step() {
    let server = Server::start(Script::default().step_by_step()).await;
    let to = address("ann@b.example");
    let courier = courier_to(&server).await;
    let attempted = one(&courier, parcel(&to, COPY)).await;
    handed(&attempted);
    assert_eq!(server.commands()[1], format!("MAIL FROM:<> SIZE={}", COPY.len()));
    assert!(untimed(&attempted).contains("C: MAIL FROM:<> SIZE=54\nS: 250 2.1.0 ok\nC: RCPT"));
}

#[tokio::test]
async fn an_old_server_gets_helo_over_a_new_connection() {
    let server = Server::start(Script::but("ehlo", b"500 5.5.1 what is that\r\n")).await;
    handed(&send(&courier_to(&server).await).await);
    assert_eq!(server.connections(), 2);
    let commands = server.commands();
    assert!(commands.contains(&"HELO relay.shop.example".to_owned()), "{commands:?}");
    assert!(commands.contains(&"MAIL FROM:<news@shop.example>".to_owned()), "{commands:?}");
}

#[tokio::test]
async fn a_refusal_at_any_step_is_told_as_it_was_said() {
    for pipelining in [true, false] {
        for step in STEPS {
            for (code, said) in [("452 4.3.1", "later"), ("554 5.7.1", "never")] {
                let mut script = Script::but(step, format!("{code} {said}\r\n").as_bytes());
                if step == "ehlo" {
                    script.helo.clone_from(&script.ehlo);
                }
                if !pipelining && step != "ehlo" {
                    script = script.step_by_step();
                }
                let server = Server::start(script).await;
                let attempted = send(&courier_to(&server).await).await;
                let (reply, _) = if said == "later" { temporary(&attempted) } else { permanent(&attempted) };
                assert_eq!(reply.to_string(), format!("{code} {said}"), "{step}\n{}", attempted.transcript);
                let all = server.messages();
                let empty = all.iter().all(Vec::is_empty);
                assert!(step == "dot" || empty, "{step}: a refused copy went out");
            }
        }
    }
}

#[tokio::test]
async fn a_lost_connection_at_any_step_is_temporary() {
    for pipelining in [true, false] {
        for step in STEPS {
            let mut script = Script::but(step, HANG_UP.as_bytes());
            if !pipelining && step != "ehlo" {
                script = script.step_by_step();
            }
            let server = Server::start(script).await;
            let attempted = send(&courier_to(&server).await).await;
            let (reply, class) = temporary(&attempted);
            assert_eq!(class, BounceClass::NoAnswer, "{step}");
            assert!(reply.text.contains("mx.b.example [127.0.0.1] closed"), "{step}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn silence_at_any_step_ends_when_its_time_is_over() {
    let second = Duration::from_millis(300);
    for step in STEPS {
        let server = Server::start(Script::but(step, SILENCE.as_bytes())).await;
        let courier = courier_with(&server, |s| {
            let t = &mut s.timeouts;
            (t.greeting, t.ehlo, t.mail, t.rcpt) = (second, second, second, second);
            (t.data, t.final_dot) = (second, second);
        });
        let attempted = send(&courier.await).await;
        let (reply, class) = temporary(&attempted);
        assert_eq!(class, BounceClass::NoAnswer);
        assert!(reply.text.contains("took too long"), "{step}: {}", reply.text);
        assert!((250..3_000).contains(&attempted.ms), "{step}: {} ms", attempted.ms);
    }
}

#[tokio::test]
async fn closing_down_is_temporary_wherever_it_is_said() {
    for step in STEPS {
        let server = Server::start(Script::but(step, b"421 4.3.2 closing down\r\n")).await;
        let (reply, _) = temporary(&send(&courier_to(&server).await).await);
        assert_eq!(reply.code, 421, "{step}");
    }
}

#[tokio::test]
async fn eight_bit_text_goes_only_where_it_is_taken() {
    let copy = "Subject: x\r\n\r\ncaf\u{e9}\r\n".as_bytes();
    let server = Server::start(Script::default()).await;
    handed(&send_copy(&courier_to(&server).await, copy).await);
    assert!(server.commands()[1].ends_with(" BODY=8BITMIME"));
    let old = Server::start(Script::default().step_by_step()).await;
    let (reply, _) = permanent(&send_copy(&courier_to(&old).await, copy).await);
    assert_eq!(reply.to_string().get(..9), Some("554 5.6.3"));
    assert!(old.messages().is_empty());
}

#[tokio::test]
async fn a_server_without_8bitmime_gets_the_copy_that_was_made_for_it() {
    let old = Server::start(Script::default().step_by_step()).await;
    let to = address("ann@b.example");
    let seven_bit: SevenBit<'_> = &|| Box::pin(std::future::ready(Ok(b"Subject: x\r\n\r\ncaf=C3=A9\r\n".to_vec())));
    let copy = "Subject: x\r\n\r\ncaf\u{e9}\r\n".as_bytes();
    handed(&one(&courier_to(&old).await, Parcel { seven_bit, ..parcel(&to, copy) }).await);
    assert_eq!(old.commands()[1], "MAIL FROM:<> SIZE=25");
    assert_eq!(old.messages(), [b"Subject: x\r\n\r\ncaf=C3=A9\r\n".to_vec()]);
}

#[tokio::test]
async fn internationalised_mail_goes_only_where_it_is_taken() {
    let offered = b"250-mx.b.example\r\n250-SMTPUTF8\r\n250 8BITMIME\r\n";
    let copy = "Subject: caf\u{e9}\r\n\r\nx\r\n".as_bytes();
    let (local, domain) = (address("jos\u{e9}@b.example"), address("ann@b\u{fc}cher.example"));
    for (recipient, utf8) in [(&local, true), (&domain, false)] {
        let server = Server::start(Script::but("ehlo", offered)).await;
        let old = Server::start(Script::default()).await;
        for (server, taken) in [(&server, true), (&old, !utf8)] {
            let zone = Zone::start().await;
            zone.mx(recipient.domain().as_str(), &[(10, "mx.b.example")]);
            zone.a("mx.b.example", &[server.ip()]);
            let courier = Courier::new(settings(&zone, server.address.port())).unwrap();
            let copy = if utf8 { copy } else { COPY };
            let attempted = one(&courier, Parcel { utf8, ..parcel(recipient, copy) }).await;
            if !taken {
                let (reply, class) = permanent(&attempted);
                assert_eq!((reply.to_string().get(..9), class), (Some("553 5.6.7"), BounceClass::TlsOrProtocol));
                continue;
            }
            handed(&attempted);
        }
        let commands = server.commands();
        assert!(commands[1].ends_with(" SMTPUTF8") && commands[2] == format!("RCPT TO:<{recipient}>"), "{commands:?}");
        let old = old.commands();
        assert!(utf8 || old[2] == "RCPT TO:<ann@xn--bcher-kva.example>", "{old:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_or_badly_ended_is_not_sent() {
    let server = Server::start(Script::but("ehlo", b"250-mx.b.example\r\n250 SIZE 20\r\n")).await;
    let (reply, class) = permanent(&send(&courier_to(&server).await).await);
    assert_eq!((reply.to_string().get(..9), class), (Some("552 5.3.4"), BounceClass::TooLarge));
    let server = Server::start(Script::default()).await;
    let (reply, _) = permanent(&send_copy(&courier_to(&server).await, b"Subject: x\r\n\r\na\n.\r\n").await);
    assert_eq!(reply.to_string().get(..9), Some("554 5.6.0"));
    assert!(server.messages().is_empty());
}

#[tokio::test]
async fn a_large_copy_arrives_whole() {
    let mut copy = b"Subject: x\r\n\r\n".to_vec();
    for n in 0..40_000 {
        copy.extend_from_slice(format!(".{n}\r\n").as_bytes());
    }
    let server = Server::start(Script::default()).await;
    handed(&send_copy(&courier_to(&server).await, &copy).await);
    let stuffed = String::from_utf8(copy).unwrap().replace("\r\n.", "\r\n..");
    assert!(server.messages() == [stuffed.into_bytes()]);
}
