//! A thousand different newsletters to a thousand people in twenty domains.
//!
//! Their pages are the templates of public packages, put under `target/test-templates` by `.ci/setup`: foundation-emails,
//! mailgen and swig-email-templates (npm), mjml, django-simple-mail and bootstrap-email (PyPI). Python makes the mails and
//! compares what arrived, part for part and link for link; it also makes the visits that the numbers are held against.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::harness::{
    Client, Config, Keep, Login, PATIENCE, Relay, Request, Sink, SinkSettings, Zone, python_text, wait_until,
};

const MAILS: usize = 1_000;
const DOMAINS: usize = 20;
const SENDERS: usize = 4;
const CAMPAIGNS: [&str; 4] = ["weekly", "Spring sale", "Größte Auswahl", "members"];

/// How a domain answers, by its number: one takes no mail at all, some refuse, defer, or take at the second try.
fn word(domain: usize) -> &'static str {
    match domain {
        0 => "null",
        1 => "permfail",
        2 => "spam",
        3 => "tempfail",
        4 => "full",
        5 => "greylist",
        _ => "ok",
    }
}

/// Mixed, so that every campaign and every kind of mail goes to every domain.
fn domain(mail: usize) -> usize {
    mail * 7 % DOMAINS
}

fn recipient(mail: usize) -> String {
    format!("{}-{mail}@d{:02}.example", word(domain(mail)), domain(mail))
}

fn zone() -> Zone {
    let zone = Zone::new().a("mx.example", "127.0.0.1").null_mx("d00.example");
    (1..DOMAINS).fold(zone, |zone, n| zone.mx(&format!("d{n:02}.example"), 10, "mx.example"))
}

async fn submit(relay: &Relay, login: &Login, folder: &Path, sender: usize) {
    let mut client = Client::logged_in(relay.submission(), login).await;
    for mail in (sender..MAILS).step_by(SENDERS) {
        let bytes = std::fs::read(folder.join(format!("{mail:04}.eml"))).unwrap();
        let reply = client.send("bounce@own.example", &[&recipient(mail)], &bytes).await;
        assert_eq!(reply.code, 250, "{mail}: {reply:?}");
    }
    client.quit().await;
}

/// Each delivery's state, as the recipients' words ask for it, per campaign.
fn states(campaign: usize) -> BTreeMap<&'static str, i64> {
    let mut states = BTreeMap::from([("recipients", 0), ("delivered", 0), ("bounced", 0), ("queued", 0)]);
    for mail in (campaign..MAILS).step_by(CAMPAIGNS.len()) {
        let state = match word(domain(mail)) {
            "null" | "permfail" | "spam" => "bounced",
            "tempfail" | "full" => "queued",
            _ => "delivered",
        };
        *states.entry(state).or_default() += 1;
        *states.entry("recipients").or_default() += 1;
    }
    states
}

/// The API's numbers are what the receiver got and what the visits made; so are the page's.
async fn compare(relay: &Relay, name: &str, wanted: &Value, cookie: &str) {
    let total = |kind: &str| wanted[kind]["total_events"].as_i64().unwrap();
    relay.campaign_with(name, "/opened/total_events", total("opened")).await;
    let stats = relay.campaign_with(name, "/clicked/total_events", total("clicked")).await;
    assert_eq!(stats["delivered"], wanted["sink"]["received"], "{name}");
    assert_eq!(
        (&stats["with_pixel"], &stats["with_links"]),
        (&wanted["sink"]["with_pixel"], &wanted["sink"]["with_links"])
    );
    for kind in ["opened", "clicked"] {
        for (class, number) in wanted[kind].as_object().unwrap() {
            assert_eq!(&stats[kind][class], number, "{name}: {kind} {class}: {stats}");
        }
    }
    let links = stats["links"].as_array().unwrap();
    for link in links.iter().filter(|link| link["url"].as_str().unwrap().starts_with("https://shop.example/n")) {
        let pattern = link["url"].as_str().unwrap().split(['?', '#']).next().unwrap();
        assert_eq!(link["total_events"], wanted["targets"][pattern].as_i64().unwrap_or(0), "{name}: {link}");
    }
    assert!(links.iter().any(|link| link["total_events"] != 0), "{name}: {stats}");
    let list = relay.http(&Request::get("/campaigns").header("Cookie", cookie)).await.text();
    let row = list[..list.find(name).expect(name)].rsplit("\"/campaigns/").next().unwrap();
    let id = row.split('"').next().unwrap();
    let page = relay.http(&Request::get(&format!("/campaigns/{id}")).header("Cookie", cookie)).await.text();
    let counted = |text: String| assert!(page.contains(&text), "{text} is not on the page of {name}: {page}");
    counted(format!("All pixel fetches: {}. All link hits: {}.", total("opened"), total("clicked")));
}

/// Logs in by the link of the first start.
async fn cookie(relay: &Relay) -> String {
    let text = std::fs::read_to_string(relay.data_dir().join("first-run.txt")).unwrap();
    let welcome = text.lines().find_map(|line| line.trim().strip_prefix("http://")).unwrap().trim();
    let path = &welcome[welcome.find('/').unwrap()..];
    let form = [("email", "ann@example.org"), ("password", "correct horse")];
    relay.http(&Request::form(path, &form)).await.cookies().join("; ")
}

#[tokio::test]
async fn a_thousand_newsletters_arrive_unharmed_and_are_counted() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let [made, taken] = ["made", "taken"].map(path);
    for one in [&made, &taken] {
        std::fs::create_dir(one).unwrap();
    }
    let recipients: Vec<_> = (0..MAILS).map(recipient).collect();
    std::fs::write(path("recipients"), recipients.join("\n")).unwrap();
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let templates = concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-templates");
    python_text("make_newsletters.py", &[templates, &text(&path("recipients")), &text(&made)]).await;

    let sink = Sink::with(SinkSettings { keep: Keep::Folder(taken.clone()), ..SinkSettings::default() }).await.unwrap();
    let dns = zone().start().await;
    let config = Config::mx(dns.address(), sink.port()).set("delivery.retry", vec!["1s", "1h"]);
    let mut relay = config.set("web.trusted_proxies", vec!["127.0.0.0/8"]).start().await;
    let login = relay.login().await;
    let cookie = cookie(&relay).await;
    futures_util::future::join_all((0..SENDERS).map(|sender| submit(&relay, &login, &made, sender))).await;
    for (n, name) in CAMPAIGNS.into_iter().enumerate() {
        let wanted = states(n);
        wait_until(name, 3 * PATIENCE, async || {
            let stats = relay.campaign(name).await;
            stats["deferred"] == wanted["queued"] && wanted.iter().all(|(state, number)| stats[*state] == *number)
        })
        .await;
    }

    let [web, base] = [relay.web().to_string(), "https://track.postrider.example".to_owned()];
    let told = python_text("compare_newsletters.py", &[&text(&made), &text(&taken), &base, &web]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    for name in CAMPAIGNS {
        compare(&relay, name, &told[name], &cookie).await;
    }
    // Of all that a tracker may touch, nothing is left out: one mail in fifty was made untrackable on purpose.
    let sum = |key: &str| CAMPAIGNS.iter().map(|name| told[name]["sink"][key].as_i64().unwrap()).sum::<i64>();
    let taken = (0..MAILS).filter(|mail| matches!(word(domain(*mail)), "ok" | "greylist"));
    assert_eq!(sum("with_pixel"), i64::try_from(taken.filter(|mail| mail % 50 != 0).count()).unwrap());
    relay.finish().await;
}
