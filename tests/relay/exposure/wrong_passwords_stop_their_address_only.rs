//! Guessing stops after a few tries from one address; the login's owner comes in from elsewhere meanwhile.

use super::{Browser, PASSWORD};
use crate::harness::{Config, Request};

#[tokio::test]
async fn wrong_passwords_stop_their_address_only() {
    let relay = Config::new().set("web.trusted_proxies", vec!["127.0.0.0/8"]).start().await;
    Browser::first(&relay).await;
    let login = async |from: &str, password: &str| {
        let fields = [("email", "ann@example.org"), ("password", password)];
        let answer = relay.http(&Request::form("/login", &fields).header("X-Forwarded-For", from)).await;
        assert_eq!(answer.header("Retry-After").is_some(), answer.status == 429);
        answer.status
    };
    // All at once, so that none is over before the next begins.
    let wrong = futures_util::future::join_all((0..30).map(|_| login("192.0.2.1", "wrong horse"))).await;
    let judged = wrong.iter().filter(|code| **code == 401).count();
    assert!(judged <= 10 && wrong.iter().all(|code| matches!(code, 401 | 429 | 503)), "{wrong:?}");
    assert_eq!(login("192.0.2.1", PASSWORD).await, 429);
    assert_eq!(login("2001:db8::1", PASSWORD).await, 303);
    // Who gets in spends nothing, however often.
    for _ in 0..12 {
        assert_eq!(login("192.0.2.2", PASSWORD).await, 303);
    }
    // One network of version 6 is one address.
    for n in 0..10 {
        assert_eq!(login(&format!("2001:db8::{n}"), "wrong horse").await, 401);
    }
    assert_eq!(login("2001:db8::ffff", PASSWORD).await, 429);
    assert_eq!(login("192.0.2.2", PASSWORD).await, 303);
    relay.finish().await;
}
