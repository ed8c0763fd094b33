//! The dialogue of AUTH (RFC 4954 section 4), which may take several lines.

use std::time::{Duration, Instant};

use super::auth::{self, Login};
use super::state::{Identity, State};
use crate::domain::Credential;
use crate::server::Step;
use crate::smtp::reply::Reply;

/// How long the answer to a wrong password is held back.
const WRONG_PAUSE: Duration = Duration::from_secs(1);
/// Wrong passwords in one session.
const WRONG_PASSWORDS_MAX: u32 = 3;

/// An AUTH exchange that waits for the client's next line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exchange {
    None,
    Plain,
    LoginUser,
    LoginPassword(String),
}

impl State {
    pub(super) fn auth(&mut self, mechanism: &str, initial: Option<String>, now: Instant) -> Step {
        if self.identity.as_ref().is_some_and(|identity| identity.authenticated) || self.transaction.is_some() {
            return self.strike(Reply::new(503, (5, 5, 1), "AUTH is not possible now"));
        }
        if !self.auth_allowed() {
            let how = if self.shared.tls_offered { "use STARTTLS first" } else { "connect from this machine" };
            return self.strike(Reply::new(538, (5, 7, 11), format!("a password may not be sent in plain; {how}")));
        }
        if self.shared.guard.is_blocked(self.client, now) {
            return Step::Close(Reply::new(421, (4, 7, 0), "too many wrong passwords; try again later"));
        }
        match (mechanism, initial) {
            ("PLAIN", Some(initial)) => self.judge(auth::plain(&initial), now),
            ("PLAIN", None) => self.challenge(Exchange::Plain, ""),
            ("LOGIN", Some(initial)) => match auth::decode(&initial).and_then(|user| String::from_utf8(user).ok()) {
                Some(user) => self.challenge(Exchange::LoginPassword(user), "UGFzc3dvcmQ6"),
                None => self.judge(None, now),
            },
            ("LOGIN", None) => self.challenge(Exchange::LoginUser, "VXNlcm5hbWU6"),
            _ => self.strike(Reply::new(504, (5, 5, 4), "this mechanism is not supported; use PLAIN or LOGIN")),
        }
    }

    fn challenge(&mut self, exchange: Exchange, text: &str) -> Step {
        self.exchange = exchange;
        Step::Reply(Reply::plain(334, vec![text.to_owned()]))
    }

    pub(super) fn answer(&mut self, line: &[u8], now: Instant) -> Step {
        let exchange = std::mem::replace(&mut self.exchange, Exchange::None);
        let text = std::str::from_utf8(line).unwrap_or_default().trim();
        if text == "*" {
            return self.strike(Reply::new(501, (5, 7, 0), "authentication cancelled"));
        }
        match exchange {
            Exchange::None => self.strike(Reply::new(503, (5, 5, 1), "no authentication is under way")),
            Exchange::Plain => self.judge(auth::plain(text), now),
            Exchange::LoginUser => match auth::decode(text).and_then(|user| String::from_utf8(user).ok()) {
                Some(user) => self.challenge(Exchange::LoginPassword(user), "UGFzc3dvcmQ6"),
                None => self.judge(None, now),
            },
            Exchange::LoginPassword(user) => {
                let login = auth::decode(text).map(|password| Login { user, password });
                self.judge(login, now)
            }
        }
    }

    fn judge(&mut self, login: Option<Login>, now: Instant) -> Step {
        let Some(login) = login else {
            return self.strike(Reply::new(501, (5, 5, 2), "the authentication message cannot be read"));
        };
        let (name, campaign) = auth::split_user(&login.user);
        let found = (self.shared.credentials)(name);
        let right = match &found {
            Some(credential) => credential.verify(&login.password),
            None => Credential::verify_none(&login.password),
        };
        if let Some(credential) = found.filter(|_| right) {
            let campaign = campaign.map(str::to_owned);
            self.identity = Some(Identity { credential, campaign, authenticated: true });
            Step::Reply(Reply::new(235, (2, 7, 0), "welcome"))
        } else {
            self.shared.guard.wrong(self.client, now);
            self.wrong_passwords += 1;
            let reply = Reply::new(535, (5, 7, 8), "user or password is wrong");
            if self.wrong_passwords >= WRONG_PASSWORDS_MAX {
                return Step::Close(Reply::new(421, (4, 7, 0), "too many wrong passwords"));
            }
            Step::Slowly(WRONG_PAUSE, reply)
        }
    }
}
