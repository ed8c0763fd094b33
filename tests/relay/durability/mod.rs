//! Crashes, full disks and stops: what was answered 250 is never lost.

mod three_kills_lose_nothing;
