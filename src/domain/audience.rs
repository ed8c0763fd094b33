//! Who fetched a pixel or a link: a person, or a machine on a person's behalf, or a machine for itself.
//!
//! The class and the name of the rule that gave it are kept with each hit. Nothing is dropped: machines are counted
//! apart. The rules are data (`audience.toml`, read by `audience_read`, applied by `audience_rules`); what only several
//! hits together can tell is judged by `audience_judge`, and `audience_story` follows one delivery's hits as they come.

use std::sync::Arc;

use super::bounce::coded_enum;

coded_enum!(
    /// The class of a hit.
    Audience {
        /// A person's own program.
        Human = 1, "human";
        /// A mailbox provider's proxy, fetching at the moment a person looked.
        Proxy = 2, "proxy";
        /// Cannot be told.
        Unknown = 3, "unknown";
        /// Fetched ahead of time by a machine, whether or not a person looks.
        Prefetch = 4, "prefetch";
        /// A security scanner, a link previewer, a robot.
        Scanner = 5, "scanner";
    }
);

impl Audience {
    /// Best first: human over proxy over (inferred over) unknown over prefetch over scanner.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Human => 0,
            Self::Proxy => 1,
            Self::Unknown => 3,
            Self::Prefetch => 4,
            Self::Scanner => 5,
        }
    }
}

/// A class and the name of the rule that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The class.
    pub class: Audience,
    /// The rule's name.
    pub rule: Arc<str>,
}
