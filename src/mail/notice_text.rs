//! The part of a notice that people read: who did not get it, what was said, what it means, what to do.

use super::notice::{Digest, Heading, NAMED_MAX, ORIGINAL_MAX, Returned, Told};
use crate::domain::{Action, BounceClass, Timestamp};

/// Columns of a line.
const COLUMNS: usize = 76;
/// Recipients with all their words; those beyond are in the delivery report.
const SHOWN_MAX: usize = 100;
/// Characters of a reply; a hostile server may say more.
const REPLY_MAX: usize = 1_000;

/// The subject of a notice about one message.
pub(super) fn subject(told: &[Told]) -> String {
    let what = match told.first().map(|one| one.action) {
        Some(Action::Failed) | None => "Not delivered",
        Some(Action::Delayed) => "Delayed",
        Some(Action::Delivered | Action::Relayed) => "Delivered",
    };
    match told {
        [one] if one.recipient.is_ascii() => format!("{what}: your mail to {}", one.recipient),
        _ => format!("{what}: your mail to {} recipients", told.len()),
    }
}

/// The subject of a digest.
pub(super) fn digest_subject(digest: &Digest) -> String {
    format!("Not delivered: your mail to {} recipients within an hour", digest.failures() + digest.delayed)
}

/// About one message.
pub(super) fn of_message(heading: &Heading<'_>, told: &[Told], about: &str, returned: &Returned) -> String {
    let mut page = Page(String::new());
    let (one, many) = match told.first().map(|one| one.action) {
        Some(Action::Failed) | None => (
            "Your mail could not be delivered to this recipient. It will not be tried again.",
            "Your mail could not be delivered to these recipients. It will not be tried again.",
        ),
        Some(Action::Delayed) => (
            "Your mail has not been delivered to this recipient yet. It is still tried; you need not send it again.",
            "Your mail has not been delivered to these recipients yet. It is still tried; you need not send it again.",
        ),
        Some(Action::Delivered | Action::Relayed) => (
            "Your mail was handed over for this recipient, as you asked to be told.",
            "Your mail was handed over for these recipients, as you asked to be told.",
        ),
    };
    page.line(0, if told.len() == 1 { one } else { many });
    page.blank();
    if !about.is_empty() {
        page.line(2, &format!("Subject: {about}"));
    }
    if let Some(first) = told.first() {
        page.line(2, &format!("Sent: {}", Timestamp::from_millis(first.accepted_at).rfc5322()));
    }
    page.recipients(told);
    page.line(0, what_is_attached(returned));
    page.signature(heading);
    page.0
}

/// About many messages.
pub(super) fn of_digest(heading: &Heading<'_>, digest: &Digest) -> String {
    let mut page = Page(String::new());
    let failed = digest.failures();
    page.line(
        0,
        &format!(
            "Within the last hour your mail could not be delivered to {failed} recipients beyond those you were told of \
             one by one. So that you are not flooded, they are told in one mail."
        ),
    );
    page.blank();
    for (class, count) in digest.classes() {
        page.line(2, &format!("{count}: {}. {}", class.explain(), advice(class)));
    }
    if digest.delayed > 0 {
        page.line(2, &format!("{}: not delivered yet, still tried.", digest.delayed));
    }
    if failed + digest.delayed > NAMED_MAX as u64 {
        page.blank();
        page.line(0, &format!("The first {NAMED_MAX} of them:"));
    }
    page.recipients(&digest.named);
    page.signature(heading);
    page.0
}

fn what_is_attached(returned: &Returned) -> &'static str {
    match returned {
        Returned::Nothing => "The mail itself is kept no longer and is not attached.",
        Returned::Headers(_) => "The header lines of your mail are attached.",
        Returned::Whole(_) => "Your mail is attached.",
        Returned::Beginning(_) => {
            const { assert!(ORIGINAL_MAX == 50_000) };
            "The first 50,000 octets of your mail are attached; the rest was cut off."
        }
    }
}

