//! What the relay shows, and to whom: logins, sessions, foreign forms, headers, limits, logs and files.

mod a_stopping_relay_is_alive_but_not_ready;
mod an_import_has_a_limit;
mod every_answer_says_how_it_may_be_used;
mod every_page_needs_a_login;
mod files_are_private_and_keys_of_everybody_are_refused;
mod forms_of_other_sites_change_nothing;
mod markup_from_servers_and_visitors_is_shown_harmlessly;
mod metrics_are_for_their_networks_only;
mod no_secret_and_no_forged_line_is_in_the_log;
mod people_are_invited_reset_and_deleted;
mod quotes_and_wildcards_are_letters;
mod sessions_end_with_logout_and_password;
mod slow_and_oversized_requests_harm_nobody_else;
mod the_settings_page_makes_and_revokes_credentials;
mod the_tracking_host_never_shows_the_login;
mod web_and_tracking_speak_tls;
mod wrong_passwords_stop_their_address_only;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Relay, Request, Response};

/// What the first login chooses.
const PASSWORD: &str = "correct horse";

/// Somebody with a session.
struct Browser<'r> {
    relay: &'r Relay,
    cookie: String,
}

impl<'r> Browser<'r> {
    /// Makes the first login by the link of the first start.
    async fn first(relay: &'r Relay) -> Self {
        let text = std::fs::read_to_string(relay.data_dir().join("first-run.txt")).unwrap();
        Self::choose(relay, &link(&text), "ann@example.org", PASSWORD).await
    }

    /// Chooses a password by a one-time link.
    async fn choose(relay: &'r Relay, path: &str, email: &str, password: &str) -> Self {
        let answer = relay.http(&Request::form(path, &[("email", email), ("password", password)])).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{}", answer.text());
        Self { relay, cookie: answer.cookies().join("; ") }
    }

    /// Signs in.
    async fn login(relay: &'r Relay, email: &str, password: &str) -> Result<Self, u16> {
        let answer = relay.http(&Request::form("/login", &[("email", email), ("password", password)])).await;
        if answer.status == 303 { Ok(Self { relay, cookie: answer.cookies().join("; ") }) } else { Err(answer.status) }
    }

    async fn send(&self, request: Request) -> Response {
        self.relay.http(&request.header("Cookie", &self.cookie)).await
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Request::get(path)).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.send(Request::form(path, fields)).await
    }

    /// Whether the session still shows pages.
    async fn is_signed_in(&self) -> bool {
        self.get("/settings").await.status == 200
    }
}

/// The path of the one-time link in a text.
fn link(text: &str) -> String {
    let at = text.find("/welcome/").expect("a one-time link");
    text[at..].split(|c: char| c.is_whitespace() || c == '<').next().unwrap().to_owned()
}

/// Sends these octets and reads until the relay closes: what it said.
async fn raw(server: SocketAddr, octets: &[u8]) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(server).await.unwrap();
        // What is refused early is not read to its end.
        let _ = stream.write_all(octets).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::time::timeout(Duration::from_mins(1), exchange).await.expect("the relay closes")
}

/// The status code of an answer as it came.
fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
}
