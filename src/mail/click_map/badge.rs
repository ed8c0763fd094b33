//! The numbers in the mail. Each brings its style with it, by itself and important, so that no style of the mail can hide
//! it or dress it up.

use std::collections::BTreeSet;

use super::escaped;

/// The element's name; the mail's own elements are never called so.
const NAME: &str = "postrider-badge";
const START: &str = "<postrider-badge data-link=\"";

/// White paper, links as readers know them, and nothing before or behind a number but the number.
pub(super) const STYLE: &str = ":root{color-scheme:only light;color:#000}a{color:#00e;text-decoration:underline}\
    :root:root:root:root postrider-badge::before,:root:root:root:root postrider-badge::after{content:none!important}\
    :root:root:root:root,:root:root:root:root body{display:block!important;visibility:visible!important;opacity:1!important}";

const SHAPE: &str = "all:initial!important;display:inline-block!important;position:relative!important;\
    z-index:2147483647!important;unicode-bidi:isolate!important;direction:ltr!important;white-space:nowrap!important;\
    vertical-align:middle!important;text-align:center!important;print-color-adjust:exact!important;\
    margin:1px 2px 1px 5px!important;border-radius:9px!important;";

/// How much is clicked, in five steps: colour, weight, size and border say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heat {
    /// Nobody.
    None,
    /// Up to a quarter of the link that is clicked most.
    Low,
    /// Up to a half.
    Middle,
    /// Up to three quarters.
    High,
    /// More.
    Most,
}

impl Heat {
    /// Of so many, where the most are so many.
    pub fn of(people: i64, most: i64) -> Self {
        match (people, most) {
            (..=0, _) | (_, ..=0) => Self::None,
            (n, most) if n.saturating_mul(4) <= most => Self::Low,
            (n, most) if n.saturating_mul(2) <= most => Self::Middle,
            (n, most) if n.saturating_mul(4) <= most.saturating_mul(3) => Self::High,
            _ => Self::Most,
        }
    }

    fn style(self) -> &'static str {
        match self {
            Self::None => {
                "background:#fff!important;color:#4a5650!important;border:1px solid #84908a!important;padding:1px 5px!important;font:400 11px/1.2 Arial,sans-serif!important"
            }
            Self::Low => {
                "background:#eef6f2!important;color:#0a4a3a!important;border:1px solid #0a6a52!important;padding:2px 6px!important;font:400 12px/1.2 Arial,sans-serif!important"
            }
            Self::Middle => {
                "background:#cfe8de!important;color:#0a4a3a!important;border:1px solid #0a6a52!important;padding:2px 6px!important;font:600 12px/1.2 Arial,sans-serif!important"
            }
            Self::High => {
                "background:#93cbb6!important;color:#06291f!important;border:2px solid #0a6a52!important;padding:2px 7px!important;font:700 13px/1.2 Arial,sans-serif!important"
            }
            Self::Most => {
                "background:#0a6a52!important;color:#fff!important;border:3px double #fff!important;outline:1px solid #0a6a52!important;padding:2px 8px!important;font:700 15px/1.2 Arial,sans-serif!important"
            }
        }
    }
}

const QUIET: &str = "background:#fff!important;color:#56625c!important;border:1px dashed #84908a!important;padding:0 4px!important;font:400 10px/1.3 Arial,sans-serif!important";

/// What stands behind a tracked link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Badge {
    /// The number, and what it is a share of.
    pub text: String,
    /// The rest of what is known, shown when one points at it.
    pub detail: String,
    /// How it compares.
    pub heat: Heat,
}

impl Badge {
    pub(super) fn html(&self, position: u16) -> String {
        let (detail, text, style) = (escaped(&self.detail), escaped(&self.text), self.heat.style());
        format!("{START}{position}\" title=\"{detail}\" style=\"{SHAPE}{style}\">{text}</{NAME}>")
    }
}

/// Behind a link that is not tracked.
pub(super) fn quiet(why: &str) -> String {
    format!("<{NAME} title=\"{}\" style=\"{SHAPE}{QUIET}\">not tracked</{NAME}>", escaped(why))
}

/// The positions that have their number in what was drawn.
pub(super) fn placed(drawn: &str) -> BTreeSet<u16> {
    let number = |rest: &str| rest.split('"').next().and_then(|digits| digits.parse().ok());
    drawn.split(START).skip(1).filter_map(number).collect()
}
