//! One mail transaction over a session: one MAIL, a RCPT for each recipient, and the message once for all of them.

use tokio::io::AsyncWriteExt as _;

use crate::domain::Reply;

use super::attempted::Parcel;
use super::failure::{Failure, Step};
use super::host::Protocol;
use super::session::Session;
use super::transcript::Transcript;

/// Parts in which a message is handed to the network; one that is no longer goes out with its envelope where it may.
const CHUNK_LEN: usize = 64 * 1024;

/// What became of each recipient, by its number in the parcel.
pub(super) type Results = Vec<(usize, Result<Reply, Failure>)>;

/// MAIL, and the recipients that RCPT is said for.
struct Envelope {
    mail: String,
    rcpts: Vec<(usize, String)>,
    /// What was said of one alone; whatever else happens counts for all others.
    told: Results,
}

impl Envelope {
    /// Those of whom nothing was said alone.
    fn others(&self) -> Vec<usize> {
        self.numbers().into_iter().filter(|n| self.told.iter().all(|(told, _)| told != n)).collect()
    }

    fn numbers(&self) -> Vec<usize> {
        self.rcpts.iter().map(|(n, _)| *n).collect()
    }

    /// `end` is what was said of the message, or what kept it from being taken; `None` when each has an answer.
    fn results(self, end: Option<Result<Reply, Failure>>) -> Results {
        let others: Vec<_> =
            end.map(|end| self.others().into_iter().map(|n| (n, end.clone())).collect()).unwrap_or_default();
        self.told.into_iter().chain(others).collect()
    }
}

impl Session {
    /// Hands over one copy to these recipients of the parcel. The error is about none of them in particular: it came
    /// before any was named. After a failure the session may still be of use: see `is_usable`.
    pub(super) async fn send(
        &mut self,
        parcel: &Parcel<'_>,
        group: &[usize],
        log: &mut Transcript,
    ) -> Result<Results, Failure> {
        let former = log.narrow(group);
        let sent = self.transact(parcel, group, log).await;
        log.widen(former);
        sent
    }

    async fn transact(
        &mut self,
        parcel: &Parcel<'_>,
        group: &[usize],
        log: &mut Transcript,
    ) -> Result<Results, Failure> {
        let to: Vec<_> = group.iter().filter_map(|n| Some((*n, parcel.recipients.get(*n)?))).collect();
        let utf8 = self.needs_utf8(parcel, to.iter().map(|(_, address)| *address))?;
        let copy = self.suitable(parcel).await?;
        let mail = self.mail_command(parcel, &copy, utf8)?;
        let (mut rcpts, mut unnamed) = (Vec::with_capacity(to.len()), Vec::new());
        for (n, recipient) in to {
            match self.rcpt_command(parcel, recipient) {
                Ok(rcpt) => rcpts.push((n, rcpt)),
                Err(failure) => unnamed.push((n, Err(failure))),
            }
        }
        if rcpts.is_empty() {
            return Ok(unnamed);
        }
        if let others @ 1.. = rcpts.len() - 1 {
            log.note(&format!("with {others} more of its recipients in one transaction"));
        }
        let mut envelope = Envelope { mail, rcpts, told: Vec::new() };
        let end = match self.carry_out(&mut envelope, &copy, log).await {
            Err(failure) if failure.step <= Step::Mail => return Err(failure),
            end => end.transpose(),
        };
        Ok(envelope.results(end).into_iter().chain(unnamed).collect())
    }

