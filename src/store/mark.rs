//! What is known to be on the disk, written down every second beside the database: so that a start can tell a log that was
//! cut by a crash, where nothing promised is missing, from one that was damaged.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::StoreError;

/// The mark's name in the data folder.
pub(super) const FILE: &str = "postrider.mark";

/// The last word on what was committed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Mark {
    /// Whose events.
    pub(super) source: String,
    /// The last of them that was committed.
    pub(super) seq: i64,
    /// Which run of the log.
    pub(super) salts: u64,
    /// Frames of it that were committed.
    pub(super) frames: u32,
    /// Of these, how many stand in the main file too.
    pub(super) moved: u32,
    /// Whether the store was closed in order.
    pub(super) closed: bool,
}

impl Mark {
    /// `None` when there is none, or none that checks.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let mut text = String::new();
        File::open(path).ok()?.take(512).read_to_string(&mut text).ok()?;
        let (line, sum) = text.trim().rsplit_once(' ')?;
        if sum != checksum(line) {
            return None;
        }
        let mut words = line.split(' ');
        let mut next = || words.next();
        Some(Self {
            source: next()?.to_owned(),
            seq: next()?.parse().ok()?,
            salts: next()?.parse().ok()?,
            frames: next()?.parse().ok()?,
            moved: next()?.parse().ok()?,
            closed: next()? == "closed",
        })
    }

    /// Overwrites the last one in place: its one sector is written or it is not, and a torn one does not check.
    pub(super) fn write(&self, path: &Path) -> Result<(), StoreError> {
        let state = if self.closed { "closed" } else { "open" };
        let line = format!("{} {} {} {} {} {state}", self.source, self.seq, self.salts, self.frames, self.moved);
        let text = format!("{line} {}", checksum(&line));
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
            file.write_all(format!("{text:<255}\n").as_bytes())?;
            file.sync_data()
        };
        write().map_err(|e| StoreError::file(path, &e))
    }
}

fn checksum(line: &str) -> String {
    format!("{:08x}", crc32fast::hash(line.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_and_a_torn_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(Mark::read(&path), None);
        let mark = Mark { source: "n0.00ab".into(), seq: 1_234, salts: u64::MAX, frames: 9, moved: 8, closed: false };
        mark.write(&path).unwrap();
        let closed = Mark { seq: 7, closed: true, ..mark };
        closed.write(&path).unwrap();
        assert_eq!(Mark::read(&path), Some(closed));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace(" 7 ", " 8 ")).unwrap();
        assert_eq!(Mark::read(&path), None);
    }
}
