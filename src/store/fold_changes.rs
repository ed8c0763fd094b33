//! What a run of the fold changes in the rollups: summed in memory, written once a key.

use std::collections::HashMap;

use rusqlite::{params, params_from_iter};

use super::error::StoreError;
use super::fold::{Set, bucket, mode_code};
use super::fold_clients::{Client, Clients};
use super::fold_links::LinkKeys;
use super::fold_rows as rows;
use super::fold_state::{Contribution, DeliveryState, HitCounter};
use super::view::State;
use crate::domain::audience::Audience;
use crate::domain::{BounceClass, CampaignId, Counts, Event, Fact, Metric, Mode};

/// A day of UTC.
pub(super) const DAY_MS: i64 = 86_400_000;

/// Changes of one campaign beyond its counts.
#[derive(Default)]
struct CampaignChange {
    first: Option<(i64, i64)>,
    last: Option<(i64, i64)>,
    name: String,
    mode: i64,
    messages: i64,
    first_delivery_at: Option<i64>,
    counts: Counts,
}

/// Changes of one link: by class in column order, and hits.
type LinkChange = [i64; 6];

/// Changes of one kind of refusal in a campaign.
#[derive(Default)]
struct RefusalChange {
    bounced: i64,
    deferrals: i64,
    sample: Option<(i64, i64, i64)>,
}

/// What one delivery adds to the rollups at one moment.
pub(super) struct Adds {
    known: bool,
    failed: Option<BounceClass>,
    counts: Contribution,
    links: Vec<(u16, i64, Option<Audience>, i64)>,
    clients: Clients,
    receiver: String,
    latency: Option<u32>,
}

impl Adds {
    /// Of a delivery with its hits.
    pub(super) fn of(state: &DeliveryState, hits: &[HitCounter]) -> Self {
        Self {
            known: state.known,
            failed: state.class.filter(|_| matches!(state.state, State::Bounced | State::Expired)),
            counts: state.contribution(),
            links: state.links_contribution(hits),
            clients: state.clients(hits),
            receiver: state.receiver().to_owned(),
            latency: state.latency(),
        }
    }
}

/// The sums.
#[derive(Default)]
pub(super) struct Changes {
    campaigns: HashMap<i64, CampaignChange>,
    series: HashMap<(i64, i64), Counts>,
    sites: HashMap<(i64, String), Counts>,
    receivers: HashMap<(i64, String), Counts>,
    latencies: HashMap<(i64, String, u32), i64>,
    clients: HashMap<(i64, Client), (i64, i64)>,
    links: HashMap<(i64, u16, i64), LinkChange>,
    link_keys: LinkKeys,
    refusals: HashMap<(i64, u8), RefusalChange>,
}

impl Changes {
    /// Adds what an event of `source` changed of a delivery of `domain`: the difference of what it added before and adds
    /// now.
    pub(super) fn add(
        &mut self,
        set: Set<'_>,
        (source, event): (i64, &Event),
        domain: &str,
        (before, after): (&Adds, &Adds),
    ) -> Result<(), StoreError> {
        let Some(about) = event.fact.about() else { return Ok(()) };
        let campaign = about.campaign.raw();
        let scopes = [campaign, CampaignId::all(about.mode).raw()];
        self.change_counts(scopes, domain, before, after);
        self.change_receivers(scopes, before, after);
        self.change_clients(campaign, before, after);
        self.change_hit_series(scopes, event);
        self.change_links(set, campaign, before, after)?;
        self.change_refusals(campaign, (source, event), before, after);
        self.change_campaign(campaign, event);
        Ok(())
    }

    fn change_counts(&mut self, scopes: [i64; 2], domain: &str, before: &Adds, after: &Adds) {
        let mut change = after.counts.counts;
        change -= before.counts.counts;
        if !change.is_zero() {
            self.campaigns.entry(scopes[0]).or_default().counts += change;
        }
        if before.counts.stamped != after.counts.stamped {
            for scope in scopes {
                for (metric, at) in &before.counts.stamped {
                    self.series.entry((scope, bucket(*at))).or_default()[*metric] -= 1;
                }
                for (metric, at) in &after.counts.stamped {
                    self.series.entry((scope, bucket(*at))).or_default()[*metric] += 1;
                }
            }
        }
        if !after.known {
            return;
        }
        // A delivery joins its domain's row with all it has when its acceptance is seen.
        let site_change = if before.known { change } else { after.counts.counts };
        if !site_change.is_zero() {
            for scope in scopes {
                *self.sites.entry((scope, domain.to_owned())).or_default() += site_change;
            }
        }
    }

