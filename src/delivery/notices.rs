//! Tells senders what became of their mail (RFC 3461): decides what is told of an outcome, and writes the notices when
//! they are due.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify as Bell;
use tokio_util::sync::CancellationToken;

use super::attempted::Attempted;
use super::copy::Copy;
use crate::clock::Clock;
use crate::domain::{
    Action, BounceClass, Domain, EnhancedCode, MessageId, Mode, Notify, Outcome, Reply, Timestamp, TokenKeys,
};
use crate::mail::notice::{self, Heading, Notice, Original, Told};
use crate::mail::plan::PixelPlace;
use crate::mail::recipe::{RENDERER, Recipe, SignersFor};
use crate::store::{Due, OwnMail, Queue, StoreError, Tell, Telling};

/// A sender who asked to be told of delays is told after this.
const DELAY_AFTER: Duration = Duration::from_hours(4);
/// When the store cannot be read or written, it is asked again after this.
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// Nothing is looked for more often, but when something new is to be told.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// A clock that was set back must not stop notices: look again after this at the latest.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// What notices go by.
#[derive(Clone)]
pub struct NoticeSettings {
    /// The relay's name; its domain's keys sign.
    pub hostname: Domain,
    /// Whether mail leaves the house.
    pub mode: Mode,
    /// How long a delivery lives.
    pub expire: Duration,
    /// Whether senders hear of failures they did not ask about.
    pub unasked: bool,
    /// Domain and selector of the keys that sign for a domain.
    pub signers_for: SignersFor,
    /// Time.
    pub clock: Clock,
    /// Chance.
    pub random: fn() -> u64,
}

/// Writes notices. Clones share everything.
#[derive(Clone)]
pub struct Notices {
    queue: Queue,
    keys: Arc<TokenKeys>,
    settings: NoticeSettings,
    bell: Arc<Bell>,
}

impl Notices {
    /// For a queue; `keys` are those that recipes name.
    pub fn new(queue: Queue, keys: TokenKeys, settings: NoticeSettings) -> Self {
        Self { queue, keys: Arc::new(keys), settings, bell: Arc::new(Bell::new()) }
    }

    /// Something to tell was written down.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    /// What the sender is to be told of an outcome; nothing for most. A null reverse path is never told: a notice about
    /// a notice would go round for ever (RFC 3461 section 6.1).
    pub(super) fn tell(
        &self,
        due: &Due,
        copy: &Copy,
        attempted: &Attempted,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Option<Tell> {
        let sender = copy.reverse_path.clone()?;
        let wish = copy.wishes.of(&due.address);
        let unasked = Notify { failure: self.settings.unasked, ..Notify::default() };
        let notify = wish.and_then(|wish| wish.notify).unwrap_or(unasked);
        let action = match outcome {
            Outcome::Bounced { .. } | Outcome::Expired { .. } => notify.failure.then_some(Action::Failed),
            Outcome::Deferred { .. } => (notify.delay && self.is_late(due, at)).then_some(Action::Delayed),
            // A server that offers DSN was asked to report itself.
            Outcome::Delivered(_) => match due.mode {
                Mode::Sandbox => notify.success.then_some(Action::Delivered),
                Mode::Live => (notify.success && !attempted.reports).then_some(Action::Relayed),
            },
        }?;
        let class = outcome.class().unwrap_or(BounceClass::Other);
        let reply = outcome.reply();
        // Behind a socket is this machine; where on its disk is nobody's business.
        let remote = if attempted.mx.starts_with('/') { self.settings.hostname.as_str() } else { &attempted.mx };
        let told = Told {
            action,
            class,
            recipient: due.address.to_string(),
            original: wish.and_then(|wish| wish.original.as_ref()).map(ToString::to_string),
            status: status(action, outcome).to_string(),
            remote: remote.to_owned(),
            reply: said(reply, attempted.spoken),
            spoken: attempted.spoken,
            accepted_at: due.accepted_at.millis(),
            attempted_at: at.millis(),
            attempts: due.attempts + 1,
            retry_until: (action == Action::Delayed).then_some(due.expires_at.millis()),
            expired: matches!(outcome, Outcome::Expired { .. }),
        };
        Some(Tell { sender, told })
    }

    /// Mail that was to be sent later is not late before its time.
    fn is_late(&self, due: &Due, at: Timestamp) -> bool {
        let first_due = due.accepted_at.max(due.expires_at - self.settings.expire);
        at.since(first_due) >= DELAY_AFTER
    }

    /// Writes notices until `stop`; `accepted` hears of each that is in the queue.
    pub async fn run(&self, accepted: impl Fn(Due) + Send, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let now = self.settings.clock.now();
            let done = match self.queue.next_telling(now).await {
                Ok(Telling::Nothing(later)) => {
                    let pause = later.map_or(LOOK_AGAIN, |at| at.since(now)).clamp(LOOK_PAUSE, LOOK_AGAIN);
                    self.wait(pause, &stop).await;
                    continue;
                }
                Ok(Telling::HourOver) => self.queue.forget_hours(now).await,
                Ok(Telling::TooMany(sender)) => self.queue.put_into_digest(sender, now).await,
                Ok(telling @ (Telling::Message { .. } | Telling::Digest(..))) => {
                    self.write(telling, now).await.map(|due| due.into_iter().for_each(&accepted))
                }
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                tracing::warn!(%error, "senders could not be told of their mail's fate yet");
                self.wait(STORE_PAUSE, &stop).await;
            }
        }
    }

