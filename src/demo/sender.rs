//! The shop's newsletter program: it hands its mailings over by SMTP, as any other would.

use std::net::SocketAddr;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use serde_json::json;
use tokio::task::JoinSet;

use super::diary::Diary;
use super::letters::{Form, Letter};
use super::page::{self, RETURN_DOMAIN};
use super::people::{Person, misspelt, person};
use crate::clock::Clock;

/// How many are on the sender's list.
const LIST: usize = 2_600;
/// One address of so many is misspelt, in mailings that are not too small for it.
const MISSPELT_OF: usize = 300;
const MISSPELT_FROM: usize = 50;
/// Mails of a mailing for each connection beside the first, and connections at most.
const MAILS_A_CONNECTION: usize = 400;
const CONNECTIONS_MAX: usize = 4;
/// Readers of a message to many.
const TOGETHER: usize = 40;
/// Between two orders.
const ORDER_STEP: Duration = Duration::from_millis(30);
/// A reply has this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a mailing is handed over with; clones share the record.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) relay: SocketAddr,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) diary: Diary,
    pub(super) clock: Clock,
}

/// Who gets a mailing of which a part of `1 / share` is sent.
fn readers(letter: &Letter, share: usize) -> Vec<Person> {
    let count = (letter.recipients / share).max(4);
    let wrong = if count < MISSPELT_FROM { 0 } else { count.div_ceil(MISSPELT_OF) };
    let mut readers: Vec<_> = (0..count - wrong).map(|n| person((letter.offset + n) % LIST)).collect();
    readers.extend((0..wrong).map(|n| misspelt(letter.name, n)));
    readers
}

impl Sender {
    /// Hands a whole mailing over: how many recipients it had.
    pub(super) async fn send(self, letter: &'static Letter, share: usize) -> Result<usize, String> {
        let readers = readers(letter, share);
        let begins = Duration::from_millis(letter.begins_ms) / u32::try_from(share).unwrap_or(1);
        tokio::time::sleep(begins).await;
        let count = readers.len();
        let connections = match letter.form {
            Form::Order => 1,
            Form::News | Form::Almanac | Form::Invitation => 1 + count / MAILS_A_CONNECTION,
        };
        let each = count.div_ceil(connections.min(CONNECTIONS_MAX));
        let mut parts = JoinSet::new();
        for part in readers.chunks(each) {
            let (sender, part) = (self.clone(), part.to_vec());
            parts.spawn(async move { sender.send_part(letter, &part).await });
        }
        while let Some(sent) = parts.join_next().await {
            sent.map_err(|e| e.to_string()).flatten().map_err(|why| format!("{}: {why}", letter.name))?;
        }
        Ok(count)
    }

    async fn send_part(&self, letter: &Letter, readers: &[Person]) -> Result<(), String> {
        let mut connection = self.connect().await.map_err(|e| e.to_string())?;
        for together in readers.chunks(if letter.form == Form::Invitation { TOGETHER } else { 1 }) {
            let to = together.first().filter(|_| letter.form != Form::Invitation);
            let mail = page::mail(letter, to, self.clock.now()).map_err(|e| e.to_string())?;
            let envelope = envelope(letter, together).map_err(|e| e.to_string())?;
            let reply = connection.send(&envelope, &mail).await.map_err(|e| e.to_string())?;
            let queued = reply.first_line().unwrap_or_default();
            for reader in together {
                self.diary.note("sent", letter.name, &reader.address, &json!({"reply": queued}));
            }
            if letter.form == Form::Order {
                tokio::time::sleep(ORDER_STEP).await;
            }
        }
        let _ = connection.quit().await;
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, lettre::transport::smtp::Error> {
        let name = ClientId::Domain("shop.millbrook.example".to_owned());
        let mut connection = AsyncSmtpConnection::connect_tokio1(self.relay, Some(PATIENCE), &name, None, None).await?;
        let login = Credentials::new(self.user.clone(), self.password.clone());
        connection.auth(&[Mechanism::Plain], &login).await?;
        Ok(connection)
    }
}

fn envelope(letter: &Letter, readers: &[Person]) -> Result<Envelope, Box<dyn std::error::Error + Send + Sync>> {
    let from = format!("{}@{RETURN_DOMAIN}", letter.name).parse()?;
    let to = readers.iter().map(|reader| reader.address.parse()).collect::<Result<Vec<_>, _>>()?;
    Ok(Envelope::new(Some(from), to)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::domains::MISSPELT;
    use crate::demo::letters::LETTERS;

    #[test]
    fn nobody_is_twice_in_a_mailing_and_few_addresses_are_misspelt() {
        for letter in &LETTERS {
            let all = readers(letter, 1);
            assert_eq!(all.len(), letter.recipients);
            let addresses: std::collections::BTreeSet<_> = all.iter().map(|reader| &reader.address).collect();
            assert_eq!(addresses.len(), all.len(), "{}", letter.name);
            let wrong = addresses.iter().filter(|address| address.ends_with(MISSPELT)).count();
            assert!((usize::from(letter.recipients > 50)..=5).contains(&wrong), "{}: {wrong}", letter.name);
            assert!(all.iter().all(|reader| envelope(letter, std::slice::from_ref(reader)).is_ok()));
        }
    }
}
