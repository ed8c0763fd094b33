//! What was changed in a message.

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
    /// How many parts or links were passed over because of a limit, one clause each.
    pub limits: Vec<String>,
}
