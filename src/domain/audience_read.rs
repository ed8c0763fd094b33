//! Reads a file of rules (TOML). A fault names the line, the rule and the key.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::audience::{Audience, Verdict};
use super::audience_rules::{Agent, Burst, Pace, Rule, SIGNALS, Table};
use super::bounce_rules::BrokenRule;
use super::device::Device;

/// Rules, bursts, families and devices of one file, of each.
const ENTRIES_MAX: usize = 1_000;
/// Texts and networks of all entries together: each hit is compared with them.
const TEXTS_MAX: usize = 10_000;
/// Letters of a name or a text.
const TEXT_MAX: usize = 200;
/// The longest time a rule may look back, in milliseconds.
const TIME_MAX_MS: u128 = 24 * 3_600_000;

/// A file, read.
pub(super) struct RuleFile {
    pub(super) table: Table,
    /// Whether the built-in rules follow.
    pub(super) built_in: bool,
}

type Texts = Option<Spanned<Vec<Spanned<String>>>>;
type Text = Option<Spanned<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "yes")]
    built_in: bool,
    #[serde(default)]
    rule: Vec<RuleEntry>,
    #[serde(default)]
    burst: Vec<BurstEntry>,
    #[serde(default)]
    family: Vec<NamedEntry>,
    #[serde(default)]
    device: Vec<NamedEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    name: Spanned<String>,
    class: Spanned<String>,
    source: Option<String>,
    event: Text,
    agent: Texts,
    agent_begins: Texts,
    agent_is: Texts,
    agent_without: Texts,
    network: Texts,
    mx: Texts,
    signal: Texts,
    within: Text,
    ahead: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BurstEntry {
    name: Spanned<String>,
    class: Spanned<String>,
    source: Option<String>,
    links: Option<Spanned<u16>>,
    #[serde(default)]
    every_link: bool,
    least: Option<Spanned<u16>>,
    within: Text,
    pause: Text,
    clients: Spanned<String>,
    before: Text,
    after: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedEntry {
    name: Spanned<String>,
    source: Option<String>,
    agent: Texts,
    agent_begins: Texts,
    agent_is: Texts,
    agent_without: Texts,
}

fn yes() -> bool {
    true
}

/// Reads the text of a file.
pub(super) fn read(text: &str) -> Result<RuleFile, BrokenRule> {
    let mut place = Place { text, about: String::new(), texts: 0 };
    let file: File = toml::from_str(text).map_err(|error| BrokenRule {
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        why: error.message().trim().replace('\n', "; "),
    })?;
    let longest = [file.rule.len(), file.burst.len(), file.family.len(), file.device.len()].into_iter().max();
    if longest > Some(ENTRIES_MAX) {
        return Err(BrokenRule { line: 1, why: format!("more than {ENTRIES_MAX} entries of one kind") });
    }
    let mut table = Table::default();
    for entry in &file.rule {
        table.rules.push(place.rule(entry)?);
    }
    for entry in &file.burst {
        table.bursts.push(place.burst(entry)?);
    }
    for entry in &file.family {
        place.begin("family", &entry.name, entry.source.as_deref())?;
        table.families.push((Arc::from(entry.name.get_ref().as_str()), place.named(entry)?));
    }
    for entry in &file.device {
        place.begin("device", &entry.name, entry.source.as_deref())?;
        let device = place.choice("name", &entry.name, Device::ALL, Device::as_str)?;
        table.devices.push((device, place.named(entry)?));
    }
    let mut seen = HashSet::new();
    for name in file.rule.iter().map(|entry| &entry.name).chain(file.burst.iter().map(|entry| &entry.name)) {
        if !seen.insert(name.get_ref()) {
            place.about = format!("rule {:?}", name.get_ref());
            return Err(place.wrong("name", name, "stands here twice"));
        }
    }
    Ok(RuleFile { table, built_in: file.built_in })
}

/// Where in the file, and of which entry, something is read.
struct Place<'t> {
    text: &'t str,
    about: String,
    /// How many texts and networks were read so far.
    texts: usize,
}

