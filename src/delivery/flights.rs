//! What is under way: transactions, each with the deliveries that share it, counted at the site that it began for.
//!
//! Pure. A transaction is over when the last of its deliveries is settled.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::DeliveryId;
use crate::store::Due;

/// One transaction; each of its deliveries holds it.
struct Flight {
    site: Arc<str>,
}

/// What the end of a delivery leaves.
pub(super) enum Left {
    /// It was not under way.
    Nothing,
    /// Others of its transaction.
    Others,
    /// Nobody: its transaction, which counted at this site, is over.
    Nobody(Arc<str>),
}

/// The transactions.
#[derive(Default)]
pub(super) struct Flights {
    of: HashMap<DeliveryId, Arc<Flight>>,
    count: usize,
}

impl Flights {
    /// How many.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The deliveries in all of them.
    pub(super) fn deliveries(&self) -> usize {
        self.of.len()
    }

    pub(super) fn holds(&self, delivery: DeliveryId) -> bool {
        self.of.contains_key(&delivery)
    }

    /// The site that it is under way to.
    pub(super) fn site_of(&self, delivery: DeliveryId) -> Option<Arc<str>> {
        self.of.get(&delivery).map(|flight| Arc::clone(&flight.site))
    }

    /// These share a transaction.
    pub(super) fn begin(&mut self, dues: &[Due], site: Arc<str>) {
        let flight = Arc::new(Flight { site });
        self.of.extend(dues.iter().map(|due| (due.delivery, Arc::clone(&flight))));
        self.count += 1;
    }

    pub(super) fn end(&mut self, delivery: DeliveryId) -> Left {
        let Some(flight) = self.of.remove(&delivery) else { return Left::Nothing };
        let Some(flight) = Arc::into_inner(flight) else { return Left::Others };
        self.count -= 1;
        Left::Nobody(flight.site)
    }
}
