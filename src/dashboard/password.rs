//! Passwords that people choose: argon2id, off the reactor, a few at once.

use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};
use tokio::sync::Semaphore;

use super::shell::Fault;
use crate::domain::credential::PASSWORD_MIN;

/// The longest, in octets.
const PASSWORD_MAX: usize = 1_000;
/// Hashed at once: each takes a core and 19 MiB for a while, on purpose.
static AT_ONCE: Semaphore = Semaphore::const_new(2);
/// A password waits this long for its turn.
const TURN_MAX: Duration = Duration::from_secs(5);

/// Why a password cannot be chosen; `None` when it can.
pub fn complaint(password: &str) -> Option<&'static str> {
    let fits = password.chars().count() >= PASSWORD_MIN && password.len() <= PASSWORD_MAX;
    (!fits).then_some("Choose a password of 10 characters or more.")
}

/// Hashes one in its turn.
pub async fn hashed(password: &str) -> Result<String, Fault> {
    let password = password.to_owned();
    in_turn(move || hash_password(&password)).await?.map_err(Fault::Password)
}

/// Whether it is the one that was hashed; takes as long where there is none.
pub async fn is_right(password: &str, phc: Option<String>) -> Result<bool, Fault> {
    let password = password.to_owned();
    in_turn(move || verify(&password, phc.as_deref())).await
}

/// The permit goes along: whoever asked may have gone before the work is done.
async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    let turn = tokio::time::timeout(TURN_MAX, AT_ONCE.acquire()).await;
    let permit = turn.map_err(|_| Fault::Crowded)?.map_err(|_| Fault::Crowded)?;
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    done.await.map_err(|error| Fault::Password(error.to_string()))
}

/// Hashes a password with argon2id and a fresh salt; takes tens of milliseconds on purpose.
pub fn hash_password(password: &str) -> Result<String, String> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(|e| e.to_string())
}

fn verify(password: &str, phc: Option<&str>) -> bool {
    if password.len() > PASSWORD_MAX {
        return false;
    }
    if let Some(Ok(hash)) = phc.map(PasswordHash::new) {
        return Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
    }
    let _ = hash_password(password);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_checked_against_their_hash_only() {
        let phc = hash_password("correct horse").unwrap();
        assert!(phc.starts_with("$argon2id$"));
        assert!(verify("correct horse", Some(&phc)) && !verify("wrong horse", Some(&phc)));
        assert!(!verify("correct horse", None) && !verify("correct horse", Some("damaged")));
        assert!(complaint("short").is_some() && complaint("correct horse").is_none());
    }
}
