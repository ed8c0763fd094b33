//! One address: the mail to it, and whether it is mailed.

use actix_web::web;
use askama::Template;
use serde::Deserialize;

use super::auth::User;
use super::format::WrittenTime as _;
use super::shell::{Answer, Fault, Shell, State, delivery_id, page};
use super::suppressions::Flash;
use crate::domain::{Address, DeliveryId};
use crate::store::view::PersonReport;

/// Mails a page.
const PAGE: u32 = 50;

#[derive(Deserialize)]
pub struct Query {
    before: Option<String>,
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    shell: Shell,
    flash: Flash,
    report: PersonReport,
    is_first: bool,
    next: Option<DeliveryId>,
}

/// GET /people/{address}
pub async fn person(user: User, state: State, address: web::Path<String>, query: web::Query<Query>) -> Answer {
    let address = Address::parse(&address).map_err(|_| Fault::Stranger)?;
    let before = query.before.as_deref().map(delivery_id).transpose()?;
    let mut report = state.reports.person(address, before, PAGE + 1).await?.ok_or(Fault::Stranger)?;
    let more = report.deliveries.len() > PAGE as usize;
    report.deliveries.truncate(PAGE as usize);
    let next = report.deliveries.last().filter(|_| more).map(|(row, _)| row.delivery);
    let flash = Flash::of(query.done.as_deref());
    let is_first = before.is_none();
    page(&PersonPage { shell: Shell::new(&state, "messages", &user.0), flash, report, is_first, next })
}

/// Where an address has its page.
pub fn place(address: &str) -> String {
    // A plus is a plus in a path; the blanks of a quoted local part are not.
    let segment: String = url::form_urlencoded::byte_serialize(address.as_bytes()).collect();
    format!("/people/{}", segment.replace('+', "%20"))
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn an_address_is_one_segment() {
        assert_eq!(place("a+b/c?d#e%f@x.example"), "/people/a%2Bb%2Fc%3Fd%23e%25f%40x.example");
        assert_eq!(place("\"a b\"@x.example"), "/people/%22a%20b%22%40x.example");
    }
}
