//! The list of campaigns.

use actix_web::web;
use askama::Template;
use serde::Deserialize;

use super::auth::User;
use super::chart;
use super::columns;
use super::format::{Written as _, WrittenBand as _, WrittenInterval as _, WrittenRate as _, WrittenTime as _};
use super::shell::{Answer, Shell, State, page};
use crate::domain::{Metric, Mode};
use crate::store::view::CampaignRow;
use crate::store::{CampaignSort, CampaignsOf};

/// Campaigns a page.
const PAGE: usize = 50;
/// Characters of a name that is looked for.
const NAME_MAX: usize = 200;

#[derive(Deserialize)]
pub struct Query {
    mode: Option<String>,
    sort: Option<String>,
    order: Option<String>,
    q: Option<String>,
    page: Option<usize>,
}

/// The columns: by what they sort, as the address says it, their name, the style's class, and where it says how they are
/// computed.
const COLUMNS: [(CampaignSort, &str, &str, &str, &str); 7] = [
    (CampaignSort::Name, "name", "Campaign", "", ""),
    (CampaignSort::Started, "started", "Started", "p2", ""),
    (CampaignSort::Recipients, "recipients", "Recipients", "num p2", "recipients"),
    (CampaignSort::Delivered, "delivered", "Delivered", "num", "delivery"),
    (CampaignSort::Opened, "opened", "Opened, low\u{2013}high", "w8", "open"),
    (CampaignSort::Clicked, "clicked", "Clicked", "num", "click"),
    (CampaignSort::Bounced, "bounced", "Bounced or expired", "num p2", "bounce"),
];

/// The head of a column, and where it leads: to its order in the list, elsewhere to how it is computed.
pub struct Head {
    pub name: &'static str,
    pub class: &'static str,
    pub link: String,
    /// `ascending` or `descending`; empty when the list is in another order.
    pub sorted: &'static str,
}

/// The heads of the list as it is sorted; `None` where it cannot be.
pub(super) fn heads(list: Option<&Listed>) -> Vec<Head> {
    let head = |(sort, key, name, class, anchor): (CampaignSort, &str, &'static str, &'static str, &str)| {
        let current = list.filter(|list| list.of.sort == sort);
        let link = match (list, anchor) {
            // The order that is shown is turned; names begin with A, all else with the greatest.
            (Some(list), _) => {
                let ascending = current.map_or(sort == CampaignSort::Name, |list| !list.of.ascending);
                format!("/campaigns?{}&sort={key}&order={}", list.kept(), if ascending { "up" } else { "down" })
            }
            (None, "") => String::new(),
            (None, anchor) => format!("/how#{anchor}"),
        };
        let sorted = current.map_or("", |list| if list.of.ascending { "ascending" } else { "descending" });
        Head { name, class, link, sorted }
    };
    COLUMNS.map(head).into()
}

/// What is listed, as an address says it.
pub(super) struct Listed {
    of: CampaignsOf,
    mode: Mode,
}

impl Listed {
    fn read(query: &Query, own: Mode) -> Self {
        let mode = query.mode.as_deref().and_then(Mode::parse).unwrap_or(own);
        let sort = COLUMNS.iter().find(|(_, key, ..)| query.sort.as_deref() == Some(*key));
        let sort = sort.map_or(CampaignSort::Started, |(sort, ..)| *sort);
        let ascending = match query.order.as_deref() {
            Some("up") => true,
            Some("down") => false,
            _ => sort == CampaignSort::Name,
        };
        let name = query.q.as_deref().unwrap_or_default().trim().chars().take(NAME_MAX).collect();
        Self { of: CampaignsOf { mode: Some(mode), name, sort, ascending }, mode }
    }

    /// Mode and name, which stay when the order changes.
    fn kept(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("mode", self.mode.as_str());
        if !self.of.name.is_empty() {
            query.append_pair("q", &self.of.name);
        }
        query.finish()
    }

    fn key(&self) -> &'static str {
        COLUMNS.iter().find(|(sort, ..)| *sort == self.of.sort).map_or("started", |(_, key, ..)| key)
    }

    /// The orders: key, name, and whether it is this one. Where columns are narrow there are no heads to choose by.
    fn sorts(&self) -> [(&'static str, &'static str, bool); 7] {
        COLUMNS.map(|(sort, key, name, ..)| (key, name, sort == self.of.sort))
    }

    /// The address of another of its pages.
    fn page(&self, number: usize) -> String {
        let order = if self.of.ascending { "up" } else { "down" };
        format!("/campaigns?{}&sort={}&order={order}&page={number}", self.kept(), self.key())
    }
}

#[derive(Template)]
#[template(path = "campaigns.html")]
struct CampaignsPage {
    shell: Shell,
    list: Listed,
    heads: Vec<Head>,
    rows: Vec<CampaignRow>,
    total: i64,
    number: usize,
    /// Pages there are.
    pages: usize,
}

/// GET /campaigns
pub async fn campaigns(user: User, state: State, query: web::Query<Query>) -> Answer {
    let list = Listed::read(&query, state.mode);
    let number = query.page.unwrap_or(1).clamp(1, 1_000_000);
    let (rows, total) = state.reports.campaigns(list.of.clone(), (number - 1) * PAGE, PAGE).await?;
    page(&CampaignsPage {
        shell: Shell::new(&state, "campaigns", &user.0),
        heads: heads(Some(&list)),
        pages: usize::try_from(total).unwrap_or(0).div_ceil(PAGE),
        list,
        rows,
        total,
        number,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(sort: &str, order: &str, q: &str) -> Listed {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let query = Query { mode: None, sort: some(sort), order: some(order), q: some(q), page: None };
        Listed::read(&query, Mode::Live)
    }

    #[test]
    fn the_head_of_the_order_that_is_shown_turns_it_and_the_name_that_is_looked_for_stays() {
        let list = query("", "", "a&b");
        let heads = super::heads(Some(&list));
        let sorted: Vec<_> = heads.iter().map(|head| head.sorted).collect();
        assert_eq!(sorted, ["", "descending", "", "", "", "", ""]);
        assert_eq!(heads[1].link, "/campaigns?mode=live&q=a%26b&sort=started&order=up");
        assert_eq!(heads[0].link, "/campaigns?mode=live&q=a%26b&sort=name&order=up");
        assert_eq!(heads[5].link, "/campaigns?mode=live&q=a%26b&sort=clicked&order=down");
        assert_eq!(list.page(2), "/campaigns?mode=live&q=a%26b&sort=started&order=down&page=2");
        assert_eq!(super::heads(Some(&query("name", "", "")))[0].sorted, "ascending");
    }
}
