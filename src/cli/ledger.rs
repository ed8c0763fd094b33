//! Commands that only read; the relay may run meanwhile.

use std::io::{BufWriter, Write};
use std::path::Path;

use super::arguments::ExportRange;
use super::bar::Bar;
use super::{Failure, say};
use crate::config::Config;
use crate::domain::Timestamp;
use crate::store::{self, Range, StoreError};

/// The database, to be read.
pub(super) fn database(config: &Config) -> Result<std::path::PathBuf, Failure> {
    let path = config.data_dir.join(store::FILE);
    if path.exists() {
        return Ok(path);
    }
    Err(Failure::failed(format!("there is no database in {}; is data_dir right?", config.data_dir.display())))
}

pub(super) fn verify(config: &Config) -> Result<(), Failure> {
    let mut bar = Bar::of("events");
    let verified = store::verify(&database(config)?, |done, total| bar.at(done, total));
    bar.end();
    let verified = verified?;
    if verified.differing == 0 {
        say(&format!("{} events replayed, {} rows compared: views and ledger agree", verified.events, verified.rows));
        return Ok(());
    }
    verified.differences.iter().for_each(|difference| say(difference));
    let more = verified.differing - verified.differences.len();
    if more > 0 {
        say(&format!("and {more} more"));
    }
    Err(Failure::failed("views and ledger differ; make the views again with: postrider rebuild"))
}

pub(super) fn backup(config: &Config, file: &Path) -> Result<(), Failure> {
    database(config)?;
    let mut bar = Bar::of("octets");
    let copied = store::backup(&config.data_dir, file, |done, total| bar.at(done, total));
    bar.end();
    let copied = copied?;
    let mib = copied.bytes.div_ceil(1 << 20);
    say(&format!("{}: {mib} MiB with {} events, whole and on the disk", file.display(), copied.events));
    Ok(())
}

/// Why an export ended early.
pub(super) enum Ended {
    Store(StoreError),
    Output(std::io::Error),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

impl Ended {
    /// A reader that went away has what it wanted.
    pub(super) fn failure(self) -> Option<Failure> {
        match self {
            Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => None,
            Self::Output(error) => Some(error.into()),
            Self::Store(error) => Some(error.into()),
        }
    }
}

/// A time that an option names.
pub(super) fn time(text: Option<&str>, option: &str) -> Result<Option<Timestamp>, Failure> {
    let wrong = |text: &str| Failure::usage(format!("{option} {text:?} is no time such as 2026-11-23T21:04:05Z"));
    text.map(|text| Timestamp::parse_rfc3339(text).ok_or_else(|| wrong(text))).transpose()
}

pub(super) fn export(config: &Config, range: &ExportRange) -> Result<(), Failure> {
    let (since, until) = (time(range.since.as_deref(), "--since")?, time(range.until.as_deref(), "--until")?);
    let path = database(config)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let range = Range { campaign: range.campaign.clone(), since, until };
    if let Err(ended) = store::export::<Ended>(&path, &range, |line| Ok(writeln!(out, "{line}")?)) {
        return ended.failure().map_or(Ok(()), Err);
    }
    Ok(out.flush()?)
}
