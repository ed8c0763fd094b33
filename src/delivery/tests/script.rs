//! What a server of a test says at each step.

use tokio_rustls::TlsAcceptor;

/// Ends the connection instead of a reply, or behind what stands before it.
pub const HANG_UP: &str = "HANG UP";
/// No reply at all, for ever.
pub const SILENCE: &str = "";

/// What it says at each step.
#[derive(Clone)]
pub struct Script {
    pub greeting: Vec<u8>,
    pub ehlo: Vec<u8>,
    pub helo: Vec<u8>,
    pub starttls: Vec<u8>,
    pub auth: Vec<u8>,
    pub mail: Vec<u8>,
    pub rcpt: Vec<u8>,
    pub data: Vec<u8>,
    pub dot: Vec<u8>,
    /// What it says to some recipients, by the beginning of their address.
    pub rcpts: Vec<(&'static str, &'static str)>,
    /// More in one transaction get 452 4.5.3.
    pub rcpts_max: usize,
    /// What it says to messages that some recipients are among, by the beginning of their address.
    pub dots: Vec<(&'static str, &'static str)>,
    /// Speaks TLS after STARTTLS; without it says something that is no TLS.
    pub tls: Option<TlsAcceptor>,
    /// Speaks TLS from the start.
    pub implicit: bool,
    /// Hangs up after so many mails.
    pub mails_max: usize,
    /// Hangs up in the middle of a message, after so many octets.
    pub message_max: usize,
    /// Over TLS: what it offers then.
    pub ehlo_tls: Vec<u8>,
    /// Speaks LMTP: `dots` are what it says to each recipient that they fit.
    pub lmtp: bool,
    /// In LMTP: no more replies to one message, and then nothing.
    pub replies_max: usize,
}

impl Default for Script {
    fn default() -> Self {
        let say = |text: &str| text.as_bytes().to_vec();
        Self {
            greeting: say("220 mx.b.example ESMTP\r\n"),
            ehlo: say("250-mx.b.example\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n"),
            helo: say("250 mx.b.example\r\n"),
            starttls: say("220 2.0.0 go\r\n"),
            auth: say("235 2.7.0 welcome\r\n"),
            mail: say("250 2.1.0 ok\r\n"),
            rcpt: say("250 2.1.5 ok\r\n"),
            data: say("354 go on\r\n"),
            dot: say("250 2.0.0 taken\r\n"),
            rcpts: Vec::new(),
            rcpts_max: usize::MAX,
            dots: Vec::new(),
            tls: None,
            implicit: false,
            mails_max: usize::MAX,
            message_max: usize::MAX,
            ehlo_tls: say("250-mx.b.example\r\n250 8BITMIME\r\n"),
            lmtp: false,
            replies_max: usize::MAX,
        }
    }
}

impl Script {
    /// The good server, but for one step's reply.
    pub fn but(step: &str, reply: &[u8]) -> Self {
        let mut script = Self::default();
        *script.at(step) = reply.to_vec();
        script
    }

    /// The same with CHUNKING.
    pub fn chunking(mut self) -> Self {
        self.ehlo = b"250-mx.b.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n".to_vec();
        self
    }

    /// What it says to RCPT for addresses that begin so.
    pub fn rcpt_to(&self, path: &str, accepted: usize) -> &[u8] {
        match self.rcpts.iter().find(|(start, _)| path.starts_with(start)) {
            Some((_, reply)) => reply.as_bytes(),
            None if accepted >= self.rcpts_max => b"452 4.5.3 too many recipients\r\n",
            None => &self.rcpt,
        }
    }

    /// What it says to a message for these.
    pub fn dot_to(&self, paths: &[String]) -> &[u8] {
        let among = |start: &str| paths.iter().any(|path| path.starts_with(start));
        self.dots.iter().find(|(start, _)| among(start)).map_or(&self.dot, |(_, reply)| reply.as_bytes())
    }

    /// The same without PIPELINING.
    pub fn step_by_step(mut self) -> Self {
        self.ehlo = b"250-mx.b.example\r\n250 SIZE 1000000\r\n".to_vec();
        self
    }

    /// What it says after a message, one reply for each recipient where it speaks LMTP.
    pub fn dots_to(&self, paths: &[String]) -> Vec<&[u8]> {
        if self.lmtp {
            paths.iter().map(|path| self.dot_to(std::slice::from_ref(path))).collect()
        } else {
            vec![self.dot_to(paths)]
        }
    }

    /// The same in LMTP.
    pub fn lmtp(self) -> Self {
        Self { lmtp: true, ..self }
    }

    pub fn at(&mut self, step: &str) -> &mut Vec<u8> {
        match step {
            "greeting" => &mut self.greeting,
            "ehlo" => &mut self.ehlo,
            "helo" => &mut self.helo,
            "starttls" => &mut self.starttls,
            "auth" => &mut self.auth,
            "mail" => &mut self.mail,
            "rcpt" => &mut self.rcpt,
            "data" => &mut self.data,
            "dot" => &mut self.dot,
            other => panic!("no step {other}"),
        }
    }
}
