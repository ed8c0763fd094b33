//! Hosts that speak LMTP (RFC 2033): each recipient has a reply of its own to the message.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{HANG_UP, Script};
use super::shared::{digits, send_all, taken};
use super::*;

/// A courier whose `b.example` goes to this server by LMTP.
fn courier_to(server: &Server) -> Courier {
    courier_at(&format!("lmtp://{}", server.address), |_| ())
}

fn courier_at(to: &str, change: impl FnOnce(&mut Settings)) -> Courier {
    let mut settings = Settings { hostname: "relay.shop.example".to_owned(), mode: Mode::Mx, ..Settings::default() };
    (settings.timeouts, settings.dns) = (timeouts(), vec![at("127.0.0.1", 1)]);
    settings.routes.set(&"b.example".parse().unwrap(), &Host::route(to).unwrap().into());
    change(&mut settings);
    Courier::new(settings).unwrap()
}

/// With PIPELINING, with CHUNKING too, and step by step.
fn ways(script: &Script) -> [Script; 3] {
    [script.clone().lmtp(), script.clone().chunking().lmtp(), script.clone().step_by_step().lmtp()]
}

#[tokio::test]
async fn a_session_begins_with_lhlo_and_serves_more_than_one_message() {
    for script in ways(&Script::default()) {
        let server = Server::start(script).await;
        let courier = courier_to(&server);
        for names in [&["a"][..], &["b", "c", "d"]] {
            let attempted = send_all(&courier, names).await;
            assert_eq!(digits(&attempted), "2".repeat(names.len()));
            assert_eq!(handed(&attempted[0]).text, "taken");
        }
        let commands = server.commands();
        assert_eq!(commands[0], "LHLO relay.shop.example");
        let odd = ["EHLO", "HELO", "BDAT", "RSET"];
        assert!(!commands.iter().any(|line| odd.iter().any(|verb| line.starts_with(verb))), "{commands:?}");
        assert_eq!((server.connections(), taken(&server)), (1, vec!["a".to_owned(), "bcd".to_owned()]));
    }
}

#[tokio::test]
async fn a_server_without_lhlo_gets_nothing_humbler() {
    let server = Server::start(Script::default()).await;
    let attempted = send(&courier_to(&server)).await;
    assert_eq!(temporary(&attempted).0.code, 500);
    assert_eq!((server.connections(), server.commands()), (1, vec!["LHLO relay.shop.example".to_owned()]));
}

#[tokio::test]
async fn each_recipient_has_its_own_reply_to_the_message() {
    let dots = vec![("b", "550 5.7.1 a rule of hers\r\n"), ("d", "452 4.2.2 mailbox full\r\n")];
    let rcpts = vec![("c", "550 5.1.1 who\r\n")];
    for script in ways(&Script { rcpts, dots, ..Script::default() }) {
        let server = Server::start(script).await;
        let courier = courier_to(&server);
        let attempted = send_all(&courier, &["a", "b", "c", "d", "e"]).await;
        assert_eq!((digits(&attempted).as_str(), taken(&server)), ("25542", vec!["abde".to_owned()]));
        let said = ["250 2.0.0 taken", "550 5.7.1 a rule of hers", "550 5.1.1 who", "452 4.2.2 mailbox full"];
        assert_eq!(handed(&attempted[0]).to_string(), said[0]);
        assert_eq!(permanent(&attempted[1]).0.to_string(), said[1]);
        assert_eq!(permanent(&attempted[2]).0.to_string(), said[2]);
        assert_eq!(
            temporary(&attempted[3]),
            (Reply::from_lines([said[3].as_bytes()]).unwrap(), BounceClass::MailboxFull)
        );
        for (n, one) in attempted.iter().enumerate().take(4) {
            let heard = |text: &&str| one.transcript.contains(&format!("S: {text}\n"));
            assert_eq!(said.iter().copied().filter(heard).collect::<Vec<_>>(), [said[n]], "{}", one.transcript);
        }
        // What was said to each alone is final: nothing is sent twice, and the session goes on.
        assert_eq!(digits(&send_all(&courier, &["f"]).await), "2");
        assert_eq!((server.connections(), server.messages().len()), (1, 2));
    }
}

