//! A mail's page shows of each try the host, its address, the TLS version, what its certificate is worth, and every line
//! with its time; the JSON and the export say the same of TLS.

use crate::harness::{Certificate, Config, Request, Sink, SinkSettings, tls_from_files};

#[tokio::test]
async fn each_try_says_when_and_how_safely() {
    let certificate = Certificate::new("sink.example");
    let tls = Some(tls_from_files(&certificate.cert(), &certificate.key()).unwrap());
    let sink = Sink::with(SinkSettings { tls, ..SinkSettings::default() }).await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let mail = "From: a@own.example\r\nX-Postrider-Campaign: c\r\nSubject: x\r\n\r\nx\r\n";
    assert_eq!(relay.submit("a@own.example", &["ok@b.example"], mail).await.code, 250);
    relay.campaign_with("c", "/delivered", 1).await;

    let cookie = relay.signed_in().await;
    let get = async |path: &str| relay.http(&Request::get(path).header("Cookie", &cookie)).await.text();
    let list = get("/messages").await;
    let id = list.split("\"/messages/").nth(1).unwrap().split('"').next().unwrap();
    let page = get(&format!("/messages/{id}")).await;
    let try_1 = page.split("try 1, 127.0.0.1, TLSv1.3, certificate not valid: ").nth(1);
    assert!(try_1.is_some_and(|rest| rest.contains(" ms; without a pixel")), "{page}");
    let transcript = page.split("<pre class=\"smtp timed\">").nth(1).unwrap().split("</pre>").next().unwrap();
    let (mut last, mut lines) = (0, 0);
    for line in transcript.split("<span class=\"").skip(1) {
        let line = &line[3..];
        lines += 1;
        let (time, said) = line.split_at(7);
        last = match time.trim() {
            "" => last,
            time => time.parse().unwrap(),
        };
        assert!(["C: ", "S: ", "-- "].iter().any(|mark| said.starts_with(mark)), "{transcript}");
    }
    assert!(last < 60_000 && lines > 10, "{transcript}");
    assert!(page.contains("milliseconds since this try began"), "{page}");

    let json = relay.api(&format!("/api/v1/messages/{id}")).await;
    let found = json["attempts"][0]["certificate"].as_str().unwrap();
    assert!(found.starts_with("not valid: "), "{json}");
    let export = relay.command_text(&["export"]).await;
    assert!(export.contains(&format!("\"certificate\":\"{found}\"")), "{export}");
    relay.finish().await;
}
