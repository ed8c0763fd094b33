//! `postrider reclassify`: history is read from the database, changes go to the relay that runs.

use std::collections::BTreeMap;

use super::arguments::Reclassify;
use super::ledger::{database, time};
use super::way::Way;
use super::{Failure, say};
use crate::config::{self, Config};
use crate::control::{CorrectionLine, Request, Response};
use crate::store::{self, Correction, Rejudging};

/// Hits by what they were, what they are, and the rule that says so.
type Changes = BTreeMap<(&'static str, &'static str, String), u64>;

pub(super) fn reclassify(config: &Config, what: &Reclassify) -> Result<(), Failure> {
    let rules = match &what.rules {
        None => config.tracking.audience_rules.clone(),
        Some(file) => config::audience_file(&file.display().to_string()).map_err(Failure::usage)?,
    };
    let which = Rejudging { campaign: what.campaign.clone(), since: time(what.since.as_deref(), "--since")? };
    let path = database(config)?;
    let way = Way::new(config)?;
    if !what.dry_run {
        // Where no relay runs this opens the store, which must be of this version before it is read.
        way.ask(Request::Ping)?;
    }
    let (mut changes, mut found, mut written) = (Changes::new(), 0, 0);
    let seen = store::rejudge::<Failure>(&path, &rules, &which, |corrections| {
        for correction in &corrections {
            let Correction { from, to, rule, .. } = correction;
            *changes.entry((from.as_str(), to.as_str(), rule.clone())).or_default() += 1;
        }
        found += corrections.len();
        if !what.dry_run {
            written += write(&way, &corrections)?;
        }
        Ok(())
    })?;
    for ((from, to, rule), count) in &changes {
        say(&format!("{count}\t{from} -> {to}\t{rule}"));
    }
    let kept = match seen.of_others {
        0 => String::new(),
        n => format!("; {n} of other installations, or from before the data folder was restored, stay as they are"),
    };
    let looked = format!("{} hits of {} deliveries were looked at{kept}", seen.hits, seen.deliveries);
    say(&match (what.dry_run, found - written) {
        (true, _) => format!("{looked}; {found} would be of another class"),
        (false, 0) => format!("{looked}; {written} are of another class now"),
        (false, passed) => format!(
            "{looked}; {written} are of another class now, {passed} changed meanwhile and were passed over: run it again"
        ),
    });
    Ok(())
}

fn write(way: &Way<'_>, corrections: &[Correction]) -> Result<usize, Failure> {
    let line = |correction: &Correction| CorrectionLine {
        delivery: correction.delivery.to_string(),
        seq: correction.seq,
        from: correction.from.as_str().to_owned(),
        to: correction.to.as_str().to_owned(),
        rule: correction.rule.clone(),
    };
    match way.ask(Request::Reclassify { corrections: corrections.iter().map(line).collect() })? {
        Response::Reclassified { written } => Ok(written),
        Response::Failed { message } => Err(Failure::failed(message)),
        _ => Err(Failure::failed("the running relay gave another answer; is it of another version?")),
    }
}
