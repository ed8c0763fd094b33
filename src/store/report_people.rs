//! The people of a campaign, found by the indexes of what they did and what became of their mail.
//!
//! What counts as opened and clicked is decided by the fold's own rule, row by row; an index only brings the rows that may
//! fit. So a filter that no index knows looks through rows, a bounded number of them, and says where it stopped.

use std::time::Duration;

use rusqlite::{Connection, params, params_from_iter};

use super::error::StoreError;
use super::fold_rows as rows;
use super::fold_state::{DeliveryState, Opened};
use super::report::Reports;
use super::view::State;
use super::view_people::{Deed, Fate, People, PeopleFilter, PersonRow};
use super::{names, report};
use crate::domain::audience::Audience;
use crate::domain::{CampaignId, Counts, DeliveryId, MessageId, Metric, Timestamp};

/// What a page is looked for at most.
const TIME_MAX: Duration = Duration::from_millis(200);
/// Rows that are looked through for a page.
const SCANNED_MAX: usize = 20_000;
/// The same where each has its links looked up.
const SCANNED_MAX_BY_LINK: usize = 5_000;
/// Of these, those by each index at least, however many are asked.
const SCANNED_MIN: usize = 500;
/// Rows between two looks at the clock.
const ROWS_PER_LOOK: usize = 1_000;
/// Links of one mail that are told.
const LINKS_MAX: u32 = 1_000;

/// How rows that may fit are found: conditions that say word for word what a partial index is of.
type Way = String;

/// Whether time is up.
type Alarm<'a> = &'a dyn Fn() -> bool;