#[tokio::test]
async fn refusals_for_all_are_not_tried_again_one_by_one() {
    for script in ways(&Script::but("dot", b"550 5.1.1 who\r\n")) {
        let server = Server::start(script).await;
        assert_eq!(digits(&send_all(&courier_to(&server), &["a", "b"]).await), "55");
        assert_eq!(taken(&server), ["ab"]);
    }
}

#[tokio::test]
async fn who_was_too_many_follows_at_once() {
    for script in ways(&Script { rcpts_max: 2, ..Script::default() }) {
        let server = Server::start(script).await;
        let attempted = send_all(&courier_to(&server), &["a", "b", "c", "d", "e"]).await;
        assert_eq!((digits(&attempted).as_str(), server.connections()), ("22222", 1));
        assert_eq!(taken(&server), ["ab", "cd", "e"]);
    }
}

#[tokio::test]
async fn when_the_connection_dies_between_replies_those_heard_stand() {
    for end in [HANG_UP, "421 4.3.2 closing down\r\n", "350 what\r\n"] {
        let dots = vec![("b", "550 5.7.1 no\r\n"), ("c", end)];
        for script in ways(&Script { dots, ..Script::default() }) {
            let server = Server::start(script).await;
            let attempted = send_all(&courier_to(&server), &["a", "b", "c", "d"]).await;
            assert_eq!((digits(&attempted).as_str(), taken(&server)), ("2544", vec!["abcd".to_owned()]), "{end}");
            let why = temporary(&attempted[3]).0.text;
            assert!(attempted[3].transcript.ends_with(&format!("-- {why}\n")), "{}", attempted[3].transcript);
        }
    }
    let server = Server::start(Script { dots: vec![("b", HANG_UP)], ..Script::default() }.lmtp()).await;
    let attempted = send_all(&courier_to(&server), &["a", "b"]).await;
    assert_eq!(temporary(&attempted[1]).0.text, "127.0.0.1 closed the connection at the reply for this recipient");
}

#[tokio::test]
async fn a_refusal_before_the_message_has_ended_is_meant_for_all() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let replies = ["220 hi", "250 hi", "250 ok", "250 ok", "250 ok", "354 go on"];
        let mut command = [0; 512];
        for (n, reply) in replies.iter().enumerate() {
            if n > 0 {
                assert!(socket.read(&mut command).await.unwrap() > 0);
            }
            socket.write_all(format!("{reply}\r\n").as_bytes()).await.unwrap();
        }
        socket.read_exact(&mut [0; 20]).await.unwrap();
        socket.write_all(b"552 5.3.4 too much\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let to: Vec<_> = ["a@b.example", "b@b.example"].map(address).into();
    let copy = [b"Subject: x\r\n\r\n".as_slice(), &b"line\r\n".repeat(4_000_000)].concat();
    let all = Parcel { recipients: &to, ..parcel(&to[0], &copy) };
    let attempted = courier_at(&format!("lmtp://{server}"), |_| ()).attempt(all).await;
    assert_eq!(digits(&attempted), "55");
    assert_eq!(permanent(&attempted[1]).0.to_string(), "552 5.3.4 too much");
}

#[tokio::test]
async fn who_gets_no_reply_in_time_is_tried_again() {
    for script in ways(&Script { replies_max: 2, ..Script::default() }) {
        let server = Server::start(script).await;
        let to = format!("lmtp://{}", server.address);
        let courier = courier_at(&to, |settings| settings.timeouts.final_dot = Duration::from_millis(300));
        let attempted = send_all(&courier, &["a", "b", "c", "d"]).await;
        assert_eq!(digits(&attempted), "2244");
        assert!(temporary(&attempted[2]).0.text.contains("took too long"), "{}", attempted[2].transcript);
        // The rest could still come: what follows goes over a new connection.
        assert_eq!((digits(&send_all(&courier, &["e"]).await).as_str(), server.connections()), ("2", 2));
    }
}

