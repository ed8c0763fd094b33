//! A fetch of a pixel or a link, as a fact keeps it.

use super::audience::Audience;
use super::device::Device;
use super::event::About;
use super::wire::{FieldWriter, Fields, WireError};

/// A pixel or a link was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Delivery and campaign.
    pub about: About,
    /// 0 for the pixel, else the link's position from 1.
    pub position: u16,
    /// The key of the link's pattern; 0 for the pixel.
    pub pattern: i64,
    /// Who fetched it.
    pub class: Audience,
    /// The rule that said so.
    pub rule: String,
    /// The client's family.
    pub family: String,
    /// On what kind of device it ran.
    pub device: Device,
    /// What the request told that is not kept otherwise: the sum of [`Hit::SAID_PREFETCH`] and the like.
    pub signals: u8,
    /// The client's network, truncated as configured; empty for none.
    pub address: String,
    /// How many hits this stands for; 1 but for floods.
    pub count: u32,
}

impl Hit {
    /// The request said that it fetches ahead of time, for a prefetch or a preview.
    pub const SAID_PREFETCH: u8 = 1;
    /// The same client had asked for the same address with HEAD shortly before.
    pub const HEAD_CAME_FIRST: u8 = 2;
    /// The request named no agent: there is no text of one, and none was deleted.
    pub const NAMED_NO_AGENT: u8 = 4;

    pub(super) fn write(&self, w: FieldWriter) -> FieldWriter {
        let w = self.about.write(w).number(24, self.position.into()).signed(25, self.pattern);
        let w = w.number(26, self.class.code().into()).text(27, &self.rule).text(28, &self.family);
        let w = w.text(29, &self.address).number(33, self.count.into());
        w.number(34, self.device.code().into()).number(35, self.signals.into())
    }

    pub(super) fn read(f: &Fields<'_>) -> Result<Self, WireError> {
        Ok(Self {
            about: About::read(f),
            position: f.small(24)?,
            pattern: f.signed(25),
            class: Self::audience(f, 26)?,
            rule: f.text(27),
            family: f.text(28),
            device: Device::from_code(f.small(34)?).ok_or(WireError::OutOfRange(34))?,
            signals: f.small(35)?,
            address: f.text(29),
            count: f.small(33)?,
        })
    }

    /// A class in a field.
    pub(super) fn audience(f: &Fields<'_>, field: u64) -> Result<Audience, WireError> {
        Audience::from_code(f.small(field)?).ok_or(WireError::OutOfRange(field))
    }
}
