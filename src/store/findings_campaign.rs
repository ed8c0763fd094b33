//! Why a campaign may stand lower than its sender would like: what is wrong, since when, for how many, and one thing to
//! do. Nothing is said without numbers, nor where chance would explain them.

use super::view::{Finding, ReceiptKind, RefusalRow, Severity, SiteRow};
use super::view_campaign::ReceiverRow;
use crate::domain::counts::{Rate, grouped};
use crate::domain::usual::{Span, Usual};
use crate::domain::{BounceClass, Calendar, CampaignId, Counts, Metric, Timestamp};

/// Fewer people make no finding.
const PEOPLE_MIN: i64 = 3;
/// From this share of mails on it is said that they are not tracked.
const UNTRACKED_SHARE: f64 = 0.05;
/// From this share of all that has links on, scanners are told of.
const SCANNED_SHARE: f64 = 0.2;
/// More addresses than this share that do not exist make a list old.
const UNKNOWN_SHARE: f64 = 0.05;

/// What findings are made from.
pub(super) struct Evidence<'a> {
    pub(super) id: CampaignId,
    pub(super) counts: &'a Counts,
    pub(super) first_at: Timestamp,
    pub(super) receivers: &'a [ReceiverRow],
    pub(super) refusals: &'a [RefusalRow],
    pub(super) kinds: &'a [ReceiptKind],
    pub(super) usual: Option<&'a Usual>,
    pub(super) calendar: Calendar,
}

/// All of them, worst first.
pub(super) fn findings(of: &Evidence<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = of.receivers.iter().flat_map(|row| site(of, &row.site)).collect();
    found.extend(refusals(of));
    found.extend(complaints(of));
    found.extend(left(of));
    found.extend(opened(of));
    found.extend(clipped(of));
    found.extend(untracked(of));
    found.extend(scanned(of));
    found.sort_by_key(|finding| finding.severity);
    found
}

fn finding(severity: Severity, word: &str, title: String, detail: String, link: (String, &str)) -> Finding {
    Finding { severity, word: word.to_owned(), title, detail, link: (link.0, link.1.to_owned()) }
}

impl Evidence<'_> {
    fn place(&self, anchor: &str) -> String {
        format!("/campaigns/{}#{anchor}", self.id)
    }

    fn since(&self) -> String {
        self.calendar.short(self.first_at)
    }
}

/// A site that refuses or defers far more than all others together.
fn site(of: &Evidence<'_>, site: &SiteRow) -> Vec<Finding> {
    if site.is_rest() {
        return Vec::new();
    }
    let mut others = *of.counts;
    others -= site.counts;
    let mut found = Vec::new();
    let failed = |counts: &Counts| Rate::of(counts[Metric::Bounced] + counts[Metric::Expired], counts.to_deliver());
    if let Some((here, there)) = far_above(failed(&site.counts), failed(&others)) {
        found.push(finding(
            Severity::Bad,
            "Refused",
            format!("{} refuses {}.", isolated(&site.domain), of_all(here)),
            format!("Since {}; all other sites together: {there}. Its replies say why.", of.since()),
            (of.place("bounces"), "See the replies"),
        ));
    }
    let deferred = |counts: &Counts| Rate::of(counts[Metric::Deferred], counts.to_deliver());
    if let Some((here, there)) = far_above(deferred(&site.counts), deferred(&others)) {
        found.push(finding(
            Severity::Warn,
            "Waiting",
            format!("{} defers {}.", isolated(&site.domain), of_all(here)),
            format!("Accepted since {}; at all other sites together {there} wait after a try.", of.since()),
            ("/queue".to_owned(), "See the queue"),
        ));
    }
    found
}

/// Both rates, the second in words, where chance does not explain that the first is so much higher.
fn far_above(here: Option<Rate>, there: Option<Rate>) -> Option<(Rate, String)> {
    let here = here.filter(|rate| rate.part >= PEOPLE_MIN)?;
    let (lowest, highest) = (here.interval().0, there.map_or(UNKNOWN_SHARE, |rate| rate.interval().1));
    (lowest > highest).then(|| (here, there.map_or_else(|| "none".to_owned(), |rate| percent(rate.value()))))
}

