//! The people of a campaign: who they are, what became of their mail and what they did.

use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use url::form_urlencoded;

use super::auth::User;
use super::format::{Written as _, WrittenClass as _, WrittenTime as _};
use super::shell::{Answer, Fault, Shell, State, campaign_id, html, see_other};
use crate::domain::{Address, Audience, CampaignId};
use crate::store::view_people::{Deed, Fate, Opened, People, PeopleWords, PersonRow};

/// People a page.
const PAGE: usize = 50;
/// People on the campaign's own page.
const SHOWN: usize = 10;
/// Links that are named of a person.
const LINKS_SHOWN: usize = 8;

/// A list of people with the form that chooses them.
pub struct Listed {
    pub people: People,
    pub words: PeopleWords,
    pub complaint: String,
    pub fates: Vec<&'static str>,
    pub deeds: Vec<&'static str>,
    pub classes: Vec<&'static str>,
}

impl Listed {
    /// The first few, for the campaign's own page.
    pub async fn some(state: &State, id: CampaignId) -> Result<Self, Fault> {
        Self::new(state, id, PeopleWords::default(), SHOWN).await
    }

    async fn new(state: &State, id: CampaignId, words: PeopleWords, limit: usize) -> Result<Self, Fault> {
        let (wanted, complaint) = match words.filter().and_then(|filter| Ok((filter, words.place()?))) {
            Ok(wanted) => (Some(wanted), String::new()),
            Err(why) => (None, why),
        };
        let refused = wanted.is_none();
        let (filter, after) = wanted.unwrap_or_default();
        let found = state.reports.people(id, filter, after, limit).await?;
        let mut people = found.ok_or(Fault::Missing("campaign"))?;
        if refused {
            // Nobody is shown who was not asked for.
            (people.rows, people.next, people.total) = (Vec::new(), None, None);
        }
        let classes = Opened::ALL.map(Opened::as_str).to_vec();
        let (fates, deeds) = (Fate::ALL.map(Fate::as_str).to_vec(), Deed::ALL.map(Deed::as_str).to_vec());
        Ok(Self { people, words, complaint, fates, deeds, classes })
    }

    /// Whether it begins with the campaign's first.
    pub fn is_first(&self) -> bool {
        self.words.after.is_empty()
    }

    /// Whether nobody is left out.
    pub fn is_everyone(&self) -> bool {
        self.words.said().next().is_none()
    }

    /// The page with the same filter, from its beginning.
    pub fn first(&self) -> String {
        self.place("people", None)
    }

    /// The page that follows.
    pub fn next(&self) -> Option<String> {
        self.people.next.map(|next| self.place("people", Some(next.to_string())))
    }

    /// The same people, all of them, as a file.
    pub fn csv(&self) -> String {
        self.place("people.csv", None)
    }

    fn place(&self, page: &str, after: Option<String>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.words.said());
        query.extend_pairs(after.map(|after| ("after", after)));
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("/campaigns/{}/{page}{mark}{query}", self.people.campaign)
    }

    /// The page of the one address that was typed in whole.
    pub fn whole_address(&self) -> Option<String> {
        Address::parse(self.words.q.trim()).ok().map(|address| address.canonical())
    }
}

/// The links that a person followed, the best class first.
pub trait WrittenLinks {
    /// `links 1, 3; 4, 5 scanner`.
    fn followed(&self) -> String;
}

impl WrittenLinks for PersonRow {
    fn followed(&self) -> String {
        let best = self.clicked.map(|(class, _)| class);
        let mut parts = Vec::new();
        let mut left = LINKS_SHOWN;
        for class in Audience::ALL {
            let positions: Vec<_> = self.links.iter().filter(|(_, by)| by == class).map(|(at, _)| at).collect();
            let named: Vec<_> = positions.iter().take(left).map(ToString::to_string).collect();
            left -= named.len();
            if named.is_empty() {
                continue;
            }
            let by = if Some(*class) == best { String::new() } else { format!(" {class}") };
            parts.push(format!("{}{by}", named.join(", ")));
        }
        let rest = self.links.len().saturating_sub(LINKS_SHOWN);
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let word = if self.links.len() == 1 { "link" } else { "links" };
        format!("{word} {}{more}", parts.join("; "))
    }
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    shell: Shell,
    listed: Listed,
}

/// GET /campaigns/{id}/people
pub async fn people(user: User, state: State, id: web::Path<String>, query: web::Query<PeopleWords>) -> Answer {
    let id = campaign_id(&id)?;
    let listed = Listed::new(&state, id, query.into_inner(), PAGE).await?;
    if listed.people.campaign != id {
        return Ok(see_other(&listed.first()));
    }
    let status = if listed.complaint.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let page = PeoplePage { shell: Shell::new(&state, "campaigns", &user.0), listed };
    Ok(html(status, page.render()?))
}
