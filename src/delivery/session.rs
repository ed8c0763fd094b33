//! One SMTP conversation, as a client (RFC 5321), over one connection.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use tokio::io::AsyncWriteExt as _;

use crate::domain::{Address, BounceClass, EnhancedCode, Reply};
use crate::smtp::xtext;

use super::attempted::Parcel;
use super::failure::{Failure, Step, Trouble};
use super::offers::Offers;
use super::replies::Heard;
use super::settings::Timeouts;
use super::tls::Agreed;
use super::transcript::Transcript;
use super::wire::{Pace, Wire};

/// Parts in which a message is handed to the network; one that is no longer goes out with its envelope where it may.
const CHUNK_LEN: usize = 64 * 1024;

/// An open session: greeted, encrypted and logged in where that was to be.
pub(super) struct Session {
    pub(super) host: String,
    pub(super) address: SocketAddr,
    pub(super) agreed: Agreed,
    /// Mails handed over it.
    pub(super) sent: u32,
    pub(super) wire: Wire,
    pub(super) smtp: AsyncSmtpConnection,
    pub(super) offers: Offers,
    pub(super) timeouts: Timeouts,
    /// STARTTLS was offered, but it goes in plain.
    pub(super) downgraded: bool,
    /// A transaction was begun and not ended.
    pub(super) dirty: bool,
    pub(super) dead: bool,
}

impl Session {
    /// Hands over one copy. After a failure the session may still be of use: see `is_usable`.
    pub(super) async fn send(&mut self, parcel: &Parcel<'_>, log: &mut Transcript) -> Result<Reply, Failure> {
        let utf8 = self.needs_utf8(parcel)?;
        let copy = self.suitable(parcel).await?;
        let mail = self.mail_command(parcel, &copy, utf8)?;
        let rcpt = self.rcpt_command(parcel)?;
        if self.offers.pipelining && self.offers.chunking && copy.len() <= CHUNK_LEN {
            return self.send_at_once(&mail, &rcpt, &copy, log).await;
        }
        if self.offers.pipelining {
            self.transact_at_once([(Step::Mail, &mail), (Step::Rcpt, &rcpt), (Step::Data, "DATA")], b"", log).await?;
        } else {
            self.transact(&mail, &rcpt, log).await?;
        }
        self.hand_over(&copy, log).await
    }

    /// Envelope and message in one write and one wait (RFC 3030 section 2, RFC 2920).
    async fn send_at_once(
        &mut self,
        mail: &str,
        rcpt: &str,
        copy: &[u8],
        log: &mut Transcript,
    ) -> Result<Reply, Failure> {
        let end: &[u8] = if copy.ends_with(b"\r\n") { b"" } else { b"\r\n" };
        let bdat = format!("BDAT {} LAST", copy.len() + end.len());
        let commands = [(Step::Mail, mail), (Step::Rcpt, rcpt), (Step::Message, bdat.as_str())];
        let reply = self.transact_at_once(commands, &[copy, end].concat(), log).await?;
        self.dirty = false;
        self.sent += 1;
        Ok(reply)
    }

    /// Whether the transaction needs SMTPUTF8 (RFC 6531 section 3.1), or why it cannot be had.
    fn needs_utf8(&self, parcel: &Parcel<'_>) -> Result<bool, Failure> {
        let addresses = [Some(parcel.recipient), parcel.reverse_path];
        let needed = parcel.utf8 || addresses.into_iter().flatten().any(|address| !address.is_ascii());
        if parcel.utf8 && !self.offers.utf8 {
            return Err(self.lacks_utf8("a header field of the message is not ASCII"));
        }
        Ok(needed && self.offers.utf8)
    }

