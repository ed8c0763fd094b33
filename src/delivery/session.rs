//! One SMTP or LMTP conversation, as a client (RFC 5321, RFC 2033), over one connection: commands, replies, and its end.

use std::net::IpAddr;
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use tokio::time::Instant;

use crate::domain::{BounceRules, Reply};

use super::failure::{Failure, Step, Trouble};
use super::host::{Peer, Protocol};
use super::offers::Offers;
use super::replies::Heard;
use super::seats::Seat;
use super::settings::Timeouts;
use super::tls::Agreed;
use super::transcript::Transcript;
use super::wire::{Pace, Wire};

/// An open session: greeted, encrypted and logged in where that was to be.
pub(super) struct Session {
    pub(super) host: String,
    /// Equal for servers that it can serve.
    pub(super) key: String,
    pub(super) peer: Peer,
    pub(super) protocol: Protocol,
    pub(super) agreed: Agreed,
    /// Mails handed over it.
    pub(super) sent: u32,
    pub(super) wire: Wire,
    pub(super) smtp: AsyncSmtpConnection,
    pub(super) offers: Offers,
    pub(super) timeouts: Timeouts,
    pub(super) rules: BounceRules,
    /// STARTTLS was offered, but it goes in plain.
    pub(super) downgraded: bool,
    /// A transaction was begun and not ended.
    pub(super) dirty: bool,
    pub(super) dead: bool,
    pub(super) seat: Option<Seat>,
    /// Whose mail it may carry: that which leaves from one of these.
    pub(super) sources: Vec<IpAddr>,
}

impl Session {
    /// Says goodbye, and does not wait long for an answer.
    pub(super) async fn quit(mut self) {
        if !self.dead && self.wire.begin(pace(self.timeouts.quit, &self.timeouts)) {
            let goodbye = async {
                if self.smtp.command("QUIT\r\n").await.is_ok() {
                    // A server counts the connection until it has closed it.
                    self.wire.closed().await;
                }
            };
            let _ = tokio::time::timeout(self.timeouts.quit, goodbye).await;
        }
    }

    /// Whether it may carry another copy.
    pub(super) fn is_usable(&self) -> bool {
        !self.dead
    }

    /// Whether it may, and the server has neither hung up nor said anything since.
    pub(super) async fn is_quiet(&self) -> bool {
        !self.dead && self.wire.is_quiet().await
    }

    pub(super) fn who(&self) -> String {
        who(&self.host, &self.peer)
    }

    pub(super) fn refused(&self, step: Step, reply: Reply) -> Failure {
        Failure::said(step, reply, &self.rules, &self.host)
    }

    pub(super) async fn say(&mut self, step: Step, command: &str, log: &mut Transcript) -> Result<Reply, Failure> {
        Ok(self.hear(step, command, log).await?.reply)
    }

    pub(super) async fn hear(&mut self, step: Step, command: &str, log: &mut Transcript) -> Result<Heard, Failure> {
        log.client(command);
        self.exchange(step, &format!("{command}\r\n"), log).await
    }

    pub(super) async fn say_hidden(
        &mut self,
        step: Step,
        command: &str,
        log: &mut Transcript,
    ) -> Result<Reply, Failure> {
        Ok(self.exchange(step, &format!("{command}\r\n"), log).await?.reply)
    }

    /// Writes, and reads the first reply.
    async fn exchange(&mut self, step: Step, text: &str, log: &mut Transcript) -> Result<Heard, Failure> {
        self.prepare(step, log).await?;
        let _ = self.smtp.command(text).await;
        self.heard(step, log).await
    }

    /// Reads a further reply.
    pub(super) async fn listen(&mut self, step: Step, log: &mut Transcript) -> Result<Heard, Failure> {
        let _ = self.wire.begin(pace(reply_time(step, &self.timeouts), &self.timeouts));
        let _ = self.smtp.read_response().await;
        self.heard(step, log).await
    }

    /// Sets the time; what the server said unasked is either its goodbye or breaks the protocol: the next reply could
    /// not be told from it.
    pub(super) async fn prepare(&mut self, step: Step, log: &mut Transcript) -> Result<(), Failure> {
        if self.wire.begin(pace(reply_time(step, &self.timeouts), &self.timeouts)) {
            return Ok(());
        }
        self.dead = true;
        match self.last_words(log).await {
            Some(reply) if reply.code == 421 => Err(self.refused(step, reply)),
            _ => Err(Failure::protocol(step, format!("{} spoke out of turn", self.who()))),
        }
    }

    async fn last_words(&self, log: &mut Transcript) -> Option<Reply> {
        let (heard, at) = self.wire.last_words().await?;
        log.server(&heard.lines, at);
        Some(heard.reply)
    }

    /// The reply that has just come, or why none came.
    pub(super) async fn heard(&mut self, step: Step, log: &mut Transcript) -> Result<Heard, Failure> {
        if let Some((heard, at)) = self.wire.take_reply() {
            log.server(&heard.lines, at);
            return Ok(heard);
        }
        self.dead = true;
        let trouble = self.wire.trouble().unwrap_or(Trouble::Closed);
        log.server(&self.wire.take_fragment(), Instant::now());
        if trouble != Trouble::Slow
            && let Some(reply) = self.last_words(log).await
            && reply.code >= 400
        {
            return Err(self.refused(step, reply));
        }
        let failure = Failure::trouble(step, &trouble, &self.who());
        log.note(&failure.reply.text);
        Err(failure)
    }
}

/// Name and address, for texts.
pub(super) fn who(host: &str, peer: &Peer) -> String {
    let ip = peer.ip();
    if ip.is_empty() || host == ip { host.to_owned() } else { format!("{host} [{ip}]") }
}

pub(super) fn pace(read: Duration, timeouts: &Timeouts) -> Pace {
    Pace { write: timeouts.chunk, read }
}

fn reply_time(step: Step, timeouts: &Timeouts) -> Duration {
    match step {
        Step::Lookup => timeouts.lookup,
        Step::Connect => timeouts.connect,
        Step::Handshake => timeouts.handshake,
        Step::Greeting => timeouts.greeting,
        Step::Ehlo | Step::StartTls | Step::Auth => timeouts.ehlo,
        Step::Reset | Step::Mail => timeouts.mail,
        Step::Rcpt => timeouts.rcpt,
        Step::Data => timeouts.data,
        Step::Message | Step::Each => timeouts.final_dot,
    }
}
