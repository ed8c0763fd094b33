//! A ledger of many campaigns, written into a new data folder, then folded as a start folds what the views have not.
//!
//! `cargo bench --bench history -- DIR [EVENTS] [CAMPAIGNS] [PEOPLE]`. `DIR/postrider-data` must not be there; afterwards a relay
//! can be started on it. Beside it `DIR/hits.txt` has paths of pixels and links of its deliveries.
//!
//! Campaigns begin one after another over a year and overlap; a campaign's sizes spread from some hundred recipients to
//! some hundred thousand. Every fiftieth delivery has a message of its own row, every twentieth hit its agent.
#![expect(clippy::unwrap_used, reason = "a tool for developers; it ends where it fails")]
#![expect(clippy::disallowed_methods, reason = "a stopwatch")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use postrider::clock::Clock;
use postrider::domain::audience::Audience;
use postrider::domain::event::{About, Accepted, Attempt, Hit};
use postrider::domain::token::Purpose;
use postrider::domain::{
    BounceClass, Campaign, CampaignId, DeliveryId, Device, Fact, MessageId, Mode, PersonId, Timestamp, Token, link,
};
use postrider::store::{History, Settings, Store};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PEOPLE: u64 = 500_000;
const DOMAINS: u64 = 3_000;
const SITES: u64 = 300;
const LINKS: u16 = 10;
/// Events between two commits.
const COMMIT: u64 = 200_000;
/// Events that a recipient comes to, about.
const PER_RECIPIENT: f64 = 3.35;
const HOUR: i64 = 3_600_000;
const AGENTS: &[(&str, &str, Device)] = &[
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
        "Chrome",
        Device::Desktop,
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
        "Apple Mail",
        Device::Phone,
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Thunderbird/132.0", "Thunderbird", Device::Desktop),
    (
        "Mozilla/5.0 (Linux; Android 14; SM-G991B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
        "Chrome",
        Device::Phone,
    ),
];

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// 0 to 1.
    fn share(&mut self) -> f64 {
        self.next() as f64 / u64::MAX as f64
    }

    /// Some hours from the 250 to a person's look: half within four hours, a few after days.
    fn delay(&mut self) -> i64 {
        let u = self.share().max(1e-6);
        ((4.0 * HOUR as f64) * (1.0 / u - 1.0).powf(0.8)).min(20.0 * 24.0 * HOUR as f64) as i64 + 5_000
    }
}

/// A hit to come: when, of which delivery and campaign, which link, what class, by which program.
type Coming = (i64, i64, u32, u16, u8, u8);

struct Maker {
    history: History,
    chance: Chance,
    coming: BinaryHeap<Reverse<Coming>>,
    campaigns: Vec<CampaignId>,
    written: u64,
    deliveries: i64,
    people: u64,
}

impl Maker {
    fn write(&mut self, at: i64, fact: Fact, agent: &str) {
        self.history.event(Timestamp::from_millis(at), fact, agent).unwrap();
        self.written += 1;
        if self.written.is_multiple_of(COMMIT) {
            self.history.commit().unwrap();
        }
        if self.written.is_multiple_of(5_000_000) {
            eprintln!("{} million events written", self.written / 1_000_000);
        }
    }

    /// Writes the hits that lie before a moment.
    fn hits_until(&mut self, until: i64) {
        while self.coming.peek().is_some_and(|Reverse(next)| next.0 < until) {
            let Some(Reverse((at, delivery, campaign, position, class, program))) = self.coming.pop() else { return };
            let about = About {
                delivery: DeliveryId::from_raw(delivery),
                campaign: self.campaigns[campaign as usize],
                mode: Mode::Live,
            };
            let class = Audience::from_code(class).unwrap();
            let (agent, family, device) = AGENTS[program as usize];
            let hit = Hit {
                about,
                position,
                pattern: if position == 0 { 0 } else { link::pattern_key(&target(position)) },
                class,
                rule: "known-client".to_owned(),
                family: family.to_owned(),
                device,
                signals: 0,
                address: format!("198.51.{}.0/24", delivery % 200),
                count: 1,
            };
            let agent = if self.written.is_multiple_of(20) { agent } else { "" };
            self.write(at, if position == 0 { Fact::Opened(hit) } else { Fact::Clicked(hit) }, agent);
        }
    }

    fn campaign(&mut self, n: u32, recipients: u64, start: i64) {
        let campaign = Campaign::new(&format!("Newsletter {n}"), Mode::Live);
        self.campaigns.push(campaign.id());
        for position in 1..=LINKS {
            let url = target(position);
            self.history.link(campaign.id(), position, link::pattern_key(&url), &url).unwrap();
        }
        let first = self.chance.below(self.people);
        let mut message = 0;
        for i in 0..recipients {
            self.deliveries += 1;
            let (delivery, at) = (self.deliveries * 64, start + i as i64 * 2);
            let person = 1 + ((first + i) % self.people) as i64;
            if i % 50 == 0 {
                message = delivery;
                let id = MessageId::from_raw(message);
                self.history.message(id, campaign.id(), Timestamp::from_millis(at), "What is new").unwrap();
            }
            let about = About { delivery: DeliveryId::from_raw(delivery), campaign: campaign.id(), mode: Mode::Live };
            self.write(
                at,
                Fact::Accepted(Accepted {
                    about,
                    message: MessageId::from_raw(message),
                    person: PersonId::from_raw(person),
                    campaign_name: campaign.name().to_owned(),
                    first_of_message: i % 50 == 0,
                    domain: domain(person as u64),
                    tags: vec![],
                    size: 20_000,
                    pixel: true,
                    links: LINKS,
                }),
                "",
            );
            self.outcome(about, person as u64, at, n);
            if i % 1_000 == 999 {
                self.hits_until(at);
            }
        }
    }

