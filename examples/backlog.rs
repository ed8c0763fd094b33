//! Fills a data folder with mail that waits, by the store's own way of accepting it: 1,000 recipients a message, due in
//! an hour. The last thousand are the campaign `small`, the others of campaigns of so many.
//! `backlog FOLDER [RECIPIENTS] [DOMAINS] [OF_A_CAMPAIGN]`; used by `benches/backlog.sh`.
#![expect(clippy::unwrap_used, reason = "a tool for the bench; it ends where it fails")]

use std::sync::Arc;
use std::time::Duration;

use postrider::clock::Clock;
use postrider::domain::{Address, Campaign, Mode, Wishes};
use postrider::mail::receipt::Receipt;
use postrider::store::{Admission, Settings, Store};

fn chance() -> u64 {
    rand::random()
}

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: usize| arguments.get(at).map_or(usual, |text| text.parse().unwrap());
    let (recipients, domains, of_a_campaign) = (number(1, 1_000_000), number(2, 20_000), number(3, 100_000));
    let data_dir = arguments.first().unwrap().into();
    let store = Store::open(Settings { data_dir, node: 0, clock: Clock, random: chance }).unwrap();
    let mut under_way = tokio::task::JoinSet::new();
    for message in 0..=recipients / 1_000 {
        let last = message == recipients / 1_000;
        let campaign = if last { "small".to_owned() } else { format!("campaign {}", message * 1_000 / of_a_campaign) };
        let queue = store.queue();
        let now = Clock.now();
        // A few domains have most of the mail, as in any list.
        let domain = |n: usize| if n.is_multiple_of(2) { n % 5 } else { n % domains };
        let address = |n: usize| Address::parse(&format!("person-{n}@d{}.example", domain(n))).unwrap();
        let admission = Admission {
            campaign: Campaign::new(&campaign, Mode::Live),
            list: None,
            credential: "bench".to_owned(),
            reverse_path: None,
            recipients: (0..1_000).map(|n| address(message * 1_000 + n)).collect(),
            from_text: "Bench <bench@own.example>".to_owned(),
            subject: "Waiting".to_owned(),
            message_id: format!("<{message}@own.example>"),
            stream: "own.example".to_owned(),
            transactional: false,
            wishes: Wishes::default(),
            tags: Vec::new(),
            metadata: Vec::new(),
            receipt: Receipt::default(),
            recipe: "{}".to_owned(),
            body: Arc::from(vec![b'x'; 10 << 10]),
            pixel: true,
            links: Vec::new(),
            alike: false,
            lane: 1,
            accepted_at: now,
            due_at: now + Duration::from_hours(1),
            expires_at: now + Duration::from_hours(72),
        };
        if under_way.len() >= 8 {
            under_way.join_next().await.unwrap().unwrap();
        }
        under_way.spawn(async move { queue.accept(admission).await.map(|_| ()).unwrap() });
    }
    while let Some(done) = under_way.join_next().await {
        done.unwrap();
    }
    store.close();
}
