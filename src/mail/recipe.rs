//! All that rendering needs beside the body, fixed at acceptance: the same bytes leave at each retry, from the same addresses.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::plan::{PixelPlace, Plan, Switches, VisibleUrlLinks};
use super::stencil::Stencil;
use crate::domain::{Domain, Timestamp};

/// Domain and selector of the keys that sign for a domain in `From`.
pub type SignersFor = Arc<dyn Fn(&Domain) -> Vec<(String, String)> + Send + Sync>;

/// The renderer's version in new recipes; an older one's recipes are rendered as it did.
pub const RENDERER: u8 = 1;

/// Stored as JSON beside the body. Fields can be added; they must have a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the stored text")]
pub struct Recipe {
    /// Which rules the copy is made by.
    pub renderer: u8,
    /// Header lines put on top, each ended by CRLF.
    pub prepend: String,
    /// The tracking host's URL, without a final slash.
    pub base_url: String,
    /// Whether a pixel is added.
    pub opens: bool,
    /// Whether links are rewritten.
    pub clicks: bool,
    /// Whether links in plain text are rewritten.
    #[serde(default)]
    pub text: bool,
    /// Hosts whose links stay.
    #[serde(default)]
    pub exclude_hosts: Vec<String>,
    /// Whether links whose text is another house's URL are rewritten too.
    #[serde(default)]
    pub track_visible_urls: bool,
    /// Where the pixel goes.
    #[serde(default)]
    pub pixel: PixelPlace,
    /// Whether `List-Unsubscribe` is added.
    #[serde(default)]
    pub unsubscribe: bool,
    /// The id of the key that signs tokens.
    pub key: u8,
    /// The time in DKIM signatures, milliseconds since the epoch.
    pub signed_at: i64,
    /// Domain and selector of each signature.
    #[serde(default)]
    pub signers: Vec<(String, String)>,
    /// Whether the sender asked for SMTPUTF8, so that header fields may be internationalised.
    #[serde(default)]
    pub utf8: bool,
    /// Whether parts with long lines are encoded.
    #[serde(default)]
    pub short_lines: bool,
    /// Whether hosted relays' control headers were read, and go.
    #[serde(default)]
    pub vendor_headers: bool,
    /// Why nothing is tracked, when a rewritten copy did not stand its proof.
    #[serde(default)]
    pub untracked: Option<String>,
    /// The addresses that its copies leave from; empty for those of the configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_addresses: Vec<IpAddr>,
}

impl Recipe {
    /// As text for the store.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From the store's text.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let recipe: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if recipe.renderer > RENDERER {
            return Err(format!("it was accepted by a newer version (renderer {})", recipe.renderer));
        }
        Ok(recipe)
    }

    /// The time in signatures.
    pub fn signing_time(&self) -> Timestamp {
        Timestamp::from_millis(self.signed_at)
    }

    /// Compiles a message by this recipe.
    pub fn compile(&self, raw: &[u8]) -> Stencil {
        self.with_plan(|plan| match &self.untracked {
            Some(why) => Stencil::compile_untracked(raw, plan, why),
            None => Stencil::compile(raw, plan),
        })
    }

    /// Lends the plan that a stencil is compiled and proved by.
    pub fn with_plan<T>(&self, with: impl FnOnce(&Plan<'_>) -> T) -> T {
        let domains = |names: &mut dyn Iterator<Item = &String>| names.filter_map(|n| Domain::parse(n).ok()).collect();
        let signing: Vec<Domain> = domains(&mut self.signers.iter().map(|(domain, _)| domain));
        let visible = if self.track_visible_urls { VisibleUrlLinks::Track } else { VisibleUrlLinks::Leave };
        let switches = Switches {
            opens: self.opens,
            clicks: self.clicks,
            text: self.text,
            exclude_hosts: domains(&mut self.exclude_hosts.iter()),
            visible_url_links: visible,
            pixel: self.pixel,
        };
        with(&Plan {
            prepend: self.prepend.as_bytes(),
            base_url: &self.base_url,
            unsubscribe: self.unsubscribe,
            switches: &switches,
            signing_domains: &signing,
            vendor_headers: self.vendor_headers,
        })
    }
}
