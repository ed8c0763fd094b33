//! Which answer a recipient's local part asks for.

use std::time::Duration;

/// What the sink does with a recipient. The word before the first `-` (or the whole local part) chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `ok`, and every word that is none of the others: taken.
    Ok,
    /// `tempfail`: 451 each time.
    Tempfail,
    /// `permfail`: 550, the user is unknown.
    Permfail,
    /// `blocklist`: 550, the client is on a list.
    Blocklist,
    /// `markup`: 550 in two lines, with markup, control characters and bytes that are no ASCII.
    Markup,
    /// `full`: 452, the mailbox is full.
    Full,
    /// `overquota`: 552, the mailbox is full.
    Overquota,
    /// `greylist`: 451 the first time for a sender and a recipient, taken afterwards.
    Greylist,
    /// `pause3`: 451 the first time, with the wish to be asked again in three seconds; taken afterwards.
    Pause(u16),
    /// `twice`: 451 two times, taken afterwards.
    Twice,
    /// `hang`: RCPT is never answered.
    Hang,
    /// `drop`: the connection is closed in the middle of DATA.
    Drop,
    /// `lost`: the mail is taken, and the connection closed before the 250; the first time only.
    Lost,
    /// `slow5`: the 250 comes five seconds after DATA; one second without a number.
    Slow(Duration),
    /// `spam`: 554 after DATA.
    Spam,
    /// `f571`, `f421`: exactly this code to RCPT.
    Code(u16),
}

/// What `markup` says.
const MARKUP: &str =
    "550-5.1.1 <script>alert(1)</script>\tSubject: mine\u{7}\u{1b}[31m\r\n550 5.1.1 caf\u{e9} \u{202e}gone";

/// A reply to RCPT, or the reason for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RcptReply {
    Taken,
    Refused(String),
    Never,
}

impl Answer {
    /// The answer for an address.
    pub fn of(address: &str) -> Self {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        let word = local.split('-').next().unwrap_or(local).to_ascii_lowercase();
        let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = word[name.len()..].parse::<u16>().ok();
        match (name, number) {
            ("tempfail", _) => Self::Tempfail,
            ("permfail", _) => Self::Permfail,
            ("blocklist", _) => Self::Blocklist,
            ("markup", _) => Self::Markup,
            ("full", _) => Self::Full,
            ("overquota", _) => Self::Overquota,
            ("greylist", _) => Self::Greylist,
            ("pause", seconds) => Self::Pause(seconds.unwrap_or(1)),
            ("twice", _) => Self::Twice,
            ("hang", _) => Self::Hang,
            ("drop", _) => Self::Drop,
            ("lost", _) => Self::Lost,
            ("slow", seconds) => Self::Slow(Duration::from_secs(seconds.unwrap_or(1).into())),
            ("spam", _) => Self::Spam,
            ("f", Some(code @ 400..=599)) => Self::Code(code),
            _ => Self::Ok,
        }
    }

    /// Whether the answer depends on how often this sender and recipient were seen.
    pub fn counts(self) -> bool {
        matches!(self, Self::Greylist | Self::Pause(_) | Self::Twice | Self::Lost)
    }

    /// The reply to RCPT when this sender and recipient were seen `before` times.
    pub fn to_rcpt(self, before: u32) -> RcptReply {
        let refused = |text: &str| RcptReply::Refused(text.to_owned());
        match self {
            Self::Tempfail => refused("451 4.7.1 Try again later"),
            Self::Permfail => refused("550 5.1.1 User unknown"),
            Self::Blocklist => refused("550 5.7.1 Service unavailable; client [127.0.0.1] is listed at spamhaus <b>"),
            Self::Markup => refused(MARKUP),
            Self::Full => refused("452 4.2.2 Mailbox full"),
            Self::Overquota => refused("552 5.2.2 Mailbox full"),
            Self::Greylist if before < 1 => refused("451 4.7.1 Greylisted, try again later"),
            Self::Pause(seconds) if before < 1 => {
                RcptReply::Refused(format!("451 4.7.1 Greylisted, please try again in {seconds} seconds"))
            }
            Self::Twice if before < 2 => refused("451 4.7.1 Not yet, try again later"),
            Self::Code(code) => RcptReply::Refused(format!("{code} {}.0.0 As you asked", code / 100)),
            Self::Hang => RcptReply::Never,
            Self::Ok
            | Self::Greylist
            | Self::Pause(_)
            | Self::Twice
            | Self::Drop
            | Self::Lost
            | Self::Slow(_)
            | Self::Spam => RcptReply::Taken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_before_the_dash_chooses() {
        assert_eq!(Answer::of("tempfail-x@a.example"), Answer::Tempfail);
        assert_eq!(Answer::of("permfail@a.example"), Answer::Permfail);
        assert_eq!(Answer::of("PermFail-000012@a.example"), Answer::Permfail);
        assert_eq!(Answer::of("slow5-x@a.example"), Answer::Slow(Duration::from_secs(5)));
        assert_eq!(Answer::of("slow@a.example"), Answer::Slow(Duration::from_secs(1)));
        assert_eq!(Answer::of("f571-x@a.example"), Answer::Code(571));
        assert_eq!(Answer::of("f250-x@a.example"), Answer::Ok);
        assert_eq!(Answer::of("dropping@a.example"), Answer::Ok);
        assert_eq!(Answer::of("ann"), Answer::Ok);
        assert_eq!(Answer::of("ok-000123@a.example"), Answer::Ok);
    }

    #[test]
    fn greylisting_ends_after_one_refusal_and_twice_after_two() {
        let taken = |answer: Answer| (0..4).map(|n| answer.to_rcpt(n) == RcptReply::Taken).collect::<Vec<_>>();
        assert_eq!(taken(Answer::Greylist), [false, true, true, true]);
        assert_eq!(taken(Answer::Twice), [false, false, true, true]);
        assert_eq!(taken(Answer::Tempfail), [false; 4]);
    }
}
