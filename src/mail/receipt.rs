//! What was changed in a message.

use std::collections::BTreeMap;

/// Octets of links that a page shows.
const SHOWN_BYTES_MAX: usize = 48 << 10;
/// Octets of markup around one link, about.
const AROUND_BYTES: usize = 160;

/// What was done with one link of a message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReceiptLink {
    /// The target, exactly.
    pub url: String,
    /// The anchor's text.
    pub label: String,
    /// Its position when it is tracked.
    pub position: Option<u16>,
    /// Why it was left alone, one clause; empty when tracked.
    pub left_alone: String,
}

/// What was changed in a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Receipt {
    /// Every link found.
    pub links: Vec<ReceiptLink>,
    /// Where the pixel is, one clause; empty for none.
    pub pixel: String,
    /// Why nothing was tracked, one clause; empty when something was.
    pub untracked: String,
    /// What became of `List-Unsubscribe`, one clause; empty when it was not looked at.
    #[serde(default)]
    pub unsubscribe: String,
    /// `domain` and `selector` of each signature to make.
    pub signed_by: Vec<(String, String)>,
    /// Control headers read and removed, and what was not understood.
    pub control: Vec<String>,
    /// Octets as it came.
    pub size_in: u64,
    /// Octets as it leaves, without signatures and before long lines are encoded.
    pub size_out: u64,
    /// How many parts or links were passed over because of a limit, one clause each.
    pub limits: Vec<String>,
}

impl Receipt {
    /// How many links there are and what became of them, in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for link in self.links.iter().filter(|link| link.position.is_none()) {
            *reasons.entry(link.left_alone.as_str()).or_default() += 1;
        }
        let left: usize = reasons.values().sum();
        let noun = if self.links.len() == 1 { "link" } else { "links" };
        let mut line = format!("{} {noun}: {} rewritten, {left} left alone", self.links.len(), self.links.len() - left);
        for (n, (reason, count)) in reasons.iter().enumerate() {
            let reason = if reason.is_empty() { "no reason kept" } else { reason };
            line.push_str(if n == 0 { ": " } else { "; " });
            line.push_str(&count.to_string());
            line.push_str(" \u{d7} ");
            line.push_str(reason);
        }
        line
    }

    /// The links that a page has room for, from the first one.
    #[must_use]
    pub fn shown(&self) -> &[ReceiptLink] {
        let mut room = SHOWN_BYTES_MAX;
        let fits = |link: &&ReceiptLink| {
            let left = room.checked_sub(link.url.len() + link.label.len() + link.left_alone.len() + AROUND_BYTES);
            room = left.unwrap_or(0);
            left.is_some()
        };
        let count = self.links.iter().take_while(fits).count();
        self.links.get(..count).unwrap_or_default()
    }
}
