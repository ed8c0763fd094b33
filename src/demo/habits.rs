//! What a reader does with a mail: which of its addresses are fetched, when, and by what.

use std::time::Duration;

use super::agents::{self, Class, Device};
use super::copy::Found;
use super::dice::Dice;
use super::domains::{self, Kind};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// The pixel is fetched.
    Open,
    /// A link is followed.
    Click,
    /// Only a link's head is asked for.
    Look,
    /// One click leaves the list.
    Leave,
}

/// One request to come.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// After the copy was taken.
    pub(super) after: Duration,
    pub(super) act: Act,
    pub(super) path: String,
    pub(super) agent: &'static str,
    pub(super) class: Class,
    /// From where; see [`super::audience`].
    pub(super) from: String,
    /// A browser says that nobody has looked yet.
    pub(super) ahead: bool,
}

/// How well a campaign is liked: so many of a thousand readers open, and of those follow a link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appeal {
    pub(super) opens: usize,
    pub(super) clicks: usize,
}

/// All that will be done with a copy.
pub(super) fn visits(campaign: &str, to: &str, found: &Found, appeal: Appeal) -> Vec<Visit> {
    let kind = domains::kind_of(to);
    let mut dice = Dice::of(&["reads", campaign, to]);
    let mut plan = Plan { dice: Dice::of(&["device", to]), found, visits: Vec::new(), person: String::new() };
    plan.person = address(&mut plan.dice);
    let devices: &[Device] = match kind {
        Kind::Privacy => &agents::ORCHARD_DEVICES,
        Kind::Office | Kind::Gateway => &agents::OFFICE_DEVICES,
        Kind::Webmail | Kind::Provider | Kind::Busy | Kind::Slow | Kind::Refusing | Kind::Own => &agents::DEVICES,
    };
    let device = plan.dice.pick(devices);
    std::mem::swap(&mut plan.dice, &mut dice);
    match kind {
        Kind::Privacy if plan.dice.falls(870) => plan.fetched_ahead(),
        Kind::Gateway if plan.dice.falls(900) => plan.scanned(),
        _ => {}
    }
    if let Some(device) = device
        && plan.dice.falls(appeal.opens)
    {
        plan.read(kind, device, appeal);
    } else if plan.dice.falls(4) {
        plan.add(Act::Open, 1_500, agents::CURL, Class::Unknown);
    }
    plan.visits
}

/// Where a person is: in the networks that are set aside for documentation (RFC 5737, RFC 3849).
fn address(dice: &mut Dice) -> String {
    let nets = ["192.0.2", "198.51.100", "203.0.113"];
    match dice.pick(&nets) {
        Some(net) if dice.falls(400) => format!("{net}.{}", dice.between(20, 250)),
        _ => format!("2001:db8:{:x}::{:x}", dice.between(0x10, 0xfffe), dice.between(1, 0xffff)),
    }
}

struct Plan<'a> {
    dice: Dice,
    found: &'a Found,
    visits: Vec<Visit>,
    /// The reader's own address.
    person: String,
}