    /// A delivery moves with all it has when its site is known, or another.
    fn change_receivers(&mut self, scopes: [i64; 2], before: &Adds, after: &Adds) {
        let same = before.receiver == after.receiver;
        let stays = same && before.known && after.known;
        let mut change = after.counts.counts;
        if stays {
            change -= before.counts.counts;
        }
        for scope in scopes {
            if before.known && !stays {
                *self.receivers.entry((scope, before.receiver.clone())).or_default() -= before.counts.counts;
            }
            if after.known && !change.is_zero() {
                *self.receivers.entry((scope, after.receiver.clone())).or_default() += change;
            }
            if same && before.latency == after.latency {
                continue;
            }
            for (adds, sign) in [(before, -1), (after, 1)] {
                if let Some(step) = adds.latency {
                    *self.latencies.entry((scope, adds.receiver.clone(), step)).or_default() += sign;
                }
            }
        }
    }

    fn change_clients(&mut self, campaign: i64, before: &Adds, after: &Adds) {
        if before.clients == after.clients {
            return;
        }
        for (adds, sign) in [(before, -1), (after, 1)] {
            for (client, (opened, clicked)) in &adds.clients {
                let change = self.clients.entry((campaign, client.clone())).or_default();
                change.0 += sign * i64::from(*opened);
                change.1 += sign * i64::from(*clicked);
            }
        }
    }

    /// Hits are counted in the bucket of their own time; a new judgement of an old hit adds none.
    fn change_hit_series(&mut self, scopes: [i64; 2], event: &Event) {
        let (metric, hit) = match &event.fact {
            Fact::Opened(hit) => (Metric::OpenEvents, hit),
            Fact::Clicked(hit) => (Metric::ClickEvents, hit),
            _ => return,
        };
        for scope in scopes {
            self.series.entry((scope, bucket(event.at.millis()))).or_default()[metric] += i64::from(hit.count);
        }
    }

    fn change_links(&mut self, set: Set<'_>, campaign: i64, before: &Adds, after: &Adds) -> Result<(), StoreError> {
        if before.links == after.links {
            return Ok(());
        }
        for (links, sign) in [(&before.links, -1), (&after.links, 1)] {
            for (position, pattern, best, hits) in links {
                let (position, pattern) = self.link_keys.row(campaign, *position, *pattern, |text| set.sql(text))?;
                let change = self.links.entry((campaign, position, pattern)).or_default();
                if let Some(class) = best {
                    change[link_column(*class)] += sign;
                }
                change[5] += sign * hits;
            }
        }
        Ok(())
    }

    fn change_refusals(&mut self, campaign: i64, (source, event): (i64, &Event), before: &Adds, after: &Adds) {
        let mut seen = None;
        if before.failed != after.failed {
            if let Some(class) = before.failed {
                self.refusals.entry((campaign, class.code())).or_default().bounced -= 1;
            }
            if let Some(class) = after.failed {
                self.refusals.entry((campaign, class.code())).or_default().bounced += 1;
                seen = Some(class);
            }
        }
        if let Fact::Deferred { class, .. } = &event.fact {
            self.refusals.entry((campaign, class.code())).or_default().deferrals += 1;
            seen = Some(*class);
        }
        if let Some(class) = seen {
            let sample = (event.at.millis(), source, event.seq);
            let change = self.refusals.entry((campaign, class.code())).or_default();
            change.sample = Some(change.sample.map_or(sample, |known| known.min(sample)));
        }
    }

    fn change_campaign(&mut self, campaign: i64, event: &Event) {
        let at = event.at.millis();
        match &event.fact {
            Fact::Accepted(accepted) => {
                let change = self.campaigns.entry(campaign).or_default();
                let seen = (at, accepted.message.raw());
                change.first = Some(change.first.map_or(seen, |known| known.min(seen)));
                change.last = Some(change.last.map_or(seen, |known| known.max(seen)));
                // The name it was first accepted under; what it is called since stands beside the ledger.
                if change.name.is_empty() {
                    change.name.clone_from(&accepted.campaign_name);
                }
                change.mode = mode_code(accepted.about.mode);
                change.messages += i64::from(accepted.first_of_message);
            }
            Fact::Delivered { .. } => {
                let change = self.campaigns.entry(campaign).or_default();
                change.first_delivery_at = Some(change.first_delivery_at.map_or(at, |known| known.min(at)));
            }
            _ => {}
        }
    }