/// What the sender can do.
const fn advice(class: BounceClass) -> &'static str {
    match class {
        BounceClass::InvalidRecipient => "Check the spelling; if it is right, write to this address no more.",
        BounceClass::BadDomain => "Check the spelling of what stands behind the @.",
        BounceClass::InactiveMailbox => "Reach the person in another way, and write to this address no more.",
        BounceClass::MailboxFull => "Send it again later, or reach the person in another way.",
        BounceClass::Policy => "The receiver's rules forbid it; ask its postmaster what they are.",
        BounceClass::SpamContent => "Look through the text and its links, and ask the receiver's postmaster.",
        BounceClass::IpBlocklisted => "Tell whoever runs this relay: its address has to come off the list.",
        BounceClass::AuthFailed => "Tell whoever runs your domain: its SPF, DKIM or DMARC records do not fit.",
        BounceClass::RateLimited | BounceClass::Greylisted => "Send it again later.",
        BounceClass::TooLarge => "Send it without its attachments, or put them where they can be fetched.",
        BounceClass::TlsOrProtocol => "Tell whoever runs this relay; the two servers do not understand each other.",
        BounceClass::Dns | BounceClass::NoAnswer => "Check what stands behind the @, and send it again later.",
        BounceClass::Expired => "Send it again, or reach the person in another way.",
        BounceClass::Other => "What the server said tells more; its postmaster can help.",
    }
}

/// Text in lines.
struct Page(String);

impl Page {
    fn blank(&mut self) {
        self.0.push_str("\r\n");
    }

    /// A paragraph, its words wrapped; control characters become blanks.
    fn line(&mut self, indent: usize, text: &str) {
        let mut width = 0;
        for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
            let length = word.chars().count();
            if width > 0 && indent + width + 1 + length > COLUMNS {
                self.blank();
                width = 0;
            }
            if width == 0 {
                self.0.push_str(&" ".repeat(indent));
            } else {
                self.0.push(' ');
                width += 1;
            }
            self.0.push_str(word);
            width += length;
        }
        self.blank();
    }

    fn recipients(&mut self, told: &[Told]) {
        for one in told.iter().take(SHOWN_MAX) {
            self.blank();
            self.recipient(one);
        }
        if told.len() > SHOWN_MAX {
            self.blank();
            self.line(0, &format!("And {} more; all are in the delivery report.", told.len() - SHOWN_MAX));
        }
        self.blank();
    }

    fn recipient(&mut self, told: &Told) {
        self.line(0, &format!("<{}>", told.recipient));
        let (class, tries) = (told.class, told.attempts);
        let tried = if tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
        match told.action {
            Action::Failed if told.expired => {
                self.line(4, &format!("Given up after {tried}: {}.", class.explain()));
            }
            Action::Failed => self.line(4, &format!("{}.", class.explain())),
            Action::Delayed => {
                self.line(4, &format!("Not delivered after {tried}: {}.", class.explain()));
            }
            Action::Delivered => self.line(4, "Delivered."),
            Action::Relayed => {
                self.line(4, "Taken by a server that may report nothing further.");
            }
        }
        let reply: String = told.reply.chars().take(REPLY_MAX).collect();
        if told.spoken {
            self.line(4, &format!("{} said: {reply}", told.remote));
        } else if !reply.is_empty() {
            self.line(4, &format!("This relay found: {reply}"));
        }
        match (told.action, told.retry_until) {
            // Our own finding of no kind says all there is to say.
            (Action::Failed, _) if class == BounceClass::Other && !told.spoken => {}
            (Action::Failed, _) => self.line(4, advice(class)),
            (Action::Delayed, Some(until)) => {
                self.line(4, &format!("It is tried until {}.", Timestamp::from_millis(until).rfc5322()));
            }
            (Action::Delayed | Action::Delivered | Action::Relayed, _) => {}
        }
    }

    fn signature(&mut self, heading: &Heading<'_>) {
        self.blank();
        self.line(0, &format!("This was written by the mail relay {}; nobody reads replies to it.", heading.hostname));
    }
}
