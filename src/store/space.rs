//! Room on the disk. Below a floor no new mail is taken; a ballast file is let go when the disk is full, so that what was
//! taken can still be delivered, settled and removed; when room returns, mail is taken and the ballast is made again.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::FallocateFlags;

use super::view::{Finding, Severity};

/// The ballast's name in the data folder.
const FILE: &str = "ballast";
/// How much it holds back.
const BALLAST_BYTES: u64 = 32 << 20;
/// With less room than this no new mail is taken.
const FLOOR_BYTES: u64 = 64 << 20;
/// Mail is taken again this far above the floor, so that one message does not switch it on and off.
const SLACK_BYTES: u64 = 16 << 20;
/// With less room than this the ballast goes before the disk is full.
const BRINK_BYTES: u64 = 8 << 20;

/// The room left for the data folder; clones share it.
#[derive(Debug, Clone)]
pub struct Space(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    data_dir: PathBuf,
    short: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Keep,
    Release,
    Make,
}

/// Whether room is short, and what becomes of the ballast.
fn judge(free: u64, was_short: bool, ballast: bool) -> (bool, Step) {
    let short = free < if was_short { FLOOR_BYTES + SLACK_BYTES } else { FLOOR_BYTES };
    let step = match ballast {
        true if free < BRINK_BYTES => Step::Release,
        false if free >= FLOOR_BYTES + SLACK_BYTES + BALLAST_BYTES => Step::Make,
        true | false => Step::Keep,
    };
    (short, step)
}

impl Space {
    /// Of a data folder; looks for the first time.
    pub(super) fn new(data_dir: &Path) -> Self {
        let space = Self(Arc::new(Inner { data_dir: data_dir.to_owned(), short: AtomicBool::new(false) }));
        space.look();
        space
    }

    /// Whether new mail may be taken.
    pub fn has_room(&self) -> bool {
        !self.0.short.load(Ordering::Relaxed)
    }

    /// For the overview, while no mail is taken.
    pub fn finding(&self) -> Option<Finding> {
        (!self.has_room()).then(|| Finding {
            severity: Severity::Bad,
            word: "Disk full".to_owned(),
            title: "No new mail is taken: the disk of the data folder is nearly full.".to_owned(),
            detail: format!(
                "Senders are told to come again later (452). What was taken is delivered, and it mends by itself once \
                 {} MiB are free.",
                (FLOOR_BYTES + SLACK_BYTES) >> 20
            ),
            link: (String::new(), String::new()),
        })
    }

    /// Measures, and acts on it. Called every second.
    pub(super) fn look(&self) {
        let Ok(free) = free_bytes(&self.0.data_dir) else { return };
        let (short, step) = judge(free, !self.has_room(), self.ballast().exists());
        self.set_short(short, free);
        match step {
            Step::Keep => {}
            Step::Release => {
                self.release();
            }
            Step::Make => self.make(),
        }
    }

    /// A write found no room: no more mail, and the ballast goes. Whether there was one.
    pub(super) fn ran_out(&self) -> bool {
        self.set_short(true, 0);
        self.release()
    }

    fn set_short(&self, short: bool, free_bytes: u64) {
        if self.0.short.swap(short, Ordering::Relaxed) == short {
            return;
        }
        if short {
            tracing::error!(free_bytes, "the disk is nearly full: new mail is refused until there is room again");
        } else {
            tracing::info!(free_bytes, "there is room on the disk again: new mail is taken");
        }
    }

    fn ballast(&self) -> PathBuf {
        self.0.data_dir.join(FILE)
    }

    fn release(&self) -> bool {
        let gone = fs::remove_file(self.ballast()).is_ok();
        if gone {
            tracing::warn!(bytes = BALLAST_BYTES, "the ballast was let go, so that accepted mail can be settled");
        }
        gone
    }

    fn make(&self) {
        let path = self.ballast();
        if let Err(error) = fill(&path) {
            let _ = fs::remove_file(&path);
            tracing::debug!(%error, "the ballast could not be made");
        }
    }
}

/// Bytes that an ordinary user may still write where `path` is.
pub(super) fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Real blocks: a file of holes would hold nothing back.
fn fill(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, BALLAST_BYTES).is_ok() {
        return Ok(());
    }
    let block = vec![0_u8; 1 << 20];
    for _ in 0..BALLAST_BYTES >> 20 {
        file.write_all(&block)?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn mail_stops_at_the_floor_and_comes_back_above_it() {
        assert_eq!(judge(64 * MIB, false, true), (false, Step::Keep));
        assert_eq!(judge(64 * MIB - 1, false, true), (true, Step::Keep));
        assert_eq!(judge(70 * MIB, true, true), (true, Step::Keep));
        assert_eq!(judge(80 * MIB, true, true), (false, Step::Keep));
    }

    #[test]
    fn what_the_ballast_gives_back_does_not_bring_it_back() {
        assert_eq!(judge(7 * MIB, true, true), (true, Step::Release));
        assert_eq!(judge(7 * MIB + BALLAST_BYTES, true, false), (true, Step::Keep));
        assert_eq!(judge(100 * MIB, false, false), (false, Step::Keep));
        assert_eq!(judge(112 * MIB, false, false), (false, Step::Make));
        assert_eq!(judge(112 * MIB - BALLAST_BYTES, false, true), (false, Step::Keep));
    }
}
