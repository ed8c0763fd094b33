//! Commands that only read; the relay may run meanwhile.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;

use super::arguments::ExportRange;
use super::{Failure, say};
use crate::config::Config;
use crate::domain::{Campaign, Mode, Timestamp};
use crate::store::{self, Range, StoreError};

fn database(config: &Config) -> Result<std::path::PathBuf, Failure> {
    let path = config.data_dir.join(store::FILE);
    if path.exists() {
        return Ok(path);
    }
    Err(Failure::failed(format!("there is no database in {}; is data_dir right?", config.data_dir.display())))
}

pub(super) fn verify(config: &Config) -> Result<(), Failure> {
    let verified = store::verify(&database(config)?, |_| ())?;
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
    let live = std::io::stderr().is_terminal();
    let mut told = 0;
    let copied = store::backup(&config.data_dir, file, |done, total| {
        let percent = done * 100 / total.max(1);
        if live && percent != told {
            eprint!("\r{percent} % of {} MiB", total >> 20);
            told = percent;
        }
    });
    if live {
        eprintln!();
    }
    let copied = copied?;
    let mib = copied.bytes.div_ceil(1 << 20);
    say(&format!("{}: {mib} MiB with {} events, whole and on the disk", file.display(), copied.events));
    Ok(())
}

/// Why an export ended early.
enum Ended {
    Store(StoreError),
    Output(std::io::Error),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub(super) fn export(config: &Config, range: &ExportRange) -> Result<(), Failure> {
    let time = |text: &Option<String>, option: &str| match text {
        None => Ok(None),
        Some(text) => Timestamp::parse_rfc3339(text).map(Some).ok_or_else(|| Failure {
            message: format!("{option} {text:?} is no time such as 2026-11-23T21:04:05Z"),
            code: 2,
        }),
    };
    let (since, until) = (time(&range.since, "--since")?, time(&range.until, "--until")?);
    let path = database(config)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let campaigns: Vec<_> = match &range.campaign {
        None => vec![None],
        Some(name) => [Mode::Live, Mode::Sandbox].map(|mode| Some(Campaign::new(name, mode).id())).to_vec(),
    };
    for campaign in campaigns {
        let ended = store::export(&path, Range { campaign, since, until }, |line| {
            writeln!(out, "{line}").map_err(Ended::Output)
        });
        match ended {
            Ok(()) => {}
            Err(Ended::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            Err(Ended::Output(error)) => return Err(error.into()),
            Err(Ended::Store(error)) => return Err(error.into()),
        }
    }
    Ok(out.flush()?)
}
