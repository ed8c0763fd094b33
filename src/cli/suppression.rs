//! `postrider suppression`: changes go to the relay that runs, the list is read from the database.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use super::accounts::show;
use super::arguments::SuppressionCommand;
use super::ledger::{Ended, database};
use super::way::Way;
use super::{Failure, say};
use crate::config::Config;
use crate::control::{Request, Response, SuppressionEntry};
use crate::domain::Timestamp;
use crate::domain::suppression::{Entry, Reason};
use crate::domain::suppression_csv::{Out, Rows};
use crate::store;

/// Addresses of one request: the writer takes them in one transaction, and mail goes on between two.
const BATCH_ROWS: usize = 1_000;
/// A request has room for these, in octets.
const BATCH_BYTES: usize = 400 << 10;

pub(super) fn suppression(config: &Config, command: &SuppressionCommand) -> Result<(), Failure> {
    match command {
        SuppressionCommand::List => list(config),
        SuppressionCommand::Add { address, scope } => {
            let (address, scope) = (address.clone(), scope.clone().unwrap_or_default());
            let entry = SuppressionEntry { address, reason: Reason::Manual.as_str().to_owned(), scope, since: None };
            show(Way::new(config)?.ask(Request::SuppressionAdd { entries: vec![entry], imported: false })?)
        }
        SuppressionCommand::Remove { address, scope } => {
            let request = Request::SuppressionRemove { address: address.clone(), scope: scope.clone() };
            show(Way::new(config)?.ask(request)?)
        }
        SuppressionCommand::Import { file } => import(config, file),
        SuppressionCommand::Export => export(config),
    }
}

fn list(config: &Config) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let ended = store::suppressions::<Ended>(&database(config)?, |row| {
        let [address, reason, scope, since, source] = row.cells();
        let scope = if scope.is_empty() { "all mail" } else { scope.as_str() };
        Ok(writeln!(out, "{address}\t{reason}\t{scope}\t{since}\t{source}")?)
    });
    end(ended.and_then(|()| Ok(out.flush()?)))
}

fn export(config: &Config) -> Result<(), Failure> {
    let path = database(config)?;
    let write = || -> Result<(), Ended> {
        let mut out = Out::new(BufWriter::new(std::io::stdout().lock()))?;
        // A row whose person was erased has nothing to be imported by.
        store::suppressions::<Ended>(&path, |row| match row.address.as_str() {
            "" => Ok(()),
            _ => Ok(out.row(&row.cells())?),
        })?;
        Ok(out.finish()?.flush()?)
    };
    end(write())
}

fn end(ended: Result<(), Ended>) -> Result<(), Failure> {
    ended.map_err(Ended::failure).or_else(|failure| failure.map_or(Ok(()), Err))
}

/// What an import came to.
#[derive(Default)]
struct Tally {
    added: usize,
    present: usize,
    refused: usize,
}

fn import(config: &Config, path: &Path) -> Result<(), Failure> {
    let named = |error: &dyn std::fmt::Display| Failure::failed(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(|e| named(&e))?;
    let rows = Rows::new(BufReader::new(file)).map_err(|e| named(&e))?;
    let way = Way::new(config)?;
    let (mut tally, mut batch, mut bytes) = (Tally::default(), Vec::new(), 0);
    for row in rows {
        match row {
            Ok(entry) => {
                let entry = line(&entry);
                bytes += 128 + entry.address.len() + entry.scope.len();
                batch.push(entry);
            }
            Err(broken) => {
                tally.refused += 1;
                eprintln!("line {}: {}", broken.line, broken.why);
            }
        }
        if batch.len() >= BATCH_ROWS || bytes >= BATCH_BYTES {
            tally.take(&way, std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }
    if !batch.is_empty() {
        tally.take(&way, batch)?;
    }
    let Tally { added, present, refused } = tally;
    say(&format!("{added} added, {present} on the list already, {refused} refused"));
    match refused {
        0 => Ok(()),
        1 => Err(Failure::failed("1 row was refused; all others are on the list")),
        n => Err(Failure::failed(format!("{n} rows were refused; all others are on the list"))),
    }
}

fn line(entry: &Entry) -> SuppressionEntry {
    SuppressionEntry {
        address: entry.address.as_str().to_owned(),
        reason: entry.reason.as_str().to_owned(),
        scope: entry.scope.clone(),
        since: entry.since.map(Timestamp::rfc3339),
    }
}

impl Tally {
    fn take(&mut self, way: &Way<'_>, entries: Vec<SuppressionEntry>) -> Result<(), Failure> {
        match way.ask(Request::SuppressionAdd { entries, imported: true })? {
            Response::Listed { added, present } => {
                self.added += added;
                self.present += present;
                Ok(())
            }
            other => show(other),
        }
    }
}
