//! Sites that refuse this relay rather than a mail: a blocklist, authentication, or too much too fast. No address is to
//! blame, so the operator is told.
//!
//! Kept in memory: a restart forgets them, and the next refusal brings them back. One ends when the site has taken a mail
//! since the last such refusal and that was an hour ago, or after a week without any.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::attempted::{Answer, Attempted};
use crate::domain::{BounceClass, Calendar, Domain, Reply, Timestamp};
use crate::store::view::{Finding, Severity};

/// Sites that are kept; beyond them the one that was silent for the longest is forgotten.
const SITES_MAX: usize = 500;
/// Findings that are shown one by one.
const SHOWN_MAX: usize = 5;
/// How long a site that takes mail again has to refuse none.
const QUIET: Duration = Duration::from_hours(1);
/// When a refusal is too old to say anything of now.
const FORGOTTEN: Duration = Duration::from_hours(7 * 24);
/// Characters of a reply that are shown.
const REPLY_SHOWN: usize = 300;

/// What stands between a site and this relay.
struct Standing {
    since: Timestamp,
    /// Recipients refused since then, at each try.
    count: u64,
    last_at: Timestamp,
    /// Whom the last was for.
    domain: String,
    reply: String,
    /// Whether the site has taken a mail since.
    taken: bool,
}

impl Standing {
    fn is_over(&self, now: Timestamp) -> bool {
        let silent = now.since(self.last_at);
        silent >= FORGOTTEN || self.taken && silent >= QUIET
    }
}

/// The state.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashMap<String, BTreeMap<BounceClass, Standing>>>);

