//! What can be asked of a relay.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A request. New ones may be added; an older relay answers those it does not know with a failure.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Makes a credential and its password.
    CredentialCreate {
        /// Its name.
        name: String,
        /// The domains it may send as; empty for any.
        domains: Vec<String>,
        /// `campaign` or `transactional`.
        profile: String,
        /// The addresses that its mail leaves from; empty for those of the configuration.
        #[serde(default)]
        source_addresses: Vec<IpAddr>,
        /// How long its mail is tried, in seconds; `None` as the configuration says.
        #[serde(default)]
        expire_s: Option<u64>,
        /// `high`, `normal` or `low`; empty is normal.
        #[serde(default)]
        priority: String,
    },
    /// Lists credentials.
    CredentialList,
    /// Revokes one.
    CredentialRevoke {
        /// Its name.
        name: String,
    },
    /// Makes a dashboard login.
    UserCreate {
        /// Its address.
        email: String,
        /// Its password, at least 10 characters.
        password: String,
    },
    /// Lists logins.
    UserList,
    /// Deletes one.
    UserDelete {
        /// Its address.
        email: String,
    },
    /// Makes a one-time link with which a login's owner chooses a new password.
    UserReset {
        /// Its address.
        email: String,
    },
    /// Adds a sending domain and makes its key.
    DomainAdd {
        /// The domain.
        domain: String,
    },
    /// Lists sending domains.
    DomainList,
    /// Puts addresses on the suppression list, at most as many as a request has room for.
    SuppressionAdd {
        /// Which, why, for which mail.
        entries: Vec<SuppressionEntry>,
        /// Whether they come from a file.
        imported: bool,
    },
    /// Takes an address off the suppression list.
    SuppressionRemove {
        /// Which.
        address: String,
        /// For which stream, empty for all mail; without it, for every scope it stands there for.
        scope: Option<String>,
    },
    /// Lists what waits.
    QueueList {
        /// Only this receiving site, or this domain.
        site: Option<String>,
    },
    /// Shows a delivery, or the deliveries of a message.
    QueueShow {
        /// Its id.
        id: String,
    },
    /// Retries, pauses, resumes or cancels a part of the queue.
    QueueOrder {
        /// `retry`, `pause`, `resume`, `cancel` or `release`.
        act: String,
        /// Which part.
        selector: Selector,
    },
    /// Writes down that hits are of another class, at most as many as a request has room for.
    Reclassify {
        /// Which, and of which.
        corrections: Vec<CorrectionLine>,
    },
    /// Somebody complained of a mail, or only says which one.
    Complain {
        /// The mail that came back with the report.
        returned: ReturnedMail,
        /// Whether it is to be counted.
        counts: bool,
    },
    /// Makes every view again.
    Rebuild,
    /// Asks whether a relay is there.
    Ping,
}

/// An address to put on the suppression list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SuppressionEntry {
    /// The address.
    pub address: String,
    /// `bounce`, `complaint`, `unsubscribe`, `manual` or `import`.
    pub reason: String,
    /// For which stream; empty for all mail.
    pub scope: String,
    /// Since when, RFC 3339; without it, now.
    pub since: Option<String>,
}

/// A hit that is of another class.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CorrectionLine {
    /// Its delivery's id.
    pub delivery: String,
    /// The number of its event among those of this installation.
    pub seq: i64,
    /// The class that it has.
    pub from: String,
    /// The class that it is to have.
    pub to: String,
    /// The rule that says so.
    pub rule: String,
}

/// What a feedback report says of the mail that it returns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReturnedMail {
    /// What may be tokens of this relay in it.
    pub tokens: Vec<String>,
    /// Its Message-ID; empty when it has none.
    pub message_id: String,
    /// For whom it was, as the report says.
    pub recipients: Vec<String>,
}

/// A part of the queue, as a person names it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Selector {
    /// Everything that waits.
    All,
    /// One delivery.
    Delivery {
        /// Its id.
        id: String,
    },
    /// The deliveries of one message.
    Message {
        /// Its id.
        id: String,
    },
    /// Those of a campaign, live and sandbox.
    Campaign {
        /// Its name.
        name: String,
    },
    /// Those to a domain.
    Domain {
        /// The domain.
        domain: String,
    },
    /// Those to the domains of a receiving site.
    Site {
        /// Its name, as lists show it.
        site: String,
    },
}

/// What waits for one domain; times are RFC 3339, empty for none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueueLine {
    /// The domain.
    pub domain: String,
    /// How many wait.
    pub waiting: i64,
    /// How many of these were tried.
    pub tried: i64,
    /// When the oldest was accepted.
    pub oldest: String,
    /// When the oldest expires.
    pub expires: String,
    /// When the next is due.
    pub next: String,
    /// What the domain's server said last.
    pub last_reply: String,
    /// The site that it shares limits with; empty while it is not known.
    #[serde(default)]
    pub site: String,
}

/// A credential in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CredentialLine {
    /// Its name.
    pub name: String,
    /// The domains it may send as.
    pub domains: Vec<String>,
    /// Its profile.
    pub profile: String,
    /// The addresses that its mail leaves from; empty for those of the configuration.
    #[serde(default)]
    pub source_addresses: Vec<IpAddr>,
    /// How long its mail is tried, in seconds; `None` as the configuration says.
    #[serde(default)]
    pub expire_s: Option<u64>,
    /// How much its mail may have among others of its kind.
    #[serde(default)]
    pub priority: String,
    /// Since when, RFC 3339.
    pub created_at: String,
}

/// A sending domain in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DomainLine {
    /// The domain.
    pub domain: String,
    /// Name and value of each TXT record to publish.
    pub records: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Response {
    /// Done; a sentence that says what.
    Done {
        /// The sentence.
        message: String,
    },
    /// Not done; a sentence that says why and what to do.
    Failed {
        /// The sentence.
        message: String,
    },
    /// A new credential; its password is shown this once.
    Credential {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// Credentials.
    Credentials {
        /// By name.
        credentials: Vec<CredentialLine>,
    },
    /// Logins.
    Users {
        /// By address.
        emails: Vec<String>,
    },
    /// What became of addresses to put on the suppression list.
    Listed {
        /// Now on it.
        added: usize,
        /// On it already.
        present: usize,
    },
    /// Corrections were written down.
    Reclassified {
        /// So many; others were of another class by now than was thought.
        written: usize,
    },
    /// The delivery that was complained of.
    Complained {
        /// To whom; empty when erased.
        recipient: String,
        /// The name of its campaign.
        campaign: String,
        /// Its id.
        delivery: String,
        /// Whether it was complained of before.
        known: bool,
    },
    /// The mail is none of this relay's.
    NotOurs,
    /// What waits.
    Queue {
        /// By domain, most first.
        domains: Vec<QueueLine>,
        /// What else is to be said: pauses, held deliveries, totals.
        notes: Vec<String>,
    },
    /// Names and values.
    Facts {
        /// In order.
        facts: Vec<(String, String)>,
    },
    /// Sending domains.
    Domains {
        /// By name.
        domains: Vec<DomainLine>,
    },
}

impl Response {
    /// A failure.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into() }
    }

    /// A success.
    pub fn done(message: impl Into<String>) -> Self {
        Self::Done { message: message.into() }
    }
}
