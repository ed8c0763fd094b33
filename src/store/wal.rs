//! Reading SQLite's log without SQLite, before it is opened: how much of it is whole.
//!
//! SQLite silently stops at the first frame that does not check, which is right after a power cut and wrong after damage.
//! The format: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// What a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Log {
    /// What tells one run of the log from the next; zero when there is no readable header.
    pub(super) salts: u64,
    /// Frames that check, up to the last commit.
    pub(super) whole: u32,
}

/// Reads the log beside a database. A missing one is empty.
pub(super) fn read(path: &Path) -> std::io::Result<Log> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Log::default()),
        Err(error) => return Err(error),
    };
    let mut log = Log::default();
    let mut input = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; HEADER];
    if !fill(&mut input, &mut header)? {
        return Ok(log);
    }
    let (magic, page_size) = (word(&header, 0), word(&header, 8));
    let order = if magic & 1 == 1 { u32::from_be_bytes } else { u32::from_le_bytes };
    let mut sum = sum_over((0, 0), &header[..24], order);
    if magic & !1 != 0x377f_0682 || sum != (word(&header, 24), word(&header, 28)) || page_size > 65_536 {
        return Ok(log);
    }
    log.salts = salts_in(&header);
    let mut frame = vec![0; FRAME_HEADER + usize::try_from(page_size).unwrap_or(0)];
    let mut count = 0;
    while fill(&mut input, &mut frame)? {
        sum = sum_over(sum, &frame[..8], order);
        sum = sum_over(sum, &frame[FRAME_HEADER..], order);
        if frame[8..16] != header[16..24] || sum != (word(&frame, 16), word(&frame, 20)) {
            break;
        }
        count += 1;
        // Only the last frame of a commit says how large the database is.
        if word(&frame, 4) != 0 {
            log.whole = count;
        }
    }
    Ok(log)
}

/// What tells the present run of a log from others; 0 when there is none.
pub(super) fn salts(path: &Path) -> u64 {
    let mut header = [0; HEADER];
    let whole = File::open(path).and_then(|mut file| fill(&mut file, &mut header));
    if matches!(whole, Ok(true)) { salts_in(&header) } else { 0 }
}

fn salts_in(header: &[u8; HEADER]) -> u64 {
    u64::from(word(header, 16)) << 32 | u64::from(word(header, 20))
}

/// Whether there was enough.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(four)
}

fn sum_over((mut s0, mut s1): (u32, u32), bytes: &[u8], order: fn([u8; 4]) -> u32) -> (u32, u32) {
    for pair in bytes.as_chunks::<8>().0 {
        let (a, b) = pair.split_at(4);
        let four = |part: &[u8]| part.try_into().map_or(0, order);
        s0 = s0.wrapping_add(four(a)).wrapping_add(s1);
        s1 = s1.wrapping_add(four(b)).wrapping_add(s0);
    }
    (s0, s1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three commits, and how many frames SQLite says they are.
    fn log(folder: &Path) -> (rusqlite::Connection, u32) {
        let conn = rusqlite::Connection::open(folder.join("a.db")).unwrap();
        conn.execute_batch("pragma journal_mode = wal; pragma wal_autocheckpoint = 0; create table t (x)").unwrap();
        for x in 0..2 {
            conn.execute("insert into t values (?1)", [x]).unwrap();
        }
        let frames = conn.query_row("pragma wal_checkpoint(noop)", [], |row| row.get(1)).unwrap_or(0);
        (conn, frames)
    }

    #[test]
    fn a_whole_log_is_as_long_as_sqlite_says_and_a_flipped_bit_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let (_conn, frames) = log(folder.path());
        let path = folder.path().join("a.db-wal");
        let whole = read(&path).unwrap();
        assert!(whole.salts != 0);
        assert!(frames > 2);
        assert_eq!(whole.whole, frames);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.len() - 100;
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let cut = read(&path).unwrap();
        assert!(cut.whole < whole.whole && cut.salts == whole.salts);
        bytes[17] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path).unwrap(), Log::default());
        assert_eq!(read(&folder.path().join("none")).unwrap(), Log::default());
    }
}
