//! Fills the relay from outside: logins by its control socket, mail by SMTP, readers by HTTP. Nothing else is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::audience::Audience;
use super::diary::Diary;
use super::domains::{self, Kind};
use super::letters::{Form, LETTERS};
use super::page::SENDING_DOMAIN;
use super::people::person;
use super::receiver::{self, Host, Mailboxes};
use super::sender::Sender;
use super::web::{Request, Web};
use super::{names, say};
use crate::app::Place;
use crate::clock::Clock;
use crate::control::{self, Response, SuppressionEntry};

/// Whose mail is held back from the start, and why.
const HELD_BACK: [(usize, &str); 9] = [
    (11, "complaint"),
    (60, "import"),
    (133, "manual"),
    (402, "complaint"),
    (590, "import"),
    (1_152, "unsubscribe"),
    (1_355, "import"),
    (1_777, "manual"),
    (2_040, "complaint"),
];
/// A confirmation that nobody takes for so long is of no use any more.
const ORDER_LIFE_S: u64 = 10;
/// How often it is looked whether all is done, and for how long at most.
const LOOK_STEP: Duration = Duration::from_millis(250);
const LOOKS_MAX: usize = 240;
/// The record is handed to its file so often.
const FLUSH_STEP: Duration = Duration::from_secs(1);

/// The world before the relay runs: its sockets stand already.
pub(super) struct Stage {
    pub(super) names: std::net::UdpSocket,
    pub(super) hosts: Vec<Host>,
    pub(super) diary: Diary,
    pub(super) folder: PathBuf,
    /// A part of `1 / share` of each mailing is sent.
    pub(super) share: usize,
}

/// A user name and a password.
struct Login(String, String);

/// Does it all, then says where to look.
pub(super) async fn fill(stage: Stage, place: Place) -> Result<(), String> {
    let began = Instant::now();
    let Stage { names, hosts, diary, folder, share } = stage;
    let web = Web::new(place.web);
    let audience = receive(names, hosts, &diary, &web)?;
    let (news, shop) = prepare(&folder).await?;
    say("Filling it, which takes less than a minute:");
    let mut mailings = JoinSet::new();
    for letter in &LETTERS {
        let Login(user, password) = if letter.form == Form::Order { &shop } else { &news };
        let (user, password, diary) = (user.clone(), password.clone(), diary.clone());
        let sender = Sender { relay: place.submission, user, password, diary, clock: Clock };
        mailings.spawn(async move { (letter.name, sender.send(letter, share).await) });
    }
    while let Some(mailing) = mailings.join_next().await {
        let (name, sent) = mailing.map_err(|e| e.to_string())?;
        say(&format!("  {name:<22}{:>6} mails handed over", sent?));
    }
    diary.flush();
    let campaigns = settled(&web, &news, &audience, &folder).await?;
    diary.flush();
    tell(&campaigns, &place, &news, &folder, began.elapsed());
    Ok(())
}

/// The servers and the readers begin.
fn receive(names: std::net::UdpSocket, hosts: Vec<Host>, diary: &Diary, web: &Web) -> Result<Audience, String> {
    tokio::spawn(names::serve(UdpSocket::from_std(names).map_err(|e| e.to_string())?));
    let (readers, mailboxes) = mpsc::unbounded_channel();
    let audience = Audience::new(web.clone(), diary.clone());
    tokio::spawn(audience.clone().read(mailboxes));
    let mailboxes = Mailboxes::new(diary.clone(), readers, Arc::clone(&audience.busy));
    for host in hosts {
        let mailboxes = mailboxes.clone();
        tokio::spawn(async move {
            if let Err(error) = receiver::serve(host, mailboxes).await {
                tracing::error!(%error, "a server of the demo takes no more connections");
            }
        });
    }
    let diary = diary.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(FLUSH_STEP).await;
            diary.flush();
        }
    });
    Ok(audience)
}

/// Makes what a sender has before the first mailing: keys, logins, and those who want no mail.
async fn prepare(folder: &Path) -> Result<(Login, Login), String> {
    ask(folder, control::Request::DomainAdd { domain: SENDING_DOMAIN.to_owned() }).await?;
    let news = credential(folder, "newsletters", "campaign", None).await?;
    let shop = credential(folder, "shop", "transactional", Some(ORDER_LIFE_S)).await?;
    let entry = |(number, reason): (usize, &str)| SuppressionEntry {
        address: person(number).address,
        reason: reason.to_owned(),
        scope: String::new(),
        since: None,
    };
    let entries = HELD_BACK.into_iter().map(entry).collect();
    ask(folder, control::Request::SuppressionAdd { entries, imported: true }).await?;
    Ok((news, shop))
}

