//! What kind of refusal a reply is.

macro_rules! coded_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal, $word:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The number it has in stored facts; never reused.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)+ }
            }

            /// From the stored number.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// The word in pages, JSON and docs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u8(self.code())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let code = <u8 as serde::Deserialize>::deserialize(deserializer)?;
                Self::from_code(code).ok_or_else(|| serde::de::Error::custom("no such number"))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use coded_enum;

coded_enum!(
    /// The kind of a refusal or failure.
    BounceClass {
        /// No such mailbox.
        InvalidRecipient = 1, "invalid_recipient";
        /// No such domain, or one that takes no mail.
        BadDomain = 2, "bad_domain";
        /// The mailbox exists no longer or is switched off.
        InactiveMailbox = 3, "inactive_mailbox";
        /// Over quota.
        MailboxFull = 4, "mailbox_full";
        /// The receiver's rules.
        Policy = 5, "policy";
        /// Taken for spam by its content.
        SpamContent = 6, "spam_content";
        /// The sending address is listed.
        IpBlocklisted = 7, "ip_blocklisted";
        /// SPF, DKIM or DMARC.
        AuthFailed = 8, "auth_failed";
        /// Too much in too short a time.
        RateLimited = 9, "rate_limited";
        /// Asked to come again.
        Greylisted = 10, "greylisted";
        /// Larger than the receiver takes.
        TooLarge = 11, "too_large";
        /// TLS or the protocol went wrong.
        TlsOrProtocol = 12, "tls_or_protocol";
        /// The DNS gave no usable answer.
        Dns = 13, "dns";
        /// No host answered.
        NoAnswer = 14, "no_answer";
        /// Tried until its life was over.
        Expired = 15, "expired";
        /// Anything else.
        Other = 16, "other";
    }
);

impl BounceClass {
    /// Whether a refusal of this kind says that no mail will ever reach the address, so that it is suppressed.
    pub const fn is_final(self) -> bool {
        match self {
            Self::InvalidRecipient | Self::BadDomain | Self::InactiveMailbox => true,
            Self::MailboxFull
            | Self::Policy
            | Self::SpamContent
            | Self::IpBlocklisted
            | Self::AuthFailed
            | Self::RateLimited
            | Self::Greylisted
            | Self::TooLarge
            | Self::TlsOrProtocol
            | Self::Dns
            | Self::NoAnswer
            | Self::Expired
            | Self::Other => false,
        }
    }

    /// One plain clause for the page.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::InvalidRecipient => "Address does not exist",
            Self::BadDomain => "Domain takes no mail",
            Self::InactiveMailbox => "Mailbox disabled",
            Self::MailboxFull => "Mailbox full",
            Self::Policy => "Refused by policy",
            Self::SpamContent => "Refused as unwanted content",
            Self::IpBlocklisted => "Sending address is on a blocklist",
            Self::AuthFailed => "SPF, DKIM or DMARC failed",
            Self::RateLimited => "Too much, too fast",
            Self::Greylisted => "Greylisted",
            Self::TooLarge => "Message too large",
            Self::TlsOrProtocol => "TLS or protocol error",
            Self::Dns => "DNS gave no answer",
            Self::NoAnswer => "No host answered",
            Self::Expired => "Gave up after its life was over",
            Self::Other => "Other refusal",
        }
    }

    /// What it means for what waits, and what to do.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::InvalidRecipient | Self::InactiveMailbox => {
                "The mailbox is not there now; it will bounce if that stays."
            }
            Self::BadDomain => "The domain takes no mail now. Check how it is spelled.",
            Self::MailboxFull => "The mailbox is full. Nothing to do: it is tried until it expires.",
            Self::Policy => "The receiver's rules hold it back. Its reply mostly names the rule and a page about it.",
            Self::SpamContent => {
                "It is taken for spam. Retrying the same mail will not change that: look at the content."
            }
            Self::IpBlocklisted => {
                "The sending address or domain is on a block list, or its reputation is bad. Ask the list's owner to take \
                 it off, then retry."
            }
            Self::AuthFailed => {
                "SPF, DKIM or DMARC did not hold, or the sending address has no fitting name. Check the records, then retry."
            }
            Self::RateLimited => {
                "The receiver limits you; it is not about these addresses. Retrying faster makes it worse."
            }
            Self::Greylisted => "The receiver asked to come again, as it does with new senders. Nothing to do.",
            Self::TooLarge => "The mail is larger than the receiver takes now.",
            Self::TlsOrProtocol => "TLS or the protocol went wrong. The transcript on the mail's page shows where.",
            Self::Dns => {
                "The name servers of the domain did not answer. Nothing to do, unless it is so for all domains."
            }
            Self::NoAnswer => "No mail server of the domain could be reached. Nothing to do, unless it is so for all.",
            Self::Expired => "It was tried until its life was over.",
            Self::Other => {
                "The receiver is in trouble itself, or says no more than this. It is tried until it expires."
            }
        }
    }
}

#[cfg(test)]
#[path = "bounce_tests.rs"]
mod tests;
