//! One campaign.

use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use serde::Deserialize;

use super::auth::User;
use super::campaign_curve::{CurveHour, Shape, curve};
use super::campaign_people::{Listed, WrittenLinks as _};
use super::campaign_tables::{self as tables, FunnelRow, LinkShown, RefusalShown, SiteShown, UsedRow};
use super::campaign_tiles::{CampaignTile, campaign_tiles};
use super::format::{Written as _, WrittenClass as _, WrittenCount as _, WrittenSpan as _, WrittenTime as _};
use super::receipts::{KindRow, kind_rows};
use super::shell::{Answer, Fault, Shell, State, campaign_id, html, see_other};
use crate::domain::{CampaignId, Counts, Metric, Mode};
use crate::store::view::{CampaignReport, Finding, Severity};
use crate::store::view_campaign::{CampaignView, SettingChange};

/// Findings that are open; the others are folded.
const FINDINGS_OPEN: usize = 5;

/// How the page is asked for.
#[derive(Debug, Default, Deserialize)]
pub struct Query {
    curve: Option<String>,
}

#[derive(Template)]
#[template(path = "campaign.html")]
struct CampaignPage {
    shell: Shell,
    complaint: &'static str,
    age: String,
    report: CampaignReport,
    tiles: Vec<CampaignTile>,
    /// How many campaigns the usual line is made of; 0 for none.
    usual_of: usize,
    findings: Vec<Finding>,
    more_findings: Vec<Finding>,
    funnel: Vec<FunnelRow>,
    curve: String,
    shape: Shape,
    hours: Vec<CurveHour>,
    classes: Vec<(&'static str, i64, i64, &'static str)>,
    links: Vec<LinkShown>,
    more_links: usize,
    scanned_only: i64,
    sites: Vec<SiteShown>,
    click_scale: String,
    refusals: Vec<RefusalShown>,
    programs: Vec<UsedRow>,
    devices: Vec<UsedRow>,
    kinds_sum: String,
    kinds: Vec<KindRow>,
    changes: Vec<SettingChange>,
    listed: Listed,
}

impl CampaignPage {
    fn count(&self, metric: Metric) -> String {
        self.report.row.counts[metric].grouped()
    }

    fn failed(&self) -> String {
        (self.report.row.counts[Metric::Bounced] + self.report.row.counts[Metric::Expired]).grouped()
    }

    fn open_links(&self) -> &[LinkShown] {
        self.links.get(..tables::LINKS_OPEN).unwrap_or(&self.links)
    }

    fn folded_links(&self) -> &[LinkShown] {
        self.links.get(tables::LINKS_OPEN..).unwrap_or_default()
    }
}

/// The class of a finding's row.
pub fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Bad => "bad",
        Severity::Warn => "warn",
        Severity::Note => "note",
    }
}

/// GET /campaigns/{id}
pub async fn campaign(user: User, state: State, id: web::Path<String>, query: web::Query<Query>) -> Answer {
    page(&state, &user, campaign_id(&id)?, &query, (StatusCode::OK, "")).await
}

/// A campaign's page, with what was wrong with a form on it.
pub async fn campaign_page(state: &State, user: &User, id: CampaignId, wrong: (StatusCode, &'static str)) -> Answer {
    page(state, user, id, &Query::default(), wrong).await
}

async fn page(
    state: &State,
    user: &User,
    id: CampaignId,
    query: &Query,
    (status, complaint): (StatusCode, &'static str),
) -> Answer {
    let (shell, now) = (Shell::new(state, "campaigns", &user.0), state.clock.now());
    let found = state.reports.campaign_view(id, now, shell.calendar).await?;
    let mut view = found.ok_or(Fault::Missing("campaign"))?;
    if view.report.row.id != id {
        return Ok(see_other(&format!("/campaigns/{}", view.report.row.id)));
    }
    if view.report.row.mode == Mode::Live && view.report.row.counts[Metric::Delivered] > 0 {
        view.findings.extend((state.tracking_host)(shell.calendar));
        view.findings.sort_by_key(|finding| finding.severity);
    }
    let shape = if query.curve.as_deref() == Some("hour") { Shape::PerHour } else { Shape::Cumulative };
    let listed = Listed::some(state, id).await?;
    let template = fill(view, shell, (shape, complaint), listed, now);
    Ok(html(status, template.render()?))
}

fn fill(
    mut view: CampaignView,
    shell: Shell,
    (shape, complaint): (Shape, &'static str),
    listed: Listed,
    now: crate::domain::Timestamp,
) -> CampaignPage {
    let counts = view.report.row.counts;
    let (curve, hours) = curve(&view, shape, now);
    let (links, more_links) = tables::links(&view.report.links, counts[Metric::WithLinks]);
    let (sites, click_scale) = tables::sites(&view.receivers);
    let (programs, devices) = tables::clients(view.clients, counts[Metric::OpenedHuman]);
    let (kinds_sum, kinds) = kind_rows(std::mem::take(&mut view.report.kinds));
    let more_findings = view.findings.split_off(view.findings.len().min(FINDINGS_OPEN));
    CampaignPage {
        listed,
        complaint,
        age: view.report.first_delivery_at.map_or_else(String::new, |at| now.since(at).span()),
        tiles: campaign_tiles(&counts, view.usual.as_ref()),
        usual_of: view.usual.as_ref().map_or(0, |usual| usual.lines_of),
        findings: view.findings,
        more_findings,
        funnel: tables::funnel(&counts),
        curve,
        shape,
        hours,
        classes: classes(&counts),
        links,
        more_links,
        scanned_only: counts[Metric::ClickedScanner],
        sites,
        click_scale,
        refusals: tables::refusals(std::mem::take(&mut view.report.refusals), &counts),
        programs,
        devices,
        kinds_sum,
        kinds,
        changes: view.changes,
        report: view.report,
        shell,
    }
}

fn classes(counts: &Counts) -> Vec<(&'static str, i64, i64, &'static str)> {
    let class = |name, opened, clicked, counted| (name, counts[opened], clicked, counted);
    vec![
        class("human", Metric::OpenedHuman, counts[Metric::ClickedHuman], "low and high"),
        class("proxy", Metric::OpenedProxy, counts[Metric::ClickedProxy], "low and high"),
        class("inferred", Metric::OpenedInferred, 0, "low and high"),
        class("unknown", Metric::OpenedUnknown, counts[Metric::ClickedUnknown], "high"),
        class("prefetch", Metric::OpenedPrefetch, counts[Metric::ClickedPrefetch], "high"),
        class("scanner", Metric::OpenedScanner, counts[Metric::ClickedScanner], "neither"),
    ]
}
