//! Whatever spelling a request names the tracking host in, and on the tracking listener in any case, there are only the
//! pixel, the links and what robots ask for.

use super::{raw, status};
use crate::harness::Config;

const PRIVATE: &[&str] = &[
    "/",
    "/login",
    "/campaigns",
    "/settings",
    "/inbox",
    "/static/app.css",
    "/metrics",
    "/readyz",
    "/welcome/x",
    "/api/v1/campaigns",
];

#[tokio::test]
async fn the_tracking_host_never_shows_the_login() {
    let config = Config::new().set("tracking.base_url", "https://track.postrider.example:8443");
    let relay = config.set("tracking.listen", "127.0.0.1:0").start().await;
    let get = async |address, target: &str, fields: &str| {
        raw(address, format!("GET {target} HTTP/1.1\r\nConnection: close\r\n{fields}\r\n").as_bytes()).await
    };
    let track = "track.postrider.example";
    let spellings = [
        format!("Host: {track}\r\n"),
        format!("Host: {track}:8443\r\n"),
        format!("Host: {track}.\r\n"),
        "Host: TRACK.Postrider.Example.:80\r\n".to_owned(),
        format!("Host: {track}\r\nX-Forwarded-Host: 127.0.0.1\r\nForwarded: host=127.0.0.1\r\n"),
        "Host:\r\n".to_owned(),
        "Host: [::1\r\n".to_owned(),
        String::new(),
    ];
    for path in PRIVATE {
        for fields in &spellings {
            let code = status(&get(relay.web(), path, fields).await);
            assert!(matches!(code, 400 | 404), "{path} with {fields:?}: {code}");
        }
        let code = status(&get(relay.web(), &format!("http://{track}{path}"), "Host: 127.0.0.1\r\n").await);
        assert_eq!(code, 404, "{path} as an absolute target");
        // The second listener knows nothing else, whoever is asked for.
        for host in ["127.0.0.1", track] {
            let answer = get(relay.address("tracking"), path, &format!("Host: {host}\r\n")).await;
            assert_eq!(status(&answer), 404, "{path} of {host} on the tracking listener");
            assert!(answer.to_lowercase().contains("\r\nx-content-type-options: nosniff\r\n"), "{answer}");
        }
    }
    for address in [relay.web(), relay.address("tracking")] {
        for path in ["/o/x.gif", "/robots.txt", "/healthz"] {
            assert_eq!(status(&get(address, path, &format!("Host: {track}\r\n")).await), 200, "{path}");
        }
    }
    assert_eq!(status(&get(relay.web(), "/login", "Host: dash.postrider.example\r\n").await), 200);
    relay.finish().await;
}
