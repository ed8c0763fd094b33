//! The receiving domains: who has mailboxes where, on which host, and what that host is like.

use std::net::Ipv4Addr;

use super::dice::Dice;

/// What a domain's server and its readers are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Images come through the provider's proxy.
    Webmail,
    /// Images are fetched ahead of time, whether or not a mail is read.
    Privacy,
    /// Mail programs at desks.
    Office,
    /// A small provider that lets strangers wait.
    Provider,
    /// The same, and soon finds that mail comes too fast.
    Busy,
    /// A gateway follows every link before anybody reads.
    Gateway,
    /// Always under maintenance.
    Slow,
    /// Has the relay on a blocklist.
    Refusing,
    /// The sender's own mail.
    Own,
}

/// One receiving domain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Receiving {
    /// Behind the @.
    pub(super) domain: &'static str,
    /// Its mail exchanger.
    pub(super) host: &'static str,
    /// The exchanger's address is 127.25.0.x.
    last: u8,
    /// Mailboxes of a thousand.
    share: usize,
    /// What it is like.
    pub(super) kind: Kind,
}

impl Receiving {
    /// Where its exchanger listens.
    pub(super) fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(127, 25, 0, self.last)
    }
}

const fn row(domain: &'static str, host: &'static str, last: u8, share: usize, kind: Kind) -> Receiving {
    Receiving { domain, host, last, share, kind }
}

/// All of them.
pub(super) const DOMAINS: [Receiving; 12] = [
    row("bigmail.example", "mx.bigmail.example", 1, 345, Kind::Webmail),
    row("orchard.example", "mail-in.orchard.example", 2, 225, Kind::Privacy),
    row("outpost.example", "inbound.outpost.example", 3, 165, Kind::Office),
    row("hillpost.example", "mx1.hillpost.example", 4, 85, Kind::Provider),
    row("council-gate.example", "gate.council-gate.example", 5, 60, Kind::Gateway),
    row("ferngrove.example", "mx.ferngrove.example", 6, 40, Kind::Busy),
    row("oldmill-school.example", "mail.oldmill-school.example", 7, 30, Kind::Office),
    row("riverside-clinic.example", "gate.riverside-clinic.example", 8, 24, Kind::Gateway),
    row("slow-lane.example", "mx.slow-lane.example", 9, 16, Kind::Slow),
    row("parsonage.example", "mx.parsonage.example", 10, 10, Kind::Refusing),
    row("post.millbrook.example", "mail.millbrook.example", 11, 0, Kind::Own),
    row("millbrook.example", "mail.millbrook.example", 11, 0, Kind::Own),
];

/// The host of every other domain: what the user of the demo sends stays in it too.
pub(super) const ANY_HOST: &str = "mail.millbrook.example";

/// A misspelt domain, which does not exist.
pub(super) const MISSPELT: &str = "bigmial.example";

/// The domain of a name behind the @.
pub(super) fn of(domain: &str) -> Option<&'static Receiving> {
    DOMAINS.iter().find(|one| one.domain.eq_ignore_ascii_case(domain))
}

/// What the domain of an address is like.
pub(super) fn kind_of(address: &str) -> Kind {
    let domain = address.rsplit_once('@').and_then(|(_, domain)| of(domain));
    domain.map_or(Kind::Own, |domain| domain.kind)
}

/// Somebody's domain.
pub(super) fn draw(dice: &mut Dice) -> &'static Receiving {
    let mut left = dice.below(DOMAINS.iter().map(|one| one.share).sum());
    for one in &DOMAINS {
        match left.checked_sub(one.share) {
            Some(rest) => left = rest,
            None => return one,
        }
    }
    &DOMAINS[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_are_spread_as_the_shares_say() {
        assert_eq!(DOMAINS.iter().map(|one| one.share).sum::<usize>(), 1_000);
        let mut dice = Dice::of(&["domains"]);
        let drawn: Vec<_> = (0..5_000).map(|_| draw(&mut dice).domain).collect();
        let big = drawn.iter().filter(|domain| **domain == "bigmail.example").count();
        assert!((1_550..1_900).contains(&big), "{big}");
        assert!(drawn.contains(&"parsonage.example") && !drawn.contains(&"millbrook.example"));
        assert_eq!(kind_of("ann@slow-lane.example"), Kind::Slow);
    }
}