    /// What was said of the message; `None` when each recipient has an answer of its own.
    async fn carry_out(
        &mut self,
        envelope: &mut Envelope,
        copy: &[u8],
        log: &mut Transcript,
    ) -> Result<Option<Reply>, Failure> {
        let one_reply = self.protocol == Protocol::Smtp;
        if one_reply && self.offers.pipelining && self.offers.chunking && copy.len() <= CHUNK_LEN {
            let end: &[u8] = if copy.ends_with(b"\r\n") { b"" } else { b"\r\n" };
            let bdat = format!("BDAT {} LAST", copy.len() + end.len());
            // Envelope and message in one write and one wait (RFC 3030 section 2, RFC 2920).
            let said = self.name_at_once(envelope, (Step::Message, &bdat), &[copy, end].concat(), log).await?;
            if said.is_some() {
                self.dirty = false;
                self.sent += 1;
            }
            return Ok(said);
        }
        let go_on = if self.offers.pipelining {
            self.name_at_once(envelope, (Step::Data, "DATA"), b"", log).await?.is_some()
        } else {
            self.name_one_by_one(envelope, log).await?
        };
        if go_on { self.hand_over(envelope, copy, log).await } else { Ok(None) }
    }

    /// Step by step up to DATA; false when no recipient was accepted.
    async fn name_one_by_one(&mut self, envelope: &mut Envelope, log: &mut Transcript) -> Result<bool, Failure> {
        if self.dirty {
            self.say(Step::Reset, "RSET", log).await?;
        }
        self.dirty = true;
        let reply = self.say(Step::Mail, &envelope.mail, log).await?;
        self.accept(Step::Mail, reply)?;
        for (n, rcpt) in &envelope.rcpts {
            let former = log.narrow(&[*n]);
            let said = self.say(Step::Rcpt, rcpt, log).await;
            log.widen(former);
            match self.accept(Step::Rcpt, said?) {
                Ok(()) => {}
                Err(failure) if failure.ends_session() => return Err(failure),
                Err(failure) => envelope.told.push((*n, Err(failure))),
            }
        }
        if envelope.others().is_empty() {
            return Ok(false);
        }
        let reply = self.say(Step::Data, "DATA", log).await?;
        self.accept(Step::Data, reply)?;
        Ok(true)
    }

    /// All commands, and the message behind them, in one write (RFC 2920). Of what is said of none in particular the
    /// first refusal counts; a server that asks for the message all the same gets an empty one. Gives the last reply,
    /// `None` when no recipient was accepted.
    async fn name_at_once(
        &mut self,
        envelope: &mut Envelope,
        last: (Step, &str),
        message: &[u8],
        log: &mut Transcript,
    ) -> Result<Option<Reply>, Failure> {
        let whole = envelope.numbers();
        let reset = self.dirty.then_some((Step::Reset, None, "RSET"));
        let mut steps: Vec<(Step, Option<usize>, &str)> = reset.into_iter().collect();
        steps.push((Step::Mail, None, &envelope.mail));
        steps.extend(envelope.rcpts.iter().map(|(n, rcpt)| (Step::Rcpt, Some(*n), rcpt.as_str())));
        steps.push((last.0, None, last.1));
        let bytes = written(&steps, message, &whole, log);
        self.prepare(if reset.is_some() { Step::Reset } else { Step::Mail }, log).await?;
        self.dirty = true;
        // What goes wrong with it is heard of with the reply.
        let _ = self.wire.clone().write_all(&bytes).await;
        let (mut stopped, mut said, mut refused) = (None, None, Vec::new());
        for (step, recipient, _) in steps {
            let former = recipient.map(|n| log.narrow(&[n]));
            let heard = self.listen(step, log).await;
            former.into_iter().for_each(|former| log.widen(former));
            let judged = match heard {
                Ok(heard) => {
                    said = (step == last.0).then(|| heard.reply.clone());
                    self.accept(step, heard.reply)
                }
                Err(failure) => Err(failure),
            };
            match (judged, recipient) {
                (Ok(()), _) => {}
                (Err(failure), Some(n)) if stopped.is_none() && !failure.ends_session() => {
                    refused.push((n, Err(failure)));
                }
                (Err(failure), _) => {
                    let over = failure.ends_session();
                    stopped.get_or_insert(failure);
                    if over {
                        break;
                    }
                }
            }
        }
        envelope.told = refused;
        let nobody = envelope.others().is_empty();
        if (nobody || stopped.is_some()) && said.as_ref().is_some_and(|reply| reply.code == 354) {
            match self.protocol {
                Protocol::Smtp => drop(self.say(Step::Data, ".", log).await),
                // How many replies would come, if any, is not sure.
                Protocol::Lmtp => self.dead = true,
            }
        }
        match stopped {
            // That it refuses the message, too, when it has refused everybody says nothing new.
            _ if nobody => Ok(None),
            Some(failure) => Err(failure),
            None => Ok(said),
        }
    }

