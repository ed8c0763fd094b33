//! No connection to three different sites comes about: the relay takes it for its own fault, says so on the overview, and
//! counts no attempt; the first connection that stands ends it.

use crate::harness::{Config, PATIENCE, Request, Sink, Zone, wait_until};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: blocked\r\n\r\nx\r\n";

#[tokio::test]
async fn blocked_connections_are_told_and_end_with_the_first_that_stands() {
    let sink = Sink::start().await.unwrap();
    let mut zone = Zone::new().mx("good.example", 10, "mx.good.example").a("mx.good.example", "127.0.0.1");
    for n in 1..=4 {
        // Nothing listens at these addresses on the sink's port.
        zone = zone.mx(&format!("d{n}.example"), 10, &format!("mx{n}.example"));
        zone = zone.a(&format!("mx{n}.example"), &format!("127.0.0.{}", 10 + n));
    }
    let dns = zone.start().await;
    let mut relay = Config::mx(dns.address(), sink.port()).start().await;
    for n in 1..=3 {
        assert_eq!(relay.submit("a@own.example", &[&format!("x@d{n}.example")], MAIL).await.code, 250);
    }
    wait_until("it is seen", PATIENCE, async || relay.log().contains("no connection to any server")).await;
    let tried = relay.log().matches("deferred").count();
    assert_eq!(relay.submit("a@own.example", &["x@d4.example"], MAIL).await.code, 250);
    let note = std::fs::read_to_string(relay.data_dir().join("first-run.txt")).unwrap();
    let at = note.find("/welcome/").unwrap();
    let welcome = note[at..].lines().next().unwrap();
    let form = Request::form(welcome, &[("email", "me@own.example"), ("password", "correct horse battery")]);
    let answer = relay.http(&form.header("Origin", &format!("http://{}", relay.web()))).await;
    let overview = relay.http(&Request::get("/").header("Cookie", &answer.cookies().join("; "))).await;
    assert!(overview.text().contains("no connection to any mail server comes about"), "{}", overview.text());
    assert_eq!(relay.log().matches("deferred").count(), tried, "no attempt is counted");

    assert_eq!(relay.submit("a@own.example", &["ok@good.example"], MAIL).await.code, 250);
    wait_until("the first that stands ends it", 2 * PATIENCE, async || relay.log().contains("reaches others again"))
        .await;
    relay.campaign_with("blocked", "/delivered", 1).await;
    relay.finish().await;
}
