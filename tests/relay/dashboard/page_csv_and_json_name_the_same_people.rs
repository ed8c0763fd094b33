//! Who did what with a campaign: its page of people, the CSV and the JSON say the same of everybody, whatever is asked for,
//! and so do CSV and JSON of its other tables; nothing that a name, an address or a link holds does harm in either.

use serde_json::Value;

use crate::harness::{Config, Login, Mail, Relay, Request, Response, Sink};

const PERSON: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const PROXY: &str = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-for-desktop/SLN28749.html";
const PREFETCH: &str = "Mozilla/5.0";
const SCANNER: &str = "Mimecast-Link-Checker/1.0 <script>";

const CAMPAIGN: &str = "=1+1,\"<script>\"";
const PEOPLE: [&str; 7] = [
    "ok-human@b.example",
    "ok-proxy@b.example",
    "ok-machine@b.example",
    "ok-scanned@c.example",
    "ok-clicked@c.example",
    "permfail-gone@c.example",
    "=ok-sum@c.example",
];

fn mail() -> String {
    let label = "=cmd|' /C calc'!A0 \u{202e}\u{0}&lt;script&gt;";
    let long = "w".repeat(10 << 10);
    let html =
        format!("<a href=\"https://a.example/1\">{label}</a> <a href=\"https://a.example/2\">{long}</a> <b>\u{0}</b>");
    format!(
        "From: a@own.example\r\nX-Postrider-Campaign: {CAMPAIGN}\r\nSubject: -2+3\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        base64_lines(html.as_bytes())
    )
}

fn base64_lines(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    text.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned()).collect::<Vec<_>>().join("\r\n")
}

/// Everybody has the mail, and does what they are named for.
async fn send_and_read(relay: &mut Relay, sink: &Sink) {
    assert_eq!(relay.submit("a@own.example", &PEOPLE, &mail()).await.code, 250);
    relay.wait_idle().await;
    for (to, agent, pixel, link) in [
        ("ok-human@b.example", PERSON, true, Some(1)),
        ("ok-proxy@b.example", PROXY, true, None),
        ("ok-machine@b.example", PREFETCH, true, None),
        ("ok-scanned@c.example", SCANNER, false, Some(0)),
        ("ok-clicked@c.example", PERSON, false, Some(0)),
    ] {
        let received = sink.received_by(to);
        let mail = Mail::read(&received[0].bytes);
        if pixel {
            relay.follow_as(&mail.pixel().unwrap(), agent).await;
        }
        if let Some(link) = link {
            relay.follow_as(&mail.tracked_links()[link], agent).await;
        }
    }
    relay.campaign_with(CAMPAIGN, "/opened/total_events", 3).await;
    relay.campaign_with(CAMPAIGN, "/clicked/total_events", 3).await;
}

/// A line of CSV as its JSON has it.
fn cell(json: &Value, name: &str, column: &str) -> String {
    let value = json.as_object().unwrap().iter().find_map(|(key, value)| {
        let whole = if name.is_empty() { key.clone() } else { format!("{name}_{key}") };
        match value {
            Value::Object(_) if column.starts_with(&format!("{whole}_")) => Some(cell(value, &whole, column)),
            _ if whole == column => Some(match value {
                Value::Null => String::new(),
                Value::Bool(flag) => flag.to_string(),
                Value::String(text) => text.replace('\0', "\u{fffd}"),
                Value::Array(links) => {
                    let of = |link: &Value| format!("{} {}", link["position"], link["class"].as_str().unwrap());
                    links.iter().map(of).collect::<Vec<_>>().join(", ")
                }
                other => other.as_f64().unwrap().to_string(),
            }),
            _ => None,
        }
    });
    value.unwrap_or_else(|| panic!("no {column} in {json}"))
}

/// The CSV has every number and word of the JSON, in its order, and no cell that a spreadsheet would run.
fn agree(csv: &str, json: &Value) {
    assert!(!csv.contains('\0'), "{csv}");
    let mut read = csv::Reader::from_reader(csv.as_bytes());
    let columns: Vec<String> = read.headers().unwrap().iter().map(str::to_owned).collect();
    assert!(columns.len() > 3, "{columns:?}");
    let rows: Vec<_> = read.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), json.as_array().unwrap().len(), "{csv} {json}");
    for (row, json) in rows.iter().zip(json.as_array().unwrap()) {
        for (found, column) in row.iter().zip(&columns) {
            assert!(!found.starts_with(['=', '+', '-', '@', '\t', '\r']), "{column}: {found}");
            let wanted = cell(json, "", column);
            let wanted = if wanted.starts_with(['=', '+', '-', '@']) { format!("'{wanted}") } else { wanted };
            assert_eq!(found, wanted, "{column} of {json}");
        }
    }
}

