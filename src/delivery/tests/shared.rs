//! One copy for several recipients in one transaction.

use super::server::{HANG_UP, Script};
use super::*;

/// The three ways to say an envelope.
pub fn ways(script: &Script) -> [Script; 3] {
    [script.clone(), script.clone().chunking(), script.clone().step_by_step()]
}

fn with_replies(rcpts: &[(&'static str, &'static str)]) -> Script {
    Script { rcpts: rcpts.to_vec(), ..Script::default() }
}

pub async fn send_all(courier: &Courier, names: &[&str]) -> Vec<Attempted> {
    let to: Vec<_> = names.iter().map(|name| address(&format!("{name}@b.example"))).collect();
    let all = Parcel { recipients: &to, ..parcel(&to[0], COPY) };
    let attempted = tokio::time::timeout(Duration::from_secs(30), courier.attempt(all)).await.unwrap();
    assert_eq!(attempted.len(), names.len());
    attempted
}

/// The first digit of each answer.
pub fn digits(attempted: &[Attempted]) -> String {
    let digit = |one: &Attempted| match one.result {
        Answer::Handed(_) => '2',
        Answer::Temporary(..) => '4',
        Answer::Permanent(..) => '5',
    };
    attempted.iter().map(digit).collect()
}

async fn keeping(server: &Server) -> Courier {
    courier_with(server, |settings| settings.messages_per_connection = 100).await
}

/// The recipients of each message that was one.
pub fn taken(server: &Server) -> Vec<String> {
    let whole = server.messages().iter().map(|message| !message.is_empty()).collect::<Vec<_>>();
    let letters = |paths: Vec<String>| paths.iter().map(|path| &path[..1]).collect();
    server.recipients().into_iter().zip(whole).filter(|(_, whole)| *whole).map(|(paths, _)| letters(paths)).collect()
}

#[tokio::test]
async fn each_recipient_has_its_own_answer() {
    let replies = [("b", "550 5.1.1 who\r\n"), ("d", "451 4.7.1 later\r\n")];
    for script in ways(&with_replies(&replies)) {
        let server = Server::start(script).await;
        let courier = keeping(&server).await;
        let attempted = send_all(&courier, &["a", "b", "c", "d", "e"]).await;
        assert_eq!((digits(&attempted).as_str(), taken(&server)), ("25242", vec!["ace".to_owned()]));
        assert_eq!(permanent(&attempted[1]).0.to_string(), "550 5.1.1 who");
        assert_eq!(temporary(&attempted[3]).0.to_string(), "451 4.7.1 later");
        for (name, one) in ["a", "b", "c", "d", "e"].iter().zip(&attempted) {
            let log = &one.transcript;
            assert!(log.contains("with 4 more of its recipients") && log.matches("RCPT").count() == 1, "{log}");
            assert!(
                log.contains(&format!("RCPT TO:<{name}@b.example>")) && log.contains("S: 250 2.0.0 taken"),
                "{log}"
            );
        }
        assert_eq!(digits(&send_all(&courier, &["f", "g"]).await), "22");
        let commands = server.commands();
        assert_eq!((server.connections(), commands.contains(&"RSET".to_owned())), (1, false), "{commands:?}");
    }
}

#[tokio::test]
async fn where_all_are_refused_no_message_goes_out() {
    let replies = [("a", "550 5.1.1 who\r\n"), ("b", "451 4.7.1 later\r\n")];
    for script in ways(&with_replies(&replies)) {
        for data in ["503 5.5.1 no recipients\r\n", "354 go on\r\n"] {
            let server = Server::start(Script { data: data.into(), ..script.clone() }).await;
            let courier = keeping(&server).await;
            let attempted = send_all(&courier, &["a", "b"]).await;
            assert_eq!((digits(&attempted).as_str(), taken(&server)), ("54", Vec::new()));
            assert_eq!(permanent(&attempted[0]).0.to_string(), "550 5.1.1 who");
            send_all(&courier, &["a", "b"]).await;
            let commands = server.commands();
            let resets = commands.iter().filter(|command| *command == "RSET").count();
            assert_eq!((server.connections(), resets), (1, 1), "{commands:?}");
        }
    }
}