async fn credential(folder: &Path, name: &str, profile: &str, expire_s: Option<u64>) -> Result<Login, String> {
    let request = control::Request::CredentialCreate {
        name: name.to_owned(),
        domains: vec![SENDING_DOMAIN.to_owned()],
        profile: profile.to_owned(),
        source_addresses: Vec::new(),
        expire_s,
        priority: String::new(),
    };
    match ask(folder, request).await? {
        Response::Credential { username, password } => Ok(Login(username, password)),
        other => Err(format!("no credential was made: {other:?}")),
    }
}

async fn ask(folder: &Path, request: control::Request) -> Result<Response, String> {
    match control::ask(folder, &request).await {
        Ok(Some(Response::Failed { message })) => Err(message),
        Ok(Some(response)) => Ok(response),
        Ok(None) => Err("the relay does not listen to its control socket".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Waits until everybody was tried, retries have come to their end where they have one, and the readers have read. Gives
/// the campaigns.
async fn settled(web: &Web, login: &Login, audience: &Audience, folder: &Path) -> Result<Vec<Value>, String> {
    let mut campaigns = Vec::new();
    for _ in 0..LOOKS_MAX {
        tokio::time::sleep(LOOK_STEP).await;
        campaigns = ask_campaigns(web, login).await?;
        let number = |campaign: &Value, key: &str| campaign[key].as_u64().unwrap_or(0);
        let untried: u64 = campaigns.iter().map(|one| number(one, "queued") - number(one, "deferred")).sum();
        if untried == 0 && audience.is_done() && only_the_slow_wait(folder).await? {
            break;
        }
    }
    Ok(campaigns)
}

async fn ask_campaigns(web: &Web, Login(user, password): &Login) -> Result<Vec<Value>, String> {
    let login = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let fields = [("Host", "127.0.0.1"), ("Authorization", login.as_str())];
    let request = Request { method: "GET", path: "/api/v1/campaigns?mode=sandbox", fields: &fields, body: "" };
    let (_, body) = web.ask(&request).await.map_err(|e| e.to_string())?;
    let answer: Value = serde_json::from_slice(&body).map_err(|e| e.to_string())?;
    Ok(answer["campaigns"].as_array().cloned().unwrap_or_default())
}

/// Whether nothing waits but mail for the server that is always under maintenance, tried at least once.
async fn only_the_slow_wait(folder: &Path) -> Result<bool, String> {
    match ask(folder, control::Request::QueueList { site: None }).await? {
        Response::Queue { domains, .. } => {
            let slow = |line: &control::QueueLine| domains::of(&line.domain).is_some_and(|one| one.kind == Kind::Slow);
            Ok(domains.iter().all(|line| slow(line) && line.waiting == line.tried))
        }
        other => Err(format!("the queue could not be asked: {other:?}")),
    }
}

fn tell(campaigns: &[Value], place: &Place, Login(user, password): &Login, folder: &Path, took: Duration) {
    let columns = ["recipients", "delivered", "bounced", "queued", "suppressed", "unsubscribed"];
    say(&format!("\n  {:<22}{}", "campaign", columns.map(|column| format!("{column:>13}")).concat()));
    for campaign in campaigns.iter().rev() {
        let name = campaign["campaign"].as_str().unwrap_or_default();
        let numbers = columns.map(|column| format!("{:>13}", campaign[column].as_u64().unwrap_or(0)));
        say(&format!("  {name:<22}{}", numbers.concat()));
    }
    let Place { submission, dashboard_url, welcome, .. } = place;
    let (host, port) = (submission.ip(), submission.port());
    say(&format!(
        "\nReady after {} s. Its audience and its receiving servers are simulated; nothing leaves this machine.\n\n\
         Sign in (once, within an hour):\n  {welcome}\nafterwards:\n  {dashboard_url}\n\n\
         Send it mail of your own, to any address:\n  host      {host}\n  port      {port}\n  user      {user}\n  \
         password  {password}\n  from      anything@{SENDING_DOMAIN}\n\n\
         Commands reach it with POSTRIDER__DATA_DIR={}\nCtrl-C ends it.",
        took.as_secs(),
        folder.display()
    ));
}
