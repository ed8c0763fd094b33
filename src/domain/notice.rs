//! What a sender asks to be told of its mail's fate (RFC 3461), and what it can be told.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::bounce::coded_enum;

/// RET of MAIL (RFC 3461 section 4.3): how much of a message comes back with a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Return {
    /// All of it.
    Full,
    /// Its header block.
    Headers,
}

impl Return {
    /// The word in MAIL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Headers => "HDRS",
        }
    }
}

/// NOTIFY of RCPT (RFC 3461 section 4.1); none of the three is NEVER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Notify {
    /// When a server took it.
    pub success: bool,
    /// When it was refused or given up.
    pub failure: bool,
    /// When it takes long.
    pub delay: bool,
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")];
        let asked: Vec<_> = all.iter().filter(|(asked, _)| *asked).map(|(_, word)| *word).collect();
        f.write_str(if asked.is_empty() { "NEVER".to_owned() } else { asked.join(",") }.as_str())
    }
}

/// ORCPT of RCPT (RFC 3461 section 4.2): whom the sender wrote to before anyone forwarded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginalRecipient {
    /// Mostly `rfc822`.
    pub kind: String,
    /// Printable ASCII, decoded.
    pub address: String,
}

impl fmt::Display for OriginalRecipient {
    /// As `Original-Recipient` has it (RFC 3464 section 2.3.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.kind, self.address)
    }
}

/// What was asked of one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecipientWish {
    /// NOTIFY.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// ORCPT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<OriginalRecipient>,
}

/// What was asked of a message. Most senders ask for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wishes {
    /// RET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ret: Option<Return>,
    /// ENVID (RFC 3461 section 4.4), decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope_id: Option<String>,
    /// By the address as written, only of those for whom something was asked.
    #[serde(default)]
    pub recipients: BTreeMap<String, RecipientWish>,
}

impl Wishes {
    /// Whether nothing was asked.
    pub fn is_empty(&self) -> bool {
        self.ret.is_none() && self.envelope_id.is_none() && self.recipients.is_empty()
    }

    /// Keeps what was asked of a recipient.
    pub fn add(&mut self, recipient: &Address, wish: RecipientWish) {
        if wish != RecipientWish::default() {
            self.recipients.insert(recipient.as_str().to_owned(), wish);
        }
    }

    /// What was asked of a recipient.
    pub fn of(&self, recipient: &Address) -> Option<&RecipientWish> {
        self.recipients.get(recipient.as_str())
    }
}

coded_enum!(
    /// What became of a recipient (RFC 3464 section 2.3.3). Lists are never expanded here.
    Action {
        /// Refused or given up.
        Failed = 1, "failed";
        /// Still tried.
        Delayed = 2, "delayed";
        /// In its mailbox.
        Delivered = 3, "delivered";
        /// Handed to a server that reports nothing.
        Relayed = 4, "relayed";
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_is_kept() {
        let (ann, bob) = (Address::parse("ann@a.example").unwrap(), Address::parse("bob@a.example").unwrap());
        let mut wishes = Wishes::default();
        wishes.add(&ann, RecipientWish::default());
        assert!(wishes.is_empty());
        let never = RecipientWish { notify: Some(Notify::default()), original: None };
        wishes.add(&bob, never.clone());
        assert_eq!((wishes.of(&ann), wishes.of(&bob)), (None, Some(&never)));
        let text = serde_json::to_string(&wishes).unwrap();
        assert_eq!(serde_json::from_str::<Wishes>(&text).unwrap(), wishes);
        assert_eq!(Notify::default().to_string(), "NEVER");
        assert_eq!(Notify { success: true, failure: false, delay: true }.to_string(), "SUCCESS,DELAY");
    }
}
