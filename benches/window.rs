//! What the scheduler itself costs for each delivery, however much waits: `next`, `refilled` and `settled` of the window,
//! with the rows that a read of the queue would bring made up outside the watch.
//!
//! `cargo bench --bench window`. A thousand waiting deliveries beside a million, turn by turn.
#![expect(clippy::unwrap_used, reason = "a tool for developers; it ends where it fails")]
#![expect(clippy::disallowed_methods, reason = "a stopwatch")]
#![expect(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "figures for people")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postrider::delivery::{Limits, Providers, Start, Step, Window};
use postrider::domain::{Address, CampaignId, DeliveryId, Domain, MessageId, Mode, Timestamp};
use postrider::store::{Due, Head, Refill};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;
const CAMPAIGNS: usize = 50;
/// Under way at one time.
const UNDER_WAY: usize = 300;
/// Deliveries that are timed.
const TIMED: usize = 100_000;
const NOW: Timestamp = Timestamp::from_millis(1_000_000);

/// A queue beside the window.
struct Trial {
    window: Window,
    domains: Vec<Domain>,
    /// What is left of each domain.
    left: Vec<usize>,
    made: usize,
    watch: Duration,
}

impl Trial {
    fn new(waiting: usize, domains: usize) -> Self {
        let domains: Vec<_> = (0..domains).map(|n| Domain::parse(&format!("d{n}.example")).unwrap()).collect();
        let each = waiting / domains.len();
        let head = |domain: &Domain| Head { domain: domain.clone(), waiting: each as u64, next_at: NOW };
        let start = Start { connections: 20, ..Start::default() };
        let limits = Limits { sites: Arc::new(Providers::none(start)), in_all: UNDER_WAY, first: 1_000_000 };
        let window = Window::new(limits, domains.iter().map(head).collect());
        Self { window, left: vec![each; domains.len()], domains, made: 0, watch: Duration::ZERO }
    }

    fn rows(&mut self, domain: &Domain, asked: usize) -> Refill {
        let n: usize = domain.as_str()[1..domain.as_str().len() - 8].parse().unwrap();
        let count = asked.min(self.left[n]);
        self.left[n] -= count;
        let due = (0..count).map(|_| {
            self.made += 1;
            let id = self.made as i64;
            Due {
                delivery: DeliveryId::from_raw(id),
                message: MessageId::from_raw(id),
                campaign: CampaignId::from_raw(id % CAMPAIGNS as i64),
                mode: Mode::Live,
                address: Address::parse(&format!("u{id}@{domain}")).unwrap(),
                lane: 1,
                next_at: NOW,
                attempts: 0,
                accepted_at: NOW,
                expires_at: NOW + Duration::from_hours(72),
                alike: false,
                commit: 0,
            }
        });
        Refill { due: due.collect(), more: self.left[n] > 0, later: None, through: 0 }
    }

    fn timed<T>(&mut self, work: impl FnOnce(&mut Window) -> T) -> T {
        let began = Instant::now();
        let done = work(&mut self.window);
        self.watch += began.elapsed();
        done
    }

    /// Microseconds a delivery.
    fn run(mut self, sites: usize) -> f64 {
        let domains = self.domains.clone();
        for (n, domain) in domains.iter().enumerate() {
            self.window.learn_site(domain, &format!("mx{}.example", n % sites), NOW);
        }
        let (mut under_way, mut done) = (VecDeque::new(), 0);
        while done < TIMED {
            match self.timed(|window| window.next(NOW)) {
                Step::Deliver(dues) => under_way.extend(dues),
                Step::Refill(domain, asked) => {
                    let read = self.rows(&domain, asked);
                    self.timed(|window| window.refilled(&domain, read, NOW));
                }
                Step::Locate(domain) => self.timed(|window| window.located(&domain, Some("mx.example"), NOW)),
                Step::Wait(_) => {
                    let Some(due) = under_way.pop_front() else { break };
                    self.timed(|window| window.settled(&due, None, NOW));
                    done += 1;
                }
            }
        }
        self.watch.as_secs_f64() * 1e6 / done as f64
    }
}

fn main() {
    let cases = [(1_000, 100, 10), (1_000_000, 20_000, 500), (1_000_000, 20_000, 1), (1_000_000, 100, 50)];
    let mut figures = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (figures, (waiting, domains, sites)) in figures.iter_mut().zip(cases) {
            figures.push(Trial::new(waiting, domains).run(sites));
        }
    }
    for (figures, (waiting, domains, sites)) in figures.iter_mut().zip(cases) {
        figures.sort_by(f64::total_cmp);
        println!(
            "{waiting:>9} waiting, {domains:>6} domains, {sites:>4} sites: {:.2} us a delivery",
            figures[ROUNDS / 2]
        );
    }
}
