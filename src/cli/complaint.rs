//! `postrider complaint`: reports are read here, what they tell goes to the relay that runs.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::ledger::database;
use super::way::Way;
use super::{Failure, say};
use crate::config::Config;
use crate::control::{Request, Response, ReturnedMail};
use crate::mail::feedback::{Feedback, FeedbackFault, FeedbackType, REPORT_MAX};
use crate::mail::mailbox::Mailbox;

/// What the reports came to.
#[derive(Default)]
struct Tally {
    counted: usize,
    known: usize,
    passed: usize,
    unreadable: usize,
}

pub(super) fn complaint(config: &Config, files: &[PathBuf]) -> Result<(), Failure> {
    // In a folder without a database, nothing would be ours.
    database(config)?;
    let way = Way::new(config)?;
    let mut tally = Tally::default();
    if files.is_empty() {
        tally.take_all(&way, "standard input", std::io::stdin().lock())?;
    }
    for file in files.iter().flat_map(|file| within(file)) {
        let place = file.display().to_string();
        match File::open(&file) {
            Ok(open) => tally.take_all(&way, &place, BufReader::new(open))?,
            Err(error) => tally.pass_over(&place, &error),
        }
    }
    tally.end()
}

/// The files of a folder by name, without hidden ones; else the file itself.
fn within(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return vec![path.to_owned()] };
    let entries = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_shown = |path: &PathBuf| path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."));
    let mut files: Vec<_> = entries.filter(|path| is_shown(path) && path.is_file()).collect();
    files.sort();
    files
}

impl Tally {
    fn take_all(&mut self, way: &Way<'_>, name: &str, reader: impl BufRead) -> Result<(), Failure> {
        let (mut mailbox, mut n) = (Mailbox::new(reader, REPORT_MAX), 0);
        while let Some(message) = mailbox.next() {
            n += 1;
            let place = if mailbox.is_mbox() { format!("{name}:{n}") } else { name.to_owned() };
            match message.map(|raw| raw.map_or(Err(FeedbackFault::TooLarge), |raw| Feedback::read(&raw))) {
                Ok(Ok(report)) => self.take(way, &place, &report)?,
                Ok(Err(fault)) => self.pass_over(&place, &fault),
                Err(error) => self.pass_over(&place, &error),
            }
        }
        Ok(())
    }

    fn take(&mut self, way: &Way<'_>, place: &str, report: &Feedback) -> Result<(), Failure> {
        let counts = report.feedback_type.is_complaint();
        let Feedback { tokens, message_id, recipients, .. } = report.clone();
        let returned = ReturnedMail { tokens, message_id, recipients };
        let (whose, result) = match way.ask(Request::Complain { returned, counts })? {
            Response::Complained { recipient, campaign, delivery, known } => {
                let (column, result) = match (counts, known) {
                    (false, _) => (&mut self.passed, not_counted(report)),
                    (true, true) => (&mut self.known, "already known".to_owned()),
                    (true, false) => (&mut self.counted, "counted".to_owned()),
                };
                *column += 1;
                ([recipient, campaign, delivery].join("\t"), result)
            }
            Response::NotOurs => {
                self.passed += 1;
                ("-\t-\t-".to_owned(), format!("not counted: not ours{}", described(report)))
            }
            Response::Failed { message } => return Err(Failure::failed(message)),
            _ => return Err(Failure::failed("the running relay gave another answer; is it of another version?")),
        };
        say(&format!("{place}\t{whose}\t{result}"));
        Ok(())
    }

    fn pass_over(&mut self, place: &str, why: &dyn std::fmt::Display) {
        self.unreadable += 1;
        eprintln!("{place}: {why}");
    }

    fn end(&self) -> Result<(), Failure> {
        let Self { counted, known, passed, unreadable } = self;
        if counted + known + passed + unreadable != 1 {
            say(&format!("{counted} counted, {known} already known, {passed} not counted, {unreadable} not read"));
        }
        match unreadable {
            0 => Ok(()),
            1 => Err(Failure::failed("1 report could not be read; all others were taken")),
            n => Err(Failure::failed(format!("{n} reports could not be read; all others were taken"))),
        }
    }
}

/// Words of a report, which may be anything, are shown with their odd characters spelt out.
fn not_counted(report: &Feedback) -> String {
    match &report.feedback_type {
        FeedbackType::Unregistered(word) => format!("not counted: a report of the unknown type {word:?}"),
        known => format!("not counted: a report of the type {}", known.as_str()),
    }
}

/// What helps to find out whose it is.
fn described(report: &Feedback) -> String {
    let Feedback { arrival_date, source_ip, user_agent, .. } = report;
    let facts = [("arrived", arrival_date), ("from", source_ip), ("reported by", user_agent)];
    let said: Vec<_> = facts.into_iter().filter(|(_, fact)| !fact.is_empty()).collect();
    let said: Vec<_> = said.iter().map(|(name, fact)| format!("{name} {fact:?}")).collect();
    if said.is_empty() { String::new() } else { format!("; {}", said.join(", ")) }
}