impl Plan<'_> {
    fn add(&mut self, act: Act, after_ms: usize, agent: &'static str, class: Class) {
        let path = match act {
            Act::Open => self.found.pixel.clone(),
            Act::Leave => self.found.unsubscribe.clone(),
            Act::Click | Act::Look => {
                // What stands first is followed most.
                let links = &self.found.links;
                let at = self.dice.below(links.len()).min(self.dice.below(links.len()));
                links.get(at).cloned()
            }
        };
        if let Some(path) = path {
            self.push(act, after_ms, path, agent, class);
        }
    }

    fn push(&mut self, act: Act, after_ms: usize, path: String, agent: &'static str, class: Class) {
        let after = Duration::from_millis(u64::try_from(after_ms).unwrap_or_default());
        let from = match class {
            Class::Proxy => format!("203.0.113.{}", self.dice.between(1, 9)),
            Class::Prefetch => format!("198.51.100.{}", self.dice.between(1, 9)),
            Class::Scanner => format!("192.0.2.{}", self.dice.between(1, 9)),
            Class::Human | Class::Unknown => self.person.clone(),
        };
        self.visits.push(Visit { after, act, path, agent, class, from, ahead: false });
    }

    /// The provider fetches images whether or not anybody reads.
    fn fetched_ahead(&mut self) {
        let after_ms = self.dice.between(150, 2_500);
        self.add(Act::Open, after_ms, agents::BARE, Class::Prefetch);
    }

    /// A gateway looks at every link, then follows it, all within a second.
    fn scanned(&mut self) {
        let begins = self.dice.between(40, 250);
        for (n, path) in self.found.links.clone().into_iter().enumerate() {
            self.push(Act::Look, begins + n * 20, path.clone(), agents::GATEWAY, Class::Scanner);
            self.push(Act::Click, begins + 300 + n * 25, path, agents::GATEWAY, Class::Scanner);
        }
        if self.dice.falls(500) {
            self.add(Act::Open, begins + 500, agents::GATEWAY, Class::Scanner);
        }
    }

    /// A person reads.
    fn read(&mut self, kind: Kind, device: Device, appeal: Appeal) {
        let (agent, class) = match kind {
            Kind::Webmail => (agents::IMAGE_PROXY, Class::Proxy),
            _ => (device.mail, Class::Human),
        };
        // Most soon, some late.
        let opened = 900 + self.dice.below(9_000).min(self.dice.below(9_000));
        let shows_images = kind != Kind::Privacy && !self.dice.falls(60);
        if shows_images {
            self.add(Act::Open, opened, agent, class);
            let again = if self.dice.falls(60) { self.dice.between(2, 5) } else { usize::from(self.dice.falls(110)) };
            for _ in 0..again {
                let later = opened + self.dice.between(700, 4_000);
                self.add(Act::Open, later, agent, class);
            }
        }
        if self.dice.falls(appeal.clicks) {
            let clicked = opened + self.dice.between(900, 4_000);
            self.follow(clicked, device);
        }
        if self.dice.falls(9) {
            let left = opened + self.dice.between(1_200, 3_000);
            self.add(Act::Leave, left, device.browser, Class::Human);
        }
    }

    fn follow(&mut self, clicked: usize, device: Device) {
        if self.dice.falls(15) {
            // The mouse rests on a link, and the browser fetches it ahead.
            self.add(Act::Click, clicked.saturating_sub(250), device.browser, Class::Prefetch);
            if let Some(ahead) = self.visits.last_mut() {
                (ahead.ahead, ahead.from) = (true, self.person.clone());
            }
        }
        self.add(Act::Click, clicked, device.browser, Class::Human);
        if self.dice.falls(180) {
            let second = clicked + self.dice.between(2_600, 4_000);
            self.add(Act::Click, second, device.browser, Class::Human);
        }
        if self.dice.falls(30) {
            self.add(Act::Click, clicked + 6_500, agents::LINK_PREVIEW, Class::Scanner);
        }
        if self.dice.falls(8) {
            self.add(Act::Click, clicked + 9_000, agents::CURL, Class::Unknown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        let links = (1..=6).map(|n| format!("/c/{n}")).collect();
        Found { pixel: Some("/o/p.gif".to_owned()), links, unsubscribe: Some("/u/t".to_owned()) }
    }

    #[test]
    fn a_gateway_looks_before_it_follows_all_within_a_second() {
        let appeal = Appeal { opens: 0, clicks: 0 };
        let mut scanned = 0;
        for n in 0..50 {
            let visits = visits("spring", &format!("reader{n}@council-gate.example"), &found(), appeal);
            let of = |act| visits.iter().filter(|visit| visit.act == act).collect::<Vec<_>>();
            let (looks, clicks) = (of(Act::Look), of(Act::Click));
            scanned += usize::from(clicks.len() == 6 && looks.len() == 6);
            let first = visits.iter().map(|visit| visit.after).min().unwrap_or_default();
            assert!(visits.iter().all(|visit| visit.after <= first + Duration::from_secs(1)));
            assert!(looks.iter().zip(&clicks).all(|(look, click)| look.path == click.path && look.after < click.after));
        }
        assert!(scanned > 35, "{scanned}");
    }

    #[test]
    fn the_same_reader_does_the_same_again() {
        let appeal = Appeal { opens: 900, clicks: 500 };
        let all = || (0..200).map(|n| visits("spring", &format!("reader{n}@bigmail.example"), &found(), appeal));
        assert!(all().zip(all()).all(|(a, b)| format!("{a:?}") == format!("{b:?}")));
        let acts: Vec<_> = all().flatten().map(|visit| visit.act).collect();
        assert!([Act::Open, Act::Click, Act::Leave].iter().all(|act| acts.contains(act)));
    }
}
