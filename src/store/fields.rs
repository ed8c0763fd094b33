//! The rows of pages by the names of their fields: one list makes both a line of CSV and an object of JSON, so that neither
//! can say what the other does not.
//!
//! A name with points is an object within an object in JSON, and has underlines in CSV: `opened.human`, `opened_human`.

use serde_json::{Map, Value, json};

use super::fold_state::DeliveryState;
use super::report_people;
use super::view::{CampaignReport, CampaignRow, LinkRow, Point, RefusalRow, SiteRow};
use super::view_people::PersonRow;
use crate::domain::counts::Rate;
use crate::domain::{Audience, CampaignId, Counts, Metric, Mode, Timestamp};

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Nothing: null, an empty cell.
    Nothing,
    /// A number of things.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// A part of 1, to four decimals.
    Share(f64),
    /// A text.
    Text(String),
    /// Links and the best class that followed each: objects, or `1 human, 3 scanner`.
    Links(Vec<(u16, Audience)>),
}

/// The fields of a row in their order; the names are the same for every row of a kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields(pub Vec<(String, Content)>);

impl Fields {
    fn number(&mut self, name: &str, number: i64) {
        self.0.push((name.to_owned(), Content::Number(number)));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.0.push((name.to_owned(), Content::Text(text.to_owned())));
    }

    fn time(&mut self, name: &str, at: Option<Timestamp>) {
        let content = at.map_or(Content::Nothing, |at| Content::Text(at.rfc3339()));
        self.0.push((name.to_owned(), content));
    }

    /// A rate and its 95 % interval.
    fn rate(&mut self, name: &str, rate: Option<Rate>) {
        let mut push = |name: String, of: Option<f64>| {
            self.0.push((name, of.map_or(Content::Nothing, Content::Share)));
        };
        push(format!("rates.{name}"), rate.map(Rate::value));
        push(format!("intervals.{name}.low"), rate.map(|rate| rate.interval().0));
        push(format!("intervals.{name}.high"), rate.map(|rate| rate.interval().1));
    }

    /// Everything that is counted, and the rates made of it.
    fn counts(&mut self, counts: &Counts) {
        const PLAIN: [Metric; 13] = [
            Metric::Recipients,
            Metric::Queued,
            Metric::Deferred,
            Metric::Delivered,
            Metric::Bounced,
            Metric::Expired,
            Metric::Suppressed,
            Metric::Cancelled,
            Metric::LateBounced,
            Metric::Complained,
            Metric::Unsubscribed,
            Metric::WithPixel,
            Metric::WithLinks,
        ];
        PLAIN.iter().for_each(|metric| self.number(metric.as_str(), counts[*metric]));
        for (name, metric) in [
            ("opened.human", Metric::OpenedHuman),
            ("opened.proxy", Metric::OpenedProxy),
            ("opened.inferred", Metric::OpenedInferred),
            ("opened.prefetch", Metric::OpenedPrefetch),
            ("opened.scanner", Metric::OpenedScanner),
            ("opened.unknown", Metric::OpenedUnknown),
            ("opened.total_events", Metric::OpenEvents),
            ("clicked.human", Metric::ClickedHuman),
            ("clicked.proxy", Metric::ClickedProxy),
            ("clicked.prefetch", Metric::ClickedPrefetch),
            ("clicked.scanner", Metric::ClickedScanner),
            ("clicked.unknown", Metric::ClickedUnknown),
            ("clicked.total_events", Metric::ClickEvents),
        ] {
            self.number(name, counts[metric]);
        }
        let rates = counts.rates();
        self.rate("delivery", rates.delivery);
        self.rate("bounce", rates.bounce);
        self.rate("open_low", rates.open_low);
        self.rate("open_high", rates.open_high);
        self.rate("click", rates.click);
    }

    /// As an object.
    pub fn json(&self) -> Value {
        let mut object = Map::new();
        for (name, content) in &self.0 {
            let mut place = &mut object;
            let mut steps = name.split('.').peekable();
            while let Some(step) = steps.next() {
                if steps.peek().is_none() {
                    place.insert(step.to_owned(), content.json());
                    break;
                }
                let within = place.entry(step).or_insert_with(|| Value::Object(Map::new()));
                let Value::Object(within) = within else { break };
                place = within;
            }
        }
        Value::Object(object)
    }

    /// What the columns of a table are called.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(name, _)| name.replace('.', "_"))
    }

    /// The cells of its line.
    pub fn cells(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(_, content)| content.cell())
    }
}

impl Content {
    fn json(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Number(number) => json!(number),
            Self::Flag(flag) => json!(flag),
            Self::Share(share) => json!(rounded(*share)),
            Self::Text(text) => json!(text),
            Self::Links(links) => {
                links.iter().map(|(position, class)| json!({"position": position, "class": class.as_str()})).collect()
            }
        }
    }

    fn cell(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Share(share) => rounded(*share).to_string(),
            Self::Text(text) => text.clone(),
            Self::Links(links) => {
                let links: Vec<_> = links.iter().map(|(position, class)| format!("{position} {class}")).collect();
                links.join(", ")
            }
        }
    }
}

/// To four decimals, as pages round to one of a percent at the most.
fn rounded(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}

impl CampaignRow {
    /// By name.
    pub fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.text("id", &self.id.to_string());
        fields.text("campaign", &self.name);
        fields.text("mode", self.mode.as_str());
        fields.text("subject", &self.subject);
        fields.time("first_at", Some(self.first_at));
        fields.time("last_at", Some(self.last_at));
        fields.number("messages", self.messages);
        fields.counts(&self.counts);
        fields
    }
}

