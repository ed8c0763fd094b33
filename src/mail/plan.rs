//! What is asked of the rewriter.

use serde::{Deserialize, Serialize};

use crate::domain::Domain;

/// What the sender and the configuration asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switches {
    /// Whether a pixel is added.
    pub opens: bool,
    /// Whether links are rewritten.
    pub clicks: bool,
    /// Whether links in plain text are rewritten.
    pub text: bool,
    /// Hosts whose links stay, with all below them.
    pub exclude_hosts: Vec<Domain>,
    /// What happens to links whose text is another house's URL.
    pub visible_url_links: VisibleUrlLinks,
    /// Where the pixel goes.
    pub pixel: PixelPlace,
}

impl Default for Switches {
    /// What a new installation does.
    fn default() -> Self {
        Self {
            opens: true,
            clicks: true,
            text: false,
            exclude_hosts: Vec::new(),
            visible_url_links: VisibleUrlLinks::Leave,
            pixel: PixelPlace::Auto,
        }
    }
}

/// Where a page's pixel goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelPlace {
    /// Just behind `<body …>`; in a page without one, to the bottom.
    Top,
    /// Before `</body>`.
    Bottom,
    /// To the bottom, but to the top of a page that Gmail might cut before.
    #[default]
    Auto,
}

/// What happens to links whose text is another house's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisibleUrlLinks {
    /// They stay: mail programs warn when a link leads elsewhere than its text says.
    Leave,
    /// They are rewritten like others.
    Track,
}

/// What a message is compiled by.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// Header lines put on top, each ended by CRLF.
    pub prepend: &'a [u8],
    /// The tracking host's URL, without a final slash.
    pub base_url: &'a str,
    /// Whether `List-Unsubscribe` follows them (RFC 2369, RFC 8058).
    pub unsubscribe: bool,
    /// What is wanted.
    pub switches: &'a Switches,
    /// Domains that we sign for anew.
    pub signing_domains: &'a [Domain],
    /// Whether hosted relays' control headers were read, and go.
    pub vendor_headers: bool,
}