    async fn wait(&self, pause: Duration, stop: &CancellationToken) {
        tokio::select! {
            () = self.bell.notified() => {}
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }

    async fn write(&self, telling: Telling, now: Timestamp) -> Result<Option<Due>, StoreError> {
        let heading = |to| Heading { hostname: &self.settings.hostname, to, at: now, random: (self.settings.random)() };
        let (sender, notice) = match &telling {
            Telling::Nothing(_) | Telling::TooMany(_) | Telling::HourOver => return Ok(None),
            Telling::Digest(sender, digest) => (sender, notice::write_digest(&heading(sender), digest)),
            Telling::Message { message, sender, told } => {
                let told: Vec<_> = told.iter().map(|(_, told)| told.clone()).collect();
                (sender, self.about(*message, &heading(sender), &told).await?)
            }
        };
        let mail = OwnMail {
            recipe: self.recipe(now, sender.to_ascii().is_none()).to_json(),
            notice,
            mode: self.settings.mode,
            accepted_at: now,
            expires_at: now + self.settings.expire,
        };
        let due = self.queue.tell(telling, mail).await?;
        if let Some(due) = &due {
            tracing::info!(delivery = %due.delivery, "a sender is told of its mail's fate");
        }
        Ok(due)
    }

    async fn about(&self, message: MessageId, heading: &Heading<'_>, told: &[Told]) -> Result<Notice, StoreError> {
        let Ok(stored) = self.queue.message(message).await? else { return Ok(notice::write(heading, told, None)) };
        let prepend = Recipe::from_json(&stored.recipe).map(|recipe| recipe.prepend).unwrap_or_default();
        let original = Original {
            prepend: &prepend,
            raw: &stored.body,
            ret: stored.wishes.ret,
            envelope_id: stored.wishes.envelope_id.as_deref(),
        };
        Ok(notice::write(heading, told, Some(&original)))
    }

    /// A notice is neither rewritten nor tracked, only signed.
    fn recipe(&self, now: Timestamp, utf8: bool) -> Recipe {
        let mut signers = (self.settings.signers_for)(&self.settings.hostname);
        signers.sort();
        Recipe {
            renderer: RENDERER,
            prepend: String::new(),
            base_url: String::new(),
            opens: false,
            clicks: false,
            text: false,
            exclude_hosts: Vec::new(),
            track_visible_urls: false,
            pixel: PixelPlace::Auto,
            key: self.keys.current().id,
            signed_at: now.millis(),
            signers,
            utf8,
            unsubscribe: false,
            short_lines: false,
            vendor_headers: false,
            untracked: None,
            source_addresses: Vec::new(),
        }
    }
}

/// A server's reply with its codes; of our own finding only the words.
fn said(reply: &Reply, spoken: bool) -> String {
    if spoken { reply.to_string() } else { reply.text.clone() }
}

/// The enhanced code of the reply where it fits what became of the recipient (RFC 3464 section 2.3.4). A mail that was
/// given up keeps what kept it: X.4.7 says only that time ran out (RFC 3463 section 3.5).
fn status(action: Action, outcome: &Outcome) -> EnhancedCode {
    let class = match (action, outcome) {
        (Action::Failed, Outcome::Expired { .. }) | (Action::Delayed, _) => 4,
        (Action::Failed, _) => 5,
        (Action::Delivered | Action::Relayed, _) => 2,
    };
    let fits = outcome.reply().enhanced.filter(|code| code.0 == class);
    let expired = matches!(outcome, Outcome::Expired { .. });
    fits.unwrap_or(if expired { EnhancedCode(4, 4, 7) } else { EnhancedCode(class, 0, 0) })
}