impl Refusals {
    fn sites(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<BounceClass, Standing>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a server said to a try.
    pub(super) fn heard(&self, attempted: &Attempted, domain: &Domain, at: Timestamp) {
        match &attempted.result {
            Answer::Handed(_) => self.taken(&attempted.site),
            Answer::Temporary(reply, class) | Answer::Permanent(reply, class) if attempted.spoken => {
                if concerns_us(*class) {
                    self.refused(&attempted.site, domain, *class, reply, at);
                }
            }
            Answer::Temporary(..) | Answer::Permanent(..) => {}
        }
    }

    fn taken(&self, site: &str) {
        if let Some(standings) = self.sites().get_mut(site) {
            standings.values_mut().for_each(|standing| standing.taken = true);
        }
    }

    fn refused(&self, site: &str, domain: &Domain, class: BounceClass, reply: &Reply, at: Timestamp) {
        let mut sites = self.sites();
        if sites.len() >= SITES_MAX && !sites.contains_key(site) {
            let last = |standings: &BTreeMap<_, Standing>| standings.values().map(|standing| standing.last_at).max();
            let silent = sites.iter().min_by_key(|(_, standings)| last(standings)).map(|(site, _)| site.clone());
            silent.and_then(|site| sites.remove(&site));
        }
        let standings = sites.entry(site.to_owned()).or_default();
        let known = standings.get(&class).filter(|standing| !standing.is_over(at));
        let (since, count) = known.map_or((at, 0), |standing| (standing.since, standing.count));
        let reply = reply.to_string().chars().take(REPLY_SHOWN).collect();
        let standing =
            Standing { since, count: count + 1, last_at: at, domain: domain.to_string(), reply, taken: false };
        standings.insert(class, standing);
    }

    /// What the operator is to see, worst first. Forgets what is over.
    pub(super) fn findings(&self, now: Timestamp, calendar: Calendar) -> Vec<Finding> {
        let mut sites = self.sites();
        sites.retain(|_, standings| {
            standings.retain(|_, standing| !standing.is_over(now));
            !standings.is_empty()
        });
        let each = |(site, standings)| std::iter::repeat(site).zip(standings);
        let mut all: Vec<(&String, (&BounceClass, &Standing))> = sites.iter().flat_map(each).collect();
        all.sort_by_key(|(site, (class, standing))| {
            (severity(**class), std::cmp::Reverse(standing.last_at), (*site).clone(), **class)
        });
        let more = all.len().saturating_sub(SHOWN_MAX);
        let shown =
            all.into_iter().take(SHOWN_MAX).map(|(site, (class, standing))| finding(site, *class, standing, calendar));
        let rest = (more > 0).then(|| Finding {
            severity: Severity::Warn,
            word: "Refused".to_owned(),
            title: format!("{more} more such refusals by other sites."),
            detail: "The replies stand on the pages of the campaigns.".to_owned(),
            link: ("/campaigns".to_owned(), "See the campaigns".to_owned()),
        });
        shown.chain(rest).collect()
    }
}

/// Whether a refusal is about this relay, and about no address and no mail.
fn concerns_us(class: BounceClass) -> bool {
    matches!(class, BounceClass::IpBlocklisted | BounceClass::AuthFailed | BounceClass::RateLimited)
}

/// What is too fast is tried again and mostly gets there.
fn severity(class: BounceClass) -> Severity {
    if class == BounceClass::RateLimited { Severity::Warn } else { Severity::Bad }
}

fn finding(site: &str, class: BounceClass, standing: &Standing, calendar: Calendar) -> Finding {
    let Standing { since, count, last_at, domain, reply, .. } = standing;
    let short = |at: &Timestamp| calendar.short(*at);
    let often = if *count == 1 {
        format!("Once, {} for {domain}", short(last_at))
    } else {
        format!("{count} times since {}, the last {} for {domain}", short(since), short(last_at))
    };
    Finding {
        severity: severity(class),
        word: "Refused".to_owned(),
        title: format!("{site} refuses mail of this relay: {}.", class.explain()),
        detail: format!("{often}: \u{201c}{reply}\u{201d}. {}", class.advice()),
        link: (format!("/messages?domain={domain}"), "See its mail".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::outage::Reach;
    use super::*;
    use crate::domain::Zone;

    fn utc() -> Calendar {
        Calendar::new(Zone::UTC, Timestamp::default())
    }

    const MINUTE: Duration = Duration::from_mins(1);

    fn heard(refusals: &Refusals, site: &str, result: Answer, at: Timestamp) {
        let text = String::new;
        let attempted = Attempted {
            result,
            spoken: true,
            reports: false,
            mx: text(),
            ip: text(),
            tls: text(),
            certificate: text(),
            transcript: text(),
            ms: 1,
            site: site.to_owned(),
            reach: Reach::Server(site.to_owned()),
        };
        refusals.heard(&attempted, &Domain::parse("b.example").unwrap(), at);
    }

    fn no(class: BounceClass) -> Answer {
        let reply = Reply::from_lines([b"550 5.7.1 listed".as_slice()]).unwrap();
        Answer::Permanent(reply, class)
    }

    fn yes() -> Answer {
        Answer::Handed(Reply::from_lines([b"250 ok".as_slice()]).unwrap())
    }

    #[test]
    fn a_finding_lasts_until_mail_is_taken_and_an_hour_is_quiet() {
        let (refusals, start) = (Refusals::default(), Timestamp::from_millis(1_795_467_845_678));
        heard(&refusals, "mx.b.example", no(BounceClass::IpBlocklisted), start);
        heard(&refusals, "mx.b.example", no(BounceClass::IpBlocklisted), start + MINUTE);
        let found = refusals.findings(start + MINUTE, utc());
        assert_eq!((found.len(), found[0].severity), (1, Severity::Bad));
        assert_eq!(found[0].title, "mx.b.example refuses mail of this relay: Sending address is on a blocklist.");
        assert!(found[0].detail.starts_with("2 times since ") && found[0].detail.contains("550 5.7.1 listed"));
        assert_eq!(found[0].link.0, "/messages?domain=b.example");
        // Nothing taken: it stands for a week.
        assert_eq!(refusals.findings(start + 6 * 24 * 60 * MINUTE, utc()).len(), 1);
        heard(&refusals, "mx.b.example", yes(), start + 2 * MINUTE);
        assert_eq!(refusals.findings(start + 60 * MINUTE, utc()).len(), 1);
        // Refused once more: what was taken before says nothing.
        heard(&refusals, "mx.b.example", no(BounceClass::IpBlocklisted), start + 30 * MINUTE);
        assert_eq!(refusals.findings(start + 120 * MINUTE, utc()).len(), 1);
        heard(&refusals, "mx.b.example", yes(), start + 121 * MINUTE);
        assert!(refusals.findings(start + 121 * MINUTE, utc()).is_empty());
        heard(&refusals, "mx.b.example", no(BounceClass::IpBlocklisted), start + 200 * MINUTE);
        assert!(refusals.findings(start + 200 * MINUTE, utc())[0].detail.starts_with("Once, "));
        assert!(refusals.findings(start + 8 * 24 * 60 * MINUTE, utc()).is_empty());
    }

    #[test]
    fn other_refusals_are_no_findings_and_there_is_a_bound() {
        let (refusals, start) = (Refusals::default(), Timestamp::from_millis(1_795_467_845_678));
        for class in BounceClass::ALL {
            heard(&refusals, class.as_str(), no(*class), start);
        }
        let words = |found: &[Finding]| found.iter().map(|f| f.title.split(' ').next().unwrap().to_owned()).collect();
        let seen: Vec<String> = words(&refusals.findings(start, utc()));
        assert_eq!(seen, ["auth_failed", "ip_blocklisted", "rate_limited"]);
        for n in 0..=SITES_MAX {
            let at = start + u32::try_from(n).unwrap() * MINUTE / 60;
            heard(&refusals, &format!("mx{n}.example"), no(BounceClass::RateLimited), at + MINUTE);
        }
        assert_eq!(refusals.sites().len(), SITES_MAX);
        let found = refusals.findings(start + 20 * MINUTE, utc());
        assert_eq!(
            (found.len(), found[SHOWN_MAX].title.as_str()),
            (SHOWN_MAX + 1, "495 more such refusals by other sites.")
        );
    }
}