    fn outcome(&mut self, about: About, person: u64, accepted: i64, campaign: u32) {
        let attempt = |n: u32, code: u16| Attempt {
            n,
            mx: format!("mx1.s{}.example", person % SITES),
            ip: "192.0.2.25".to_owned(),
            tls: "TLSv1.3".to_owned(),
            certificate: String::new(),
            code,
            enhanced: "2.0.0".to_owned(),
            ms: 300,
            site: format!("mx1.s{}.example", person % SITES),
        };
        let (roll, at) = (self.chance.below(1_000), accepted + 200 + self.chance.below(30_000) as i64);
        if roll < 20 {
            let class = if roll < 12 { BounceClass::InvalidRecipient } else { BounceClass::Policy };
            return self.write(at, Fact::Bounced { about, attempt: attempt(1, 550), class }, "");
        }
        let mut tries = 1;
        if roll < 50 {
            let next = Timestamp::from_millis(at + 60_000);
            self.write(
                at,
                Fact::Deferred { about, attempt: attempt(1, 451), class: BounceClass::Greylisted, next },
                "",
            );
            tries = 2;
        }
        self.write(at, Fact::Delivered { about, attempt: attempt(tries, 250), pixel: true, links: LINKS }, "");
        self.readers(about, at, campaign);
    }

    fn readers(&mut self, about: About, delivered: i64, campaign: u32) {
        let (roll, program) = (self.chance.below(1_000), self.chance.below(AGENTS.len() as u64) as u8);
        let (coming, delay) = (&mut self.coming, self.chance.delay());
        let mut come = |at: i64, position: u16, class: Audience| {
            coming.push(Reverse((at, about.delivery.raw(), campaign, position, class.code(), program)));
        };
        match roll {
            0..30 => {
                let at = delivered + 40_000;
                (0..=LINKS).for_each(|position| come(at + i64::from(position) * 80, position, Audience::Scanner));
            }
            30..200 => come(delivered + 9_000, 0, Audience::Prefetch),
            200..500 => {
                let at = delivered + delay;
                let class = if roll < 300 { Audience::Proxy } else { Audience::Human };
                come(at, 0, class);
                if roll % 3 == 0 {
                    come(at + 3 * HOUR, 0, class);
                }
                if roll % 3 == 1 {
                    come(at + 20_000, 1 + (roll % u64::from(LINKS)) as u16, Audience::Human);
                }
            }
            _ => {}
        }
    }
}

fn domain(person: u64) -> String {
    // Some domains have most of the people.
    format!("d{}.example", if person.is_multiple_of(2) { person % 10 } else { person % DOMAINS })
}

fn target(position: u16) -> String {
    format!("https://shop.example/articles/{position}")
}

fn settings(data_dir: PathBuf) -> Settings {
    Settings { data_dir, node: 0, clock: Clock, random: || 4711 }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let Some(folder) = arguments.first().map(PathBuf::from) else {
        eprintln!("usage: cargo bench --bench history -- DIR [EVENTS] [CAMPAIGNS] [PEOPLE]");
        return;
    };
    let number = |at: usize, usual: u64| arguments.get(at).map_or(usual, |text| text.parse().unwrap());
    let (events, campaigns, people) = (number(1, 1_000_000), number(2, 200), number(3, PEOPLE));
    let data_dir = folder.join("postrider-data");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::create_dir(&data_dir).unwrap();
    let watch = Instant::now();
    let mut maker = Maker {
        history: History::new(&data_dir).unwrap(),
        chance: Chance(7),
        coming: BinaryHeap::new(),
        campaigns: Vec::new(),
        written: 0,
        deliveries: 0,
        people,
    };
    for person in 1..=people {
        let address = format!("reader{person}@{}", domain(person));
        maker.history.person(PersonId::from_raw(person as i64), &address).unwrap();
    }
    // Sizes from a third of the mean to some ten times, the sum as asked.
    let weights: Vec<f64> = (0..campaigns).map(|_| (maker.chance.share() * 4.0).exp()).collect();
    let whole: f64 = weights.iter().sum();
    let year = 365 * 24 * HOUR;
    let begin = Clock.now().millis() - year;
    for (n, weight) in weights.iter().enumerate() {
        let start = begin + year * n as i64 / campaigns as i64;
        maker.hits_until(start);
        let recipients = (events as f64 / PER_RECIPIENT * weight / whole).ceil().max(1.0) as u64;
        maker.campaign(n as u32, recipients, start);
    }
    maker.hits_until(i64::MAX);
    let (written, deliveries) = (maker.written, maker.deliveries);
    let octets = maker.history.finish().unwrap();
    let seconds = watch.elapsed().as_secs_f64();
    println!(
        "{written} events of {deliveries} deliveries in {campaigns} campaigns written in {seconds:.0} s, {} MB",
        octets >> 20
    );

    let watch = Instant::now();
    let store = Store::open(settings(data_dir)).unwrap();
    let seconds = watch.elapsed().as_secs_f64();
    println!("folded in {seconds:.1} s: {:.0} events/s", written as f64 / seconds);
    let keys = store.token_keys();
    let mut file = std::io::BufWriter::new(std::fs::File::create(folder.join("hits.txt")).unwrap());
    let mut chance = Chance(9);
    for n in 0..20_000 {
        let delivery = DeliveryId::from_raw((1 + chance.below(deliveries as u64) as i64) * 64);
        let path = if n % 4 == 0 {
            format!("/c/{}", keys.current().click(delivery, 1, &target(1)))
        } else {
            format!("/o/{}.gif", Token { purpose: Purpose::Open, delivery }.sign(keys.current()))
        };
        writeln!(file, "{path}").unwrap();
    }
    store.close();
}