/// The columns of a list of campaigns, which stand also above no row at all.
pub fn campaign_columns() -> Vec<String> {
    let nothing = CampaignRow {
        id: CampaignId::from_raw(0),
        name: String::new(),
        mode: Mode::Live,
        subject: String::new(),
        first_at: Timestamp::default(),
        last_at: Timestamp::default(),
        messages: 0,
        counts: Counts::default(),
        clicks_by_hour: Vec::new(),
    };
    nothing.fields().names().collect()
}

/// The columns of a list of people.
pub fn person_columns() -> Vec<String> {
    let nobody = DeliveryState::unknown(0, Mode::Live);
    report_people::row(&nobody, 0, "", Vec::new()).fields().names().collect()
}

impl PersonRow {
    /// By name.
    pub fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.text("email", &self.address);
        fields.text("state", self.fate().as_str());
        fields.number("tries", self.tries.into());
        fields.text("refusal", self.refusal.map_or("", |class| class.as_str()));
        fields.text("opened.as", self.opened.map_or("", |(opened, _)| opened.as_str()));
        fields.time("opened.at", self.opened.map(|(_, at)| at));
        fields.number("opened.total_events", self.open_events);
        fields.text("clicked.as", self.clicked.map_or("", |(class, _)| class.as_str()));
        fields.time("clicked.at", self.clicked.map(|(_, at)| at));
        fields.0.push(("clicked.links".to_owned(), Content::Links(self.links.clone())));
        fields.number("clicked.total_events", self.click_events);
        fields.time("unsubscribed_at", self.unsubscribed_at);
        fields.time("complained_at", self.complained_at);
        fields.time("late_bounced_at", self.late_bounced_at);
        fields.time("accepted_at", Some(self.accepted_at));
        fields.time("last_at", Some(self.last_at));
        fields.text("id", &self.delivery.to_string());
        fields.text("message", &self.message.to_string());
        fields
    }
}

impl LinkRow {
    /// By name; the rate is of the campaign's deliveries with a tracked link.
    pub fn fields(&self, counts: &Counts) -> Fields {
        let mut fields = Fields::default();
        fields.number("position", self.position.into());
        fields.text("url", &self.url);
        fields.text("label", &self.label);
        fields.0.push(("personal".to_owned(), Content::Flag(self.personal)));
        fields.number("human", self.human);
        fields.number("proxy", self.proxy);
        fields.number("unknown", self.unknown);
        fields.number("prefetch", self.prefetch);
        fields.number("scanner", self.scanner);
        fields.number("total_events", self.total_events);
        fields.rate("click", Rate::of(self.human, counts[Metric::WithLinks]));
        fields
    }
}

impl SiteRow {
    /// By name.
    pub fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.text("site", &self.domain);
        fields.number("sites", self.domains);
        fields.counts(&self.counts);
        fields
    }
}

impl RefusalRow {
    /// By name.
    pub fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.text("class", self.class.as_str());
        fields.number("bounced", self.bounced);
        fields.number("deferrals", self.deferrals);
        fields.text("sample", &self.sample);
        fields
    }
}

/// The curve by hours: what is so since the first delivery, as the page draws it.
fn hours(points: &[Point]) -> Vec<Fields> {
    let mut so_far = Counts::default();
    let hour = |(n, point): (usize, &Point)| {
        so_far += point.counts;
        let mut fields = Fields::default();
        fields.number("hour", i64::try_from(n).unwrap_or(i64::MAX));
        fields.time("from", Some(point.at));
        fields.number("delivered", so_far[Metric::Delivered]);
        fields.number("bounced", so_far[Metric::Bounced] + so_far[Metric::Expired]);
        fields.number("opened.low", so_far.opened_low());
        fields.number("opened.high", so_far.opened_high());
        fields.number("clicked", so_far[Metric::ClickedHuman]);
        fields
    };
    points.iter().enumerate().map(hour).collect()
}

/// A table of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Its links.
    Links,
    /// Its receiving domains.
    Sites,
    /// What happened by the hour since the first delivery.
    Hours,
    /// Its refusals.
    Refusals,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Links, Self::Sites, Self::Hours, Self::Refusals];

    /// The word in addresses and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Links => "links",
            Self::Sites => "sites",
            Self::Hours => "hours",
            Self::Refusals => "refusals",
        }
    }

    /// From the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.as_str() == word)
    }

    /// The names of its columns, which stand also above no row at all.
    pub fn names(self) -> Vec<String> {
        let zero = Counts::default();
        let row = match self {
            Self::Links => LinkRow::default().fields(&zero),
            Self::Sites => SiteRow::default().fields(),
            Self::Hours => hours(&[Point::default()]).into_iter().next().unwrap_or_default(),
            Self::Refusals => {
                let class = crate::domain::BounceClass::Other;
                RefusalRow { class, bounced: 0, deferrals: 0, sample: String::new(), since: Timestamp::default() }
                    .fields()
            }
        };
        row.names().collect()
    }
}

impl CampaignReport {
    /// The rows of one of its tables.
    pub fn table(&self, table: Table) -> Vec<Fields> {
        match table {
            Table::Links => self.links.iter().map(|link| link.fields(&self.row.counts)).collect(),
            Table::Sites => self.sites.iter().map(SiteRow::fields).collect(),
            Table::Hours => hours(&self.hours),
            Table::Refusals => self.refusals.iter().map(RefusalRow::fields).collect(),
        }
    }
}
