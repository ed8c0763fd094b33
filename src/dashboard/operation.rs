//! What waits, which domains sign, and how the numbers are computed.

use askama::Template;

use super::auth::User;
use super::format::{Written as _, WrittenTime as _};
use super::shell::{Answer, Shell, State, page};
use crate::store::view::{QueueRow, SendingDomain};

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    shell: Shell,
    rows: Vec<QueueRow>,
    waiting: i64,
}

/// GET /queue
pub async fn queue(user: User, state: State) -> Answer {
    let rows = state.reports.queue().await?;
    let waiting = rows.iter().map(|row| row.waiting).sum();
    page(&QueuePage { shell: Shell::new(&state, "queue", &user.0), rows, waiting })
}

#[derive(Template)]
#[template(path = "domains.html")]
struct DomainsPage {
    shell: Shell,
    rows: Vec<SendingDomain>,
}

/// GET /domains
pub async fn domains(user: User, state: State) -> Answer {
    let rows = state.accounts.domains().await?;
    page(&DomainsPage { shell: Shell::new(&state, "domains", &user.0), rows })
}

#[derive(Template)]
#[template(path = "how.html")]
struct HowPage {
    shell: Shell,
}

/// GET /how
pub async fn how(user: User, state: State) -> Answer {
    page(&HowPage { shell: Shell::new(&state, "how", &user.0) })
}
