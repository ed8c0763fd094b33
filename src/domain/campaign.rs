//! Campaigns: what counts are kept for.

use sha2::{Digest, Sha256};

/// The longest campaign name, in characters.
pub const NAME_MAX: usize = 200;
/// The name of mail that names no campaign.
pub const NONE: &str = "(none)";
/// The only account until there are more.
pub const ACCOUNT: &str = "main";

/// Whether mail leaves the house. Sandbox mail counts apart from live mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Delivered to its recipients' servers.
    Live,
    /// Kept in the built-in inbox.
    Sandbox,
}

impl Mode {
    /// The word in pages, JSON and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
        }
    }

    /// From the word; `None` for any other.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "live" => Some(Self::Live),
            "sandbox" => Some(Self::Sandbox),
            _ => None,
        }
    }
}

/// A campaign's number, made from account, name and mode alone, so that every node gives it the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignId(i64);

impl CampaignId {
    /// Mail that the relay itself writes to senders: it belongs to no campaign and is in no count.
    pub const OWN_MAIL: Self = Self(0);
    /// All live mail together, as a scope of its own in the rollups.
    pub const ALL_LIVE: Self = Self(1);
    /// All sandbox mail together.
    pub const ALL_SANDBOX: Self = Self(2);

    /// From the stored integer.
    pub const fn from_raw(raw: i64) -> Self {
        Self(raw)
    }

    /// The integer to store.
    pub const fn raw(self) -> i64 {
        self.0
    }

    /// The scope that sums a mode's campaigns.
    pub const fn all(mode: Mode) -> Self {
        match mode {
            Mode::Live => Self::ALL_LIVE,
            Mode::Sandbox => Self::ALL_SANDBOX,
        }
    }
}

impl std::fmt::Display for CampaignId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for CampaignId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        i64::from_str_radix(text, 16).map(Self)
    }
}

/// A named series of mails whose rates are shown together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Campaign {
    id: CampaignId,
    name: String,
    mode: Mode,
}

impl Campaign {
    /// A campaign of this name: control characters become blanks, blanks are folded, what is over 200 characters is
    /// cut. A name with nothing left is [`NONE`].
    pub fn new(name: &str, mode: Mode) -> Self {
        let spaced: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let folded = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
        let cut: String = folded.chars().take(NAME_MAX).collect();
        let name = if cut.is_empty() { NONE.to_owned() } else { cut.trim_end().to_owned() };
        Self { id: id_of(&name, mode), name, mode }
    }

    /// The same name, counted in another campaign: one that was renamed to it.
    #[must_use]
    pub fn with_id(self, id: CampaignId) -> Self {
        Self { id, ..self }
    }

    /// The name as shown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Live or sandbox.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Its number.
    pub fn id(&self) -> CampaignId {
        self.id
    }
}

/// 62 bits of SHA-256 over account, name and mode; never one of the reserved scopes.
fn id_of(name: &str, mode: Mode) -> CampaignId {
    let mut hash = Sha256::new();
    for part in [ACCOUNT, name, mode.as_str()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let raw = digest.iter().take(8).fold(0_u64, |n, b| (n << 8) | u64::from(*b));
    CampaignId(i64::try_from(raw >> 2).unwrap_or(i64::MAX).max(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_and_ids_depend_on_all_parts() {
        let spring = Campaign::new("  spring\r\n sale ", Mode::Live);
        assert_eq!(spring.name(), "spring sale");
        assert_ne!(spring.id(), Campaign::new("spring sale", Mode::Sandbox).id());
        assert_eq!(Campaign::new("\t", Mode::Live).name(), NONE);
        assert_eq!(Campaign::new(&"x".repeat(500), Mode::Live).name().len(), NAME_MAX);
    }
}
