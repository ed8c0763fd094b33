//! An attempt as it goes on: where it is, and what has become of each recipient so far.

use std::sync::Arc;

use crate::domain::Reply;

use super::attempted::{Answer, Attempted, Parcel};
use super::failure::{Failure, Step};
use super::host::Host;
use super::outage::Reach;
use super::session::Session;
use super::transaction::Results;
use super::transcript::Transcript;

/// One attempt for all recipients of a parcel.
pub(super) struct Journey<'a> {
    pub(super) parcel: &'a Parcel<'a>,
    pub(super) log: Transcript,
    pub(super) site: String,
    /// The host that it goes to, where the operator named it.
    pub(super) named: Option<Arc<Host>>,
    pub(super) place: Place,
    pub(super) addresses: usize,
    pub(super) sessions: usize,
    /// Whether any connection stood.
    pub(super) connected: bool,
    /// One for each recipient.
    fates: Vec<Fate>,
}

/// What has become of a recipient.
#[derive(Clone, Default)]
struct Fate {
    /// What it came to, and where.
    end: Option<(Result<Reply, Failure>, Place)>,
    /// Until then: the most telling failure yet, and where it happened.
    failure: Option<(Failure, Place)>,
}

/// The server an attempt is at.
#[derive(Clone, Default)]
pub(super) struct Place {
    pub(super) mx: String,
    pub(super) ip: String,
    pub(super) tls: String,
    pub(super) certificate: String,
    pub(super) reports: bool,
}

impl Place {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            mx: session.host.clone(),
            ip: session.peer.ip(),
            tls: session.agreed.version.clone(),
            certificate: session.agreed.certificate.clone(),
            reports: session.offers.dsn,
        }
    }
}

impl<'a> Journey<'a> {
    pub(super) fn new(parcel: &'a Parcel<'a>) -> Self {
        Self {
            parcel,
            log: Transcript::default(),
            site: String::new(),
            named: None,
            place: Place::default(),
            addresses: 0,
            sessions: 0,
            connected: false,
            fates: vec![Fate::default(); parcel.recipients.len()],
        }
    }

    /// Those who may still be reached.
    pub(super) fn open(&self) -> Vec<usize> {
        self.fates.iter().enumerate().filter(|(_, fate)| fate.end.is_none()).map(|(n, _)| n).collect()
    }

    pub(super) fn is_over(&self) -> bool {
        self.fates.iter().all(|fate| fate.end.is_some())
    }

    /// Takes in what a transaction came to. Gives those who are to be tried again at once; should that come to nothing they
    /// wait, whatever was said.
    pub(super) fn judge(&mut self, results: Results) -> Vec<Vec<usize>> {
        let again = once_more(&results);
        for (n, result) in results {
            match result {
                Ok(reply) => self.end(n, Ok(reply)),
                Err(failure) if again.iter().any(|group| group.contains(&n)) => self.note(n, failure.softened()),
                Err(failure) => self.weigh(n, failure),
            }
        }
        again
    }

    /// The same failure for all who are still open.
    pub(super) fn weigh_all(&mut self, failure: &Failure) {
        self.open().into_iter().for_each(|n| self.weigh(n, failure.clone()));
    }

    /// Whether a failure is a recipient's end, or the next host may do better.
    pub(super) fn weigh(&mut self, n: usize, failure: Failure) {
        // A named host that wants a login we have not got, or a better one, says nothing about the mail.
        let ours = self.named.is_some() && (failure.reply.code == 530 || failure.step < Step::Mail);
        let failure = if ours { failure.softened() } else { failure };
        if failure.lets_next_host() {
            self.note(n, failure);
        } else {
            self.end(n, Err(failure));
        }
    }

    /// What becomes of one is clear.
    fn end(&mut self, n: usize, result: Result<Reply, Failure>) {
        if let Some(fate) = self.fates.get_mut(n) {
            fate.end = Some((result, self.place.clone()));
        }
        // The others' further way is none of its business.
        let open = self.open();
        self.log.narrow(&open);
    }

    /// It failed here, and may do better elsewhere.
    fn note(&mut self, n: usize, failure: Failure) {
        if let Some(fate) = self.fates.get_mut(n)
            && fate.failure.as_ref().is_none_or(|(worse, _)| !worse.tells_more_than(&failure))
        {
            fate.failure = Some((failure, self.place.clone()));
        }
    }

    /// All who are still open failed here.
    pub(super) fn note_all(&mut self, failure: &Failure) {
        self.open().into_iter().for_each(|n| self.note(n, failure.clone()));
    }

    /// There is no further host: what they met is their end; `else_` where they met nothing.
    pub(super) fn give_up(&mut self, else_: impl Fn() -> Failure, last: impl Fn(Failure) -> Failure) {
        for fate in &mut self.fates {
            let met = fate.failure.take().unwrap_or_else(|| (else_(), self.place.clone()));
            fate.end.get_or_insert((Err(last(met.0)), met.1));
        }
    }

    /// What was found of names, where no answer was all that came of it.
    pub(super) fn unanswered(&self) -> Option<&Reply> {
        match &self.fates.first()?.end.as_ref()?.0 {
            Err(failure) if !failure.permanent => Some(&failure.reply),
            Ok(_) | Err(_) => None,
        }
    }

    /// One answer for each recipient, in their order.
    pub(super) fn arrive(self, reach: &Reach, ms: u64) -> Vec<Attempted> {
        let Self { fates, log, site, .. } = self;
        let ends = fates.into_iter().enumerate().filter_map(|(n, fate)| Some((n, fate.end?)));
        ends.map(|(n, (end, place))| {
            let (result, spoken) = match end {
                Ok(reply) => (Answer::Handed(reply), true),
                Err(failure) if failure.permanent => (Answer::Permanent(failure.reply, failure.class), failure.spoken),
                Err(failure) => (Answer::Temporary(failure.reply, failure.class), failure.spoken),
            };
            let Place { mx, ip, tls, certificate, reports } = place;
            let (transcript, site, reach) = (log.text_of(n), site.clone(), reach.clone());
            Attempted { result, spoken, reports, mx, ip, tls, certificate, transcript, ms, site, reach }
        })
        .collect()
    }
}

/// Those of a transaction that are to be tried again at once, over the same session, by groups that share the next one:
/// who was too many, while others were taken (RFC 5321 section 4.5.3.1.10); and each alone when the message was refused
/// for what seems to be about one recipient, and nobody said which.
fn once_more(results: &Results) -> Vec<Vec<usize>> {
    let who = |wanted: &dyn Fn(&Failure) -> bool| -> Vec<usize> {
        results.iter().filter(|(_, result)| result.as_ref().is_err_and(wanted)).map(|(n, _)| *n).collect()
    };
    if results.iter().any(|(_, result)| result.is_ok()) {
        let too_many = who(&Failure::says_too_many);
        return if too_many.is_empty() { Vec::new() } else { vec![too_many] };
    }
    let together = who(&|failure| failure.step == Step::Message && failure.is_about_someone());
    if together.len() > 1 { together.into_iter().map(|n| vec![n]).collect() } else { Vec::new() }
}
