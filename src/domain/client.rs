//! Who asked for something that stands in a mail, as a fact keeps it.

use super::audience::Audience;
use super::wire::{FieldWriter, Fields};

/// A client, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its class.
    pub class: Audience,
    /// The rule that said so.
    pub rule: String,
    /// Its family.
    pub family: String,
    /// Its network, truncated as configured; empty for none.
    pub address: String,
}

impl Client {
    /// The fields are those of a hit.
    pub(super) fn write(&self, w: FieldWriter) -> FieldWriter {
        let w = w.number(26, self.class.code().into()).text(27, &self.rule);
        w.text(28, &self.family).text(29, &self.address)
    }

    /// `None` when nothing is known of it.
    pub(super) fn read(f: &Fields<'_>) -> Option<Self> {
        let class = Audience::from_code(f.small(26).ok()?)?;
        Some(Self { class, rule: f.text(27), family: f.text(28), address: f.text(29) })
    }
}
