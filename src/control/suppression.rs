//! The suppression list's requests.

use super::perform::Performer;
use super::request::{Response, SuppressionEntry};
use crate::domain::suppression::{Entry, Origin, Reason, stream};
use crate::domain::{Address, Timestamp};
use crate::store::StoreError;

impl Performer {
    pub(super) async fn add_suppressions(
        &self,
        entries: &[SuppressionEntry],
        imported: bool,
    ) -> Result<Response, StoreError> {
        let entries = match entries.iter().map(read).collect::<Result<Vec<_>, _>>() {
            Ok(entries) => entries,
            Err(why) => return Ok(Response::failed(why)),
        };
        let origin = if imported { Origin::Import } else { Origin::Command };
        let listed = self.store.suppressions().add(entries, origin, self.clock.now()).await?;
        Ok(Response::Listed { added: listed.added, present: listed.present })
    }

    pub(super) async fn remove_suppression(
        &self,
        address: &str,
        scope: Option<String>,
    ) -> Result<Response, StoreError> {
        let parsed = match Address::parse(address) {
            Ok(address) => address,
            Err(why) => return Ok(Response::failed(format!("{address:?} {why}"))),
        };
        let scope = match scope.as_deref().map(read_scope).transpose() {
            Ok(scope) => scope,
            Err(why) => return Ok(Response::failed(why)),
        };
        let removed = self.store.suppressions().remove(parsed, scope, self.clock.now()).await?;
        Ok(match removed {
            0 => Response::failed(format!("{address} is not on the list; see: postrider suppression list")),
            _ => Response::done(format!("{address} is off the list")),
        })
    }
}

fn read(entry: &SuppressionEntry) -> Result<Entry, String> {
    let SuppressionEntry { address, reason, scope, since } = entry;
    Ok(Entry {
        address: Address::parse(address).map_err(|why| format!("{address:?} {why}"))?,
        reason: Reason::parse(reason).ok_or_else(|| format!("{reason:?} is no reason of a suppression"))?,
        scope: read_scope(scope)?,
        since: since.as_deref().and_then(Timestamp::parse_rfc3339),
    })
}

/// Empty is all mail.
fn read_scope(text: &str) -> Result<String, String> {
    match text {
        "" => Ok(String::new()),
        named => stream(named).ok_or_else(|| format!("{named:?} is no name of a stream")),
    }
}
