//! The list of suppressions as CSV (RFC 4180): ours, and what other houses export.
//!
//! A header row names the columns, in any order and case. Only the address has to be there. A row that cannot be read is
//! named and the rest goes on. What is written can be read again without loss, and no cell of it is a formula to a
//! spreadsheet.

use std::io::{self, BufRead, Read, Write};

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use csv::{ByteRecord, Reader, ReaderBuilder, Terminator, Writer};

use super::address::Address;
use super::spreadsheet::{armed, disarmed};
use super::suppression::{Entry, Reason, stream};
use super::timestamp::Timestamp;

/// The columns that we write.
pub const COLUMNS: [&str; 5] = ["email", "reason", "scope", "created_at", "source"];

/// Names of the column with the address, without case and anything but letters.
const ADDRESS_NAMES: &[&str] = &["email", "emailaddress", "recipient", "address", "mail"];
/// Columns that may say why, the first one that says something known counts.
const REASON_NAMES: &[&str] = &["reason", "suppressionreason", "type", "suppressiontype", "source", "status"];
const SCOPE_NAMES: &[&str] = &["scope", "stream", "list", "listid"];
const TIME_NAMES: &[&str] = &["createdat", "created", "date", "timestamp", "time", "lastupdatetime", "addedat"];

/// Cells of a broken row are shown up to here, in characters.
const SHOWN_MAX: usize = 80;
/// What divides the columns is looked for in this much of the header row, in octets.
const HEADER_MAX: u64 = 64 << 10;
/// Above this a number of a date counts milliseconds.
const SECONDS_MAX: i64 = 100_000_000_000;

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRow {
    /// Its line in the file, from 1.
    pub line: u64,
    /// What is wrong with it, one clause.
    pub why: String,
}

/// Reads a list row by row.
pub struct Rows<R> {
    reader: Reader<Whole<R>>,
    record: ByteRecord,
    columns: Columns,
}

/// The header row, which was looked at, what follows, and a line end if the last row has none.
type Whole<R> = io::Chain<io::Chain<io::Cursor<Vec<u8>>, R>, &'static [u8]>;

/// Where each column stands.
#[derive(Debug)]
struct Columns {
    address: usize,
    reasons: Vec<usize>,
    scope: Option<usize>,
    time: Option<usize>,
}

impl<R: BufRead> Rows<R> {
    /// Reads the header row. The error says what is wrong with it. Rows are divided by the one of comma, semicolon and
    /// tab that the header has most of.
    pub fn new(mut input: R) -> Result<Self, String> {
        let mut head = Vec::new();
        input.by_ref().take(HEADER_MAX).read_until(b'\n', &mut head).map_err(|e| e.to_string())?;
        let count = |wanted: u8| memchr::memchr_iter(wanted, &head).count();
        let delimiter = [b'\t', b';', b','].into_iter().max_by_key(|b| count(*b)).unwrap_or(b',');
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).to_vec();
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .has_headers(true)
            // A CR before it is white space around a cell: so every row is counted as one line.
            .terminator(Terminator::Any(b'\n'))
            .from_reader(io::Cursor::new(text).chain(input).chain(&b"\n"[..]));
        let header = reader.byte_headers().map_err(|e| e.to_string())?;
        let columns = Columns::find(header)?;
        Ok(Self { reader, record: ByteRecord::new(), columns })
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<Entry, BrokenRow>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let before = self.reader.position().line();
            match self.reader.read_byte_record(&mut self.record) {
                Ok(false) => return None,
                Ok(true) => {}
                Err(error) => return Some(Err(BrokenRow { line: before, why: error.to_string() })),
            }
            // Where it ends less the lines it has: what the reader calls its beginning is before empty lines.
            let inside = memchr::memchr_iter(b'\n', self.record.as_slice()).count() as u64;
            let line = self.reader.position().line().saturating_sub(1 + inside);
            if !self.record.iter().all(|cell| cell.trim_ascii().is_empty()) {
                return Some(self.columns.entry(&self.record).map_err(|why| BrokenRow { line, why }));
            }
        }
    }
}

