//! The readers at work: each copy that a mailbox took is read, and what its reader does is done over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::copy::{self, TRACKING_HOST};
use super::diary::Diary;
use super::habits::{Act, Visit, visits};
use super::letters;
use super::receiver::Taken;
use super::web::{Request, Web};

/// All readers; clones share it.
#[derive(Clone)]
pub(super) struct Audience {
    web: Web,
    diary: Diary,
    /// Mails that somebody still has something to do with; the mailboxes add to them.
    pub(super) busy: Arc<AtomicUsize>,
}

impl Audience {
    pub(super) fn new(web: Web, diary: Diary) -> Self {
        Self { web, diary, busy: Arc::default() }
    }

    /// Whether all have done what they will do with the mails that they have.
    pub(super) fn is_done(&self) -> bool {
        self.busy.load(Ordering::SeqCst) == 0
    }

    /// Reads what comes.
    pub(super) async fn read(self, mut mailboxes: UnboundedReceiver<Taken>) {
        while let Some(taken) = mailboxes.recv().await {
            let mut visits = letters::appeal(&taken.campaign)
                .map_or_else(Vec::new, |appeal| visits(&taken.campaign, &taken.to, &copy::read(&taken.bytes), appeal));
            visits.sort_by_key(|visit| visit.after);
            let audience = self.clone();
            tokio::spawn(async move {
                audience.pay(&taken, visits).await;
                audience.busy.fetch_sub(1, Ordering::SeqCst);
            });
        }
    }

    async fn pay(&self, taken: &Taken, visits: Vec<Visit>) {
        let began = Instant::now();
        for visit in visits {
            tokio::time::sleep_until(began + visit.after).await;
            self.visit(taken, &visit).await;
        }
    }

    /// As a proxy in front of the relay hands it on: with the reader's address in a field.
    async fn visit(&self, taken: &Taken, visit: &Visit) {
        let (method, what, wanted) = match visit.act {
            Act::Open => ("GET", "opened", 200),
            Act::Click => ("GET", "clicked", 302),
            Act::Look => ("HEAD", "looked", 302),
            Act::Leave => ("POST", "unsubscribed", 200),
        };
        let mut fields = vec![
            ("Host", TRACKING_HOST),
            ("User-Agent", visit.agent),
            ("X-Forwarded-For", visit.from.as_str()),
            ("Accept", "*/*"),
        ];
        if visit.ahead {
            fields.push(("Sec-Purpose", "prefetch"));
        }
        let body = if visit.act == Act::Leave { "List-Unsubscribe=One-Click" } else { "" };
        if !body.is_empty() {
            fields.push(("Content-Type", "application/x-www-form-urlencoded"));
        }
        let request = Request { method, path: &visit.path, fields: &fields, body };
        match self.web.ask(&request).await {
            Ok((code, _)) if code == wanted => {
                let more = json!({"class": visit.class.as_str(), "agent": visit.agent, "from": visit.from});
                self.diary.note(what, &taken.campaign, &taken.to, &more);
            }
            Ok((code, _)) => tracing::warn!(code, what, "a reader of the demo got an odd answer"),
            Err(error) => tracing::debug!(%error, what, "a reader of the demo got no answer"),
        }
    }
}
