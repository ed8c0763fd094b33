//! What becomes of deliveries that the window gives out together: each is asked for once more, one copy is rendered and
//! handed over for all of them, and what came of each is written down by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::attempted::{self, Answer, Attempted, Parcel, SevenBit};
use super::copy::{Copy, CopyFault};
use super::dispatcher::{Inner, STORE_PAUSE};
use crate::domain::event::Attempt;
use crate::domain::{Address, Domain, Mode, Outcome, Suppression, Timestamp, asked_pause};
use crate::store::{Due, OfTheFirst, Settlement, StoreError};

/// An attempt that says nothing about the receiver is made again after this; the outage decides whether it is begun.
const SPARED_PAUSE: Duration = Duration::from_secs(1);

impl Inner {
    pub(super) async fn deliver(self: Arc<Self>, dues: Vec<Due>) {
        // Asked now and not at acceptance: what holds a mail back may have come while it waited.
        let asked = join_all(dues.iter().map(|due| self.is_wanted(due))).await;
        let wanted: Vec<_> = dues.into_iter().zip(asked).filter(|(_, wanted)| *wanted).map(|(due, _)| due).collect();
        self.send(&wanted).await;
    }

    async fn send(&self, dues: &[Due]) {
        let Some(first) = dues.first() else { return };
        match self.copies.render(first.message, first.delivery).await {
            // Nobody gets another one's links, whatever was thought of the message at its acceptance.
            Ok(copy) if !copy.alike && dues.len() > 1 => {
                for due in dues {
                    Box::pin(self.send(std::slice::from_ref(due))).await;
                }
            }
            Ok(copy) => {
                for together in self.by_route(dues).await {
                    self.hand_over(&together, &copy).await;
                }
            }
            Err(CopyFault::Unusable(why)) => {
                join_all(dues.iter().map(async |due| self.ended(due, self.hold(due, &why).await))).await;
            }
            Err(CopyFault::Store(error)) => {
                dues.iter().for_each(|due| self.ended(due, Some(self.unread(due, &error))));
            }
        }
    }

    /// What goes to the same servers now: a domain may have moved since its site was looked for.
    async fn by_route(&self, dues: &[Due]) -> Vec<Vec<Due>> {
        let domains: BTreeSet<&Domain> = dues.iter().map(|due| due.address.domain()).collect();
        if domains.len() == 1 {
            return vec![dues.to_vec()];
        }
        let keys = domains.iter().map(async |domain| (*domain, self.courier.route_key(domain).await));
        let keys: BTreeMap<_, _> = join_all(keys).await.into_iter().collect();
        let mut groups: BTreeMap<_, Vec<Due>> = BTreeMap::new();
        for due in dues {
            let domain = due.address.domain();
            // Where one is not known the domain goes by itself.
            let key = keys.get(domain).cloned().flatten().ok_or(domain);
            groups.entry(key).or_default().push(due.clone());
        }
        groups.into_values().collect()
    }

    /// It is due again then; `None`: it has left the queue.
    fn ended(&self, due: &Due, again: Option<Timestamp>) {
        let now = self.now();
        self.window().settled(due, again, now);
        self.changed.notify_one();
    }

    /// Whether nothing holds it back; else it has ended here.
    async fn is_wanted(&self, due: &Due) -> bool {
        let again = match self.queue.suppression(due).await {
            Ok(None) => return true,
            Ok(Some(by)) => self.suppress(due, by).await,
            Err(error) => Some(self.unread(due, &error)),
        };
        self.ended(due, again);
        false
    }

    /// When a delivery is taken up again whose message or suppressions could not be read or written.
    fn unread(&self, due: &Due, error: &StoreError) -> Timestamp {
        tracing::warn!(%error, delivery = %due.delivery, "a delivery waits for the store");
        self.now() + STORE_PAUSE
    }

    /// Ends a delivery unsent. What cannot be written down now is asked again later: nothing has left.
    async fn suppress(&self, due: &Due, by: Suppression) -> Option<Timestamp> {
        let (delivery, message, domain, reason) = (due.delivery, due.message, due.address.domain(), by.reason);
        match self.queue.suppress(due.clone(), by, self.now()).await {
            Ok(telling) => {
                tracing::info!(mail = %message, %delivery, %domain, %reason, "suppressed");
                if telling {
                    self.notices.ring();
                }
                None
            }
            Err(error) => Some(self.unread(due, &error)),
        }
    }

    /// Keeps what cannot be sent from being sent, and from being lost.
    async fn hold(&self, due: &Due, why: &str) -> Option<Timestamp> {
        tracing::error!(delivery = %due.delivery, why, "a delivery is held: its stored message cannot be used");
        match self.queue.hold(due.delivery, why.to_owned()).await {
            Ok(()) => None,
            Err(_) => Some(self.now() + STORE_PAUSE),
        }
    }

    /// Makes the attempt, and writes down what came of each.
    async fn hand_over(&self, dues: &[Due], copy: &Copy) {
        let begun = self.now();
        let attempts = self.attempt(dues, copy).await;
        let at = self.now();
        if let Some(first) = dues.first().filter(|due| self.is_sent(due)) {
            let (word, told) = attempted::word_of(&attempts);
            self.window().hear(first.delivery, word, &told, begun, at);
        }
        self.watch_clock(at, self.dispatch.clock.instant()).await;
        // Those who are asked to come again together do so together.
        let chance = (self.dispatch.chance)();
        let each = dues.iter().zip(attempts);
        join_all(each.map(async |(due, attempted)| {
            let again = self.conclude(due, copy, attempted, at, chance).await;
            self.ended(due, again);
        }))
        .await;
    }

