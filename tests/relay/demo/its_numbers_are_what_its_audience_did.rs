//! The demo fills a relay from outside and says so everywhere: each campaign's numbers are those of a count of what its
//! servers and readers wrote down themselves, and nothing is left of it when it has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{PATIENCE, Request, program, run, wait_until};

const BINARY: &str = env!("CARGO_BIN_EXE_postrider");
const BANNER: &str = "Simulated audience: postrider demo";
/// It sends, reads and waits for retries in real time.
const FILLED_WITHIN: Duration = Duration::from_mins(3);

struct Demo {
    child: Child,
    place: tempfile::TempDir,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the demo said ---\n{}", self.said());
        }
    }
}

impl Demo {
    async fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        let out = File::create(place.path().join("said")).unwrap();
        let mut command = program(BINARY);
        command.args(["demo", "--small", "--listen", "127.0.0.1:0"]).current_dir(place.path());
        command.env("TMPDIR", place.path()).stdin(Stdio::null()).stderr(out.try_clone().unwrap()).stdout(out);
        let mut demo = Self { child: command.spawn().unwrap(), place };
        wait_until("the demo is filled", FILLED_WITHIN, async || {
            assert_eq!(demo.child.try_wait().unwrap(), None, "it runs on");
            demo.said().contains("Ctrl-C ends it.")
        })
        .await;
        demo
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.place.path().join("said")).unwrap_or_default()
    }

    fn folder(&self) -> PathBuf {
        let said = self.said();
        let rest = said.split_once("Data folder: ").expect("it says where it is").1;
        rest.split_once(" (").unwrap().0.into()
    }

    /// Where the pages are, and the path of the link that makes the first login.
    fn welcome(&self) -> (SocketAddr, String) {
        let said = self.said();
        let link = said.split_whitespace().find(|word| word.contains("/welcome/")).expect("a link to sign in");
        let (host, path) = link.strip_prefix("http://").unwrap().split_once('/').unwrap();
        (host.parse().unwrap(), format!("/{path}"))
    }

    async fn command(&self, arguments: &[&str]) -> String {
        let mut command = program(BINARY);
        command.args(arguments).current_dir(self.place.path()).env("POSTRIDER__DATA_DIR", self.folder());
        let output = run(command).await;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        out.into_owned()
    }

    async fn end(&mut self) -> ExitStatus {
        let mut kill = program("sh");
        kill.args(["-c", "kill -s TERM \"$0\""]).arg(self.child.id().to_string());
        assert!(run(kill).await.status.success());
        let mut status = None;
        wait_until("the demo ends", 2 * PATIENCE, async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

/// What the other side says of one campaign: for each thing that was done the recipients, in order, with the classes of
/// those who did it.
#[derive(Default)]
struct Told(BTreeMap<String, Vec<(String, String)>>);

impl Told {
    fn read(folder: &Path) -> BTreeMap<String, Self> {
        let mut campaigns: BTreeMap<String, Self> = BTreeMap::new();
        for line in std::fs::read_to_string(folder.join("demo-audience.jsonl")).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            let told = campaigns.entry(text("campaign")).or_default();
            told.0.entry(text("what")).or_default().push((text("to"), text("class")));
        }
        campaigns
    }

    fn all(&self, what: &str) -> &[(String, String)] {
        self.0.get(what).map_or(&[], Vec::as_slice)
    }

    fn people(&self, what: &str) -> BTreeSet<&str> {
        self.all(what).iter().map(|(to, _)| to.as_str()).collect()
    }

    /// How many recipients were of each class at best.
    fn by_class(&self, what: &str, inferred: bool) -> BTreeMap<&str, u64> {
        const BEST_FIRST: [&str; 6] = ["human", "proxy", "inferred", "unknown", "prefetch", "scanner"];
        let mut classes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (to, class) in self.all(what) {
            classes.entry(to).or_default().insert(class);
        }
        for (to, _) in self.all("clicked").iter().filter(|(_, class)| inferred && class == "human") {
            classes.entry(to).or_default().insert("inferred");
        }
        let mut counts = BTreeMap::new();
        for classes in classes.values() {
            let best = BEST_FIRST.iter().find(|class| classes.contains(**class)).unwrap();
            *counts.entry(*best).or_default() += 1;
        }
        counts
    }

    /// The campaign's numbers, counted again.
    fn agrees(&self, name: &str, shown: &Value) {
        let count = |people: &BTreeSet<&str>| people.len() as u64;
        let (sent, taken, refused) = (self.people("sent"), self.people("taken"), self.people("refused"));
        let misspelt = sent.iter().filter(|to| to.ends_with("@bigmial.example")).count() as u64;
        let waits =
            sent.iter().filter(|to| to.ends_with("@slow-lane.example") && self.people("deferred").contains(*to));
        let waits = waits.count() as u64;
        let (expired, queued) = if name == "order-confirmations" { (waits, 0) } else { (0, waits) };
        let known = count(&taken) + count(&refused) + misspelt + waits;
        for (key, number) in [
            ("recipients", self.all("sent").len() as u64),
            ("delivered", count(&taken)),
            ("bounced", count(&refused) + misspelt),
            ("expired", expired),
            ("queued", queued),
            ("deferred", queued),
            // Those whom no server was asked about.
            ("suppressed", count(&sent) - known),
            ("unsubscribed", count(&self.people("unsubscribed"))),
        ] {
            assert_eq!(shown[key], number, "{key} of {name}: {shown}");
        }
        for (what, inferred) in [("opened", true), ("clicked", false)] {
            let wanted = self.by_class(what, inferred);
            for class in ["human", "proxy", "inferred", "unknown", "prefetch", "scanner"] {
                let number = wanted.get(class).copied().unwrap_or_default();
                assert_eq!(shown[what][class].as_u64().unwrap_or(0), number, "{what} by {class} of {name}: {shown}");
            }
            assert_eq!(shown[what]["total_events"], self.all(what).len() as u64, "hits {what} of {name}: {shown}");
        }
    }
}

#[tokio::test]
async fn its_numbers_are_what_its_audience_did() {
    let mut demo = Demo::start().await;
    assert!(demo.said().contains("simulated audience"), "it says so on the terminal");
    let (folder, (web, welcome)) = (demo.folder(), demo.welcome());
    let made: Value = serde_json::from_str(&demo.command(&["credential", "create", "count", "--json"]).await).unwrap();
    let (user, password) = (made["username"].as_str().unwrap(), made["password"].as_str().unwrap());

    let told = Told::read(&folder);
    let letters: Vec<_> = told.iter().filter(|(name, _)| !name.is_empty()).collect();
    assert_eq!(letters.len(), 8);
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, told) in &letters {
        let path = format!("/api/v1/campaigns/{name}");
        let shown = Request::get(&path).basic(user, password).send(web).await.json();
        assert_eq!(shown["mode"], "sandbox");
        told.agrees(name, &shown);
        told.0.iter().for_each(|(what, all)| *done.entry(what).or_default() += all.len());
    }
    for what in ["taken", "refused", "deferred", "opened", "clicked", "looked", "unsubscribed"] {
        assert!(done.get(what).is_some_and(|times| *times > 0), "{what}: {done:?}");
    }

    let form = [("email", "ann@example.org"), ("password", "correct horse")];
    assert!(Request::get(&welcome).send(web).await.text().contains(BANNER));
    let cookie = Request::form(&welcome, &form).send(web).await.cookies().join("; ");
    let page = async |path: &str| Request::get(path).header("Cookie", &cookie).send(web).await.text();
    let shown = async |path: &str, start: &str| {
        let page = page(path).await;
        page.split('"').find(|link| link.starts_with(start)).unwrap_or_else(|| panic!("a link on {path}")).to_owned()
    };
    let (campaign, message) = (shown("/campaigns", "/campaigns/").await, shown("/inbox", "/messages/").await);
    for path in ["/login", "/", "/campaigns", "/messages", "/queue", "/inbox", "/domains", "/suppressions", "/settings"]
    {
        assert!(page(path).await.contains(BANNER), "{path}");
    }
    for path in [campaign, message.replace("/preview", ""), "/how".to_owned()] {
        assert!(page(&path).await.contains(BANNER), "{path}");
    }

    demo.command(&["verify"]).await;
    assert!(demo.end().await.success());
    assert!(!folder.exists(), "the folder is gone");
}
