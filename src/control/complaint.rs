//! Complaints, by the reports that tell of them.

use super::perform::Performer;
use super::request::{Response, ReturnedMail};
use crate::domain::{Address, DeliveryId};
use crate::store::{Complained, Returned, StoreError};

impl Performer {
    pub(super) async fn complain(&self, mail: &ReturnedMail, counts: bool) -> Result<Response, StoreError> {
        let list = self.store.suppressions();
        let found = list.returned(self.read(mail)).await?;
        let found = match found {
            Some(found) if counts => list.complain(found.delivery, self.clock.now()).await?,
            found => found,
        };
        let Some(Complained { delivery, recipient, campaign, is_known }) = found else { return Ok(Response::NotOurs) };
        if counts && !is_known {
            tracing::info!(%delivery, campaign, "a recipient complained; the address is mailed no more");
        }
        Ok(Response::Complained { recipient, campaign, delivery: delivery.to_string(), known: is_known })
    }

    /// Only what opens with our own keys is a token, and a redacted address is none.
    fn read(&self, mail: &ReturnedMail) -> Returned {
        let keys = self.store.token_keys();
        let mut signed: Vec<DeliveryId> =
            mail.tokens.iter().filter_map(|text| Some(keys.open(text)?.delivery)).collect();
        signed.dedup();
        let recipients = mail.recipients.iter().filter_map(|text| Address::parse(text).ok()).collect();
        Returned { signed, message_id: mail.message_id.clone(), recipients }
    }
}
