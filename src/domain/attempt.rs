//! A try, as facts tell of it.

use super::wire::{FieldWriter, Fields, WireError};

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1; 0 when nothing was tried.
    pub n: u32,
    /// The host's name; empty when none was reached for.
    pub mx: String,
    /// Its address.
    pub ip: String,
    /// The TLS version, empty for none.
    pub tls: String,
    /// What the server's certificate is worth, empty for none.
    pub certificate: String,
    /// The reply's code.
    pub code: u16,
    /// The reply's enhanced code as text, empty for none.
    pub enhanced: String,
    /// How long the try took.
    pub ms: u64,
    /// What shares limits with the host: the best exchanger of the domain, its provider, or the named host; empty when no
    /// host was reached for.
    pub site: String,
}

impl Attempt {
    pub(super) fn write(&self, w: FieldWriter) -> FieldWriter {
        let w = w.number(10, self.n.into()).text(11, &self.mx).text(12, &self.ip).text(13, &self.tls);
        w.number(14, self.code.into())
            .text(15, &self.enhanced)
            .number(16, self.ms)
            .text(18, &self.certificate)
            .text(19, &self.site)
    }

    pub(super) fn read(f: &Fields<'_>) -> Result<Self, WireError> {
        Ok(Self {
            n: f.small(10)?,
            mx: f.text(11),
            ip: f.text(12),
            tls: f.text(13),
            certificate: f.text(18),
            code: f.small(14)?,
            enhanced: f.text(15),
            ms: f.number(16),
            site: f.text(19),
        })
    }
}
