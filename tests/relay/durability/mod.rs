//! Crashes, full disks and stops: what was answered 250 is never lost.