#[tokio::test]
async fn replies_too_many_are_not_taken_for_later_ones() {
    let server = Server::start(Script::but("dot", b"250 2.0.0 taken\r\n550 5.1.1 who\r\n").lmtp()).await;
    let courier = courier_to(&server);
    handed(&send(&courier).await);
    handed(&send(&courier).await);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn no_message_goes_to_nobody() {
    for data in ["503 5.5.1 no recipients\r\n", "354 go on\r\n"] {
        for script in ways(&Script { rcpts: vec![("a", "550 5.1.1 who\r\n")], data: data.into(), ..Script::default() })
        {
            let server = Server::start(script).await;
            let courier = courier_to(&server);
            assert_eq!(digits(&send_all(&courier, &["a"]).await), "5");
            if data.starts_with("354") {
                assert_eq!(digits(&send_all(&courier, &["b"]).await), "2");
            }
            assert_eq!(server.messages().len(), usize::from(data.starts_with("354")));
            assert!(!server.commands().contains(&".".to_owned()));
        }
    }
}

#[tokio::test]
async fn a_large_message_arrives_whole_and_with_its_dots() {
    let copy = [b"Subject: x\r\n\r\n".as_slice(), &b".line\r\n".repeat(40_000)].concat();
    let server = Server::start(Script::default().lmtp()).await;
    handed(&send_copy(&courier_to(&server), &copy).await);
    let stuffed = String::from_utf8(copy).unwrap().replace("\r\n.", "\r\n..");
    assert!(server.messages() == [stuffed.into_bytes()]);
}

#[tokio::test]
async fn a_socket_of_this_machine_is_as_good_as_a_port() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lmtp");
    let to = format!("lmtp+unix://{}", path.display());
    let courier = courier_at(&to, |_| ());
    let attempted = send(&courier).await;
    let (reply, class) = temporary(&attempted);
    assert!(reply.text.starts_with(&format!("no connection to {}: ", path.display())), "{reply}");
    assert_eq!(class, BounceClass::NoAnswer);
    // TLS is offered and has no sense there.
    let ehlo = b"250-mx.b.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n".to_vec();
    let script = Script { ehlo, dots: vec![("b", "550 5.7.1 no\r\n")], ..Script::default() };
    let server = Server::start_on(&path, script.lmtp());
    let attempted = send_all(&courier, &["a", "b"]).await;
    assert_eq!((digits(&attempted).as_str(), taken(&server)), ("25", vec!["ab".to_owned()]));
    let (mx, ip) = (attempted[0].mx.as_str(), attempted[0].ip.as_str());
    assert_eq!((mx, ip, attempted[0].tls.as_str()), (path.to_str().unwrap(), "", ""));
    handed(&send(&courier).await);
    assert_eq!(server.connections(), 1);
    assert!(!server.commands().contains(&"STARTTLS".to_owned()));
}

#[tokio::test]
async fn tls_and_login_are_as_in_smtp() {
    let ehlo = b"250-mx.b.example\r\n250 STARTTLS\r\n".to_vec();
    let ehlo_tls = b"250-mx.b.example\r\n250 AUTH PLAIN\r\n".to_vec();
    let tls = Some(super::encryption::acceptor());
    let server = Server::start(Script { ehlo, tls, ehlo_tls, ..Script::default() }.lmtp()).await;
    let attempted = send(&courier_at(&format!("lmtp://relay:secret@{}", server.address), |_| ())).await;
    handed(&attempted);
    assert_eq!(attempted.tls, "TLSv1.3");
    let lhlo = "LHLO relay.shop.example";
    assert_eq!(server.commands()[..3], [lhlo, "STARTTLS", lhlo]);
    assert!(server.commands()[3].starts_with("AUTH PLAIN "));
}