/// Most of what failed, failed for one reason that the sender can do something about.
fn refusals(of: &Evidence<'_>) -> Option<Finding> {
    let failed: i64 = of.refusals.iter().map(|row| row.bounced).sum();
    let tries = |row: &RefusalRow| row.bounced + row.deferrals;
    let all: i64 = of.refusals.iter().map(tries).sum();
    let most = of.refusals.iter().max_by_key(|row| tries(row))?;
    let class = most.class.explain();
    match most.class {
        BounceClass::IpBlocklisted | BounceClass::AuthFailed | BounceClass::SpamContent | BounceClass::Policy => {
            (tries(most) >= PEOPLE_MIN && 2 * tries(most) > all).then(|| {
                finding(
                    Severity::Bad,
                    "Refused",
                    format!(
                        "{} of {} refusals say: {}.",
                        grouped(tries(most)),
                        grouped(all),
                        class.to_lowercase().replace("spf, dkim or dmarc", "SPF, DKIM or DMARC")
                    ),
                    format!(
                        "Since {}; {} people did not get it for this. {}",
                        of.calendar.short(most.since),
                        grouped(most.bounced),
                        most.class.advice()
                    ),
                    (of.place("bounces"), "See the replies"),
                )
            })
        }
        BounceClass::InvalidRecipient | BounceClass::InactiveMailbox | BounceClass::BadDomain => {
            let rate = Rate::of(most.bounced, of.counts.to_deliver())?;
            (most.bounced >= PEOPLE_MIN && 2 * most.bounced > failed && rate.interval().0 > UNKNOWN_SHARE).then(|| {
                finding(
                    Severity::Bad,
                    "Old list",
                    format!("{} of the addresses are dead: {}.", percent(rate.value()), class.to_lowercase()),
                    format!(
                        "{} of {} since {}; they are suppressed now. Providers take this for a bought list: take off who has not opened for long.",
                        grouped(rate.part), grouped(rate.whole), of.calendar.short(most.since)
                    ),
                    (of.place("bounces"), "See the replies"),
                )
            })
        }
        BounceClass::MailboxFull
        | BounceClass::RateLimited
        | BounceClass::Greylisted
        | BounceClass::TooLarge
        | BounceClass::TlsOrProtocol
        | BounceClass::Dns
        | BounceClass::NoAnswer
        | BounceClass::Expired
        | BounceClass::Other => None,
    }
}

/// A rate that is above all that is usual, and by more than chance.
fn above(rate: Option<Rate>, usual: Option<Span>) -> Option<(Rate, Span)> {
    let (rate, usual) = (rate.filter(|rate| rate.part >= PEOPLE_MIN)?, usual?);
    (rate.interval().0 > usual.high).then_some((rate, usual))
}

fn complaints(of: &Evidence<'_>) -> Option<Finding> {
    let (rate, usual) = above(of.counts.complained(), of.usual?.complained)?;
    Some(finding(
        Severity::Bad,
        "Complaints",
        format!("{} of {} complained: {}.", grouped(rate.part), grouped(rate.whole), percent(rate.value())),
        format!(
            "Since {}; usual at this age is {}. Providers hold back who is complained about: pause, and see whom this list is made of.",
            of.since(),
            range(usual)
        ),
        (of.place("sites"), "See the sites"),
    ))
}

fn left(of: &Evidence<'_>) -> Option<Finding> {
    let (rate, usual) = above(of.counts.left(), of.usual?.left)?;
    Some(finding(
        Severity::Warn,
        "Leaving",
        format!("{} of {} left: {}.", grouped(rate.part), grouped(rate.whole), percent(rate.value())),
        format!(
            "Since {}; usual at this age is {}. Who left gets no more mail of this list.",
            of.since(),
            range(usual)
        ),
        (format!("/messages?campaign={}", of.id), "See the mails"),
    ))
}

fn opened(of: &Evidence<'_>) -> Option<Finding> {
    let (rate, usual) = (of.counts.rates().open_low?, of.usual?.open_low?);
    (rate.interval().1 < usual.low).then(|| {
        finding(
            Severity::Warn,
            "Low",
            format!("Opened, low, is {}; usual at this age is {}.", percent(rate.value()), range(usual)),
            format!(
                "{} of {} with a pixel since {}. A site whose band is far lower than the others may file it as junk.",
                grouped(rate.part),
                grouped(rate.whole),
                of.since()
            ),
            (of.place("sites"), "Compare the sites"),
        )
    })
}

fn messages<'k>(kinds: impl Iterator<Item = &'k ReceiptKind>) -> i64 {
    kinds.map(|kind| kind.messages).sum()
}

fn clipped(of: &Evidence<'_>) -> Option<Finding> {
    let clipped = |kind: &&ReceiptKind| kind.receipt.as_ref().is_some_and(|receipt| receipt.clipped().is_some());
    let (some, all) = (messages(of.kinds.iter().filter(clipped)), messages(of.kinds.iter()));
    let receipt = of.kinds.iter().find(clipped)?.receipt.as_ref()?;
    let pixel = if receipt.pixel.is_empty() { String::new() } else { format!(" The pixel is {}.", receipt.pixel) };
    Some(finding(
        Severity::Note,
        "Near limit",
        format!("Of {} of {} mails Gmail may show the beginning only.", grouped(some), grouped(all)),
        format!("Since {}: {}.{pixel} Shorten the mail.", of.since(), receipt.clipped()?),
        (of.place("receipts"), "See the receipt"),
    ))
}