#[tokio::test]
async fn who_was_too_many_follows_at_once() {
    for script in ways(&Script { rcpts_max: 2, ..Script::default() }) {
        let server = Server::start(script).await;
        let attempted = send_all(&keeping(&server).await, &["a", "b", "c", "d", "e"]).await;
        assert_eq!((digits(&attempted).as_str(), server.connections()), ("22222", 1));
        assert_eq!(taken(&server), ["ab", "cd", "e"]);
    }
    for script in ways(&Script { rcpts_max: 0, ..Script::default() }) {
        let server = Server::start(script).await;
        let attempted = send_all(&keeping(&server).await, &["a", "b"]).await;
        assert_eq!((digits(&attempted).as_str(), taken(&server)), ("44", Vec::new()));
    }
}

#[tokio::test]
async fn what_is_said_of_the_message_counts_for_all_who_were_accepted() {
    for script in ways(&Script::but("dot", b"554 5.7.1 spam\r\n")) {
        let server = Server::start(Script { rcpts: vec![("b", "451 4.7.1 later\r\n")], ..script }).await;
        let attempted = send_all(&keeping(&server).await, &["a", "b", "c"]).await;
        assert_eq!((digits(&attempted).as_str(), taken(&server)), ("545", vec!["ac".to_owned()]));
    }
}

#[tokio::test]
async fn a_message_refused_for_somebody_goes_to_each_alone() {
    let (unknown, full) = (("b", "550 5.1.1 who\r\n"), ("b", "452 4.2.2 mailbox full\r\n"));
    for (dot, expected) in [(unknown, "252"), (full, "242")] {
        for script in ways(&Script { dots: vec![dot], ..Script::default() }) {
            let server = Server::start(script).await;
            let attempted = send_all(&keeping(&server).await, &["a", "b", "c"]).await;
            assert_eq!((digits(&attempted).as_str(), server.connections()), (expected, 1));
            let mut alone = taken(&server);
            alone.sort();
            assert_eq!(alone, ["a", "abc", "b", "c"]);
        }
    }
}

#[tokio::test]
async fn a_connection_lost_with_the_message_is_temporary_for_all_but_the_refused() {
    for script in ways(&Script::but("dot", HANG_UP.as_bytes())) {
        let server = Server::start(Script { rcpts: vec![("b", "550 5.1.1 who\r\n")], ..script }).await;
        let attempted = send_all(&keeping(&server).await, &["a", "b", "c"]).await;
        assert_eq!((digits(&attempted).as_str(), taken(&server)), ("454", vec!["ac".to_owned()]));
        assert_eq!(temporary(&attempted[0]).1, BounceClass::NoAnswer);
    }
}

#[tokio::test]
async fn a_session_that_ends_among_the_recipients_is_temporary_for_those_not_refused() {
    for end in [HANG_UP, "421 4.3.2 closing down\r\n"] {
        for script in ways(&with_replies(&[("b", "550 5.1.1 who\r\n"), ("c", end)])) {
            let server = Server::start(script).await;
            let attempted = send_all(&keeping(&server).await, &["a", "b", "c", "d"]).await;
            assert_eq!(digits(&attempted), "4544", "{end}");
        }
    }
}

#[tokio::test]
async fn those_a_dying_host_left_go_to_the_next() {
    let one = Server::start(with_replies(&[("b", "550 5.1.1 who\r\n"), ("c", HANG_UP)])).await;
    let two = Server::start_at(at("127.0.0.2", one.address.port()), Script::default()).await;
    let zone = Zone::start().await;
    zone.mx("b.example", &[(10, "one.example"), (20, "two.example")]);
    zone.a("one.example", &[one.ip()]);
    zone.a("two.example", &[two.ip()]);
    let courier = Courier::new(settings(&zone, one.address.port())).unwrap();
    let attempted = send_all(&courier, &["a", "b", "c", "d"]).await;
    assert_eq!((digits(&attempted).as_str(), taken(&two)), ("2522", vec!["acd".to_owned()]));
    assert_eq!((attempted[0].mx.as_str(), attempted[1].mx.as_str()), ("two.example", "one.example"));
    assert!(!attempted[1].transcript.contains("two.example"), "{}", attempted[1].transcript);
}
