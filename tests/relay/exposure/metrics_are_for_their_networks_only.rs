//! `/metrics` counts what went through, for the networks that may look; `/readyz` says whether the relay is of use.

use crate::harness::{Config, Mail, Request, Sink};

#[tokio::test]
async fn metrics_are_for_their_networks_only() {
    let sink = Sink::start().await.unwrap();
    let config = Config::smarthost(sink.address()).set("web.trusted_proxies", vec!["127.0.0.2/32"]);
    let mut relay = config.start().await;
    let mail = "From: a@own.example\r\nX-Postrider-Campaign: c\r\nContent-Type: text/html\r\n\r\n<a href=\"https://a.example/\">x</a>\r\n";
    let to = ["ok@b.example", "f550-x@b.example"];
    assert_eq!(relay.submit("a@own.example", &to, mail).await.code, 250);
    relay.campaign_with("c", "/delivered", 1).await;
    relay.campaign_with("c", "/bounced", 1).await;
    let received = sink.wait_for(1).await.unwrap();
    let copy = Mail::read(&received[0].bytes);
    assert_eq!(relay.follow(&copy.tracked_links().remove(0)).await.status, 302);
    relay.campaign_with("c", "/clicked/human", 1).await;

    let text = relay.http(&Request::get("/metrics")).await.text();
    for line in [
        "postrider_messages_total{answer=\"accepted\"} 1",
        "postrider_messages_total{answer=\"refused\"} 0",
        "postrider_recipients_total 2",
        "postrider_outcomes_total{outcome=\"delivered\"} 1",
        "postrider_outcomes_total{outcome=\"bounced\"} 1",
        "postrider_attempts_in_flight 0",
        "postrider_queue_deliveries 0",
        "postrider_hits_total{kind=\"clicked\",class=\"human\"} 1",
        "postrider_hits_dropped_total 0",
        "postrider_smtp_sessions 0",
        "postrider_http_requests_total{code=\"3xx\"} 1",
        concat!("postrider_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
    }
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().parse::<f64>().expect(name)
    };
    let commits = number("postrider_commit_seconds_count");
    assert!(commits >= 4.0 && number("postrider_commit_jobs_total") >= commits, "{text}");
    assert!(
        number("postrider_commit_seconds_bucket{le=\"+Inf\"}")
            >= number("postrider_commit_seconds_bucket{le=\"0.001\"}")
    );
    assert!(number("postrider_resident_memory_bytes") > 1e6 && number("postrider_wal_bytes") >= 0.0);

    // A proxy on this machine that nobody named makes nobody local.
    for field in ["X-Forwarded-For", "Forwarded"] {
        let answer = relay.http(&Request::get("/metrics").header(field, "127.0.0.1")).await;
        assert_eq!(answer.status, 403, "{field}");
    }
    assert_eq!(relay.http(&Request::get("/readyz")).await.text(), "ready\n");
    relay.finish().await;

    let relay = Config::new().set("web.metrics_networks", vec!["192.0.2.0/24"]);
    let relay = relay.set("web.trusted_proxies", vec!["127.0.0.0/8"]).start().await;
    assert_eq!(relay.http(&Request::get("/metrics")).await.status, 403);
    let behind = |client: &str| Request::get("/metrics").header("X-Forwarded-For", client);
    assert_eq!(relay.http(&behind("192.0.2.7")).await.status, 200);
    assert_eq!(relay.http(&behind("192.0.2.7, 198.51.100.7")).await.status, 403);
    relay.finish().await;
}