    /// Whether a reply is what the step needs; what is neither that nor a refusal breaks the protocol.
    fn accept(&mut self, step: Step, reply: Reply) -> Result<(), Failure> {
        let good = if step == Step::Data { reply.code == 354 } else { reply.is_positive() };
        if good || step == Step::Reset && reply.code != 421 {
            return Ok(());
        }
        if reply.code < 400 {
            self.dead = true;
            return Err(Failure::protocol(step, format!("{} answered {reply} out of turn", self.who())));
        }
        self.dead |= reply.code == 421;
        let failure = self.refused(step, reply);
        // "Must issue STARTTLS first" is about TLS that failed this time, not about the mail.
        Err(if self.downgraded && failure.reply.code == 530 { failure.softened() } else { failure })
    }

    /// The message and the final dot; what is said of it, or `None` when that was said to each.
    async fn hand_over(
        &mut self,
        envelope: &mut Envelope,
        copy: &[u8],
        log: &mut Transcript,
    ) -> Result<Option<Reply>, Failure> {
        self.prepare(Step::Message, log).await?;
        log.message(copy.len());
        self.wire.message(true);
        // The client ends the last line itself.
        let body = copy.strip_suffix(b"\r\n").unwrap_or(copy);
        let _ = self.smtp.message_iter(body.chunks(CHUNK_LEN)).await;
        self.wire.message(false);
        let said = match self.protocol {
            Protocol::Smtp => {
                let reply = self.heard(Step::Message, log).await?.reply;
                self.accept(Step::Message, reply.clone())?;
                Some(reply)
            }
            Protocol::Lmtp => {
                self.hear_each(envelope, log).await?;
                None
            }
        };
        self.dirty = false;
        self.sent += 1;
        Ok(said)
    }

    /// One reply for each recipient that was accepted, in their order (RFC 2033 section 4.2); the first has come. What
    /// ends the session counts for those who have none by then.
    async fn hear_each(&mut self, envelope: &mut Envelope, log: &mut Transcript) -> Result<(), Failure> {
        let accepted = envelope.others();
        for (at, n) in accepted.iter().enumerate() {
            let former = log.narrow(&[*n]);
            let heard = if at == 0 { self.heard(Step::Each, log).await } else { self.listen(Step::Each, log).await };
            log.widen(former);
            let said = heard.and_then(|heard| self.accept(Step::Each, heard.reply.clone()).map(|()| heard.reply));
            match said {
                Err(failure) if self.dead => {
                    let former = log.narrow(accepted.get(at + 1..).unwrap_or_default());
                    log.note(&failure.reply.text);
                    log.widen(former);
                    return Err(failure);
                }
                said => envelope.told.push((*n, said)),
            }
        }
        Ok(())
    }
}

/// The commands and the message as they go out.
fn written(steps: &[(Step, Option<usize>, &str)], message: &[u8], whole: &[usize], log: &mut Transcript) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512 + message.len());
    for (_, recipient, command) in steps {
        let former = log.narrow(recipient.as_ref().map_or(whole, std::slice::from_ref));
        log.client(command);
        log.widen(former);
        bytes.extend(command.as_bytes());
        bytes.extend(b"\r\n");
    }
    if !message.is_empty() {
        log.message(message.len());
        bytes.extend(message);
    }
    bytes
}
