//! How each site is approached at first: by a table of the large mailbox providers and, for all others, by what the
//! configuration says.
//!
//! Pure. A provider's many domains, and Microsoft's exchanger for each of them, are one site.

use serde::Deserialize;

const BUILT_IN: &str = include_str!("providers.toml");
/// Entries of a table, and names of exchangers in one.
const ENTRIES_MAX: usize = 10_000;

/// The limits that a site starts with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// Transactions under way at a time, each over a connection of its own; 1 to 1,000.
    pub connections: u32,
    /// Messages over one connection; 1 switches reuse off.
    pub messages_per_connection: u32,
    /// Transactions begun in a second; `None` is no limit.
    pub messages_per_second: Option<f64>,
}

impl Default for Start {
    fn default() -> Self {
        Self { connections: 10, messages_per_connection: 100, messages_per_second: None }
    }
}

/// The table.
#[derive(Debug, Clone, PartialEq)]
pub struct Providers {
    sites: Vec<Provider>,
    other: Start,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    name: String,
    mx: Vec<String>,
    connections: Option<u32>,
    messages_per_connection: Option<u32>,
    messages_per_second: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    site: Vec<Provider>,
}

impl Providers {
    /// No table: all sites start alike.
    pub fn none(other: Start) -> Self {
        Self { sites: Vec::new(), other }
    }

    /// The built-in table; that it is sound is a test's.
    pub fn built_in(other: Start) -> Self {
        Self { sites: parse(BUILT_IN).unwrap_or_default(), other }
    }

    /// The built-in table after the operator's own. The error names the line.
    pub fn with_own(own: &str, other: Start) -> Result<Self, String> {
        let mut sites = parse(own)?;
        sites.extend(Self::built_in(other).sites);
        Ok(Self { sites, other })
    }

    /// The name of the provider that an exchanger belongs to. The first entry that fits holds.
    pub(super) fn name_of(&self, exchanger: &str) -> Option<&str> {
        let fits = |suffix: &String| {
            let before = exchanger.strip_suffix(suffix.as_str());
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        self.sites.iter().find(|site| site.mx.iter().any(fits)).map(|site| site.name.as_str())
    }

    /// What a site starts with.
    pub(super) fn start(&self, site: &str) -> Start {
        let Some(found) = self.sites.iter().find(|provider| provider.name == site) else { return self.other };
        Start {
            connections: found.connections.unwrap_or(self.other.connections),
            messages_per_connection: found.messages_per_connection.unwrap_or(self.other.messages_per_connection),
            messages_per_second: found.messages_per_second.or(self.other.messages_per_second),
        }
    }
}

fn parse(text: &str) -> Result<Vec<Provider>, String> {
    let mut table: Table = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
    if table.site.len() > ENTRIES_MAX {
        return Err(format!("more than {ENTRIES_MAX} sites"));
    }
    for site in &mut table.site {
        let name = &site.name;
        if name.trim().is_empty() || name.len() > 100 {
            return Err(format!("name = {name:?}: a name of 1 to 100 letters"));
        }
        if site.mx.is_empty() || site.mx.len() > ENTRIES_MAX || site.mx.iter().any(|mx| mx.trim_matches('.').is_empty())
        {
            return Err(format!("{name}: mx has to list ends of host names, as in [\"mx.example.com\"]"));
        }
        if !site.connections.is_none_or(|n| (1..=1_000).contains(&n)) {
            return Err(format!("{name}: connections has to be 1 to 1000"));
        }
        if !site.messages_per_connection.is_none_or(|n| (1..=100_000).contains(&n)) {
            return Err(format!("{name}: messages_per_connection has to be 1 to 100000"));
        }
        if !site.messages_per_second.is_none_or(|n| n > 0.0 && n <= 100_000.0) {
            return Err(format!("{name}: messages_per_second has to be more than 0, at most 100000"));
        }
        site.mx.iter_mut().for_each(|mx| *mx = mx.trim_matches('.').to_ascii_lowercase());
    }
    Ok(table.site)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: Start = Start { connections: 7, messages_per_connection: 70, messages_per_second: None };

    #[test]
    fn the_built_in_table_knows_the_large_ones() {
        assert!(parse(BUILT_IN).is_ok());
        let providers = Providers::built_in(OTHER);
        for (exchanger, name) in [
            ("gmail-smtp-in.l.google.com", "Gmail"),
            ("alt4.aspmx.l.google.com", "Gmail"),
            ("outlook-com.olc.protection.outlook.com", "Outlook.com"),
            ("shop-example.mail.protection.outlook.com", "Microsoft 365"),
            ("mta7.am0.yahoodns.net", "Yahoo"),
            ("mx00.gmx.net", "GMX and WEB.DE"),
            ("smtp-in.orange.fr", "Orange"),
        ] {
            assert_eq!(providers.name_of(exchanger), Some(name), "{exchanger}");
        }
        for other in ["mx.example.com", "notgoogle.com", "google.com.example", ""] {
            assert_eq!(providers.name_of(other), None, "{other}");
        }
        assert_eq!(providers.start("Orange").connections, 2);
        assert_eq!(providers.start("mx.example.com"), OTHER);
        let names: std::collections::HashSet<_> = providers.sites.iter().map(|site| &site.name).collect();
        assert_eq!(names.len(), providers.sites.len());
    }

    #[test]
    fn the_operators_own_come_first_and_need_not_say_all() {
        let own = "[[site]]\nname = \"Our Gmail\"\nmx = [\".L.Google.com.\"]\nmessages_per_second = 2.5\n";
        let providers = Providers::with_own(own, OTHER).unwrap();
        assert_eq!(providers.name_of("aspmx.l.google.com"), Some("Our Gmail"));
        assert_eq!(providers.name_of("gmr-smtp-in.google.com"), Some("Gmail"));
        assert_eq!(providers.start("Our Gmail"), Start { messages_per_second: Some(2.5), ..OTHER });
    }

    #[test]
    fn a_broken_table_says_what_is_wrong_with_it() {
        for (own, told) in [
            ("[[site]]\nname = \"a\"\n", "mx"),
            ("[[site]]\nname = \"a\"\nmx = []\n", "a: mx has to list"),
            ("[[site]]\nname = \"a\"\nmx = [\"b.example\"]\nconnexions = 3\n", "line 4"),
            ("[[site]]\nname = \"a\"\nmx = [\"b.example\"]\nconnections = 0\n", "a: connections has to be"),
            ("[[site]]\nname = \"a\"\nmx = [\"b.example\"]\nmessages_per_second = 0.0\n", "a: messages_per_second"),
            ("[[site]]\nname = \"a\"\nmx = [\"b.example\"]\nmessages_per_connection = 0\n", "a: messages_per_conn"),
            ("[[site]]\nname = \"\"\nmx = [\"b.example\"]\n", "a name of 1 to 100"),
            ("site = 3", "line 1"),
        ] {
            let error = Providers::with_own(own, OTHER).unwrap_err();
            assert!(error.contains(told), "{own}: {error}");
        }
    }
}
