//! Bytes of the database and of its log are flipped, and the log is cut, at many places after a kill: each time the store
//! refuses to open and names the way back, or says what is missing, or everything is there.

use std::path::Path;
use std::time::Duration;

use crate::harness::{Config, Sink, program, run, wait_until};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: harm\r\nContent-Type: text/html\r\n\r\n\
                    <html><body><a href=\"https://a.example/1\">x</a></body></html>\r\n";

#[derive(Debug)]
enum Harm {
    Flip(&'static str, usize),
    Cut(&'static str, usize),
    Empty(&'static str),
    Gone(&'static str),
}

impl Harm {
    fn is_to_the_log(&self) -> bool {
        let (Self::Flip(name, _) | Self::Cut(name, _) | Self::Empty(name) | Self::Gone(name)) = self;
        *name == LOG
    }
}

const DATABASE: &str = "postrider.db";
const LOG: &str = "postrider.db-wal";
/// Bytes of a page of the database.
const PAGE: usize = 8192;

fn harms(folder: &Path) -> Vec<Harm> {
    let length = |name: &str| usize::try_from(std::fs::metadata(folder.join(name)).unwrap().len()).unwrap();
    let (database, log) = (length(DATABASE), length(LOG));
    let mut harms = vec![Harm::Empty(DATABASE), Harm::Gone(DATABASE), Harm::Gone(LOG), Harm::Flip(DATABASE, 3)];
    // Half of them hit what a page begins with, the others whatever is there: also what nothing is kept in.
    let pages = database / PAGE;
    harms.extend((0..7).map(|n| Harm::Flip(DATABASE, pages * (2 * n + 1) / 14 * PAGE)));
    harms.extend((0..7).map(|n| Harm::Flip(DATABASE, database * (2 * n + 1) / 14)));
    harms.extend((0..6).map(|n| Harm::Flip(LOG, log * n / 6 + 5)));
    harms.extend((0..6).map(|n| Harm::Cut(LOG, log * n / 6 + 5)));
    harms
}

fn inflict(harm: &Harm, folder: &Path) {
    match harm {
        Harm::Flip(name, at) => {
            let mut bytes = std::fs::read(folder.join(name)).unwrap();
            bytes.iter_mut().skip(*at).take(16).for_each(|byte| *byte ^= 0x5a);
            std::fs::write(folder.join(name), bytes).unwrap();
        }
        Harm::Cut(name, at) => {
            let bytes = std::fs::read(folder.join(name)).unwrap();
            std::fs::write(folder.join(name), &bytes[..*at]).unwrap();
        }
        Harm::Empty(name) => std::fs::write(folder.join(name), "").unwrap(),
        Harm::Gone(name) => std::fs::remove_file(folder.join(name)).unwrap(),
    }
}

/// Exit code, standard output, standard error.
async fn postrider(data: &Path, command: &[&str]) -> (bool, String, String) {
    let mut program = program(env!("CARGO_BIN_EXE_postrider"));
    program.args(command).env("POSTRIDER__DATA_DIR", data).current_dir(data.parent().unwrap());
    let output = run(program).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// The events' names and types, without the text beside them.
fn events(exported: &str) -> Vec<String> {
    let word = |line: &str, key: &str| {
        line.split(&format!("\"{key}\":\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("").to_owned()
    };
    exported.lines().map(|line| format!("{} {}", word(line, "id"), word(line, "type"))).collect()
}

#[tokio::test]
async fn damage_is_never_passed_over() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    for round in 1..=2 {
        for n in 0..40 {
            let to = format!("ok-{round}x{n}@b.example");
            assert_eq!(relay.submit("a@own.example", &[&to], MAIL).await.code, 250);
        }
        relay.campaign_with("harm", "/delivered", 40 * round).await;
        // What a stop has moved out of the log stands in the main file alone.
        if round == 1 {
            relay.stop().await;
            relay.restart().await;
        }
    }
    let mark = relay.data_dir().join("postrider.mark");
    let noted = || -> Option<(i64, u32, u32)> {
        let text = std::fs::read_to_string(&mark).ok()?;
        let mut words = text.split(' ').skip(1);
        let seq = words.next()?.parse().ok()?;
        Some((seq, words.nth(1)?.parse().ok()?, words.next()?.parse().ok()?))
    };
    wait_until("all is known to be in the log and in the main file", Duration::from_secs(10), async || {
        noted().is_some_and(|(seq, frames, moved)| seq >= 160 && frames > 0 && frames == moved)
    })
    .await;
    relay.kill().await;

    let place = tempfile::tempdir().unwrap();
    let files = [DATABASE, LOG, "postrider.mark", "signing.key"];
    let put = |from: &Path, to: &Path| {
        std::fs::create_dir_all(to).unwrap();
        for name in files {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    };
    let whole = place.path().join("whole");
    put(&relay.data_dir(), &whole);
    let whole_events = events(&postrider(&whole, &["export"]).await.1);
    assert!(whole_events.len() >= 160);

    let (mut refused, mut told, mut unharmed) = (0, 0, 0);
    for (n, harm) in harms(&relay.data_dir()).into_iter().enumerate() {
        let data = place.path().join(n.to_string());
        put(&relay.data_dir(), &data);
        inflict(&harm, &data);
        let (opened, _, said) = postrider(&data, &["credential", "list"]).await;
        if !opened {
            assert!(!harm.is_to_the_log(), "what stands in the main file survives its log: {harm:?}: {said}");
            assert!(said.contains("damaged") && said.contains("postrider backup"), "{harm:?}: {said}");
            refused += 1;
            continue;
        }
        let (agreed, found, _) = postrider(&data, &["verify"]).await;
        let left = events(&postrider(&data, &["export"]).await.1);
        if harm.is_to_the_log() {
            assert!(agreed && left == whole_events, "{harm:?}: {} events left, {found}{said}", left.len());
            unharmed += 1;
        } else if !agreed {
            assert!(!found.is_empty(), "{harm:?}");
            told += 1;
        } else if left == whole_events {
            unharmed += 1;
        } else {
            assert!(said.contains("are gone"), "{harm:?}: {} of {} events, and {said}", left.len(), whole_events.len());
            told += 1;
        }
    }
    assert!(refused >= 3, "{refused} refused, {told} told, {unharmed} unharmed");
    relay.restart().await;
    relay.finish().await;
}