fn untracked(of: &Evidence<'_>) -> Option<Finding> {
    let blind = |kind: &&ReceiptKind| {
        kind.receipt.as_ref().is_some_and(|receipt| !receipt.untracked.is_empty() || receipt.pixel.is_empty())
    };
    let (some, all) = (messages(of.kinds.iter().filter(blind)), messages(of.kinds.iter()));
    let rate = Rate::of(some, all).filter(|rate| rate.value() >= UNTRACKED_SHARE)?;
    let receipt = of.kinds.iter().filter(blind).max_by_key(|kind| kind.messages)?.receipt.as_ref()?;
    let why = if receipt.untracked.is_empty() {
        receipt.limits.iter().find(|clause| clause.starts_with("no pixel")).map_or("opens are not asked for", |c| c)
    } else {
        &receipt.untracked
    };
    Some(finding(
        Severity::Note,
        "Not tracked",
        format!("{} of {} mails left without a pixel: {}.", grouped(some), grouped(all), percent(rate.value())),
        format!("Since {}; most often because {}. They are in no open rate.", of.since(), isolated(why)),
        (of.place("receipts"), "See the receipt"),
    ))
}

fn scanned(of: &Evidence<'_>) -> Option<Finding> {
    let rate = Rate::of(of.counts[Metric::ClickedScanner], of.counts[Metric::WithLinks])?;
    (rate.part >= PEOPLE_MIN && rate.interval().0 > SCANNED_SHARE).then(|| {
        finding(
            Severity::Note,
            "Scanners",
            format!("In {} of {} deliveries only a scanner followed a link.", grouped(rate.part), grouped(rate.whole)),
            format!(
                "{} since {}. They are in no rate; where gateways read the mail first, opens say less than clicks.",
                percent(rate.value()),
                of.since()
            ),
            ("/how#click".to_owned(), "How it is told"),
        )
    })
}

/// With the marks that keep the direction of a text from outside to itself.
pub(super) fn isolated(text: &str) -> String {
    format!("\u{2068}{text}\u{2069}")
}

fn of_all(rate: Rate) -> String {
    format!("{} of {}: {}", grouped(rate.part), grouped(rate.whole), percent(rate.value()))
}

fn percent(share: f64) -> String {
    let digits = if share < 0.01 { 2 } else { 1 };
    format!("{:.digits$}%", share * 100.0)
}

