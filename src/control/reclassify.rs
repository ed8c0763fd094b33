//! Corrections of who fetched something.

use super::perform::Performer;
use super::request::{CorrectionLine, Response};
use crate::domain::{Audience, DeliveryId};
use crate::store::{Correction, StoreError};

impl Performer {
    pub(super) async fn reclassify(&self, corrections: &[CorrectionLine]) -> Result<Response, StoreError> {
        let corrections = match corrections.iter().map(read).collect::<Result<Vec<_>, _>>() {
            Ok(corrections) => corrections,
            Err(why) => return Ok(Response::failed(why)),
        };
        let written = self.store.hits().reclassify(corrections, self.clock.now()).await?;
        Ok(Response::Reclassified { written })
    }
}

fn read(line: &CorrectionLine) -> Result<Correction, String> {
    let class = |word: &str| {
        let found = Audience::ALL.iter().copied().find(|class| class.as_str() == word);
        found.ok_or_else(|| format!("{word:?} is no class of a hit"))
    };
    let delivery: DeliveryId = line.delivery.parse().map_err(|_| format!("{:?} is no delivery's id", line.delivery))?;
    Ok(Correction { delivery, seq: line.seq, from: class(&line.from)?, to: class(&line.to)?, rule: line.rule.clone() })
}
