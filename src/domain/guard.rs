//! The brake on wrong passwords.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Networks remembered at once; when there are more, those whose window has passed are forgotten, then all.
const NETWORKS_MAX: usize = 10_000;

/// Wrong passwords by client address; survives reconnecting. A login itself is never locked, so nobody can lock its owner
/// out.
#[derive(Debug)]
pub struct Guard {
    wrong_max: u32,
    window: Duration,
    wrong: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Guard {
    /// After `wrong_max` wrong passwords within `window` an address has to wait for the window's end.
    pub fn new(wrong_max: u32, window: Duration) -> Self {
        Self { wrong_max, window, wrong: Mutex::default() }
    }

    /// Whether this address has tried too often.
    pub fn is_blocked(&self, ip: IpAddr, now: Instant) -> bool {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let found = wrong.get(&network(ip));
        found.is_some_and(|(count, since)| *count >= self.wrong_max && now.duration_since(*since) < self.window)
    }

    /// Takes one back: counted before it was judged, so that many at once are not one, it was right.
    pub fn right(&self, ip: IpAddr) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, _)) = wrong.get_mut(&network(ip)) {
            *count = count.saturating_sub(1);
        }
    }

    /// Remembers a wrong password.
    pub fn wrong(&self, ip: IpAddr, now: Instant) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() >= NETWORKS_MAX {
            wrong.retain(|_, (_, since)| now.duration_since(*since) < self.window);
            if wrong.len() >= NETWORKS_MAX {
                wrong.clear();
            }
        }
        let entry = wrong.entry(network(ip)).or_insert((0, now));
        if now.duration_since(entry.1) >= self.window {
            *entry = (0, now);
        }
        entry.0 += 1;
    }
}

/// Whoever has one address of version 6 has the 2^64 beside it (RFC 6177).
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_blocked_for_its_window_and_no_other_is() {
        let (guard, start) = (Guard::new(20, Duration::from_mins(10)), crate::clock::Clock.instant());
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for _ in 0..20 {
            assert!(!guard.is_blocked(ip("192.0.2.1"), start) && !guard.is_blocked(ip("2001:db8::1"), start));
            guard.wrong(ip("192.0.2.1"), start);
            guard.wrong(ip("2001:db8::1"), start);
        }
        assert!(guard.is_blocked(ip("192.0.2.1"), start) && guard.is_blocked(ip("::ffff:192.0.2.1"), start));
        assert!(guard.is_blocked(ip("2001:db8::2"), start));
        assert!(!guard.is_blocked(ip("192.0.2.2"), start) && !guard.is_blocked(ip("2001:db8:0:1::1"), start));
        assert!(!guard.is_blocked(ip("192.0.2.1"), start + Duration::from_mins(10)));
        guard.right(ip("192.0.2.1"));
        assert!(!guard.is_blocked(ip("192.0.2.1"), start));
    }
}
