//! Which domains sign, and how the numbers are computed.

use askama::Template;

use super::auth::User;
use super::format::WrittenTime as _;
use super::shell::{Answer, Shell, State, page};
use crate::store::view::SendingDomain;

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