impl Reports {
    /// The people of a campaign and of those merged into it, in the order of acceptance, those behind `after`, at most
    /// `limit`; `None` when there is no such campaign. Looks through a bounded number of rows.
    pub async fn people(
        &self,
        id: CampaignId,
        filter: PeopleFilter,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Option<People>, StoreError> {
        let alarm = self.readers.alarm(TIME_MAX);
        self.readers.read(move |conn| list(conn, id, &filter, after, (limit, &alarm))).await
    }
}

/// The people of a campaign and of those merged into it.
pub(super) fn list(
    conn: &Connection,
    id: CampaignId,
    filter: &PeopleFilter,
    after: Option<DeliveryId>,
    (limit, alarm): (usize, Alarm<'_>),
) -> Result<Option<People>, StoreError> {
    let shown = names::shown_in(conn, id)?;
    let Some((name, mode)) = names::called(conn, shown)? else { return Ok(None) };
    let members = names::members(conn, shown)?;
    let counts = counts(conn, &members)?;
    let ways = ways(filter, &counts);
    let total = if ways.is_empty() { Some(0) } else { total(conn, &members, filter, &counts)? };
    // Where the counts know of nobody, there is nothing to look through.
    let ways = if total == Some(0) { Vec::new() } else { ways };
    let mut search = Search {
        filter,
        after: after.map_or(i64::MIN, DeliveryId::raw),
        upto: i64::MAX,
        found: Vec::new(),
        limit,
        alarm,
    };
    let most = if filter.link.is_some() { SCANNED_MAX_BY_LINK } else { SCANNED_MAX };
    let share = (most / (ways.len() * members.len()).max(1)).max(SCANNED_MIN);
    for (member, way) in members.iter().flat_map(|member| ways.iter().map(move |way| (*member, way))) {
        search.look(conn, member, way, share)?;
    }
    let (rows, next, unfinished) = search.page();
    Ok(Some(People { campaign: shown, name, mode, rows, total, next, unfinished }))
}

/// The counts of some campaigns together.
fn counts(conn: &Connection, members: &[CampaignId]) -> Result<Counts, StoreError> {
    let sql = format!(
        "select {} from v_campaign where name <> '' and {}",
        report::count_sums(),
        names::one_of("id", members.len())
    );
    let values = params_from_iter(members.iter().map(|id| id.raw()));
    Ok(conn.prepare_cached(&sql)?.query_row(values, |row| report::read_counts(row, 0))?)
}

/// The ways to all rows that fit a filter; none where nothing can.
pub(super) fn ways(filter: &PeopleFilter, counts: &Counts) -> Vec<Way> {
    let reads = matches!(filter.deed, Some(Deed::Opened | Deed::Clicked)) || filter.link.is_some();
    let delivered = matches!(filter.fate, None | Some(Fate::Is(State::Delivered)));
    match (filter.deed, filter.class) {
        _ if (reads || filter.class.is_some()) && !delivered => vec![],
        (Some(Deed::Nothing), class) if class.is_some() || filter.link.is_some() => vec![],
        (Some(Deed::Unsubscribed), _) => vec!["unsubscribed_at > 0".to_owned()],
        (Some(Deed::Complained), _) => vec!["complained_at > 0".to_owned()],
        (deed, class) if filter.link.is_some() => match (deed, class) {
            // The class is that of the link, and no link has a better one than its mail.
            (None | Some(Deed::Clicked), Some(class)) => clicked_as(|best| rank(best) <= rank(class), class),
            _ => clicked_as(|_| true, Opened::By(Audience::Human)),
        },
        (Some(Deed::Clicked), Some(class)) => clicked_as(|best| best == class, class),
        (Some(Deed::Clicked), None) => clicked_as(|_| true, Opened::By(Audience::Human)),
        (Some(Deed::Opened), Some(class)) => vec![opened_as(class)],
        (Some(Deed::Opened), None) => Opened::ALL.into_iter().map(opened_as).collect(),
        (None, Some(class)) => [vec![opened_as(class)], clicked_as(|best| best == class, class)].concat(),
        (None | Some(Deed::Nothing), _) => vec![by_fate(filter.fate, counts)],
    }
}

fn rank(opened: Opened) -> u8 {
    match opened {
        Opened::By(class) => class.rank(),
        Opened::Inferred => 2,
    }
}

/// The ways to mails whose best click is one of some classes; none when a click cannot be of the class that is wanted.
fn clicked_as(is_one: impl Fn(Opened) -> bool, wanted: Opened) -> Vec<Way> {
    let classes = Audience::ALL.iter().filter(|class| wanted != Opened::Inferred && is_one(Opened::By(**class)));
    classes.map(|class| format!("clicked > 0 and clicked = {}", class.code())).collect()
}

fn opened_as(opened: Opened) -> Way {
    match opened {
        Opened::By(class) => format!("opened > 0 and opened = {}", class.code()),
        Opened::Inferred => format!("clicked > 0 and clicked = {}", Audience::Human.code()),
    }
}

fn by_fate(fate: Option<Fate>, counts: &Counts) -> Way {
    const DEFERRED: &str = "state = 0 and tries > 0";
    match fate {
        Some(Fate::Is(state @ (State::Bounced | State::Expired | State::Suppressed | State::Cancelled))) => {
            format!("state = {}", state.code())
        }
        Some(Fate::Deferred) => DEFERRED.to_owned(),
        // What waits has no index of its own, which would cost two entries a mail; at a campaign's end all that waits was
        // tried before.
        Some(Fate::Is(State::Queued)) if counts[Metric::Queued] == counts[Metric::Deferred] => DEFERRED.to_owned(),
        Some(Fate::Is(State::Queued | State::Delivered)) | None => "1".to_owned(),
    }
}

/// How many fit, where the counts tell.
fn total(
    conn: &Connection,
    members: &[CampaignId],
    filter: &PeopleFilter,
    counts: &Counts,
) -> Result<Option<i64>, StoreError> {
    if !filter.holds.is_empty() {
        return Ok(None);
    }
    let delivered = matches!(filter.fate, None | Some(Fate::Is(State::Delivered)));
    Ok(match (filter.fate, filter.deed, filter.class, filter.link) {
        (None, None, None, None) => Some(counts[Metric::Recipients]),
        (Some(fate), None, None, None) => Some(counts[fate.metric()]),
        (None, Some(Deed::Unsubscribed), None, None) => Some(counts[Metric::Unsubscribed]),
        (None, Some(Deed::Complained), None, None) => Some(counts[Metric::Complained]),
        (_, Some(Deed::Opened), class, None) if delivered => {
            let classes = Opened::ALL.into_iter().filter(|one| class.is_none_or(|class| class == *one));
            Some(classes.map(|one| counts[one.metric()]).sum())
        }
        (_, Some(Deed::Clicked), class, None) if delivered => {
            Some(clicks_of(class).map(|one| counts[Counts::clicked(one)]).sum())
        }
        (_, None | Some(Deed::Clicked), class, Some(position)) if delivered => {
            link_total(conn, members, position, class)?
        }
        _ => None,
    })
}

/// The classes of clicks that fit a wanted class.
fn clicks_of(class: Option<Opened>) -> impl Iterator<Item = Audience> {
    Audience::ALL.iter().copied().filter(move |one| class.is_none_or(|class| class == Opened::By(*one)))
}

/// How many followed a link; `None` where links are counted together as others.
fn link_total(
    conn: &Connection,
    members: &[CampaignId],
    position: u16,
    class: Option<Opened>,
) -> Result<Option<i64>, StoreError> {
    let columns: Vec<_> = clicks_of(class).map(Audience::as_str).collect();
    if columns.is_empty() {
        return Ok(Some(0));
    }
    let sql = format!(
        "select coalesce(sum(iif(position = 0, 1, 0)), 0), coalesce(sum(iif(position = 0, 0, {})), 0) from v_link \
         where {} and position in (0, ?)",
        columns.join(" + "),
        names::one_of("campaign", members.len())
    );
    let values = params_from_iter(members.iter().map(|id| id.raw()).chain([position.into()]));
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?));
    let (others, people) = conn.prepare_cached(&sql)?.query_row(values, read)?;
    Ok((others == 0).then_some(people))
}