fn addresses(json: &Value) -> Vec<String> {
    json["people"].as_array().unwrap().iter().map(|person| person["email"].as_str().unwrap().to_owned()).collect()
}

/// The page's row of each person of the JSON.
fn shows(page: &str, json: &Value) {
    let rows: Vec<_> = page.split("<tr role=\"row\">").skip(2).collect();
    assert_eq!(rows.len(), json["people"].as_array().unwrap().len(), "{page}");
    for (row, person) in rows.iter().zip(json["people"].as_array().unwrap()) {
        let cells: Vec<_> = row.split("<td ").collect();
        let has = |at: usize, text: &str| assert!(cells[at].contains(text), "{text} is not in {} of {row}", cells[at]);
        has(0, &format!("<bdi>{}</bdi>", person["email"].as_str().unwrap()));
        has(0, &format!("/messages/{}", person["id"].as_str().unwrap()));
        has(1, &format!("b {}\"", person["state"].as_str().unwrap()));
        for (at, did) in [(2, "opened"), (3, "clicked")] {
            match person[did]["as"].as_str().unwrap() {
                "" => has(at, "–"),
                class => {
                    has(at, &format!("b {class}\""));
                    has(at, person[did]["at"].as_str().unwrap());
                }
            }
        }
        for link in person["clicked"]["links"].as_array().unwrap() {
            has(3, &format!("link {}<", link["position"]));
        }
        has(5, person["last_at"].as_str().unwrap());
    }
}

/// A relay whose pages and JSON are asked for the same campaign.
struct Asked {
    relay: Relay,
    cookie: String,
    /// Where the campaign's page is.
    page: String,
    /// Where its JSON is.
    api: String,
}

impl Asked {
    async fn new(relay: Relay) -> Self {
        let cookie = relay.signed_in().await;
        let name: String = url::form_urlencoded::byte_serialize(CAMPAIGN.as_bytes()).collect();
        let api = format!("/api/v1/campaigns/{}", name.replace('+', "%20"));
        let page = format!("/campaigns/{}", relay.api(&api).await["id"].as_str().unwrap());
        Self { relay, cookie, page, api }
    }

    async fn get(&self, path: &str) -> Response {
        self.relay.http(&Request::get(path).header("Cookie", &self.cookie)).await
    }

    async fn people(&self, query: &str) -> Value {
        self.relay.api(&format!("{}/people?{query}", self.api)).await
    }

    /// Page, CSV and JSON have exactly these people.
    async fn has(&self, query: &str, people: &[&str]) {
        let json = self.people(query).await;
        let mut found = addresses(&json);
        assert!(json["total"].is_null() || json["total"] == found.len(), "{query}: {json}");
        let file = self.get(&format!("{}/people.csv?{query}", self.page)).await;
        assert_eq!((file.status, file.header("content-type")), (200, Some("text/csv; charset=utf-8")));
        agree(&file.text(), &json["people"]);
        let shown = self.get(&format!("{}/people?{query}", self.page)).await;
        assert_eq!(shown.status, 200, "{}", shown.text());
        if found.is_empty() {
            assert!(shown.text().contains("show everyone"), "{}", shown.text());
        } else {
            shows(&shown.text(), &json);
        }
        assert!(!shown.text().contains("<script") && !shown.text().contains('\0'), "{}", shown.text());
        let mut people: Vec<_> = people.iter().map(|person| (*person).to_owned()).collect();
        found.sort();
        people.sort();
        assert_eq!(found, people, "{query}");
    }

    /// The other tables are the same in CSV and JSON, and on the campaign's page.
    async fn has_tables(&self) {
        let Self { page, api, relay, .. } = self;
        for table in ["links", "sites", "hours", "refusals"] {
            let json = relay.api(&format!("{api}/{table}")).await;
            assert!(!json[table].as_array().unwrap().is_empty(), "{json}");
            let file = self.get(&format!("{page}/{table}.csv")).await;
            let name = format!("attachment; filename=\"1-1---script-{table}.csv\"");
            assert_eq!(file.header("content-disposition"), Some(&*name));
            agree(&file.text(), &json[table]);
        }
        let file = self.get("/campaigns.csv").await.text();
        agree(&file, &relay.api("/api/v1/campaigns").await["campaigns"]);
        let (whole, campaign) = (relay.api(api).await, self.get(page).await.text());
        for link in whole["links"].as_array().unwrap() {
            assert!(campaign.contains(link["url"].as_str().unwrap()), "{campaign}");
        }
        assert!(campaign.contains(&format!("{page}/people.csv")) && campaign.contains("CSV of all 7"), "{campaign}");
        let rate = &whole["rates"]["click"];
        let (low, high) = (&whole["intervals"]["click"]["low"], &whole["intervals"]["click"]["high"]);
        assert!(low.as_f64() < rate.as_f64() && rate.as_f64() < high.as_f64(), "{whole}");
    }

