//! Feedback reports as other software writes them count once for each delivery that they really return, suppress who
//! complained, and hold the rest of the campaign at that site; reports of other mail, of other types and with forged tokens
//! count nothing.

use std::path::PathBuf;

use super::{taken, zone};
use crate::harness::{Config, PATIENCE, Relay, Request, Sink, fed, program, python_text, wait_until};

fn mail(campaign: &str) -> String {
    format!(
        "From: a@own.example\r\nSubject: {campaign}\r\nX-Postrider-Campaign: {campaign}\r\nContent-Type: text/html\r\n\r\n\
         <p>Hello <a href=\"https://shop.example/\">there</a></p>\r\n"
    )
}

/// Who is meant by a number.
fn address(n: usize) -> String {
    format!("ok-{n}@b.example")
}

/// Makes reports, each of a shape, a type, a recipient that it names and the copy of somebody.
async fn reports(relay: &Relay, sink: &Sink, name: &str, of: &[(&str, &str, &str, usize)]) -> PathBuf {
    let out = relay.file(name, "");
    let mut arguments = vec![out.to_string_lossy().into_owned()];
    for (shape, kind, recipient, n) in of {
        let copy = sink.received().into_iter().find(|mail| mail.rcpt_to == [address(*n)]).expect("a copy").bytes;
        let copy = relay.file(&format!("{name}-{n}.eml"), copy).to_string_lossy().into_owned();
        arguments.extend([(*shape).to_owned(), (*kind).to_owned(), (*recipient).to_owned(), copy]);
    }
    python_text("make_feedback.py", &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    out
}

/// What the command says of reports that it can all read.
async fn complain(relay: &Relay, file: &std::path::Path) -> String {
    relay.command_text(&["complaint", &file.to_string_lossy()]).await
}

/// Hands a report over as a mail server does.
async fn pipe(relay: &Relay, file: &std::path::Path) -> String {
    let mut command = program(env!("CARGO_BIN_EXE_postrider"));
    command.arg("complaint").arg("--config").arg(relay.config_file());
    let output = fed(command, std::fs::read(file).unwrap()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What counts nothing, however often it comes.
async fn nothing_counts(relay: &Relay, sink: &Sink) {
    let strange =
        relay.file("strange.eml", "From: x@z.example\nMessage-ID: <1@z.example>\n\nhttps://z.example/c/abc\n");
    let header = relay.file("strange-report.eml", "");
    let strange = strange.to_string_lossy().into_owned();
    python_text("make_feedback.py", &[&header.to_string_lossy(), "whole", "abuse", "ok-5@b.example", &strange]).await;
    let said = complain(relay, &header).await;
    assert!(said.contains("\t-\t-\t-\tnot counted: not ours; arrived"), "{said}");
    let of = [
        ("forged", "abuse", "ok-5@b.example", 5),
        ("unsigned", "abuse", "ok-99@b.example", 5),
        ("whole", "not-spam", "ok-5@b.example", 5),
        ("whole", "other", "ok-5@b.example", 5),
    ];
    let said = complain(relay, &reports(relay, sink, "nothing", &of).await).await;
    assert_eq!(said.matches("not counted: not ours").count(), 2, "{said}");
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[2].contains("nothing:3\tok-5@b.example\tspring\t"), "{said}");
    assert!(lines[2].ends_with("\tnot counted: a report of the type not-spam"), "{said}");
    assert!(lines[4] == "0 counted, 0 already known, 4 not counted, 0 not read", "{said}");
}

#[tokio::test]
async fn complaints_hold_the_rest_of_a_campaign() {
    let sink = Sink::start().await.unwrap();
    let dns = zone().start().await;
    let config =
        Config::mx(dns.address(), sink.port()).set("delivery.canary.first", 10).set("delivery.canary.complained", 0.2);
    let mut relay = config.start().await;
    let cookie = relay.sign_in().await;
    relay.command_text(&["domain", "add", "own.example"]).await;
    relay.login().await;
    let all: Vec<_> = (0..30).map(address).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    assert_eq!(relay.submit("a@own.example", &all[..10], &mail("spring")).await.code, 250);
    relay.campaign_with("spring", "/delivered", 10).await;
    // The later part waits until it is seen to be held; who complains is in it too.
    relay.command_text(&["queue", "pause", "--campaign", "spring"]).await;
    assert_eq!(relay.submit("a@own.example", &[&all[10..], &all[..1]].concat(), &mail("spring")).await.code, 250);
    nothing_counts(&relay, &sink).await;
    assert_eq!(relay.campaign("spring").await["complained"], 0);

    let first = reports(&relay, &sink, "first.eml", &[("whole", "abuse", all[0], 0)]).await;
    let said = pipe(&relay, &first).await;
    assert!(said.starts_with("standard input\tok-0@b.example\tspring\t") && said.ends_with("\tcounted\n"), "{said}");
    let of = [
        ("whole", "abuse", all[0], 0),
        ("header", "abuse", "redacted@b.example", 1),
        ("redacted", "fraud", "redacted", 2),
        ("unsigned", "abuse", all[3], 3),
    ];
    let said = complain(&relay, &reports(&relay, &sink, "more", &of).await).await;
    assert!(said.ends_with("3 counted, 1 already known, 0 not counted, 0 not read\n"), "{said}");
    assert!(said.contains("more:1\tok-0@b.example\tspring\t") && said.contains("more:4\tok-3@b.example\t"), "{said}");

    let page = async |path: &str| relay.http(&Request::get(path).header("Cookie", &cookie)).await.text();
    wait_until("the rest is held", PATIENCE, async || {
        page("/queue").await.contains("4 of 10 that were delivered there were complained of (40.00 %)")
    })
    .await;
    relay.command_text(&["queue", "resume", "--campaign", "spring"]).await;
    assert_eq!(relay.submit("a@own.example", &all[20..22], &mail("autumn")).await.code, 250);
    relay.campaign_with("autumn", "/delivered", 2).await;
    let stats = relay.campaign("spring").await;
    assert_eq!((stats["queued"].as_i64(), stats["complained"].as_i64()), (Some(21), Some(4)), "{stats}");
    assert_eq!((stats["held"][0]["waiting"].as_i64(), stats["held"][0]["complained"].as_i64()), (Some(21), Some(4)));
    pages_and_lists(&relay, &cookie).await;

    assert!(relay.command_text(&["queue", "release", "--campaign", "spring"]).await.contains("at 1 sites"));
    let stats = relay.campaign_with("spring", "/delivered", 30).await;
    assert_eq!((stats["suppressed"].as_i64(), stats["queued"].as_i64()), (Some(1), Some(0)), "{stats}");
    assert_eq!(taken(&sink, "b.example"), 30 + 2);
    // What was taken off the list stays off it, though the same report comes again.
    relay.command_text(&["suppression", "remove", all[0]]).await;
    assert!(pipe(&relay, &first).await.ends_with("\talready known\n"));
    assert!(!relay.command_text(&["suppression", "list"]).await.contains("ok-0@"));
    without_a_relay(&mut relay, &sink).await;
    relay.finish().await;
}

async fn pages_and_lists(relay: &Relay, cookie: &str) {
    let page = async |path: &str| relay.http(&Request::get(path).header("Cookie", cookie)).await.text();
    let export = relay.command_text(&["export", "--campaign", "spring"]).await;
    let events = export.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let complained: Vec<_> = events.filter(|event| event["type"] == "complained").collect();
    let whose: Vec<_> = complained.iter().map(|event| event["recipient"].as_str().unwrap()).collect();
    assert_eq!(whose, (0..4).map(address).collect::<Vec<_>>());
    assert!(complained.iter().all(|event| event["campaign"] == "spring" && event["message"]["subject"] == "spring"));
    let mail = page(&format!("/messages/{}", complained[0]["delivery"].as_str().unwrap())).await;
    assert!(mail.contains("Complained"), "{mail}");
    let list = relay.command_text(&["suppression", "list"]).await;
    assert_eq!(list.matches("\tcomplaint\tall mail\t").count(), 4, "{list}");

    let overview = page("/campaigns").await;
    let links = overview.split("href=\"/campaigns/").skip(1).map(|rest| rest.split(['"', '?', '/']).next().unwrap());
    let mut found = false;
    for id in links.filter(|id| !id.is_empty()).collect::<std::collections::BTreeSet<_>>() {
        let campaign = page(&format!("/campaigns/{id}")).await;
        if campaign.contains("<h1><bdi>spring</bdi></h1>") {
            assert!(campaign.contains("<b>4</b> complained"), "{campaign}");
            let people = page(&format!("/campaigns/{id}/people?did=complained")).await;
            assert!((0..4).all(|n| people.contains(&address(n))) && !people.contains("ok-5@"), "{people}");
            found = true;
        }
    }
    assert!(found, "{overview}");
}

/// On a stopped relay's folder, from a folder in which one file is no report.
async fn without_a_relay(relay: &mut Relay, sink: &Sink) {
    relay.stop().await;
    let report = reports(relay, sink, "late.eml", &[("whole", "abuse", "ok-6@b.example", 6)]).await;
    let folder = report.with_file_name("reports");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.eml"), "Subject: buy now\n\nhello\n").unwrap();
    std::fs::copy(&report, folder.join("b.eml")).unwrap();
    let missing = folder.join("none.eml");
    let output = relay.command(&["complaint", &missing.to_string_lossy(), &folder.to_string_lossy()]).await;
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}{wrong}");
    assert!(said.contains("b.eml\tok-6@b.example\tspring\t"), "{said}");
    assert!(said.ends_with("1 counted, 0 already known, 0 not counted, 2 not read\n"), "{said}");
    assert!(wrong.contains("a.eml: it is no feedback report") && wrong.contains("none.eml: "), "{wrong}");
}