impl Fate {
    const fn metric(self) -> Metric {
        match self {
            Self::Is(state) => state.metric(),
            Self::Deferred => Metric::Deferred,
        }
    }
}

impl Opened {
    const fn metric(self) -> Metric {
        match self {
            Self::By(class) => Counts::opened(class),
            Self::Inferred => Metric::OpenedInferred,
        }
    }
}

/// A page while it is looked for. By whatever ways its rows come, they are in one order, and behind `upto` nothing is known.
struct Search<'a> {
    filter: &'a PeopleFilter,
    after: i64,
    upto: i64,
    found: Vec<PersonRow>,
    limit: usize,
    alarm: Alarm<'a>,
}

/// The query of a way: a campaign's deliveries behind one and up to another, with addresses.
pub(super) fn query_of(way: &str) -> String {
    let columns = rows::SELECT_DELIVERY.split(" from ").next().unwrap_or_default();
    format!(
        "{columns}, delivery, coalesce(address, '') as address from v_delivery left join person on person.id = v_delivery.person \
         where campaign = ?1 and delivery > ?2 and delivery <= ?3 and known = 1 and {way} order by delivery limit ?4"
    )
}

impl Search<'_> {
    /// Looks through at most `most` rows of one way.
    fn look(&mut self, conn: &Connection, member: CampaignId, way: &str, most: usize) -> Result<(), StoreError> {
        let mut statement = conn.prepare_cached(&query_of(way))?;
        let mut rows = statement.query(params![member.raw(), self.after, self.upto, most])?;
        let (mut scanned, mut fitting) = (0, 0);
        while let Some(row) = rows.next()? {
            let (state, delivery, address) =
                (rows::read_delivery(row)?, row.get("delivery")?, row.get::<_, String>("address")?);
            scanned += 1;
            if let Some(person) = self.person(conn, &state, delivery, &address)? {
                self.found.push(person);
                fitting += 1;
            }
            let late = scanned % ROWS_PER_LOOK == 0 && (self.alarm)();
            if fitting > self.limit || scanned == most || late {
                self.upto = delivery;
                break;
            }
        }
        self.found.sort_by_key(|person| person.delivery);
        self.found.dedup_by_key(|person| person.delivery);
        self.found.retain(|person| person.delivery.raw() <= self.upto);
        // One beyond the page shows that the list goes on, and no way has to be looked through behind it.
        self.found.truncate(self.limit + 1);
        if let Some(beyond) = self.found.get(self.limit) {
            self.upto = beyond.delivery.raw();
        }
        Ok(())
    }

    /// The row of a delivery that fits.
    fn person(
        &self,
        conn: &Connection,
        state: &DeliveryState,
        delivery: i64,
        address: &str,
    ) -> Result<Option<PersonRow>, StoreError> {
        let fits = self.filter.fate.is_none_or(|fate| match fate {
            Fate::Is(wanted) => state.state == wanted,
            Fate::Deferred => state.state == State::Queued && state.tries > 0,
        });
        if !fits || !address.contains(&self.filter.holds) || !did(self.filter, state) {
            return Ok(None);
        }
        if let Some(position) = self.filter.link {
            let class = self.filter.class.filter(|_| self.filter.deed != Some(Deed::Opened));
            let best = links(conn, delivery, (position, position))?;
            let fits = |best: &Audience| class.is_none_or(|class| class == Opened::By(*best));
            if state.clicking().is_none() || !best.iter().any(|(_, best)| fits(best)) {
                return Ok(None);
            }
        }
        let links = match state.clicking() {
            Some(_) => links(conn, delivery, (1, u16::MAX))?,
            None => Vec::new(),
        };
        Ok(Some(row(state, delivery, address, links)))
    }

    /// The rows of the page, behind which delivery the list goes on, and whether it was cut before the page was full.
    fn page(mut self) -> (Vec<PersonRow>, Option<DeliveryId>, bool) {
        let more = self.found.len() > self.limit;
        self.found.truncate(self.limit);
        let last = if more { self.found.last().map(|person| person.delivery.raw()) } else { Some(self.upto) };
        let next = last.filter(|last| *last < i64::MAX).map(DeliveryId::from_raw);
        (self.found, next, !more && next.is_some())
    }
}