impl Columns {
    fn find(header: &ByteRecord) -> Result<Self, String> {
        let plain = |cell: &[u8]| -> String {
            String::from_utf8_lossy(cell).chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
        };
        let names: Vec<_> = header.iter().map(plain).collect();
        let place = |wanted: &&str| names.iter().position(|name| name == wanted);
        let Some(address) = ADDRESS_NAMES.iter().find_map(place) else {
            return Err("the first row names no column `email`; it must name the columns".to_owned());
        };
        Ok(Self {
            address,
            reasons: REASON_NAMES.iter().filter_map(place).collect(),
            scope: SCOPE_NAMES.iter().find_map(place),
            time: TIME_NAMES.iter().find_map(place),
        })
    }

    fn entry(&self, record: &ByteRecord) -> Result<Entry, String> {
        let cell = |at: usize| armed(&String::from_utf8_lossy(record.get(at).unwrap_or_default())).trim().to_owned();
        let address = cell(self.address);
        if address.is_empty() {
            return Err("there is no address in it".to_owned());
        }
        let address = Address::parse(&address).map_err(|why| format!("{:?} {why}", shown(&address)))?;
        let reason = self.reasons.iter().find_map(|at| reason_of(&cell(*at)));
        let scope = self.scope.map(cell).unwrap_or_default();
        let scope = match scope.as_str() {
            "" => scope,
            named => stream(named).ok_or_else(|| format!("{:?} is no name of a stream", shown(named)))?,
        };
        let since = self.time.and_then(|at| time_of(&cell(at)));
        Ok(Entry { address, reason: reason.unwrap_or(Reason::Import), scope, since })
    }
}

fn shown(cell: &str) -> String {
    cell.chars().take(SHOWN_MAX).collect()
}

/// The words by which lists say why.
fn reason_of(text: &str) -> Option<Reason> {
    let lower = text.to_lowercase();
    if let Some(reason) = Reason::parse(&lower) {
        return Some(reason);
    }
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&["complain", "spam", "abuse"]) {
        Some(Reason::Complaint)
    } else if says(&["unsub", "opt-out", "optout", "opt out"]) {
        Some(Reason::Unsubscribe)
    } else if says(&["bounce", "invalid", "user unknown", "does not exist"]) {
        Some(Reason::Bounce)
    } else if says(&["manual", "custom", "blocked by"]) {
        Some(Reason::Manual)
    } else {
        None
    }
}

