//! What the receiving servers say to whom. It depends on the address alone, so that each run is like the last.

use super::dice::Dice;
use super::domains::{self, Kind};

/// The refusal of a recipient, asked for the `before + 1`th time; `None` when it is taken.
pub(super) fn to_recipient(address: &str, before: u32) -> Option<&'static str> {
    let fate = fate(address);
    let first = before == 0;
    match domains::kind_of(address) {
        Kind::Webmail if fate < 12 => Some("550 5.1.1 No mailbox of that name is kept here"),
        Kind::Webmail if fate < 18 => Some("552 5.2.2 The mailbox is over its quota"),
        Kind::Privacy if fate < 9 => Some("550 5.1.1 User unknown"),
        Kind::Privacy if fate < 14 => Some("552 5.2.2 Mailbox full"),
        Kind::Privacy if fate < 60 && first => Some("450 4.2.0 The mailbox is being moved, try again in 3 seconds"),
        Kind::Office if fate < 14 => Some("550 5.1.1 The recipient was not found by an address look-up"),
        Kind::Office if fate < 21 => Some("550 5.2.1 The mailbox is disabled"),
        Kind::Provider if fate < 22 => Some("550 5.1.1 There is nobody of that name"),
        Kind::Provider if fate < 320 && first => Some("451 4.7.1 Greylisted, try again in 3 seconds"),
        Kind::Busy if fate < 15 => Some("550 5.1.1 Unknown user"),
        Kind::Busy if fate < 23 && first => Some("421 4.7.0 Too many messages from your host, try again in 3 seconds"),
        Kind::Gateway if fate < 15 => Some("550 5.1.1 Unknown recipient"),
        Kind::Slow => Some("451 4.3.2 This server is under maintenance"),
        Kind::Refusing => Some("554 5.7.1 Your host is on the blocklist at lists.example"),
        Kind::Webmail | Kind::Privacy | Kind::Office | Kind::Provider | Kind::Busy | Kind::Gateway | Kind::Own => None,
    }
}

/// The refusal of a message for this recipient; `None` when it is taken.
pub(super) fn to_message(address: &str) -> Option<&'static str> {
    let refused = domains::kind_of(address) == Kind::Gateway && (15..60).contains(&fate(address));
    refused.then_some("554 5.7.1 Our policy takes no newsletters for this mailbox")
}

fn fate(address: &str) -> usize {
    Dice::of(&["fate", &address.to_ascii_lowercase()]).below(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_deferred_is_taken_at_the_next_try_but_in_the_slow_lane() {
        let refused = |domain: &str, before| {
            let all = (0..1_000).filter_map(|n| to_recipient(&format!("reader{n}@{domain}"), before));
            all.filter(|text| text.starts_with('4')).count()
        };
        assert!((200..400).contains(&refused("hillpost.example", 0)));
        assert_eq!(refused("hillpost.example", 1), 0);
        assert_eq!(refused("slow-lane.example", 9), 1_000);
        let policy = (0..1_000).filter(|n| to_message(&format!("reader{n}@council-gate.example")).is_some()).count();
        assert!((20..80).contains(&policy), "{policy}");
    }
}