    /// The address as this server takes it.
    fn spelt<'p>(&self, address: &'p Address) -> Result<Cow<'p, str>, Failure> {
        if self.offers.utf8 {
            return Ok(Cow::Borrowed(address.as_str()));
        }
        address.to_ascii().ok_or_else(|| self.lacks_utf8(&format!("{address} is not ASCII")))
    }

    fn lacks_utf8(&self, why: &str) -> Failure {
        let text = format!("{why}, and {} does not offer SMTPUTF8", self.who());
        Failure::found(Step::Mail, 553, EnhancedCode(5, 6, 7), BounceClass::TlsOrProtocol, text)
    }

    /// The copy, or one without 8-bit text where the server takes none (RFC 6152 section 3).
    async fn suitable<'p>(&self, parcel: &Parcel<'p>) -> Result<Cow<'p, [u8]>, Failure> {
        if self.offers.eight_bit || parcel.copy.is_ascii() {
            return Ok(Cow::Borrowed(parcel.copy));
        }
        (parcel.seven_bit)().await.map(Cow::Owned).map_err(|why| {
            let text = format!("the message has 8-bit text, and {} does not offer 8BITMIME; {why}", self.who());
            Failure::found(Step::Mail, 554, EnhancedCode(5, 6, 3), BounceClass::TlsOrProtocol, text)
        })
    }

    /// MAIL with what this server needs to know (RFC 1870, RFC 6152, RFC 6531), or why it will not take the copy.
    fn mail_command(&self, parcel: &Parcel<'_>, copy: &[u8], utf8: bool) -> Result<String, Failure> {
        let refuse = |code, enhanced, class, text| Err(Failure::found(Step::Mail, code, enhanced, class, text));
        let size = copy.len();
        if let Some(max) = self.offers.size_max()
            && u64::try_from(size).unwrap_or(u64::MAX) > max
        {
            let text = format!("the message has {size} octets, {} takes at most {max}", self.who());
            return refuse(552, EnhancedCode(5, 3, 4), BounceClass::TooLarge, text);
        }
        if !ends_lines_rightly(copy) {
            let text = "the message has a bare CR or LF, or a NUL, and was not sent".to_owned();
            return refuse(554, EnhancedCode(5, 6, 0), BounceClass::TlsOrProtocol, text);
        }
        let reverse_path = parcel.reverse_path.map_or(Ok(Cow::Borrowed("")), |address| self.spelt(address))?;
        let mut mail = format!("MAIL FROM:<{reverse_path}>");
        if self.offers.size.is_some() {
            let _ = write!(mail, " SIZE={size}");
        }
        if !copy.is_ascii() {
            mail.push_str(" BODY=8BITMIME");
        }
        if utf8 {
            mail.push_str(" SMTPUTF8");
        }
        if self.offers.dsn {
            let ret = parcel.wishes.ret.map(|ret| format!(" RET={}", ret.as_str()));
            let name = parcel.wishes.envelope_id.as_deref().map(|id| format!(" ENVID={}", xtext::encode(id)));
            mail.extend(ret.into_iter().chain(name));
        }
        Ok(mail)
    }

    /// RCPT with what the sender asked of this recipient, which from here on is the server's to keep (RFC 3461 section
    /// 5.2.1).
    fn rcpt_command(&self, parcel: &Parcel<'_>) -> Result<String, Failure> {
        let mut rcpt = format!("RCPT TO:<{}>", self.spelt(parcel.recipient)?);
        if let Some(wish) = parcel.wishes.of(parcel.recipient).filter(|_| self.offers.dsn) {
            if let Some(notify) = wish.notify {
                let _ = write!(rcpt, " NOTIFY={notify}");
            }
            if let Some(original) = &wish.original {
                let _ = write!(rcpt, " ORCPT={};{}", original.kind, xtext::encode(&original.address));
            }
        }
        Ok(rcpt)
    }

    async fn transact(&mut self, mail: &str, rcpt: &str, log: &mut Transcript) -> Result<(), Failure> {
        if self.dirty {
            self.say(Step::Reset, "RSET", log).await?;
        }
        self.dirty = true;
        for (step, command) in [(Step::Mail, mail), (Step::Rcpt, rcpt), (Step::Data, "DATA")] {
            let reply = self.say(step, command, log).await?;
            self.accept(step, reply)?;
        }
        Ok(())
    }

    /// All commands, and the message behind them, in one write (RFC 2920). The first refusal counts; a server that asks
    /// for the message all the same gets an empty one. Gives the last reply.
    async fn transact_at_once(
        &mut self,
        commands: [(Step, &str); 3],
        message: &[u8],
        log: &mut Transcript,
    ) -> Result<Reply, Failure> {
        let reset = self.dirty.then_some((Step::Reset, "RSET"));
        let steps: Vec<_> = reset.into_iter().chain(commands).collect();
        let mut bytes: Vec<u8> = Vec::with_capacity(512 + message.len());
        for (_, command) in &steps {
            log.client(command);
            bytes.extend(command.as_bytes());
            bytes.extend(b"\r\n");
        }
        if !message.is_empty() {
            log.message(message.len());
            bytes.extend(message);
        }
        self.prepare(if reset.is_some() { Step::Reset } else { Step::Mail }, log).await?;
        self.dirty = true;
        // What goes wrong with it is heard of with the reply.
        let _ = self.wire.clone().write_all(&bytes).await;
        let (mut refused, mut last) = (None, None);
        for (step, _) in steps {
            let judged = match self.listen(step, log).await {
                Ok(heard) => {
                    last = Some(heard.reply.clone());
                    self.accept(step, heard.reply)
                }
                Err(failure) => Err(failure),
            };
            if let Err(failure) = judged {
                let over = failure.ends_session();
                refused.get_or_insert(failure);
                if over {
                    break;
                }
            }
        }
        match (refused, last) {
            (None, Some(reply)) => Ok(reply),
            (Some(failure), Some(reply)) if reply.code == 354 => {
                let _ = self.say(Step::Data, ".", log).await;
                Err(failure)
            }
            (Some(failure), _) => Err(failure),
            (None, None) => Err(Failure::protocol(Step::Mail, format!("{} said nothing", self.who()))),
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
        let failure = Failure::said(step, reply);
        // "Must issue STARTTLS first" is about TLS that failed this time, not about the mail.
        Err(if self.downgraded && failure.reply.code == 530 { failure.softened() } else { failure })
    }

    /// The message and the final dot.
    async fn hand_over(&mut self, copy: &[u8], log: &mut Transcript) -> Result<Reply, Failure> {
        self.prepare(Step::Message, log).await?;
        log.message(copy.len());
        self.wire.message(true);
        // The client ends the last line itself.
        let body = copy.strip_suffix(b"\r\n").unwrap_or(copy);
        let _ = self.smtp.message_iter(body.chunks(CHUNK_LEN)).await;
        self.wire.message(false);
        let heard = self.heard(Step::Message, log).await?;
        self.accept(Step::Message, heard.reply.clone())?;
        self.dirty = false;
        self.sent += 1;
        Ok(heard.reply)
    }

    /// Says goodbye, and does not wait long for an answer.
    pub(super) async fn quit(mut self) {
        if !self.dead && self.wire.begin(pace(self.timeouts.quit, &self.timeouts)) {
            let _ = tokio::time::timeout(self.timeouts.quit, self.smtp.command("QUIT\r\n")).await;
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
        who(&self.host, self.address)
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
    async fn listen(&mut self, step: Step, log: &mut Transcript) -> Result<Heard, Failure> {
        let _ = self.wire.begin(pace(reply_time(step, &self.timeouts), &self.timeouts));
        let _ = self.smtp.read_response().await;
        self.heard(step, log).await
    }

    /// Sets the time; what the server said unasked is either its goodbye or breaks the protocol: the next reply could
    /// not be told from it.
    async fn prepare(&mut self, step: Step, log: &mut Transcript) -> Result<(), Failure> {
        if self.wire.begin(pace(reply_time(step, &self.timeouts), &self.timeouts)) {
            return Ok(());
        }
        self.dead = true;
        match self.last_words(log).await {
            Some(reply) if reply.code == 421 => Err(Failure::said(step, reply)),
            _ => Err(Failure::protocol(step, format!("{} spoke out of turn", self.who()))),
        }
    }

    async fn last_words(&self, log: &mut Transcript) -> Option<Reply> {
        let heard = self.wire.last_words().await?;
        heard.lines.iter().for_each(|line| log.server(line));
        Some(heard.reply)
    }

    /// The reply that has just come, or why none came.
    async fn heard(&mut self, step: Step, log: &mut Transcript) -> Result<Heard, Failure> {
        if let Some(heard) = self.wire.take_reply() {
            heard.lines.iter().for_each(|line| log.server(line));
            return Ok(heard);
        }
        self.dead = true;
        let trouble = self.wire.trouble().unwrap_or(Trouble::Closed);
        self.wire.take_fragment().iter().for_each(|line| log.server(line));
        if trouble != Trouble::Slow
            && let Some(reply) = self.last_words(log).await
            && reply.code >= 400
        {
            return Err(Failure::said(step, reply));
        }
        let failure = Failure::trouble(step, &trouble, &self.who());
        log.note(&failure.reply.text);
        Err(failure)
    }
}

/// Name and address, for texts.
pub(super) fn who(host: &str, address: SocketAddr) -> String {
    let ip = address.ip().to_string();
    if host == ip { ip } else { format!("{host} [{ip}]") }
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
        Step::Message => timeouts.final_dot,
    }
}

/// Every CR before an LF, every LF after a CR, no NUL: nothing that another server could take for an end of the message
/// (RFC 5321 section 2.3.8).
fn ends_lines_rightly(copy: &[u8]) -> bool {
    let mut before = None;
    for at in memchr::memchr3_iter(b'\r', b'\n', 0, copy) {
        match copy.get(at) {
            Some(b'\r') if copy.get(at + 1) == Some(&b'\n') => before = Some(at),
            Some(b'\n') if before.is_some_and(|cr| cr + 1 == at) => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_line_ends_are_seen() {
        for good in [&b""[..], b"a\r\n", b"\r\n\r\n", b"a"] {
            assert!(ends_lines_rightly(good), "{good:?}");
        }
        for bad in [&b"\n"[..], b"\r", b"a\r\r\nb", b"a\n.\r\n", b"a\0\r\n", b"\r\n\n"] {
            assert!(!ends_lines_rightly(bad), "{bad:?}");
        }
    }
}
