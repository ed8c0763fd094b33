//! What the user is told at the first start: everything needed to send a first tracked mail, ready to be pasted.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use super::{Listeners, settings};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::{Performer, Request, Response};
use crate::domain::Credential;
use crate::domain::credential::secret;
use crate::store::Accounts;

/// The name of the credential made at the first start.
const CREDENTIAL: &str = "first";
const FILE: &str = "first-run.txt";

/// At the first start, while there is neither a login nor a credential, makes what is needed and tells it: on the
/// terminal, else in a file that only the owner reads.
pub(super) async fn greet(
    config: &Config,
    accounts: &Accounts,
    performer: &Performer,
    listeners: &Listeners,
    dashboard: &str,
    clock: Clock,
) -> Result<(), String> {
    let fault = |e: crate::store::StoreError| e.to_string();
    if !accounts.users().await.map_err(fault)?.is_empty() || !accounts.credentials().await.map_err(fault)?.is_empty() {
        return Ok(());
    }
    let request = Request::CredentialCreate {
        name: CREDENTIAL.to_owned(),
        domains: Vec::new(),
        profile: "campaign".to_owned(),
        source_addresses: Vec::new(),
        expire_s: None,
        priority: String::new(),
    };
    let Response::Credential { username, password } = performer.perform(request).await else { return Ok(()) };
    let link = link(accounts, dashboard, clock).await?;
    let text = text(listeners, dashboard, &username, &password, &link);
    let mut out = std::io::stdout();
    if out.is_terminal() {
        return out.write_all(text.as_bytes()).map_err(|e| e.to_string());
    }
    let path = config.data_dir.join(FILE);
    let file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| format!("{}: {e}", path.display()))?;
    tracing::info!(path = %path.display(), "how to sign in and to send a first mail is written in this file");
    Ok(())
}

/// Makes a link with which the first login is made, once, within an hour.
pub(super) async fn link(accounts: &Accounts, dashboard: &str, clock: Clock) -> Result<String, String> {
    let token = secret(settings::random);
    let made = accounts.create_link(Credential::hash(token.as_bytes()), None, clock.now()).await;
    made.map(|()| format!("{dashboard}/welcome/{token}")).map_err(|e| e.to_string())
}

fn text(listeners: &Listeners, dashboard: &str, user: &str, password: &str, link: &str) -> String {
    let submission = listeners.submission.first().and_then(|listener| listener.local_addr().ok());
    let (host, port) = submission.map_or_else(Default::default, |a| (a.ip().to_string(), a.port().to_string()));
    let mut text = String::from("Postrider is running. Nothing leaves this machine until delivery.mode says so.\n\n");
    let _ = write!(text, "Sign in (once, within an hour):\n  {link}\n\n");
    let _ = write!(
        text,
        "Relay mail through:\n  host      {host}\n  port      {port}\n  user      {user}\n  password  {password}\n\n"
    );
    let _ = write!(
        text,
        "Send a first tracked mail:\n  swaks --server {host}:{port} --auth PLAIN --auth-user {user}+first-campaign --auth-password {password} \
         --from you@example.org --to reader@example.com --header 'Subject: A first mail' --add-header 'MIME-Version: 1.0' \
         --add-header 'Content-Type: text/html; charset=utf-8' \
         --body '<html><body><p>Hello! <a href=\"https://example.com/hello\">Read more</a></p></body></html>'\n\n\
         Then look into the inbox:\n  {dashboard}/inbox\n"
    );
    text
}
