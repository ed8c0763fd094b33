//! Two thousand recipients, each with addresses of their own.

use rusqlite::Connection;

use super::super::fold::Fold;
use super::super::{names, schema};
use super::*;
use crate::domain::event::{About, Hit};
use crate::domain::link::pattern_key;
use crate::domain::{Audience, DeliveryId, Device, Event, Fact, Mode, Timestamp};

const CAMPAIGN: CampaignId = CampaignId::from_raw(7);

fn opened() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let mut conn = schema::open_writer(&folder.path().join("x.db")).unwrap();
    schema::migrate(&mut conn, Timestamp::default()).unwrap();
    (folder, conn)
}

/// As many letters and digits as a code has, different for each number.
fn code(n: u64, letters: &[u8]) -> String {
    let mut state = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(letters[usize::try_from(state >> 33).unwrap() % letters.len()])
    };
    (0..8).map(|_| next()).collect()
}

fn links_of_recipient(n: u64) -> [(u16, String); 4] {
    let code_of = code(n, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    let name = code(n, b"abcdefghijklmnopqrstuvwxyz");
    [
        (1, format!("https://x.example/u/{code_of}/offer")),
        (2, format!("https://x.example/account?m=mail&c={code_of}")),
        (3, format!("https://x.example/hello/{name}")),
        (4, "https://x.example/garlic".to_owned()),
    ]
}

#[test]
fn addresses_of_each_recipients_own_make_a_row_a_place() {
    let (_folder, conn) = opened();
    conn.execute_batch("begin").unwrap();
    let mut seq = 0;
    for n in 0..2_000_u64 {
        let links = links_of_recipient(n);
        let named: Vec<_> = links.iter().map(|(at, url)| (*at, url.clone(), format!("Link {at}"))).collect();
        names::name_links(&conn, CAMPAIGN, &named).unwrap();
        let about = About {
            delivery: DeliveryId::from_raw(i64::try_from(n).unwrap() + 1),
            campaign: CAMPAIGN,
            mode: Mode::Live,
        };
        let click = |(position, url): &(u16, String)| {
            seq += 1;
            let (class, text, pattern) = (Audience::Human, String::new, pattern_key(url));
            let position = *position;
            let device = Device::Unknown;
            let hit = Hit {
                about,
                position,
                pattern,
                class,
                rule: text(),
                family: text(),
                device,
                signals: 0,
                address: text(),
                count: 1,
            };
            Event { seq, at: Timestamp::from_millis(seq), fact: Fact::Clicked(hit) }
        };
        let events: Vec<_> = links.iter().map(click).collect();
        Fold::main(&conn).apply(1, &events).unwrap();
    }
    conn.execute_batch("commit").unwrap();
    let rows = all(&conn, &[CAMPAIGN]).unwrap();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.position, row.url.as_str(), row.personal, row.label.as_str(), row.total_events))
        .collect();
    assert_eq!(
        shown,
        [
            (1, "https://x.example/u/*/offer", true, "Link 1", 2_000),
            (2, "https://x.example/account?m=mail&c=*", true, "Link 2", 2_000),
            (3, "https://x.example/hello/*", true, "Link 3", 2_000),
            (4, "https://x.example/garlic", false, "Link 4", 2_000),
        ]
    );
    let stored: i64 = conn.query_row("select count(*) from v_link", [], |row| row.get(0)).unwrap();
    assert!(stored <= 2 * 51 + 2, "{stored} rows leave no room for other links");
}

#[test]
fn a_few_addresses_at_one_place_are_links_of_their_own() {
    let (_folder, conn) = opened();
    for path in ["spring", "autumn"] {
        names::name_links(&conn, CAMPAIGN, &[(1, format!("https://x.example/{path}"), path.to_owned())]).unwrap();
    }
    let rows = first(&conn, &[CAMPAIGN]).unwrap();
    assert_eq!(rows.iter().map(|row| (row.label.as_str(), row.personal)).collect::<Vec<_>>().len(), 2);
    assert!(rows.iter().all(|row| !row.personal && row.url.ends_with(&row.label)), "{rows:?}");
}
