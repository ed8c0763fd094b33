//! Every number of every campaign, in JSON, CSV and on the pages, is the one that a count of the exported lines finds, which
//! shares no code with the relay: with mail that was refused, put off, cancelled and caught, personal addresses, one who left,
//! a campaign with another name and one shown as part of another, and a scanner's burst that took back what was counted
//! before. And that count finds a line that is missing or was changed, wherever it shows.

use std::process::Output;

use serde_json::Value;

use super::past::Past;
use crate::harness::{Mail, Request, path_of, python};

const CAMPAIGN: &str = "garden, \"pages\"";
const SPRING: &str = "spring-collection-2026";
const READERS: [&str; 6] = ["burst", "clicks", "reads", "twice", "leaves", "sleeps"];
/// What may be there beside this: fewer would say that tables were not found.
const NUMBERS_MIN: usize = 6_000;

fn mail(reader: &str, code: u64) -> String {
    let links: String = (1..=4).map(|n| format!("<a href=\"https://shop.example/{n}\">{n}</a> ")).collect();
    let own = format!(
        "<a href=\"https://shop.example/garden/{code:016x}\">your page</a> <a href=\"https://shop.example/account?c={code}\">account</a>"
    );
    format!(
        "From: a@own.example\r\nSubject: for {reader}\r\nX-Postrider-Campaign: {CAMPAIGN}\r\nContent-Type: text/html\r\n\r\n{links}{own}\r\n"
    )
}

async fn copy(past: &mut Past, reader: &str, code: u64) -> Vec<u8> {
    let to = format!("ok-{reader}@harbour.example");
    assert_eq!(past.relay.submit("a@own.example", &[&to], &mail(reader, code)).await.code, 250);
    past.relay.wait_idle().await;
    past.sink.received_by(&to).remove(0).bytes
}

async fn send_and_read(past: &mut Past) {
    let mut copies = Vec::new();
    for (code, reader) in (0x5f3a_91c2_77d0_1e44_u64..).step_by(0x0123_4567_89ab).zip(READERS) {
        copies.push(copy(past, reader, code).await);
    }
    let copies: Vec<_> = copies.iter().map(|bytes| Mail::read(bytes)).collect();
    let [burst, clicks, reads, twice, leaves, _] = copies.as_slice() else { unreachable!("six readers") };
    let relay = &past.relay;
    for mail in [burst, reads, twice, leaves] {
        assert_eq!(relay.follow(&mail.pixel().unwrap()).await.status, 200);
    }
    relay.follow(&burst.tracked_links()[0]).await;
    relay.follow(&clicks.tracked_links()[4]).await;
    relay.follow(&twice.tracked_links()[5]).await;
    relay.follow(&twice.tracked_links()[5]).await;
    relay.campaign_with(CAMPAIGN, "/clicked/human", 3).await;
    let links = burst.tracked_links();
    let [a, b, c] = [1, 2, 4].map(|n| relay.follow(&links[n]));
    tokio::join!(a, b, c);
    relay.campaign_with(CAMPAIGN, "/clicked/total_events", 7).await;
    let leave = leaves.header("List-Unsubscribe").expect("a way to leave");
    let leave = leave.split(['<', '>']).find(|part| part.starts_with("https:")).unwrap().to_owned();
    let answer = relay.http(&Request::form(&path_of(&leave), &[("List-Unsubscribe", "One-Click")])).await;
    assert_eq!(answer.status, 200);
    relay.campaign_with(CAMPAIGN, "/unsubscribed", 1).await;
}

/// One mail is cancelled, one campaign gets another name, and one is shown as part of another.
async fn rearrange(past: &mut Past, cookie: &str) {
    assert!(past.relay.command_text(&["queue", "cancel", "--domain", "hill.example"]).await.contains("were cancelled"));
    for (name, act, other) in
        [("letter-november", "name", "the letter of November"), ("one-by-one", "merge", "the letter of November")]
    {
        let id =
            past.relay.api(&format!("/api/v1/campaigns/{name}?mode=live")).await["id"].as_str().unwrap().to_owned();
        let form = Request::form(&format!("/campaigns/{id}/{act}"), &[("name", other)]).header("Cookie", cookie);
        assert_eq!(past.relay.http(&form.header("Sec-Fetch-Site", "same-origin")).await.status, 303, "{act}");
    }
}

