//! With a certificate both listeners speak TLS alone, HTTP/2 included, and the cookie is bound to it.

use std::net::SocketAddr;

use super::PASSWORD;
use crate::harness::{Certificate, Config, program, run};

/// Runs curl, which trusts this certificate and no other: head and body of the answer.
async fn curl(certificate: &Certificate, server: SocketAddr, host: &str, path: &str, arguments: &[&str]) -> String {
    let mut command = program("curl");
    command.args(["--silent", "--show-error", "--include", "--noproxy", "*", "--max-time", "20", "--cacert"]);
    command.arg(certificate.cert()).args(arguments);
    command
        .args(["--connect-to", &format!("::{}:{}", server.ip(), server.port())])
        .arg(format!("https://{host}{path}"));
    let output = run(command).await;
    assert!(output.status.success(), "{host}{path}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn web_and_tracking_speak_tls() {
    let (dash, track) = ("dash.postrider.example", "track.postrider.example");
    let certificates = (Certificate::new(dash), Certificate::new(track));
    let path = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    let config =
        Config::new().set("tracking.base_url", format!("https://{track}")).set("tracking.listen", "127.0.0.1:0");
    let config = config.set("web.tls_cert", path(certificates.0.cert())).set("web.tls_key", path(certificates.0.key()));
    let config = config
        .set("tracking.tls_cert", path(certificates.1.cert()))
        .set("tracking.tls_key", path(certificates.1.key()));
    let relay = config.start().await;
    let (web, tracking) = (relay.web(), relay.address("tracking"));

    for version in ["--http1.1", "--http2"] {
        let answer = curl(&certificates.0, web, dash, "/login", &[version]).await;
        assert!(answer.contains(" 200") && answer.contains("Sign in"), "{version}: {answer}");
        assert_eq!(answer.starts_with("HTTP/2"), version == "--http2", "{answer}");
        // The host stands in the target here, and no Host field beside it.
        let answer =
            curl(&certificates.0, web, dash, "/login", &[version, "--header", &format!("Host: {track}")]).await;
        assert!(answer.contains(" 404") && !answer.contains("Sign in"), "{version}: {answer}");
        let answer = curl(&certificates.1, tracking, track, "/o/x.gif", &[version]).await;
        assert!(answer.contains(" 200") && answer.to_lowercase().contains("content-type: image/gif"), "{answer}");
        let answer = curl(&certificates.1, tracking, track, "/login", &[version]).await;
        assert!(answer.contains(" 404"), "{answer}");
    }
    let text = std::fs::read_to_string(relay.data_dir().join("first-run.txt")).unwrap();
    assert!(text.contains(&format!("https://{web}/welcome/")), "{text}");
    let link = super::link(&text);
    let form = ["--data-urlencode", "email=ann@example.org", "--data-urlencode", &format!("password={PASSWORD}")];
    let answer = curl(&certificates.0, web, dash, &link, &form).await;
    let cookie = answer.lines().find(|line| line.to_lowercase().starts_with("set-cookie:")).unwrap();
    assert!(
        cookie.contains("__Host-postrider=") && cookie.contains("Secure") && cookie.contains("HttpOnly"),
        "{cookie}"
    );
    assert!(!cookie.to_lowercase().contains("domain"), "{cookie}");
    let value = cookie.split_once(": ").unwrap().1.split(';').next().unwrap();
    let answer = curl(&certificates.0, web, dash, "/settings", &["--cookie", value]).await;
    assert!(answer.contains(" 200") && answer.contains("ann@example.org"), "{answer}");
    // The name that a plain connection could have planted counts for nothing.
    let plain = value.trim_start_matches("__Host-");
    let answer = curl(&certificates.0, web, dash, "/settings", &["--cookie", plain]).await;
    assert!(answer.contains(" 303"), "{answer}");

    let plain = super::raw(web, b"GET /login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(!plain.contains("HTTP/1.1 200"), "no page without TLS: {plain}");
    for (option, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let mut command = program("openssl");
        command.args(["s_client", "-connect", &web.to_string(), option, "-verify_return_error", "-CAfile"]);
        command.arg(certificates.0.cert()).stdin(std::process::Stdio::null());
        let said = String::from_utf8_lossy(&run(command).await.stdout).into_owned();
        assert!(said.contains(version) && said.contains("Verify return code: 0"), "{said}");
    }
    relay.finish().await;
}
