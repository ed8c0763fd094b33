//! What was changed in a message.

use std::collections::BTreeMap;

use super::transfer::{Edit, pieces_len};

/// How the clause about a page that Gmail cuts begins.
pub(super) const CLIP_CLAUSE: &str = "its HTML leaves with";

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
    /// Whether it stands in a plain text part.
    #[serde(default)]
    pub in_text: bool,
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
    /// Octets as it leaves, without signatures.
    pub size_out: u64,
    /// What the difference comes of.
    #[serde(default)]
    pub growth: Growth,
    /// How many parts or links were passed over because of a limit, one clause each.
    pub limits: Vec<String>,
}

/// Octets that a mail has grown by as it leaves, without signatures. Something may also have shrunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Growth {
    /// Links, and opt-out attributes that were cut out, decoded.
    pub links: i64,
    /// The pixel, decoded.
    pub pixel: i64,
    /// What encoding these, and the lines that they stand in, takes.
    pub encoding: i64,
    /// Header fields.
    pub headers: i64,
}

impl Growth {
    /// Whether it was counted: each mail gets a header field at least.
    #[must_use]
    pub fn is_known(&self) -> bool {
        *self != Self::default()
    }

    /// One part's body was edited.
    pub fn add(&mut self, before: usize, after: usize, edits: &[Edit]) {
        for edit in edits {
            let growth = difference(edit.range.len(), pieces_len(&edit.pieces));
            // Only the pixel takes the place of nothing.
            *(if edit.range.is_empty() { &mut self.pixel } else { &mut self.links }) += growth;
            self.encoding -= growth;
        }
        self.encoding += difference(before, after);
    }
}

fn difference(before: usize, after: usize) -> i64 {
    let octets = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    octets(after) - octets(before)
}

impl Receipt {
    /// Octets as it came and as it leaves: what no part grew by is the header's.
    pub fn sizes(&mut self, before: usize, after: usize) {
        (self.size_in, self.size_out) = (before as u64, after as u64);
        let Growth { links, pixel, encoding, .. } = self.growth;
        self.growth.headers = difference(before, after) - links - pixel - encoding;
    }

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

    /// What was done, without what differs from recipient to recipient: mails of one template have one shape, whatever
    /// their links lead to.
    #[must_use]
    pub fn shape(&self) -> String {
        let mut shape = String::new();
        for link in &self.links {
            shape.push_str(if link.position.is_some() { "rewritten" } else { &link.left_alone });
            shape.push_str(if link.in_text { " in the text\n" } else { "\n" });
        }
        for clause in [&self.pixel, &self.untracked].into_iter().chain(&self.limits) {
            shape.push('\n');
            shape.push_str(&without_numbers(clause));
        }
        shape
    }

    /// That its HTML is near or over what Gmail shows, as its clause says it; `None` when it is not.
    #[must_use]
    pub fn clipped(&self) -> Option<&str> {
        self.limits.iter().map(String::as_str).find(|clause| clause.starts_with(CLIP_CLAUSE))
    }

    /// What was done, a clause each.
    #[must_use]
    pub fn clauses(&self) -> Vec<String> {
        let mut clauses = Vec::new();
        if self.untracked.is_empty() {
            clauses.push(self.pixel_clause());
        } else {
            clauses.push(format!("left untracked: {}", self.untracked));
        }
        if !self.links.is_empty() {
            clauses.push(self.summary());
        }
        clauses.extend(self.limits.iter().cloned());
        clauses
    }

    /// What was done otherwise than with a usual mail, a clause each.
    #[must_use]
    pub fn differences(&self, usual: &Self) -> Vec<String> {
        let mut clauses = Vec::new();
        if self.untracked != usual.untracked {
            let tracked = self.untracked.is_empty();
            clauses.push(if tracked { "tracked".to_owned() } else { format!("left untracked: {}", self.untracked) });
        }
        if self.pixel != usual.pixel && self.untracked.is_empty() {
            clauses.push(self.pixel_clause());
        }
        let has_links = !self.links.is_empty() || self.untracked.is_empty();
        if has_links && self.summary() != usual.summary() {
            clauses.push(self.summary());
        }
        let known: Vec<_> = usual.limits.iter().map(|clause| without_numbers(clause)).collect();
        clauses.extend(self.limits.iter().filter(|clause| !known.contains(&without_numbers(clause))).cloned());
        if clauses.is_empty() {
            clauses.push("other links are rewritten, or other parts passed over".to_owned());
        }
        clauses
    }

    fn pixel_clause(&self) -> String {
        if self.pixel.is_empty() { "without a pixel".to_owned() } else { format!("pixel {}", self.pixel) }
    }
}

fn without_numbers(clause: &str) -> String {
    clause.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        let link = |url: &str, position| ReceiptLink {
            url: url.to_owned(),
            label: url.to_owned(),
            position,
            left_alone: if position.is_none() { "not http".to_owned() } else { String::new() },
            in_text: false,
        };
        Receipt {
            links: vec![link("https://a.example/?u=ann", Some(1)), link("mailto:a@a.example", None)],
            pixel: "at the end".to_owned(),
            limits: vec!["its HTML has 96 kB".to_owned()],
            ..Receipt::default()
        }
    }

    #[test]
    fn recipients_and_sizes_make_no_other_shape() {
        let mut other = receipt();
        other.links[0].url = "https://a.example/?u=bob".to_owned();
        other.links[0].label = "Bob".to_owned();
        other.limits = vec!["its HTML has 101 kB".to_owned()];
        (other.size_in, other.size_out) = (5, 6);
        other.control = vec!["metadata: bob".to_owned()];
        assert_eq!(other.shape(), receipt().shape());
    }

    #[test]
    fn what_was_done_otherwise_makes_another_shape_and_is_named() {
        type Change = fn(&mut Receipt);
        let base = receipt();
        let cases: [(Change, &str); 6] = [
            (|r| r.pixel.clear(), "without a pixel"),
            (|r| r.untracked = "it is signed".to_owned(), "left untracked: it is signed"),
            (|r| drop(r.links.pop()), "1 link: 1 rewritten, 0 left alone"),
            (
                |r| r.links[1].left_alone = "excluded".to_owned(),
                "2 links: 1 rewritten, 1 left alone: 1 \u{d7} excluded",
            ),
            (|r| r.limits.push("a part was passed over".to_owned()), "a part was passed over"),
            (|r| r.links.reverse(), "other links are rewritten, or other parts passed over"),
        ];
        for (change, clause) in cases {
            let mut other = receipt();
            change(&mut other);
            assert_ne!(other.shape(), base.shape(), "{clause}");
            assert_eq!(other.differences(&base), [clause]);
        }
    }
}
