//! Cells that a spreadsheet takes for text, whatever they hold, and lines of them (RFC 4180).

use std::io;

use csv::Writer;

/// Characters that begin a formula.
pub(super) const FORMULA: &[char] = &['=', '+', '-', '@', '\t', '\r'];

/// A cell that a spreadsheet takes for text. An apostrophe before what would be a formula; one more where there are some
/// already, so that reading takes exactly ours away.
pub(super) fn disarmed(cell: &str) -> String {
    if is_formula(cell) { format!("'{cell}") } else { cell.to_owned() }
}

/// What a cell held before it was disarmed.
pub(super) fn armed(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(cell)
}

fn is_formula(cell: &str) -> bool {
    cell.trim_start_matches('\'').starts_with(FORMULA)
}

/// Lines of cells, each disarmed. No program that reads lines is stopped by a NUL.
pub fn lines<L, C>(rows: L) -> io::Result<Vec<u8>>
where
    L: IntoIterator<Item = C>,
    C: IntoIterator<Item = String>,
{
    let mut out = Writer::from_writer(Vec::new());
    for row in rows {
        out.write_record(row.into_iter().map(|cell| disarmed(&cell.replace('\0', "\u{fffd}"))))?;
    }
    out.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_ends_its_line() {
        let cells = ["=1+1", "+1", "-1", "@a", "\tx", "\rx", "'=1", "a\0b", "a,\"b\"\nc", "", "plain"];
        let text = String::from_utf8(lines([cells.map(str::to_owned)]).unwrap()).unwrap();
        let mut read = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let read: Vec<String> = read.deserialize().next().unwrap().unwrap();
        let shown = ["'=1+1", "'+1", "'-1", "'@a", "'\tx", "'\rx", "''=1", "a\u{fffd}b", "a,\"b\"\nc", "", "plain"];
        assert_eq!(read, shown);
        assert_eq!(read.iter().map(|cell| armed(cell)).collect::<Vec<_>>()[..7], cells[..7]);
        assert_eq!(lines(Vec::<Vec<String>>::new()).unwrap(), b"");
    }
}
