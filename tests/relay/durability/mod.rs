//! Crashes, full disks and stops: what was answered 250 is never lost.

mod three_kills_lose_nothing;

mod a_start_that_cannot_be_says_why;