/// Whether a delivery's person did what is asked for, leaving out links: by the rule that counts.
fn did(filter: &PeopleFilter, state: &DeliveryState) -> bool {
    let opened = state.opening().map(|(opened, _)| opened);
    let clicked = state.clicking().map(|(class, _)| Opened::By(class));
    let fits = |seen: Option<Opened>| filter.class.map_or(seen.is_some(), |class| seen == Some(class));
    // Of one link the class is asked for, which may be worse than the mail's.
    let class_of_link = filter.link.is_some();
    let any_class = filter.class.is_none_or(|_| fits(opened) || fits(clicked));
    match filter.deed {
        Some(Deed::Opened) => fits(opened),
        None | Some(Deed::Clicked) if class_of_link => clicked.is_some(),
        Some(Deed::Clicked) => fits(clicked),
        Some(Deed::Unsubscribed) => state.unsubscribed_at > 0 && (class_of_link || any_class),
        Some(Deed::Complained) => state.complained_at > 0 && (class_of_link || any_class),
        Some(Deed::Nothing) => {
            opened.is_none() && clicked.is_none() && state.unsubscribed_at == 0 && state.complained_at == 0
        }
        None => any_class,
    }
}

/// The links of a mail that were followed, from a position to another, each with its best class.
fn links(conn: &Connection, delivery: i64, (from, to): (u16, u16)) -> Result<Vec<(u16, Audience)>, StoreError> {
    let sql = "select position, class from v_hit where delivery = ?1 and position between ?2 and ?3 \
               group by position, class having sum(n) > 0 order by position limit ?4";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![delivery, from, to, LINKS_MAX])?;
    let mut links: Vec<(u16, Audience)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (position, Some(class)) = (row.get(0)?, Audience::from_code(row.get(1)?)) else { continue };
        match links.last_mut().filter(|(last, _)| *last == position) {
            Some((_, best)) if class.rank() < best.rank() => *best = class,
            Some(_) => {}
            None => links.push((position, class)),
        }
    }
    Ok(links)
}

/// What is told of a delivery's person.
pub(super) fn row(state: &DeliveryState, delivery: i64, address: &str, links: Vec<(u16, Audience)>) -> PersonRow {
    let time = Timestamp::from_millis;
    let since = |at: i64| (at > 0).then(|| time(at));
    PersonRow {
        delivery: DeliveryId::from_raw(delivery),
        message: MessageId::from_raw(state.message),
        campaign: CampaignId::from_raw(state.campaign),
        address: address.to_owned(),
        state: state.state,
        tries: state.tries,
        refusal: state.class,
        accepted_at: time(state.accepted_at),
        opened: state.opening().map(|(opened, at)| (opened, time(at))),
        open_events: state.open_events,
        clicked: state.clicking().map(|(class, at)| (class, time(at))),
        links,
        click_events: state.click_events,
        unsubscribed_at: since(state.unsubscribed_at),
        complained_at: since(state.complained_at),
        late_bounced_at: since(state.late_bounced_at),
        last_at: time(state.last_at),
    }
}