fn range(span: Span) -> String {
    format!("{}\u{2013}{}", percent(span.low).trim_end_matches('%'), percent(span.high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::receipt::Receipt;

    fn counts(of: &[(Metric, i64)]) -> Counts {
        let mut counts = Counts::default();
        of.iter().for_each(|(metric, n)| counts[*metric] = *n);
        counts
    }

    fn evidence<'a>(counts: &'a Counts, receivers: &'a [ReceiverRow]) -> Evidence<'a> {
        let at = Timestamp::from_millis(1_795_467_845_678);
        Evidence {
            id: CampaignId::from_raw(5_000),
            counts,
            first_at: at,
            receivers,
            refusals: &[],
            kinds: &[],
            usual: None,
            calendar: Calendar::new(crate::domain::Zone::UTC, at),
        }
    }

    fn receiver(domain: &str, of: &[(Metric, i64)]) -> ReceiverRow {
        ReceiverRow { site: SiteRow { domain: domain.to_owned(), domains: 1, counts: counts(of) }, latency_ms: None }
    }

    fn words(of: &Evidence<'_>) -> Vec<String> {
        findings(of).into_iter().map(|finding| format!("{}: {}", finding.word, finding.title)).collect()
    }

    #[test]
    fn a_site_that_refuses_or_defers_more_than_chance_explains_is_named() {
        let all = counts(&[
            (Metric::Recipients, 1_000),
            (Metric::Delivered, 940),
            (Metric::Bounced, 30),
            (Metric::Queued, 30),
            (Metric::Deferred, 30),
        ]);
        let sites = [
            receiver("mx.big.example", &[(Metric::Recipients, 800), (Metric::Delivered, 790), (Metric::Bounced, 10)]),
            receiver("mx.cross.example", &[(Metric::Recipients, 60), (Metric::Delivered, 40), (Metric::Bounced, 20)]),
            receiver("mx.slow.example", &[(Metric::Recipients, 100), (Metric::Queued, 30), (Metric::Deferred, 30)]),
        ];
        assert_eq!(
            words(&evidence(&all, &sites)),
            [
                "Refused: \u{2068}mx.cross.example\u{2069} refuses 20 of 60: 33.3%.",
                "Waiting: \u{2068}mx.slow.example\u{2069} defers 30 of 100: 30.0%."
            ]
        );
        // The same shares by so few people may be chance.
        let all = counts(&[(Metric::Recipients, 30), (Metric::Delivered, 28), (Metric::Bounced, 2)]);
        let sites = [receiver("mx.cross.example", &[(Metric::Recipients, 5), (Metric::Bounced, 2)])];
        assert!(words(&evidence(&all, &sites)).is_empty());
    }

    #[test]
    fn the_class_of_most_refusals_is_told_when_there_is_something_to_do() {
        let all = counts(&[(Metric::Recipients, 100), (Metric::Delivered, 80), (Metric::Bounced, 20)]);
        let row = |class, bounced, deferrals| RefusalRow {
            class,
            bounced,
            deferrals,
            sample: String::new(),
            since: Timestamp::from_millis(1_795_467_845_678),
        };
        let told = |rows: &[RefusalRow]| words(&Evidence { refusals: rows, ..evidence(&all, &[]) });
        let listed = [row(BounceClass::IpBlocklisted, 9, 5), row(BounceClass::InvalidRecipient, 3, 0)];
        assert_eq!(told(&listed), ["Refused: 14 of 17 refusals say: sending address is on a blocklist."]);
        let unsigned = [row(BounceClass::AuthFailed, 4, 0)];
        assert_eq!(told(&unsigned), ["Refused: 4 of 4 refusals say: SPF, DKIM or DMARC failed."]);
        let dead = [row(BounceClass::InvalidRecipient, 20, 0)];
        assert_eq!(told(&dead), ["Old list: 20.0% of the addresses are dead: address does not exist."]);
        for harmless in [[row(BounceClass::InvalidRecipient, 4, 0)], [row(BounceClass::Greylisted, 0, 40)]] {
            assert!(told(&harmless).is_empty(), "{harmless:?}");
        }
    }

    #[test]
    fn what_is_far_from_usual_is_told_with_what_is_usual() {
        let all = counts(&[
            (Metric::Recipients, 1_000),
            (Metric::Delivered, 1_000),
            (Metric::WithPixel, 1_000),
            (Metric::OpenedHuman, 100),
            (Metric::Unsubscribed, 10),
            (Metric::Complained, 12),
        ]);
        let span = |low, high| Some(Span { low, median: low, high });
        let mut usual = Usual { open_low: span(0.3, 0.4), left: span(0.001, 0.002), ..Usual::default() };
        usual.complained = span(0.0, 0.001);
        let told = |usual| words(&Evidence { usual: Some(usual), ..evidence(&all, &[]) });
        assert_eq!(
            told(&usual),
            [
                "Complaints: 12 of 1,000 complained: 1.2%.",
                "Leaving: 22 of 1,000 left: 2.2%.",
                "Low: Opened, low, is 10.0%; usual at this age is 30.0\u{2013}40.0%."
            ]
        );
        // Within what chance may do, nothing is said.
        let usual = Usual { open_low: span(0.11, 0.4), left: span(0.0, 0.02), ..Usual::default() };
        assert!(told(&usual).is_empty());
        assert!(words(&evidence(&all, &[])).is_empty());
    }

    #[test]
    fn mails_that_are_clipped_or_not_tracked_are_counted() {
        let all = counts(&[(Metric::Recipients, 100), (Metric::WithLinks, 50), (Metric::ClickedScanner, 30)]);
        let kind = |messages, receipt| ReceiptKind { messages, sample: None, receipt: Some(receipt), rest: false };
        let limits = vec!["its HTML leaves with 104 kB; Gmail hides what is behind 102 kB".to_owned()];
        let pixel = "on top".to_owned();
        let kinds = [
            kind(80, Receipt { pixel, limits, ..Receipt::default() }),
            kind(15, Receipt { untracked: "it is encrypted".to_owned(), ..Receipt::default() }),
            kind(5, Receipt::default()),
        ];
        let found = findings(&Evidence { kinds: &kinds, ..evidence(&all, &[]) });
        let titles: Vec<_> = found.iter().map(|finding| finding.title.as_str()).collect();
        assert_eq!(
            titles,
            [
                "Of 80 of 100 mails Gmail may show the beginning only.",
                "20 of 100 mails left without a pixel: 20.0%.",
                "In 30 of 50 deliveries only a scanner followed a link."
            ]
        );
        assert!(found[0].detail.contains("104 kB") && found[0].detail.contains("The pixel is on top."));
        assert!(found[1].detail.contains("it is encrypted"), "{}", found[1].detail);
    }
}