    /// Writes them.
    pub(super) fn write(&self, set: Set<'_>) -> Result<(), StoreError> {
        self.write_campaigns(set)?;
        write_counts(set, &rows::UPSERT_SERIES, self.series.iter().map(|((s, b), c)| ((*s, *b), c)))?;
        self.write_days(set)?;
        let sites = self.sites.iter().map(|((scope, domain), c)| ((*scope, domain.as_str()), c));
        write_counts(set, &rows::UPSERT_SITE, sites)?;
        self.write_receivers(set)?;
        for ((campaign, client), (opened, clicked)) in &self.clients {
            let (kind, name) = client.stored();
            set.sql(rows::UPSERT_CLIENT)?.execute(params![campaign, kind, name, opened, clicked])?;
        }
        for ((campaign, position, pattern), change) in &self.links {
            let keys = params![campaign, position, pattern];
            let mut statement = set.sql(rows::UPSERT_LINK)?;
            let values = keys.iter().copied().chain(change.iter().map(|n| n as &dyn rusqlite::ToSql));
            statement.execute(params_from_iter(values))?;
        }
        for ((campaign, class), change) in &self.refusals {
            let (at, source, seq) = change.sample.unwrap_or((i64::MAX, 0, 0));
            set.sql(rows::UPSERT_REFUSAL)?.execute(params![
                campaign,
                class,
                change.bounced,
                change.deferrals,
                at,
                source,
                seq
            ])?;
        }
        Ok(())
    }

    fn write_days(&self, set: Set<'_>) -> Result<(), StoreError> {
        let of_all = [Mode::Live, Mode::Sandbox].map(|mode| CampaignId::all(mode).raw());
        let mut days: HashMap<(i64, i64), Counts> = HashMap::new();
        for ((scope, bucket), counts) in self.series.iter().filter(|((scope, _), _)| of_all.contains(scope)) {
            *days.entry((*scope, bucket - bucket.rem_euclid(DAY_MS))).or_default() += *counts;
        }
        write_counts(set, &rows::UPSERT_DAY, days.iter().map(|(key, counts)| (*key, counts)))
    }

    fn write_receivers(&self, set: Set<'_>) -> Result<(), StoreError> {
        let receivers = self.receivers.iter().map(|((scope, site), counts)| ((*scope, site.as_str()), counts));
        write_counts(set, &rows::UPSERT_RECEIVER, receivers)?;
        for ((scope, site), _) in self.receivers.iter().filter(|(_, counts)| counts[Metric::Recipients] < 0) {
            set.sql(rows::LEAVE_RECEIVER)?.execute(params![scope, site])?;
        }
        let mut latencies: Vec<_> = self.latencies.iter().filter(|(_, n)| **n != 0).collect();
        latencies.sort_unstable();
        let mut statement = set.sql(rows::UPSERT_LATENCY)?;
        for ((scope, site, step), n) in latencies {
            statement.execute(params![scope, site, step, n])?;
        }
        Ok(())
    }

    fn write_campaigns(&self, set: Set<'_>) -> Result<(), StoreError> {
        for (campaign, change) in &self.campaigns {
            let (first_at, first_message) = change.first.unwrap_or((i64::MAX, 0));
            let (last_at, last_message) = change.last.unwrap_or((0, 0));
            let first_delivery = change.first_delivery_at.unwrap_or(i64::MAX);
            let keys = params![
                campaign,
                change.name,
                change.mode,
                first_at,
                last_at,
                first_message,
                last_message,
                change.messages,
                first_delivery
            ];
            let counts = change.counts.values().iter().map(|n| n as &dyn rusqlite::ToSql);
            set.sql(&rows::UPSERT_CAMPAIGN)?.execute(params_from_iter(keys.iter().copied().chain(counts)))?;
        }
        Ok(())
    }
}

fn write_counts<'k, K>(
    set: Set<'_>,
    sql: &str,
    changes: impl Iterator<Item = ((i64, K), &'k Counts)>,
) -> Result<(), StoreError>
where
    K: rusqlite::ToSql + Ord + Copy,
{
    let mut changes: Vec<_> = changes.filter(|(_, counts)| !counts.is_zero()).collect();
    changes.sort_unstable_by_key(|(key, _)| *key);
    let mut statement = set.sql(sql)?;
    for ((scope, key), counts) in changes {
        let head = [&scope as &dyn rusqlite::ToSql, &key];
        let values = counts.values().iter().map(|n| n as &dyn rusqlite::ToSql);
        statement.execute(params_from_iter(head.into_iter().chain(values)))?;
    }
    Ok(())
}

const fn link_column(class: Audience) -> usize {
    match class {
        Audience::Human => 0,
        Audience::Proxy => 1,
        Audience::Unknown => 2,
        Audience::Prefetch => 3,
        Audience::Scanner => 4,
    }
}