/// A time in the forms that lists have; without a zone it is UTC.
fn time_of(text: &str) -> Option<Timestamp> {
    if let Ok(number) = text.parse::<i64>() {
        let ms = if number < SECONDS_MAX { number.checked_mul(1_000)? } else { number };
        return (ms > 0).then(|| Timestamp::from_millis(ms));
    }
    let zoned = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text));
    if let Ok(time) = zoned {
        return Some(Timestamp::from_millis(time.timestamp_millis()));
    }
    let plain = text.trim_end_matches("UTC").trim_end();
    let at = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(plain, form).ok())
        .or_else(|| NaiveDate::parse_from_str(plain, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
    Some(Timestamp::from_millis(at.and_utc().timestamp_millis()))
}

/// Writes a list with [`COLUMNS`].
pub struct Out<W: Write>(Writer<W>);

impl<W: Write> Out<W> {
    /// With the header row.
    pub fn new(output: W) -> io::Result<Self> {
        let mut out = Self::bare(output);
        out.0.write_record(COLUMNS)?;
        Ok(out)
    }

    /// Without it: a later stretch of a list.
    pub fn bare(output: W) -> Self {
        Self(Writer::from_writer(output))
    }

    /// One row.
    pub fn row(&mut self, cells: &[String; 5]) -> io::Result<()> {
        Ok(self.0.write_record(cells.iter().map(|cell| disarmed(cell)))?)
    }

    /// The output, when all is written.
    pub fn finish(self) -> io::Result<W> {
        self.0.into_inner().map_err(|error| io::Error::other(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::spreadsheet::FORMULA;
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<Result<Entry, BrokenRow>> {
        Rows::new(text.as_bytes()).unwrap().collect()
    }

    fn one(text: &str) -> (String, Reason, String, Option<String>) {
        let entry = read(text).pop().unwrap().unwrap();
        (entry.address.canonical(), entry.reason, entry.scope, entry.since.map(Timestamp::rfc3339))
    }

    #[test]
    fn lists_of_other_houses_are_understood() {
        let day = Some("2026-01-02T03:04:05.000Z".to_owned());
        for (text, reason, since) in [
            ("email\nann@a.example\n", Reason::Import, None),
            (
                "status,reason,email,created\n5.1.1,550 user unknown,Ann@A.example,1767323045\n",
                Reason::Bounce,
                day.clone(),
            ),
            (
                "EmailAddress,SuppressionReason,Origin,CreatedAt\nann@a.example,SpamComplaint,Recipient,2026-01-02T03:04:05Z\n",
                Reason::Complaint,
                day.clone(),
            ),
            (
                "address;code;error;created_at\r\nann@a.example;550;gone;Fri, 02 Jan 2026 03:04:05 +0000\r\n",
                Reason::Import,
                day.clone(),
            ),
            (
                "\u{feff}\"Recipient\"\t\"Type\"\t\"Source\"\tcreated\nann@a.example\tnon_transactional\tList Unsubscribe\t2026-01-02 03:04:05\n",
                Reason::Unsubscribe,
                day.clone(),
            ),
            ("email,reason,date\nann@a.example,hard-bounce,some day\n", Reason::Bounce, None),
        ] {
            assert_eq!(one(text), ("ann@a.example".to_owned(), reason, String::new(), since), "{text}");
        }
    }

    #[test]
    fn broken_rows_are_named_by_their_line_and_the_rest_goes_on() {
        let rows = read(
            "email,scope\r\nann@a.example,News.Example\r\n\r\nnobody\n\"b@b.example\",\r\nc@[192.0.2.1],\n\",\n\",x",
        );
        let shown: Vec<_> = rows
            .iter()
            .map(|row| match row {
                Ok(entry) => format!("{} {}", entry.address, entry.scope),
                Err(row) => format!("{}: {}", row.line, row.why),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "ann@a.example news.example",
                "4: \"nobody\" has no domain",
                "b@b.example ",
                "6: \"c@[192.0.2.1]\" has an address literal instead of a domain",
                "7: \",\" has no domain",
            ]
        );
        assert!(Rows::new(&b"name,phone\nx,y\n"[..]).err().unwrap().contains("email"));
        assert!(Rows::new(&b""[..]).is_err());
    }

    proptest! {
        /// What is written is read again, whatever a local part may hold, and no cell is a formula.
        #[test]
        fn a_list_comes_back(local in "['=+@!#a-z-]{1,9}", scope in "[=+a-z@'.-]{0,9}", quoted in any::<bool>(), ms in 1_i64..4_000_000_000_000) {
            let local = if quoted { format!("\"{local}\"") } else { local.replace('@', "x") };
            let address = format!("{local}@b.example");
            let since = Timestamp::from_millis(ms);
            let mut out = Out::new(Vec::new()).unwrap();
            out.row(&[&address, "complaint", &scope, &since.rfc3339(), "import"].map(str::to_owned)).unwrap();
            let text = String::from_utf8(out.finish().unwrap()).unwrap();
            let cells = Reader::from_reader(text.as_bytes()).into_records().next().unwrap().unwrap();
            prop_assert!(cells.iter().all(|cell| !cell.starts_with(FORMULA)), "{}", text);
            let entry = read(&text).pop().unwrap().unwrap();
            prop_assert_eq!((entry.address.as_str(), entry.reason), (address.as_str(), Reason::Complaint));
            prop_assert_eq!((entry.scope, entry.since), (scope, Some(since)));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = [b"email,reason,scope,date\n", bytes.as_slice()].concat();
            if let Ok(rows) = Rows::new(text.as_slice()) {
                let _ = rows.count();
            }
        }
    }
}