    /// Whether it goes to a server: live mail, and that of a sandbox with servers of its own.
    fn is_sent(&self, due: &Due) -> bool {
        due.mode == Mode::Live || self.dispatch.sandbox_has_servers
    }

    async fn attempt(&self, dues: &[Due], copy: &Copy) -> Vec<Attempted> {
        let recipients: Vec<Address> = dues.iter().map(|due| due.address.clone()).collect();
        let Some(first) = dues.first() else { return Vec::new() };
        if !self.is_sent(first) {
            return dues.iter().map(|_| Attempted::kept_in_the_inbox()).collect();
        }
        let (copies, message, delivery) = (self.copies.clone(), first.message, first.delivery);
        let seven_bit: SevenBit<'_> = &move || {
            let copies = copies.clone();
            Box::pin(async move { copies.render_seven_bit(message, delivery).await })
        };
        let (domain, reverse_path) = (first.address.domain(), copy.reverse_path.as_ref());
        let (recipients, utf8, wishes) = (&recipients[..], copy.utf8, &*copy.wishes);
        let speed = self.window().speed(delivery);
        let (sources, copy) = (&copy.sources[..], &copy.bytes);
        let parcel = Parcel { reverse_path, domain, recipients, copy, utf8, seven_bit, wishes, sources, speed };
        self.courier.attempt(parcel).await
    }

    /// Writes an attempt down; gives when the delivery is due again.
    async fn conclude(
        &self,
        due: &Due,
        copy: &Copy,
        attempted: Attempted,
        at: Timestamp,
        chance: f64,
    ) -> Option<Timestamp> {
        let mut moved = false;
        if !attempted.site.is_empty() {
            moved = self.window().learn_site(due.address.domain(), &attempted.site, at);
        }
        self.refusals.heard(&attempted, due.address.domain(), at);
        if !self.counts(due, &attempted, at) {
            return Some(at + SPARED_PAUSE);
        }
        let outcome = self.judge(due, &attempted, at, chance);
        let again = match &outcome {
            Outcome::Deferred { next, .. } => Some(*next),
            Outcome::Delivered(_) | Outcome::Bounced { .. } | Outcome::Expired { .. } => None,
        };
        attempted.log(due, &outcome, copy.bytes.len(), at);
        let tell = self.notices.tell(due, copy, &attempted, &outcome, at);
        let delay_asked = copy.wishes.of(&due.address).and_then(|wish| wish.notify).is_some_and(|notify| notify.delay);
        let reply = outcome.reply();
        let attempt = Attempt {
            n: due.attempts + 1,
            mx: attempted.mx,
            ip: attempted.ip,
            tls: attempted.tls,
            certificate: attempted.certificate,
            code: reply.code,
            enhanced: reply.enhanced.map(|e| e.to_string()).unwrap_or_default(),
            ms: attempted.ms,
            site: attempted.site.clone(),
        };
        let (pixel, links) = (copy.pixel, copy.links);
        let first_at = self.window().first_at(due);
        let first = first_at.map(|site| OfTheFirst { site: site.to_string(), canary: self.dispatch.canary });
        let (domain, due, transcript) = (due.address.domain(), due.clone(), attempted.transcript);
        self.settle(Settlement { due, attempt, outcome, transcript, pixel, links, tell, delay_asked, first, at }).await;
        if moved {
            self.note_site(domain, &attempted.site).await;
        }
        again
    }

    /// Whether this attempt counts, or only says that this machine reaches nobody.
    fn counts(&self, due: &Due, attempted: &Attempted, now: Timestamp) -> bool {
        !self.is_sent(due)
            || self.heard(&attempted.reach, now, Duration::from_millis(attempted.ms))
            || now >= self.spared.end_of_life(due, &attempted.reach, now)
    }

    fn judge(&self, due: &Due, attempted: &Attempted, now: Timestamp, chance: f64) -> Outcome {
        match attempted.result.clone() {
            Answer::Handed(reply) => Outcome::Delivered(reply),
            Answer::Permanent(reply, class) => Outcome::Bounced { reply, class },
            Answer::Temporary(reply, class) => {
                let end = self.spared.end_of_life(due, &attempted.reach, now);
                if now >= end {
                    return Outcome::Expired { reply, class };
                }
                let schedule = &self.dispatch.schedule;
                let next = match asked_pause(&reply).filter(|_| attempted.spoken) {
                    Some(pause) => schedule.after_pause(pause, now, chance),
                    None => schedule.next(due.attempts + 1, now, chance),
                };
                // The last try is made when its life ends, not after it.
                Outcome::Deferred { reply, class, next: next.min(end) }
            }
        }
    }

    /// What happened is written down before anything else may happen to the delivery, however long that takes.
    async fn settle(&self, settlement: Settlement) {
        loop {
            match self.queue.settle(settlement.clone()).await {
                Ok(settled) => {
                    if settled.telling {
                        self.notices.ring();
                    }
                    if let Some(stand) = &settled.stand {
                        self.learn_stand(stand);
                    }
                    return;
                }
                Err(StoreError::Closed(why)) => {
                    tracing::error!(delivery = %settlement.due.delivery, why, "an outcome could not be written down");
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "an outcome could not be written down yet");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }
}