impl Place<'_> {
    fn wrong<T>(&self, key: &str, value: &Spanned<T>, why: &str) -> BrokenRule {
        BrokenRule { line: line_of(self.text, value.span().start), why: format!("{}, {key}: {why}", self.about) }
    }

    fn begin(&mut self, kind: &str, name: &Spanned<String>, source: Option<&str>) -> Result<(), BrokenRule> {
        self.about = format!("{kind} {:?}", name.get_ref());
        let length = name.get_ref().trim().len();
        if length == 0 || name.get_ref().len() > TEXT_MAX || name.get_ref().chars().any(char::is_control) {
            return Err(self.wrong("name", name, &format!("a name has 1 to {TEXT_MAX} letters")));
        }
        if source.is_some_and(|source| source.len() > 10 * TEXT_MAX) {
            return Err(self.wrong("source", name, "is too long"));
        }
        Ok(())
    }

    fn rule(&mut self, entry: &RuleEntry) -> Result<Rule, BrokenRule> {
        self.begin("rule", &entry.name, entry.source.as_deref())?;
        let (opens, clicks) = match &entry.event {
            None => (true, true),
            Some(event) => {
                let event = self.choice("event", event, &["open", "click"], |word| word)?;
                (event == "open", event == "click")
            }
        };
        let agent = self.agent([&entry.agent, &entry.agent_begins, &entry.agent_is, &entry.agent_without])?;
        let signals = self.list("signal", entry.signal.as_ref(), |text| {
            let named = SIGNALS.iter().find(|(name, _)| *name == text).map(|(_, bit)| *bit);
            named.ok_or_else(|| "there are \"prefetch\" and \"head\"".to_owned())
        })?;
        let rule = Rule {
            verdict: self.verdict(&entry.name, &entry.class)?,
            opens,
            clicks,
            agent,
            networks: self.list("network", entry.network.as_ref(), network)?,
            mx: self.list("mx", entry.mx.as_ref(), host_end)?,
            signals: signals.into_iter().fold(0, |all, bit| all | bit),
            within_ms: self.time("within", entry.within.as_ref())?,
            ahead_ms: self.time("ahead", entry.ahead.as_ref())?,
        };
        let times = rule.within_ms.is_some() || rule.ahead_ms.is_some();
        let lists = rule.agent.is_some() || !rule.networks.is_empty() || !rule.mx.is_empty() || rule.signals != 0;
        if !times && !lists {
            return Err(self.wrong(
                "name",
                &entry.name,
                "looks at nothing; give it agent, agent_begins, agent_is, network, mx, signal, within or ahead",
            ));
        }
        Ok(rule)
    }

    fn burst(&mut self, entry: &BurstEntry) -> Result<Burst, BrokenRule> {
        self.begin("burst", &entry.name, entry.source.as_deref())?;
        let links = match (&entry.links, entry.every_link) {
            (None, true) => None,
            (Some(links), false) if *links.get_ref() >= 2 => Some(usize::from(*links.get_ref())),
            (Some(links), false) => return Err(self.wrong("links", links, "has to be 2 or more")),
            (Some(links), true) => return Err(self.wrong("links", links, "goes without every_link")),
            (None, false) => return Err(self.wrong("links", &entry.name, "has to be given, or every_link = true")),
        };
        let least = match &entry.least {
            Some(least) if links.is_some() => return Err(self.wrong("least", least, "goes with every_link only")),
            Some(least) if *least.get_ref() < 2 => return Err(self.wrong("least", least, "has to be 2 or more")),
            given => given.as_ref().map_or(2, |least| *least.get_ref()),
        };
        Ok(Burst {
            verdict: self.verdict(&entry.name, &entry.class)?,
            links,
            least,
            pace: self.pace(entry)?,
            one_client: self.choice("clients", &entry.clients, &["one", "any"], |word| word)? == "one",
            before_ms: self.time("before", entry.before.as_ref())?.unwrap_or_default(),
            after_ms: self.time("after", entry.after.as_ref())?.unwrap_or_default(),
        })
    }

    fn pace(&self, entry: &BurstEntry) -> Result<Pace, BrokenRule> {
        let within = self.time("within", entry.within.as_ref())?;
        match (within, self.time("pause", entry.pause.as_ref())?) {
            (Some(within), None) => Ok(Pace::Within(within)),
            (None, Some(pause)) => Ok(Pace::Pause(pause)),
            _ => Err(self.wrong("within", &entry.name, "has to be given, or pause, and not both")),
        }
    }

    fn named(&mut self, entry: &NamedEntry) -> Result<Agent, BrokenRule> {
        let agent = self.agent([&entry.agent, &entry.agent_begins, &entry.agent_is, &entry.agent_without])?;
        agent
            .ok_or_else(|| self.wrong("name", &entry.name, "looks at nothing; give it agent, agent_begins or agent_is"))
    }

    /// `None` where nothing is asked of the agent.
    fn agent(&mut self, [parts, beginnings, wholes, without]: [&Texts; 4]) -> Result<Option<Agent>, BrokenRule> {
        let some = |text: &str| match text.trim() {
            "" => Err("an empty text is in every agent".to_owned()),
            text => Ok(text.to_ascii_lowercase()),
        };
        let agent = Agent {
            parts: self.list("agent", parts.as_ref(), some)?,
            beginnings: self.list("agent_begins", beginnings.as_ref(), some)?,
            // An empty one is a request without an agent.
            wholes: self.list("agent_is", wholes.as_ref(), |text| Ok(text.trim().to_ascii_lowercase()))?,
            without: self.list("agent_without", without.as_ref(), some)?,
        };
        let asks = !agent.parts.is_empty() || !agent.beginnings.is_empty() || !agent.wholes.is_empty();
        match without.as_ref().filter(|_| !asks) {
            Some(without) => {
                Err(self.wrong("agent_without", without, "goes with agent, agent_begins or agent_is only"))
            }
            None => Ok(asks.then_some(agent)),
        }
    }

    fn verdict(&self, name: &Spanned<String>, class: &Spanned<String>) -> Result<Verdict, BrokenRule> {
        let class = self.choice("class", class, Audience::ALL, Audience::as_str)?;
        Ok(Verdict { class, rule: Arc::from(name.get_ref().as_str()) })
    }

    /// A list that is given is not empty: a rule without it would fit everything.
    fn list<T>(
        &mut self,
        key: &str,
        list: Option<&Spanned<Vec<Spanned<String>>>>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, BrokenRule> {
        let Some(list) = list else { return Ok(Vec::new()) };
        self.texts += list.get_ref().len();
        if self.texts > TEXTS_MAX {
            return Err(self.wrong(
                key,
                list,
                &format!("there are more than {TEXTS_MAX} texts and networks in the file"),
            ));
        }
        if list.get_ref().is_empty() {
            return Err(self.wrong(key, list, "is an empty list"));
        }
        let one = |text: &Spanned<String>| {
            let word = text.get_ref().as_str();
            let found = if word.len() > TEXT_MAX { Err(format!("is longer than {TEXT_MAX}")) } else { read(word) };
            found.map_err(|why| self.wrong(key, text, &format!("{word:?}: {why}")))
        };
        list.get_ref().iter().map(one).collect()
    }

    fn choice<T: Copy>(
        &self,
        key: &str,
        value: &Spanned<String>,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Result<T, BrokenRule> {
        let word = value.get_ref().as_str();
        all.iter().copied().find(|one| name(*one) == word).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|one| name(*one)).collect();
            self.wrong(key, value, &format!("{word:?} is none of {}", names.join(", ")))
        })
    }

    fn time(&self, key: &str, value: Option<&Spanned<String>>) -> Result<Option<i64>, BrokenRule> {
        let Some(value) = value else { return Ok(None) };
        let read = humantime::parse_duration(value.get_ref()).ok().map(|time| time.as_millis());
        let known = read.filter(|ms| *ms <= TIME_MAX_MS).and_then(|ms| i64::try_from(ms).ok());
        let why = || format!("{:?} is no time such as \"20s\" or \"1m 30s\", up to a day", value.get_ref());
        known.map(Some).ok_or_else(|| self.wrong(key, value, &why()))
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || std::net::IpAddr::from_str(text).map(IpNet::from).ok();
    let found = IpNet::from_str(text).ok().or_else(address).map(|net| net.trunc());
    found.ok_or_else(|| "is no network such as \"192.0.2.0/24\"".to_owned())
}

fn host_end(text: &str) -> Result<String, String> {
    let end = text.trim().trim_matches('.').to_ascii_lowercase();
    if end.is_empty() { Err("is no end of a host's name".to_owned()) } else { Ok(end) }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
#[path = "audience_read_tests.rs"]
mod tests;