/// The count, of these lines.
async fn counted(past: &mut Past, cookie: &str, lines: &str) -> (Output, String) {
    let file = past.relay.file("exported.jsonl", lines);
    let login = past.relay.login().await;
    let login = format!("{}:{}", login.username, login.password);
    let web = format!("http://{}", past.relay.web());
    let output = python("recount.py", &[&file.to_string_lossy(), &web, &login, cookie]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output, said)
}

#[tokio::test]
async fn every_number_is_counted_again() {
    let mut past = Past::make().await;
    send_and_read(&mut past).await;
    let cookie = past.relay.signed_in().await;
    rearrange(&mut past, &cookie).await;
    let exported = past.relay.command_text(&["export"]).await;
    let events: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for kind in ["deferred", "bounced", "delivered", "opened", "clicked", "unsubscribed", "cancelled", "reclassified"] {
        assert!(events.iter().any(|event| event["type"] == kind), "{kind}");
    }
    let (output, said) = counted(&mut past, &cookie, &exported).await;
    assert!(output.status.success(), "{said}");
    let numbers: usize = said.lines().last().and_then(|line| line.split(' ').next()).unwrap().parse().unwrap();
    assert!(said.contains(" 0 differences") && numbers > NUMBERS_MIN, "{said}");

    for Fault { kind, recipient, change, found } in faults() {
        let of = |event: &Value| event["campaign"] == SPRING && event["recipient"] == recipient;
        let at = events.iter().position(|event| event["type"] == kind && of(event)).unwrap();
        let mut lines = events.clone();
        match change {
            Change::Gone => drop(lines.remove(at)),
            Change::Scanner => lines[at]["client"]["class"] = "scanner".into(),
        }
        let lines: String = lines.iter().map(|event| format!("{event}\n")).collect();
        let (output, said) = counted(&mut past, &cookie, &lines).await;
        assert_eq!(output.status.code(), Some(1), "{said}");
        for found in found {
            assert!(said.contains(found), "{kind} to {recipient}: {found} is not in {said}");
        }
    }
    past.relay.finish_with_queue().await;
}

/// A line that is not as it was.
struct Fault {
    kind: &'static str,
    recipient: &'static str,
    change: Change,
    /// Where it shows.
    found: &'static [&'static str],
}

enum Change {
    Gone,
    /// It is said to be a machine's.
    Scanner,
}

fn faults() -> [Fault; 4] {
    [
        Fault {
            kind: "delivered",
            recipient: "ok-reader1@harbour.example",
            change: Change::Gone,
            found: &[
                "spring-collection-2026 (live) JSON delivered: ",
                "spring-collection-2026 (live) funnel Delivered: ",
                "spring-collection-2026 (live) page's site mx.b.example delivered: ",
                "spring-collection-2026 (live) people CSV ",
                "spring-collection-2026 (live) curve 1 delivered: ",
                "spring-collection-2026 (live) curve?curve=hour 1 delivered: ",
                "person ok-reader1@harbour.example mails: ",
                "overview (live) range=all tile Delivered: ",
                "overview (live) range=24h tile Delivered: ",
                "overview (live) range=7d chart ['Accepted', 'Delivered', 'Bounced or expired'] ",
                "queue delivered in the last hour: ",
                "queue waiting: ",
            ],
        },
        Fault {
            kind: "opened",
            recipient: "ok-reader4@harbour.example",
            change: Change::Scanner,
            found: &[
                "spring-collection-2026 (live) JSON opened_human: ",
                "spring-collection-2026 (live) tile Opened, low–high: ",
                "spring-collection-2026 (live) curve 1 low: ",
                "spring-collection-2026 (live) program ",
                "overview (live) range=24h tile Opened, low–high: ",
                "overview (live) range=7d chart ['Opened, low', 'Opened, high', 'Clicked'] ",
            ],
        },
        Fault {
            kind: "clicked",
            recipient: "ok-reader2@harbour.example",
            change: Change::Scanner,
            found: &[
                "spring-collection-2026 (live) links JSON ",
                "spring-collection-2026 (live) curve 1 clicked: ",
                "spring-collection-2026 (live) map link ",
                "spring-collection-2026 (live) map place ",
                "clicked: shown ['human'], counted ['scanner']",
            ],
        },
        Fault {
            kind: "cancelled",
            recipient: "tempfail-busy@hill.example",
            change: Change::Gone,
            found: &[
                "spring-collection-2026 (live) funnel cancelled: ",
                "state: shown (('cancelled',), 'cancelled'), counted ",
                "person tempfail-busy@hill.example mails: ",
                "overview (live) range=24h tile Waiting now: ",
                "queue waiting: ",
            ],
        },
    ]
}
