//! A server that turns sessions away (421) is approached with fewer of them after a pause: all mail arrives, few are turned
//! away, others are not held up, and the queue's page says what happens.

use crate::harness::{Config, PATIENCE, Request, Sink, SinkSettings, Zone, wait_until};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: speed\r\n\r\nx\r\n";
const SESSIONS_MAX: u64 = 3;
const MAILS: usize = 20;

#[tokio::test]
async fn a_site_that_says_too_fast_is_approached_more_slowly() {
    let strict =
        Sink::with(SinkSettings { sessions_max: Some(SESSIONS_MAX), ..SinkSettings::default() }).await.unwrap();
    let port = strict.address().port();
    let listen = format!("127.0.0.2:{port}");
    let other = Sink::with(SinkSettings { listen, ..SinkSettings::default() }).await.unwrap();
    let dns = Zone::new()
        .a("mx.strict.example", "127.0.0.1")
        .a("mx.other.example", "127.0.0.2")
        .mx("strict.example", 10, "mx.strict.example")
        .mx("other.example", 10, "mx.other.example")
        .start()
        .await;
    let mut relay = Config::mx(dns.address(), port).set("delivery.connections_per_site", 12).start().await;
    let cookie = relay.sign_in().await;
    let to: Vec<_> = (0..MAILS).map(|n| format!("slow-{n}@strict.example")).collect();
    for to in &to {
        assert_eq!(relay.submit("a@own.example", &[to], MAIL).await.code, 250);
    }
    let page = async || relay.http(&Request::get("/queue?still=1").header("Cookie", &cookie)).await.text();
    wait_until("the site cools down", PATIENCE, async || page().await.contains("Cooling down")).await;
    let text = page().await;
    let panel = text.split("id=\"sites\"").nth(1).unwrap().split("</section>").next().unwrap().to_owned();
    assert!(panel.contains("mx.strict.example") && panel.contains("421 4.7.0 Too many connections"), "{panel}");
    assert!(panel.contains("of 6<small>12 at first</small>"), "{panel}");

    let beside = MAIL.replace("speed", "beside");
    assert_eq!(relay.submit("a@own.example", &["ok-1@other.example"], &beside).await.code, 250);
    relay.campaign_with("beside", "/delivered", 1).await;
    assert_eq!(other.received().len(), 1);

    wait_until("all arrive", 4 * PATIENCE, async || strict.received().len() == MAILS).await;
    let tally = strict.tally();
    // Those of the first approach, and of a second one that was still too fast.
    assert!(tally.turned_away > 0 && tally.turned_away <= 18, "{tally:?}");
    relay.campaign_with("speed", "/delivered", i64::try_from(MAILS).unwrap()).await;
    relay.finish().await;
}

/// What the operator says of a site holds from the first mail on.
#[tokio::test]
async fn the_operators_own_table_of_sites_is_kept_to() {
    let sink = Sink::start().await.unwrap();
    let mut zone = Zone::new().a("mx1.house.example", "127.0.0.1").a("mx2.house.example", "127.0.0.1");
    for n in 0..10 {
        zone = zone.mx(&format!("d{n}.example"), 10, ["mx1.house.example", "mx2.house.example"][n % 2]);
    }
    let dns = zone.start().await;
    let folder = tempfile::TempDir::new().unwrap();
    let table = folder.path().join("sites.toml");
    let text =
        "[[site]]\nname = \"The house\"\nmx = [\"house.example\"]\nconnections = 1\nmessages_per_connection = 5\n";
    std::fs::write(&table, text).unwrap();
    let config = Config::mx(dns.address(), sink.port());
    let mut relay = config.set("delivery.sites_file", table.to_string_lossy().into_owned()).start().await;
    let to: Vec<_> = (0..20).map(|n| format!("ok-{n}@d{}.example", n % 10)).collect();
    for to in &to {
        assert_eq!(relay.submit("a@own.example", &[to], MAIL).await.code, 250);
    }
    relay.campaign_with("speed", "/delivered", 20).await;
    let tally = sink.tally();
    assert_eq!(tally.sessions_open_max, 1, "{tally:?}");
    assert!(tally.sessions >= 4, "{tally:?}");
    relay.finish().await;
}