    /// What cannot be read is refused with words, by each of them.
    async fn refuses(&self, query: &str, login: &Login) {
        let shown = self.get(&format!("{}/people?{query}", self.page)).await;
        assert!(shown.status == 400 && shown.text().contains("cannot be read"), "{query}: {}", shown.text());
        if !query.starts_with("after") {
            assert_eq!(self.get(&format!("{}/people.csv?{query}", self.page)).await.status, 400, "{query}");
        }
        let asked = Request::get(&format!("{}/people?{query}", self.api)).basic(&login.username, &login.password);
        assert_eq!(self.relay.http(&asked).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn page_csv_and_json_name_the_same_people() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    send_and_read(&mut relay, &sink).await;
    let login = relay.login().await;
    let asked = Asked::new(relay).await;
    let delivered: Vec<_> = PEOPLE.iter().copied().filter(|person| !person.starts_with("permfail")).collect();
    for (query, people) in [
        ("", &PEOPLE[..]),
        ("state=delivered", &delivered),
        ("state=bounced", &PEOPLE[5..6]),
        ("did=opened&class=human", &PEOPLE[..1]),
        ("did=opened&class=proxy", &PEOPLE[1..2]),
        ("did=opened&class=prefetch", &PEOPLE[2..3]),
        ("did=opened&class=inferred", &PEOPLE[4..5]),
        ("did=clicked", &[PEOPLE[0], PEOPLE[3], PEOPLE[4]]),
        ("class=scanner", &PEOPLE[3..4]),
        ("link=1", &PEOPLE[3..5]),
        ("link=1&class=human", &PEOPLE[4..5]),
        ("link=2", &PEOPLE[..1]),
        ("did=nothing&state=delivered", &PEOPLE[6..]),
        ("did=anything&q=C.Example", &PEOPLE[3..]),
        ("q=nobody", &[]),
        ("did=unsubscribed", &[]),
    ] {
        asked.has(query, people).await;
    }

    let (mut pages, mut after) = (Vec::new(), String::new());
    while !after.contains("null") {
        let json = asked.people(&format!("limit=3{after}")).await;
        pages.push(addresses(&json));
        after = format!("&after={}", json["next"]).replace('"', "");
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(pages.concat(), addresses(&asked.people("").await));

    asked.has_tables().await;
    for query in ["state=lost", "did=slept", "class=low", "link=0", "link=x", "after=x"] {
        asked.refuses(query, &login).await;
    }
    for path in ["people", "people.csv", "links.csv"] {
        assert_eq!(asked.get(&format!("/campaigns/0000000000001/{path}")).await.status, 404, "{path}");
    }
    asked.relay.finish().await;
}

#[tokio::test]
async fn people_are_listed_page_by_page() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let to: Vec<_> = (1..=53).map(|n| format!("ok-{n}@b.example")).collect();
    let to: Vec<_> = to.iter().map(String::as_str).collect();
    let mail = "From: a@own.example\r\nX-Postrider-Campaign: c\r\n\r\nhello\r\n";
    assert_eq!(relay.submit("a@own.example", &to, mail).await.code, 250);
    let whole = relay.campaign_with("c", "/delivered", 53).await;
    let cookie = relay.signed_in().await;
    let get = async |path: &str| relay.http(&Request::get(path).header("Cookie", &cookie)).await.text();
    for (path, first) in [
        (format!("/campaigns/{}/people?state=delivered", whole["id"].as_str().unwrap()), "First"),
        ("/messages?state=delivered&campaign=c".to_owned(), "Newest"),
    ] {
        let page = get(&path).await;
        assert_eq!(
            (page.matches("<tr role=\"row\">").count(), page.contains(&format!(">{first}<"))),
            (51, false),
            "{page}"
        );
        let next = page.split("\">Next 50").next().unwrap().rsplit('"').next().unwrap().replace("&#38;", "&");
        let page = get(&next).await;
        assert_eq!(page.matches("<tr role=\"row\">").count(), 4, "{page}");
        assert!(
            page.contains(&format!(">{first}<")) && !page.contains("Next 50") && !page.contains("Search on"),
            "{page}"
        );
    }
    let page = get("/messages?to=OK-7%40b.example&campaign=c").await;
    assert!(page.matches("<tr role=\"row\">").count() == 2 && page.contains("ok-7@b.example"), "{page}");
    for none in ["to=nobody%40b.example", "campaign=other", "to=half", "state=bounced"] {
        let page = get(&format!("/messages?{none}")).await;
        assert!(!page.contains("<tr role=\"row\">") && page.contains("show all"), "{none}: {page}");
    }
    relay.finish().await;
}
